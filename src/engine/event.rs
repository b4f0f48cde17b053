//! Everything that can happen to a stack. Serialisable: the same events are the `--json` stream, the socket's
//! protocol and the only input of [`super::state::State::apply`]. Never holds a secret.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::hold::{Gate, Hold};
use crate::plan::observed::{Generation, ObservedContainer, Status};

/// Version of the event format, first field of every line of `--json`.
pub const VERSION: u32 = 1;

/// An event and when it happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Stamped {
    pub v: u32,
    /// Milliseconds since 1970, UTC.
    pub at: u64,
    #[serde(flatten)]
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The stack file was read; replaces the list of services.
    Stack {
        name: String,
        layers: Vec<String>,
        services: Vec<ServiceInfo>,
    },
    /// The stack file was edited to something that is none; what runs stays. `error` is plain text.
    StackRejected { error: String },
    /// What a look found of one instance. `None`: there is no container.
    Instance {
        service: String,
        index: u32,
        found: Option<Found>,
    },
    /// What was found of the container that is to take the place of one that still serves. `None`: there is none, or it
    /// counts now.
    Successor {
        service: String,
        index: u32,
        found: Option<Found>,
    },
    /// An operation of the plan. `service` is empty for networks, volumes and pulled images of several services.
    Operation {
        service: Option<String>,
        subject: String,
        verb: Verb,
        cause: String,
        step: Step,
    },
    /// The reasons why a service does not go on; empty: nothing holds it.
    Held { service: String, holds: Vec<Hold> },
    Probe {
        service: String,
        index: u32,
        generation: Generation,
        passed: bool,
        answer: String,
        /// How often it failed in a row; 0 where it passed, or where nobody asks. The same failure is told again at
        /// most once a second.
        failures: u32,
    },
    /// Liveness failed; a restart follows.
    NotAlive {
        service: String,
        index: u32,
        answer: String,
    },
    /// A deadline passed, or the restarts are spent: it will not be tried again until something changes.
    GaveUp { service: String, why: Failure },
    /// A person or a change asked to try it again.
    Retry { service: String },
    /// The extra set-up of a preset (further databases) is done for this life.
    Provisioned {
        service: String,
        index: u32,
        generation: Generation,
    },
    /// It ended by itself and will be started again; `attempt` counts from 1.
    Restarting {
        service: String,
        failure: Failure,
        attempt: u32,
        until: u64,
    },
    /// Whether a job's last success was from what it would run with now.
    Job { service: String, current: bool },
    /// Files reached a container, or led to another action.
    Watched {
        service: String,
        action: WatchOutcome,
        files: usize,
        first: String,
        millis: u64,
        /// What went wrong, where something did; of what went well, what another instance still lacks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
    /// Something worth a line that is no state: the engine went away, polling took over.
    Notice { level: Level, text: String },
    /// The last line of a service's log, sampled. Logs themselves do not pass through here.
    LastLine {
        service: String,
        line: String,
        /// The life that said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        generation: Option<Generation>,
    },
    /// The connection to the container engine.
    Runtime { up: bool, text: String },
    /// The services for which the plan has something left to do.
    Planned { services: BTreeSet<String> },
    /// Everything that was asked up to this number has been compared: the stack file, files and the world were read after
    /// it was asked, and what follows from them is planned.
    Compared { asked: u64 },
    /// A round of planning found nothing to do, and everything asked for is ready (or has failed).
    Settled { ready: bool, operations: usize },
    /// It was told to end: it stops services, or removes what there is, and begins nothing more.
    Ending { removes: bool },
    /// The engine of this stack stops.
    Bye {
        /// Everything is removed.
        removed: bool,
        /// What it was told to do could not be done.
        failure: Option<Failure>,
    },
}

