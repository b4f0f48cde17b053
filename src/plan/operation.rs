//! A plan: a graph of operations, each exactly one call to the outside, each with its cause.

use std::fmt;
use std::time::Duration;

use super::desired::{BuildSpec, ContainerSpec, NetworkAttachment, PROCESS_ID, ProcessSpec};
use super::hold::Gate;
use crate::stack::{Hook, NetworkOptions, Restart, VolumeOptions};

/// Index into [`Plan::operations`].
pub type OpId = usize;

/// Operations in an order in which they could run one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub operations: Vec<Operation>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    pub id: OpId,
    pub subject: Subject,
    pub action: Action,
    pub cause: Cause,
    /// Operations that have to be done before; when one fails, this one is not tried.
    pub after: Vec<OpId>,
    /// What has to hold in the running stack before.
    pub gates: Vec<Gate>,
    /// Skipped, as done, unless this holds.
    pub only_if: Option<OnlyIf>,
    /// Not before this container is ready: what it replaces goes only then.
    pub once_ready: Option<OnceReady>,
}

/// What an operation is about, for views and for telling equal operations of two plans.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    Network(String),
    Volume(String),
    Image(String),
    /// One instance of a service.
    Instance {
        service: String,
        index: u32,
        name: String,
    },
}

/// Exactly one call to the outside (an engine call, or one stream of them that belongs together, as in a build).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    PullImage {
        reference: String,
        /// `linux/arm64`; `None`: the engine's own.
        platform: Option<String>,
        /// The stack file says so; else that it is not there is an error.
        allowed: bool,
    },
    BuildImage(Box<BuildSpec>),
    CreateNetwork {
        name: String,
        key: String,
        internal: bool,
        options: Box<NetworkOptions>,
        /// [`super::desired::DesiredNetwork::hash`]
        hash: String,
    },
    RemoveNetwork {
        name: String,
    },
    CreateVolume {
        name: String,
        key: String,
        options: Box<VolumeOptions>,
        /// [`super::desired::DesiredVolume::hash`]
        hash: String,
    },
    RemoveVolume {
        name: String,
    },
    /// Takes away a tag, and the image with its last one.
    RemoveImage {
        reference: String,
    },
    CreateContainer {
        spec: Box<ContainerSpec>,
        image: Input<String>,
    },
    /// Copies everything that the service's sync rules cover into a container that does not run.
    Seed {
        container: Input<String>,
        service: String,
    },
    /// Compares what a running container has of them, and brings what it lacks.
    Sync {
        container: Input<String>,
        service: String,
    },
    /// Containers of their own, one after the other, each to its end, with the volumes of one that does not run yet.
    Prepare {
        container: Input<String>,
        steps: Vec<PreparedBy>,
    },
    /// `hooks`: commands inside it once it runs.
    StartContainer {
        container: Input<String>,
        hooks: Vec<Hook>,
    },
    /// Begins a life of a host process; it must not run.
    StartProcess {
        spec: Box<ProcessSpec>,
    },
    /// `signal`: what the stack file asks for, else the container's own.
    StopContainer {
        id: String,
        signal: Option<String>,
        grace: Duration,
        /// Commands inside it before.
        hooks: Vec<Hook>,
    },
    RemoveContainer {
        id: String,
        /// Volumes without a name go with it: on `down`, not when it is replaced.
        anonymous_volumes: bool,
    },
    UnpauseContainer {
        id: String,
    },
    RenameContainer {
        container: Input<String>,
        name: String,
    },
    /// Detaches a container from its networks and attaches it again, so that it is found by these aliases and no
    /// others: no engine changes them otherwise.
    SetAliases {
        container: Input<String>,
        networks: Vec<NetworkAttachment>,
        /// For so long after that nothing else is done to it: who had asked for it by name still reaches it.
        drain: Duration,
    },
    /// Live, without a restart.
    SetRestartPolicy {
        id: String,
        policy: Restart,
    },
}

/// A step before a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedBy {
    /// Its place among the service's, from 0: not all of them run each time.
    pub index: usize,
    pub spec: ContainerSpec,
}

/// Known now, or the output of an earlier operation: an image id, a container id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<T> {
    Known(T),
    From(OpId),
}

/// The condition of an operation that depends on an earlier one's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlyIf {
    /// An operation whose output is an image id …
    pub image_of: OpId,
    /// … that differs from this one.
    pub differs_from: String,
}

/// A container that has to be ready before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceReady {
    pub container: Input<String>,
    pub name: String,
}

/// Why an operation is in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    Missing,
    /// Not built yet, or from other sources.
    SourcesChanged,
    /// What its sync rules cover is not what it has.
    FilesChanged,
    /// What it has of that is not known: comparing tells.
    FilesUnknown,
    ConfigChanged,
    ImageChanged,
    /// A network that it was made on is not there any more.
    NetworkGone,
    /// The stack file has other options for the network.
    NetworkChanged,
    /// For something later in the same plan.
    For(String),
    /// It is there, but does not run.
    NotRunning {
        exit: Option<i64>,
    },
    InputsChanged,
    /// Somebody asked: `restart`.
    Asked,
    /// Somebody asked to build it, though nothing changed.
    AskedToBuild,
    /// Somebody asked to pull it, though it is there.
    AskedToPull,
    /// Somebody asked to make it anew, though nothing changed.
    AskedToRecreate,
    /// What it needs has a new generation, and it asked to be restarted then.
    Needs(String),
    /// Nothing in the stack file wants it any more.
    Orphan,
    /// What was to replace it did not get ready: it comes back.
    Rejected,
    /// It ended, or was cut off from its neighbours, by getting its names: it is started once it is the only one.
    Unattached,
    /// It has taken the place of another one.
    Replaces,
    /// Another one has its name, and is the one that is used.
    Twin,
    /// The stack file wants fewer replicas.
    Surplus,
    Down,
    /// The engine's restart policy has to step back, or to take over again.
    Attach,
    Detach,
    Paused,
    PortTaken,
    NotAlive,
}

