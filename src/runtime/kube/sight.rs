//! What one look at a cluster found of a stack.

use std::collections::BTreeMap;

use super::State;
use crate::engine::event::FailureClass;
use crate::promote::Kind;

/// Of each service, by its name on the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    pub services: BTreeMap<String, Seen>,
}

/// A service's workload, and its pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub kind: Kind,
    pub replicas: u32,
    /// By its own conditions.
    pub state: State,
    /// Its rollout has not come to its end in the time that it has; so many seconds.
    pub overdue: Option<u64>,
    /// Why no pod can be made.
    pub refused: Option<String>,
    /// Those of the newest template first, each kind the oldest first, so that replicas keep their numbers.
    pub pods: Vec<PodSeen>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSeen {
    pub name: String,
    /// The one of its containers that is the service.
    pub container: String,
    pub image: String,
    /// From the newest template.
    pub current: bool,
    /// Somebody deleted it, and it has not ended yet.
    pub ending: bool,
    /// Since when it is ready: milliseconds since 1970 here and below.
    pub ready: Option<u64>,
    pub created: u64,
    pub life: Life,
    /// How often its container was started again.
    pub restarts: u32,
    /// How its container ended before it was started again.
    pub before: Option<End>,
    /// When it was ready last in this life, where it is not any more.
    pub was_ready: Option<u64>,
    /// Why it is not ready, by its probe.
    pub answer: Option<Answer>,
    /// What the cluster says of why it does not begin.
    pub says: Option<String>,
}

/// Where its container is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Has not begun.
    Waiting,
    Running {
        began: u64,
    },
    Ended(End),
    /// It cannot begin as it is.
    Stuck {
        class: FailureClass,
        why: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub code: i64,
    pub out_of_memory: bool,
    pub began: Option<u64>,
    pub at: Option<u64>,
    /// What the kubelet adds: why a command could not be started.
    pub message: Option<String>,
}

/// The last answer of a probe that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub text: String,
    pub at: u64,
    pub times: u32,
}

/// Between two starts of what crashes: <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy>
const FIRST: u64 = 10_000;
const LONGEST: u64 = 300_000;

impl PodSeen {
    /// When the kubelet starts what has ended again.
    pub fn again(&self, end: &End) -> Option<u64> {
        let doubled = FIRST.checked_shl(self.restarts.min(10)).unwrap_or(LONGEST);
        Some(end.at? + doubled.min(LONGEST))
    }

    pub fn runs(&self) -> bool {
        matches!(self.life, Life::Running { .. })
    }
}

impl Seen {
    /// Those that a number stands for: who is on the way out has none.
    pub fn numbered(&self) -> Vec<&PodSeen> {
        self.pods.iter().filter(|pod| !pod.ending).collect()
    }
}
