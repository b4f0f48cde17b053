//! By which names others find a container.

use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};

use super::Docker;
use super::call::{CHANGE, within};
use super::classify::failure;
use super::container::short;
use super::create;
use super::fault::Fault;
use crate::plan::desired::NetworkAttachment;
use crate::runtime::RuntimeError;

impl Docker {
    /// Detaches a container from each of these networks and attaches it again, by these aliases. One after the other: on the
    /// others it is reached meanwhile. One that is not attached is only attached.
    ///
    /// # Errors
    /// `Other` when it or the network is gone; then it may be attached to fewer networks than before.
    pub async fn set_aliases(
        &self,
        id: &str,
        networks: &[NetworkAttachment],
    ) -> Result<(), RuntimeError> {
        for network in networks {
            let what =
                |how: &str| format!("{how} container {} network {}", short(id), network.network);
            let request = NetworkDisconnectRequest {
                container: id.to_owned(),
                force: Some(false),
            };
            let detached = self.client().disconnect_network(&network.network, request);
            match within(CHANGE, detached).await {
                Err(Fault::Answer { words, .. }) if words.contains("is not connected") => {}
                detached => detached.map_err(|fault| failure(&what("detach"), &fault))?,
            }
            let request = NetworkConnectRequest {
                container: id.to_owned(),
                endpoint_config: Some(create::endpoint(network)),
            };
            let attached = self.client().connect_network(&network.network, request);
            within(CHANGE, attached)
                .await
                .map_err(|fault| failure(&what("attach"), &fault))?;
        }
        Ok(())
    }
}