impl Plan {
    /// Puts another plan beside this one; neither waits for the other.
    pub fn append(&mut self, other: Self) {
        let shift = self.operations.len();
        for mut operation in other.operations {
            operation.id += shift;
            operation.after.iter_mut().for_each(|id| *id += shift);
            if let Some(only_if) = &mut operation.only_if {
                only_if.image_of += shift;
            }
            if let Some(OnceReady { container, .. }) = &mut operation.once_ready {
                container.shift(shift);
            }
            operation.action.shift(shift);
            self.operations.push(operation);
        }
    }

    /// Kills what it would stop, all of it together.
    #[must_use]
    pub fn at_once(mut self) -> Self {
        for operation in &mut self.operations {
            if let Action::StopContainer {
                signal,
                grace,
                hooks,
                ..
            } = &mut operation.action
            {
                hooks.clear();
                *signal = Some("KILL".to_owned());
                *grace = Duration::ZERO;
                operation.after.clear();
            }
        }
        self
    }

    /// Every stop gets this grace.
    pub fn stop_within(&mut self, limit: Duration) {
        for operation in &mut self.operations {
            if let Action::StopContainer { grace, .. } = &mut operation.action {
                *grace = limit;
            }
        }
    }

    /// Without the operations that start or stop something, and without those that come after one.
    #[must_use]
    pub fn without_starts(self) -> Self {
        let mut kept: Vec<Option<OpId>> = Vec::with_capacity(self.operations.len());
        let mut operations = Vec::new();
        for mut operation in self.operations {
            let after = operation
                .after
                .iter()
                .map(|id| kept.get(*id).copied().flatten());
            let after: Option<Vec<OpId>> = after.collect();
            let goes_on = after.filter(|_| !operation.action.is_about_a_life());
            let Some(after) = goes_on else {
                kept.push(None);
                continue;
            };
            let id = operations.len();
            kept.push(Some(id));
            operation.id = id;
            operation.after = after;
            // What an input or a condition refers to is among what it comes after.
            let moved = |id: &mut OpId| *id = kept.get(*id).copied().flatten().unwrap_or(*id);
            if let Some(only_if) = &mut operation.only_if {
                moved(&mut only_if.image_of);
            }
            if let Some(Input::From(id)) = operation.action.input_mut() {
                moved(id);
            }
            operations.push(operation);
        }
        Self { operations }
    }

    /// Only what is about host processes; they wait for nothing else.
    #[must_use]
    pub fn on_host(self) -> Self {
        let mut kept: Vec<Option<OpId>> = Vec::with_capacity(self.operations.len());
        let mut operations: Vec<Operation> = Vec::new();
        for mut operation in self.operations {
            if !operation.action.is_on_host() {
                kept.push(None);
                continue;
            }
            let id = operations.len();
            kept.push(Some(id));
            operation.id = id;
            operation.after = operation.after.iter().filter_map(|id| kept[*id]).collect();
            operations.push(operation);
        }
        Self { operations }
    }

    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }
}

impl Input<String> {
    fn shift(&mut self, by: OpId) {
        if let Self::From(id) = self {
            *id += by;
        }
    }
}

impl Action {
    /// Whether it is about a host process, which needs no container engine.
    pub fn is_on_host(&self) -> bool {
        match self {
            Self::StartProcess { .. } => true,
            Self::StopContainer { id, .. }
            | Self::RemoveContainer { id, .. }
            | Self::SetRestartPolicy { id, .. }
            | Self::UnpauseContainer { id } => id.starts_with(PROCESS_ID),
            _ => false,
        }
    }

    fn shift(&mut self, by: OpId) {
        if let Some(input) = self.input_mut() {
            input.shift(by);
        }
    }

    fn input_mut(&mut self) -> Option<&mut Input<String>> {
        match self {
            Self::CreateContainer { image: input, .. }
            | Self::Seed {
                container: input, ..
            }
            | Self::Sync {
                container: input, ..
            }
            | Self::Prepare {
                container: input, ..
            }
            | Self::StartContainer {
                container: input, ..
            }
            | Self::RenameContainer {
                container: input, ..
            }
            | Self::SetAliases {
                container: input, ..
            } => Some(input),
            _ => None,
        }
    }

    /// It begins or ends a life, or is only about one.
    fn is_about_a_life(&self) -> bool {
        matches!(
            self,
            Self::Seed { .. }
                | Self::Sync { .. }
                | Self::Prepare { .. }
                | Self::StartContainer { .. }
                | Self::StartProcess { .. }
                | Self::StopContainer { .. }
                | Self::UnpauseContainer { .. }
                | Self::SetAliases { .. }
        )
    }
}

impl Subject {
    /// The service it belongs to, where it belongs to one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Instance { service, .. } => Some(service),
            _ => None,
        }
    }

    /// Whether both are one thing: what an instance is replaced by has another name, and is the same instance.
    pub fn is_one_with(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Instance { service, index, .. },
                Self::Instance {
                    service: other,
                    index: at,
                    ..
                },
            ) => (service, index) == (other, at),
            _ => self == other,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(name) => write!(f, "network {name}"),
            Self::Volume(name) => write!(f, "volume {name}"),
            Self::Image(name) => write!(f, "image {name}"),
            Self::Instance { name, .. } => write!(f, "{name}"),
        }
    }
}
