use std::collections::{BTreeMap, HashMap};

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, NetworkInspect};

use super::Docker;
use super::call::{CHANGE, QUICK, call, within};
use super::classify::failure;
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::stack::NetworkOptions;

impl Docker {
    /// Creates a network, a bridge where the stack file says nothing else. Returns its id. One that is there with just these
    /// labels is what was asked for: a call that a killed `dev` had begun may end after the next one has looked.
    ///
    /// # Errors
    /// `NameTaken` when there is another of that name.
    pub async fn create_network(
        &self,
        name: &str,
        internal: bool,
        options: &NetworkOptions,
        labels: &[(String, String)],
    ) -> Result<String, RuntimeError> {
        let what = format!("create network {name}");
        // Older engines take a second network under a name that exists.
        match within(CHANGE, self.client().inspect_network(name, None)).await {
            Err(fault) if fault.is_gone() => {}
            Err(fault) if !fault.is_ambiguous() => return Err(failure(&what, &fault)),
            Ok(found) => return is_the_same(found, labels).ok_or_else(|| taken(&what, name)),
            Err(_) => return Err(taken(&what, name)),
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            internal: Some(internal),
            driver: options.driver.clone(),
            attachable: options.attachable.then_some(true),
            enable_ipv4: options.enable_ipv4,
            enable_ipv6: options.enable_ipv6,
            options: table(&options.driver_options),
            ipam: ipam(options),
            labels: Some(labeled(&options.labels, labels)),
            ..NetworkCreateRequest::default()
        };
        let error = match call(&what, CHANGE, self.client().create_network(request)).await {
            Ok(made) => return Ok(made.id),
            Err(error) if error.0.class != FailureClass::NameTaken => return Err(error),
            Err(error) => error,
        };
        let found = within(QUICK, self.client().inspect_network(name, None)).await;
        found
            .ok()
            .and_then(|found| is_the_same(found, labels))
            .ok_or(error)
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

/// Its id, where all of these labels are on it.
fn is_the_same(found: NetworkInspect, labels: &[(String, String)]) -> Option<String> {
    let has = found.labels?;
    let same = labels
        .iter()
        .all(|(name, value)| has.get(name) == Some(value));
    found.id.filter(|_| same)
}

fn taken(what: &str, name: &str) -> RuntimeError {
    let words = format!("network with name {name} already exists");
    failure(what, &Fault::Answer { status: 409, words })
}

/// `None` where there is nothing in it: the engine has defaults of its own.
pub(super) fn table(pairs: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!pairs.is_empty()).then(|| pairs.clone().into_iter().collect())
}

/// What the stack file says, and ours over it.
pub(super) fn labeled(
    given: &BTreeMap<String, String>,
    ours: &[(String, String)],
) -> HashMap<String, String> {
    let given = given.clone().into_iter();
    given.chain(ours.iter().cloned()).collect()
}

fn ipam(options: &NetworkOptions) -> Option<Ipam> {
    let pools = options.pools.iter().map(|pool| IpamConfig {
        subnet: pool.subnet.clone(),
        gateway: pool.gateway.clone(),
        ip_range: pool.ip_range.clone(),
        auxiliary_addresses: table(&pool.aux_addresses),
    });
    let pools: Vec<IpamConfig> = pools.collect();
    let is_default =
        pools.is_empty() && options.ipam_driver.is_none() && options.ipam_options.is_empty();
    (!is_default).then(|| Ipam {
        driver: options.ipam_driver.clone(),
        options: table(&options.ipam_options),
        config: (!pools.is_empty()).then_some(pools),
    })
}