/// What views need to know of a service beside its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ServiceInfo {
    pub name: String,
    /// In the scope of this `up`.
    pub wanted: bool,
    /// It would be, but a person said that it is not to run.
    #[serde(default)]
    pub stopped: bool,
    /// The stack file no longer has it: what there is of it is being stopped and removed.
    pub leaving: bool,
    pub job: bool,
    /// `postgres:14`, an image, `build`, or the command of a host process.
    pub source: String,
    /// What has to be so before it starts, and all the while that it runs.
    pub needs: Vec<Gate>,
    /// Those of them that it does without where they fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional: Vec<String>,
    /// `http://127.0.0.1:8000` or `127.0.0.1:5432`, as far as ports are chosen: of the main port first, each replica's.
    pub addresses: Vec<String>,
    /// Ports of the host that are published to every address it has: whoever reaches this machine reaches them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_ports: Vec<u16>,
    /// A process on the host, and no container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_host: bool,
    /// Pods of a cluster that it was promoted to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_cluster: bool,
    /// Why it cannot run on the host, where all of the stack is to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_host: Option<String>,
    /// Whether a probe tells that it is ready; without, having run for a while does.
    pub probed: bool,
    /// Something has to be set up inside once its probe passes, before it counts as ready.
    pub provisions: bool,
    pub replicas: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Found {
    pub generation: Generation,
    pub status: Status,
    /// When its last life began and ended, milliseconds since 1970, where the container engine says so.
    pub began: Option<u64>,
    pub ended: Option<u64>,
}

impl Found {
    pub fn of(container: &ObservedContainer) -> Self {
        let millis = |text: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            u64::try_from(time.timestamp_millis()).ok()
        };
        let began = millis(&container.started_at).filter(|at| *at > 0);
        // Known to have ended before the engine was asked when: what it said of the life before is none of this one.
        let is_of_this_life = |at: &u64| began.is_none_or(|began| *at >= began);
        Self {
            generation: container.generation(),
            status: container.status,
            began,
            ended: millis(&container.finished_at)
                .filter(|_| matches!(container.status, Status::Exited { .. }))
                .filter(is_of_this_life),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Pull,
    Build,
    Create,
    /// What its rules sync, into one that does not run yet.
    Copy,
    /// Its `pre_start` steps, before it starts.
    Prepare,
    Start,
    Stop,
    Remove,
    Update,
    Provision,
    Run,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    Started,
    /// `done` of `total` bytes or steps where known; `text` is the current line.
    Progress {
        text: String,
        done: u64,
        total: u64,
    },
    Done {
        millis: u64,
    },
    /// Its condition did not hold: nothing had to be done.
    Skipped,
    Failed {
        failure: Failure,
    },
    /// Overtaken by a newer plan.
    Cancelled,
}

/// What went wrong, and of which kind, so that planning and exit codes need not read text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    pub class: FailureClass,
    /// One sentence.
    pub message: String,
    /// Further lines: the end of a build log, the engine's own words.
    pub detail: Vec<String>,
    /// What to do next.
    pub help: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The engine did not answer, or not in time: try again.
    Engine,
    /// There is no engine to talk to: nothing answers at any address, or it is too old.
    NoEngine,
    /// Someone else has the host port.
    PortTaken,
    ImageMissing,
    Build,
    /// The container ended by itself.
    Exited,
    OutOfMemory,
    /// The probe did not pass within its deadline.
    NotReady,
    DiskFull,
    /// What was to replace a running container did not get ready: that one runs on, or again.
    Replacement,
    /// What it syncs cannot be written in a container.
    Sync,
    /// What a rule has follow a sync: a command ended with another code than 0 or could not be run, a signal could not be sent.
    AfterSync,
    /// The name is taken by something that is not ours.
    NameTaken,
    /// A reference or a secret has no value.
    Unresolved,
    Other,
}

impl FailureClass {
    /// There is no new image, or nothing that could run from it; what runs from an older one is not touched by it.
    pub fn leaves_what_runs(self) -> bool {
        matches!(
            self,
            Self::Build | Self::ImageMissing | Self::DiskFull | Self::Replacement
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchOutcome {
    Synced,
    /// Files reached it, and it is restarted because of them.
    SyncedRestarts,
    Restarted,
    /// It was sent a signal because of them, and reads them itself.
    Signalled,
    Rebuilding,
    Rerun,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Info,
    Warning,
    Error,
}
