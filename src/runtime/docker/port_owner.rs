//! Who has a host port. Best effort: everything that cannot be read is left out.

use std::net::{IpAddr, SocketAddr};

use bollard::models::PortSummaryTypeEnum;
use bollard::query_parameters::ListContainersOptions;

use super::Docker;
use super::call::{QUICK, within};
use super::classify::port_in;
use super::fault::Fault;
use super::translate::container_port;
use crate::plan::desired::{LABEL_PROJECT, LABEL_SERVICE};
use crate::runtime::RuntimeError;
use crate::runtime::sockets::{overlap, owner};
use crate::stack::Protocol;

impl Docker {
    /// Puts the owner of the port into the error of a start that failed for it.
    pub(super) async fn name_port_owner(
        &self,
        id: &str,
        mut error: RuntimeError,
        fault: &Fault,
    ) -> RuntimeError {
        let Fault::Answer { words, .. } = fault else {
            return error;
        };
        let taken = port_in(words);
        for (address, protocol) in self.wanted_ports(id, taken).await {
            if let Some(owner) = self.port_owner(address, protocol).await {
                error.0.message = format!("the host port {address} is taken by {owner}");
                break;
            }
        }
        error
    }

    /// The ports that the container wants, only the one that the engine complained about where it said so.
    async fn wanted_ports(
        &self,
        id: &str,
        taken: Option<SocketAddr>,
    ) -> Vec<(SocketAddr, Protocol)> {
        let inspected = within(QUICK, self.client().inspect_container(id, None)).await;
        let bindings = inspected
            .ok()
            .and_then(|found| found.host_config?.port_bindings)
            .unwrap_or_default();
        let mut wanted = Vec::new();
        for (name, bindings) in bindings {
            let Some((_, protocol)) = container_port(&name) else {
                continue;
            };
            for binding in bindings.unwrap_or_default() {
                let ip = binding.host_ip.as_deref().filter(|ip| !ip.is_empty());
                let ip = ip.unwrap_or("0.0.0.0").parse::<IpAddr>();
                let port = binding.host_port.unwrap_or_default().parse::<u16>();
                if let (Ok(ip), Ok(port)) = (ip, port)
                    && taken.is_none_or(|taken| taken.port() == port)
                {
                    wanted.push((SocketAddr::new(ip, port), protocol));
                }
            }
        }
        wanted.sort();
        wanted
    }

    /// `container gold-web-1 of project gold`, `process nginx (pid 4711)`.
    pub async fn port_owner(&self, address: SocketAddr, protocol: Protocol) -> Option<String> {
        if let Some(container) = self.container_at(address, protocol).await {
            return Some(container);
        }
        // Processes of another machine cannot be seen from here.
        if !matches!(self.address(), super::Address::Unix(_)) {
            return None;
        }
        tokio::task::spawn_blocking(move || owner(address, protocol))
            .await
            .ok()
            .flatten()
    }

    async fn container_at(&self, address: SocketAddr, protocol: Protocol) -> Option<String> {
        let list = self.client().list_containers(None::<ListContainersOptions>);
        let list = within(QUICK, list).await.ok()?;
        let owner = list.into_iter().find(|container| {
            container.ports.iter().flatten().any(|port| {
                let same_protocol = match port.typ {
                    Some(PortSummaryTypeEnum::UDP) => protocol == Protocol::Udp,
                    _ => protocol == Protocol::Tcp,
                };
                let ip = port.ip.as_deref().unwrap_or("0.0.0.0").parse();
                same_protocol
                    && port.public_port == Some(address.port())
                    && ip.is_ok_and(|ip| overlap(ip, address.ip()))
            })
        })?;
        let labels = owner.labels.unwrap_or_default();
        let name = owner.names.unwrap_or_default().into_iter().next()?;
        let name = name.trim_start_matches('/');
        Some(match labels.get(LABEL_PROJECT) {
            Some(project) if labels.contains_key(LABEL_SERVICE) => {
                format!("container {name} of project {project}")
            }
            _ => format!("container {name}"),
        })
    }
}
