use std::collections::HashMap;

use bollard::models::NetworkCreateRequest;

use super::Docker;
use super::call::{CHANGE, call, within};
use super::classify::failure;
use crate::runtime::RuntimeError;

impl Docker {
    /// Creates a bridge network. Returns its id.
    ///
    /// # Errors
    /// `NameTaken` when there is one of that name.
    pub async fn create_network(
        &self,
        name: &str,
        internal: bool,
        labels: &[(String, String)],
    ) -> Result<String, RuntimeError> {
        let what = format!("create network {name}");
        // Older engines take a second network under a name that exists.
        match within(CHANGE, self.client().inspect_network(name, None)).await {
            Err(fault) if fault.is_gone() => {}
            Err(fault) if !fault.is_ambiguous() => return Err(failure(&what, &fault)),
            Ok(_) | Err(_) => {
                let words = format!("network with name {name} already exists");
                let taken = super::fault::Fault::Answer { status: 409, words };
                return Err(failure(&what, &taken));
            }
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            internal: Some(internal),
            labels: Some(labels.iter().cloned().collect::<HashMap<_, _>>()),
            ..NetworkCreateRequest::default()
        };
        let made = call(&what, CHANGE, self.client().create_network(request)).await?;
        Ok(made.id)
    }

    /// Removes a network; one that is not there is removed already.
    ///
    /// # Errors
    /// `Other` when containers are still attached.
    pub async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        match within(CHANGE, self.client().remove_network(name)).await {
            Err(fault) if fault.is_gone() => Ok(()),
            other => other.map_err(|fault| failure(&format!("remove network {name}"), &fault)),
        }
    }
}
