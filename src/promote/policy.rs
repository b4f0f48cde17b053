//! NetworkPolicies: nothing but the edges that the stack has, the ingress controller, and names.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::ingress;
use super::labels::{INSTANCE, meta, select, selector};
use super::object::{Kind, Object};
use super::service::protocol;
use super::work::Work;
use crate::stack::{Reference, Service, Stack, Template, cluster_name};

/// Namespaces in which the usual controllers are.
const CONTROLLERS: [&str; 6] = [
    "ingress",
    "ingress-nginx",
    "kube-system",
    "nginx-ingress",
    "traefik",
    "haproxy-controller",
];
/// Addresses of clusters and other inner networks: not the world outside. RFC 1918, RFC 6598, RFC 3927.
const INNER: [&str; 5] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
];

/// Every pod of the stack may ask for names, and nothing else unless another policy says so.
pub fn of_stack(work: &Work<'_>) -> Vec<Object> {
    let instance = cluster_name(&work.stack.name);
    let name = format!("{instance}-names-only");
    let dns = ["UDP", "TCP"].map(|protocol| port(protocol, 53));
    let policy = NetworkPolicy {
        metadata: meta(&name, &work.namespace, super::labels::of_stack(work.stack)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(select([(INSTANCE.to_owned(), instance)].into())),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: None,
            egress: Some(vec![NetworkPolicyEgressRule {
                ports: Some(dns.into()),
                to: None,
            }]),
        }),
    };
    let comment =
        "What no other policy allows is refused; names can be asked for anywhere.".to_owned();
    vec![Object::new(Kind::NetworkPolicy, &name, 0, &policy).comment([comment])]
}

/// Of one service: who may ask it, and whom it may ask.
pub fn of(work: &Work<'_>, service: &Service) -> Vec<Object> {
    let name = cluster_name(&service.name);
    let incoming = incoming(work.stack, service);
    let outgoing = outgoing(work.stack, service);
    if incoming.is_empty() && outgoing.is_empty() {
        return Vec::new();
    }
    let mut types = Vec::new();
    if !incoming.is_empty() {
        types.push("Ingress".to_owned());
    }
    if !outgoing.is_empty() {
        types.push("Egress".to_owned());
    }
    let policy = NetworkPolicy {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(select(selector(work.stack, &service.name))),
            policy_types: Some(types),
            ingress: Some(incoming).filter(|rules| !rules.is_empty()),
            egress: Some(outgoing).filter(|rules| !rules.is_empty()),
        }),
    };
    let mut object = work.object(service, Kind::NetworkPolicy, &name, &policy);
    // Before any pod: what is refused first may not come again.
    object.wave = 0;
    vec![object]
}

fn incoming(stack: &Stack, service: &Service) -> Vec<NetworkPolicyIngressRule> {
    let mut rules = Vec::new();
    let ports = ports(service);
    let askers = stack.services.values();
    let askers: Vec<NetworkPolicyPeer> = askers
        .filter(|asker| asks(asker, &service.name))
        .map(|asker| pods(stack, &asker.name))
        .collect();
    if !askers.is_empty() && !ports.is_empty() {
        rules.push(NetworkPolicyIngressRule {
            from: Some(askers),
            ports: Some(ports),
        });
    }
    if let Some(number) = ingress::port(service) {
        rules.push(NetworkPolicyIngressRule {
            from: Some(vec![controllers()]),
            ports: Some(vec![port("TCP", number)]),
        });
    }
    rules
}

fn outgoing(stack: &Stack, service: &Service) -> Vec<NetworkPolicyEgressRule> {
    let mut rules = Vec::new();
    for other in stack
        .services
        .values()
        .filter(|other| asks(service, &other.name))
    {
        let ports = ports(other);
        if !ports.is_empty() {
            rules.push(NetworkPolicyEgressRule {
                to: Some(vec![pods(stack, &other.name)]),
                ports: Some(ports),
            });
        }
    }
    if reaches_outside(stack, service) {
        rules.push(NetworkPolicyEgressRule {
            to: Some(vec![NetworkPolicyPeer {
                ip_block: Some(IPBlock {
                    cidr: "0.0.0.0/0".to_owned(),
                    except: Some(INNER.map(str::to_owned).into()),
                }),
                ..NetworkPolicyPeer::default()
            }]),
            ports: None,
        });
    }
    rules
}

/// As at home: a service on a network that is not `internal` reaches the world. A preset has no business there.
fn reaches_outside(stack: &Stack, service: &Service) -> bool {
    let is_internal = |key: &str| {
        stack
            .networks
            .get(key)
            .is_some_and(|network| network.internal)
    };
    let networks = service.networks.iter().map(String::as_str);
    let only_internal = match service.networks.as_slice() {
        [] => is_internal("default"),
        _ => networks.clone().all(is_internal),
    };
    service.preset.is_none() && !only_internal
}

/// Whether `asker` has an edge to `other`: it needs it, or is told where it is.
pub fn asks(asker: &Service, other: &str) -> bool {
    asker.name != other && (asker.needs.contains_key(other) || told(asker).contains(other))
}

fn told(asker: &Service) -> BTreeSet<String> {
    let words = [&asker.command, &asker.entrypoint]
        .into_iter()
        .flatten()
        .flatten();
    let templates: Vec<&Template> = asker.env.values().chain(words).collect();
    let references = templates
        .iter()
        .flat_map(|template| template.all_references());
    let services = references.filter_map(|reference| match reference {
        Reference::Service { service, path }
            if path.last().is_some_and(|last| last != "public") =>
        {
            Some(service)
        }
        _ => None,
    });
    services.collect()
}

fn pods(stack: &Stack, service: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        pod_selector: Some(select(selector(stack, service))),
        ..NetworkPolicyPeer::default()
    }
}

fn controllers() -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: None,
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "kubernetes.io/metadata.name".to_owned(),
                operator: "In".to_owned(),
                values: Some(CONTROLLERS.map(str::to_owned).into()),
            }]),
        }),
        ..NetworkPolicyPeer::default()
    }
}

fn ports(service: &Service) -> Vec<NetworkPolicyPort> {
    let ports: BTreeSet<_> = service
        .ports
        .values()
        .map(|port| (port.container, port.protocol))
        .collect();
    ports
        .into_iter()
        .map(|(number, of)| port(protocol(of), number))
        .collect()
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(i32::from(number))),
        end_port: None,
    }
}
