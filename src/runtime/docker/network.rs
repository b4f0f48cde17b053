use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, Ipam, IpamConfig, NetworkCreateRequest,
    NetworkDisconnectRequest, NetworkInspect,
};
use tokio::time::Instant;

use super::Docker;
use super::call::{CHANGE, QUICK, call, within};
use super::classify::failure;
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::stack::NetworkOptions;

/// So long an engine may take to let go of containers that are gone …
const LET_GO: Duration = Duration::from_secs(5);
/// … and so often it is asked.
const AGAIN: Duration = Duration::from_millis(200);

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
        let labels: Vec<_> = labels.iter().cloned().chain(self.owner_label()).collect();
        let labels = labels.as_slice();
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

    /// Removes a network; one that is not there is removed already. An engine that has much to do lists containers that are gone
    /// as attached for a while, or for good: these are taken from it.
    ///
    /// # Errors
    /// `Other` when containers are still attached, or the engine still counts some that it does not list.
    pub async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        self.remove_network_within(name, LET_GO).await
    }

    async fn remove_network_within(&self, name: &str, limit: Duration) -> Result<(), RuntimeError> {
        let deadline = Instant::now() + limit;
        loop {
            let fault = match within(CHANGE, self.client().remove_network(name)).await {
                Ok(()) => return Ok(()),
                Err(fault) if fault.is_gone() => return Ok(()),
                Err(fault) => fault,
            };
            let may_pass = fault.has_endpoints() && Instant::now() < deadline;
            if !may_pass || !self.let_go(name).await {
                return Err(failure(&format!("remove network {name}"), &fault));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Takes from a network what is listed although it is gone. False: something that is there is attached.
    async fn let_go(&self, network: &str) -> bool {
        let found = within(QUICK, self.client().inspect_network(network, None)).await;
        let listed = found.ok().and_then(|found| found.containers);
        for (id, endpoint) in listed.unwrap_or_default() {
            match within(QUICK, self.client().inspect_container(&id, None)).await {
                Err(fault) if fault.is_gone() => {
                    let request = NetworkDisconnectRequest {
                        container: endpoint.name.unwrap_or(id),
                        force: Some(true),
                    };
                    // Whether that helped, the next try to remove the network tells.
                    let _gone =
                        within(CHANGE, self.client().disconnect_network(network, request)).await;
                }
                Ok(found) if !is_going(&found) => return false,
                _ => {}
            }
        }
        true
    }
}

fn is_going(container: &ContainerInspectResponse) -> bool {
    let status = container.state.as_ref().and_then(|state| state.status);
    matches!(
        status,
        Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD)
    )
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

#[cfg(test)]
mod tests;
