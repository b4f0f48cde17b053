//! A Kubernetes API server: finding it, comparing objects with it, applying them, waiting for them.

mod apply;
mod connect;
mod difference;
mod down;
mod exec;
mod failure;
mod forward;
mod images;
mod locality;
mod logs;
mod look;
mod pod_seen;
mod prune;
mod reasons;
mod revision;
mod rollout;
mod sight;

use ::kube::Client;
use ::kube::api::{Api, ApiResource, DynamicObject};

use crate::promote::Kind;

pub use apply::{Change, What};
pub use difference::{Field, difference};
pub use down::There;
pub use exec::Command;
pub use forward::{Forward, Target};
pub use images::{Delivery, delivery};
pub use locality::{Locality, Node, locality};
pub use revision::{Record, Revision};
pub use rollout::{Outcome, Pending, State, judge};
pub use sight::{Answer, End, Life, PodSeen, Seen, Sight};

/// A context of the kubeconfig, connected.
#[derive(Clone)]
pub struct Kube {
    client: Client,
    /// For what may be silent for long: logs that are followed, commands, forwarded ports.
    patient: Client,
    /// Its name.
    pub context: String,
    /// As the kubeconfig has it: `https://127.0.0.1:6443`
    pub server: String,
}

impl Kube {
    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        let resource = resource(kind);
        match kind {
            Kind::Namespace => Api::all_with(self.client.clone(), &resource),
            _ => Api::namespaced_with(self.client.clone(), namespace, &resource),
        }
    }

    fn failed(&self, what: &str, error: &::kube::Error) -> crate::runtime::RuntimeError {
        failure::failure(&self.context, what, error)
    }
}

fn resource(kind: Kind) -> ApiResource {
    let (group, version) = kind.api_version();
    let api_version = match group {
        "" => version.to_owned(),
        _ => format!("{group}/{version}"),
    };
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        kind: kind.name().to_owned(),
        plural: kind.plural().to_owned(),
    }
}
