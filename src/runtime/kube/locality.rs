//! Whether a cluster is this machine's own: judged by its nodes and its address, never by a name that somebody chose.

use std::net::IpAddr;

use ::kube::api::{Api, ListParams};
use k8s_openapi::api::core::v1 as core;

use super::Kube;
use crate::runtime::RuntimeError;

/// What a node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    /// Of the kernel that it runs on.
    pub boot_id: String,
    /// `containerd://1.7.2`, `docker://28.0.0`
    pub runtime: String,
    /// `v1.34.2+k3s1`
    pub kubelet: String,
    pub labels: Vec<String>,
    /// `kind://docker/kind/kind-control-plane`
    pub provider: String,
}

/// Whose cluster it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locality {
    K3s,
    MicroK8s,
    /// With its name.
    Kind(String),
    K3d(String),
    /// With its profile.
    Minikube(String),
    /// Its images are those of the container engine here.
    SharedEngine(&'static str),
    /// Another one on this machine.
    ThisMachine,
    /// Somebody else's, or nobody knows.
    Elsewhere,
}

/// `boot_id` is this machine's.
pub fn locality(server: &str, nodes: &[Node], boot_id: &str) -> Locality {
    let here = !boot_id.is_empty() && nodes.iter().all(|node| node.boot_id == boot_id);
    let Some(node) = nodes.first().filter(|_| here || is_near(server)) else {
        return Locality::Elsewhere;
    };
    let labelled = |label: &str| node.labels.iter().any(|other| other == label);
    let shared = node.runtime.starts_with("docker://");
    if let Some(rest) = node.provider.strip_prefix("kind://") {
        let name = rest.split('/').nth(1).unwrap_or("kind");
        return Locality::Kind(name.to_owned());
    }
    if labelled("minikube.k8s.io/name") {
        return Locality::Minikube(node.name.clone());
    }
    if labelled("microk8s.io/cluster") {
        return Locality::MicroK8s;
    }
    let is_k3s = node.kubelet.contains("+k3s");
    if let (true, Some(rest)) = (is_k3s, node.name.strip_prefix("k3d-")) {
        let name = rest.rsplit_once("-server-").map_or(rest, |(name, _)| name);
        return Locality::K3d(name.to_owned());
    }
    match node.name.as_str() {
        "docker-desktop" => Locality::SharedEngine("Docker Desktop"),
        "orbstack" => Locality::SharedEngine("OrbStack"),
        "lima-rancher-desktop" if shared => Locality::SharedEngine("Rancher Desktop"),
        _ if here && is_k3s => Locality::K3s,
        _ if here => Locality::ThisMachine,
        _ => Locality::Elsewhere,
    }
}

/// On loopback, or where a virtual machine of this machine's has its addresses.
fn is_near(server: &str) -> bool {
    let uri: Option<http::Uri> = server.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => matches!(
            host,
            "localhost" | "kubernetes.docker.internal" | "host.docker.internal"
        ),
    }
}

impl Locality {
    pub fn is_local(&self) -> bool {
        *self != Self::Elsewhere
    }
}

impl Kube {
    /// The nodes; none where this user may not see them.
    ///
    /// # Errors
    /// The API server does not answer, or does not know the user.
    pub async fn nodes(&self) -> Result<Vec<Node>, RuntimeError> {
        let api: Api<core::Node> = Api::all(self.client.clone());
        match api.list(&ListParams::default()).await {
            Ok(list) => Ok(list.items.into_iter().map(node).collect()),
            Err(::kube::Error::Api(status)) if status.code == 403 => Ok(Vec::new()),
            Err(error) => Err(self.failed("cannot look at the nodes", &error)),
        }
    }
}

fn node(node: core::Node) -> Node {
    let info = node
        .status
        .and_then(|status| status.node_info)
        .unwrap_or_default();
    Node {
        name: node.metadata.name.unwrap_or_default(),
        boot_id: info.boot_id,
        runtime: info.container_runtime_version,
        kubelet: info.kubelet_version,
        labels: node
            .metadata
            .labels
            .unwrap_or_default()
            .into_keys()
            .collect(),
        provider: node
            .spec
            .and_then(|spec| spec.provider_id)
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, boot: &str) -> Node {
        Node {
            name: name.to_owned(),
            boot_id: boot.to_owned(),
            runtime: "containerd://1.7".to_owned(),
            kubelet: "v1.34.2".to_owned(),
            ..Node::default()
        }
    }

    #[test]
    fn a_node_on_this_kernel_is_here_whatever_it_is_called() {
        let judged = locality("https://198.51.100.7:6443", &[node("prod", "a")], "a");
        assert_eq!(judged, Locality::ThisMachine);
        let k3s = Node {
            kubelet: "v1.34.2+k3s1".to_owned(),
            ..node("x", "a")
        };
        assert_eq!(locality("https://10.0.0.1", &[k3s], "a"), Locality::K3s);
    }

    #[test]
    fn a_name_alone_makes_nothing_local() {
        for name in ["minikube", "docker-desktop", "k3d-dev-server-0", "orbstack"] {
            let judged = locality("https://203.0.113.7:6443", &[node(name, "b")], "a");
            assert_eq!(judged, Locality::Elsewhere, "{name}");
        }
        // Tunnelled: near, and nothing that is known.
        assert_eq!(
            locality("https://127.0.0.1:6443", &[node("node-1", "b")], "a"),
            Locality::Elsewhere
        );
        assert_eq!(
            locality("https://127.0.0.1:6443", &[], "a"),
            Locality::Elsewhere
        );
        assert_eq!(
            locality("https://10.1.1.1", &[node("a", "a"), node("b", "b")], "a"),
            Locality::Elsewhere
        );
    }

    #[test]
    fn a_virtual_machine_here_is_known_by_its_node() {
        let desktop = locality(
            "https://kubernetes.docker.internal:6443",
            &[node("docker-desktop", "b")],
            "a",
        );
        assert_eq!(desktop, Locality::SharedEngine("Docker Desktop"));
        let minikube = Node {
            labels: vec!["minikube.k8s.io/name".to_owned()],
            ..node("work", "b")
        };
        assert_eq!(
            locality("https://192.168.49.2:8443", &[minikube], "a"),
            Locality::Minikube("work".to_owned())
        );
        let kind = Node {
            provider: "kind://docker/dev/dev-control-plane".to_owned(),
            ..node("dev-control-plane", "b")
        };
        assert_eq!(
            locality("https://127.0.0.1:33333", &[kind], "a"),
            Locality::Kind("dev".to_owned())
        );
        let k3d = Node {
            kubelet: "v1.34.2+k3s1".to_owned(),
            ..node("k3d-one-server-0", "b")
        };
        assert_eq!(
            locality("https://0.0.0.0:6550", std::slice::from_ref(&k3d), "b"),
            Locality::K3d("one".to_owned())
        );
    }
}
