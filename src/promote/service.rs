//! The Service that others find a service's pods by, under the name that it has in the stack file.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{self as api, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{meta, selector};
use super::object::{Kind, Object};
use super::work::Work;
use super::workload::holds;
use crate::stack::{Protocol, Service, cluster_name};

pub fn of(work: &mut Work<'_>, service: &Service) -> Option<Object> {
    let ports = ports(work, service);
    if service.is_job() || ports.is_empty() && !holds(work.stack, service) {
        return None;
    }
    let name = cluster_name(&service.name);
    let object = api::Service {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(ServiceSpec {
            selector: Some(selector(work.stack, &service.name)),
            // A StatefulSet names one, also where nobody asks it anything.
            cluster_ip: ports.is_empty().then(|| "None".to_owned()),
            ports: Some(ports).filter(|ports| !ports.is_empty()),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Some(work.object(service, Kind::Service, &name, &object))
}

/// Each number once: a Service cannot have two names for one.
fn ports(work: &mut Work<'_>, service: &Service) -> Vec<ServicePort> {
    let mut seen = BTreeSet::new();
    let mut ports = Vec::new();
    let main = service.main_port.as_deref();
    // The main one first, so that its name is the one that stays.
    let mut named: Vec<_> = service.ports.iter().collect();
    named.sort_by_key(|(name, _)| (Some(name.as_str()) != main, *name));
    for (name, port) in named {
        if !seen.insert((port.container, port.protocol)) {
            work.note(
                service,
                format!("port {} has one name there, and not {name}", port.container),
            );
            continue;
        }
        ports.push(ServicePort {
            name: Some(cluster_name(name)),
            port: i32::from(port.container),
            target_port: Some(IntOrString::Int(i32::from(port.container))),
            protocol: Some(protocol(port.protocol).to_owned()),
            ..ServicePort::default()
        });
    }
    ports
}

pub fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}
