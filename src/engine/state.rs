//! What is known of a running stack, and the only place where it changes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Failure, Found, ServiceInfo, Step, Verb};
use crate::plan::hold::Hold;

/// A snapshot that every view draws from. Changes through `apply(state, event)` only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub name: String,
    pub layers: Vec<String>,
    /// By service, in the order of the graph (what is needed comes first).
    pub services: Vec<ServiceState>,
    /// Networks, volumes and shared images at work: subject to what happens.
    pub shared: BTreeMap<String, Work>,
    /// The error of a stack file that was edited to nonsense.
    pub rejected: Option<String>,
    /// The container engine answers.
    pub runtime_up: bool,
    /// Nothing left to do in the last round of planning.
    pub settled: bool,
    /// The newest of what was asked that has been compared; 0 before the first.
    #[serde(default)]
    pub compared: u64,
    /// It was told to end, and stops what runs.
    #[serde(default)]
    pub ending: bool,
    /// The same, and it removes what there is.
    #[serde(default)]
    pub removing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceState {
    pub info: ServiceInfo,
    pub phase: Phase,
    /// When `phase` was entered, milliseconds since 1970.
    pub since: u64,
    pub holds: Vec<Hold>,
    /// By index.
    pub instances: BTreeMap<u32, InstanceState>,
    pub work: Option<Work>,
    /// Starts after a crash, since it was last ready for a while.
    pub restarts: u32,
    pub failure: Option<Failure>,
    /// The last sync into what runs, or what should follow it, went wrong.
    #[serde(default)]
    pub sync_failure: Option<Failure>,
    /// It will not be tried again until something changes; `failure` says why.
    pub gave_up: bool,
    /// For a job: its last success was from what it would run with now.
    pub done: bool,
    pub last_line: String,
    /// Services that it needs and that are not ready at this moment, although it runs.
    pub degraded_by: Vec<String>,
    /// The plan has something left to do for it.
    #[serde(default)]
    pub pending: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InstanceState {
    pub found: Option<Found>,
    /// When this life was first seen, milliseconds since 1970: it may have begun long before.
    pub seen: u64,
    /// The last answer of its probe for the current generation.
    pub probe: Option<ProbeState>,
    /// Provisioning of the current generation is done, or there is none.
    pub provisioned: bool,
    /// Of one that is to take a place: what it said last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_line: String,
    /// The one that is to take its place and runs beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<Box<InstanceState>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeState {
    pub passed: bool,
    pub answer: String,
    pub at: u64,
    /// It has passed once in this generation.
    pub ever: bool,
    /// It has failed once in this generation.
    pub failed: bool,
    /// In a row; 0 where nobody asks.
    pub failures: u32,
}

/// An operation in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub verb: Verb,
    pub step: Step,
    pub since: u64,
}

/// How far a service is, in the words that views show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not asked for in this `up`.
    Idle,
    /// Nothing has happened yet, or it waits for what it needs.
    Waiting,
    Pulling,
    Building,
    /// It is made, or gets what comes before its start: files, the steps of `pre_start`.
    Creating,
    /// Runs, its probe has not passed yet in this generation.
    Starting,
    /// For a job: at work.
    Running,
    Ready,
    /// A job that ended with 0.
    Done,
    /// Was ready in this generation; its probe fails now.
    Unready,
    /// Crashed, and waits for the next try.
    Crashed,
    /// Will not be tried again until something changes.
    Failed,
    Paused,
    Stopping,
    Stopped,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Waiting => "waiting",
            Self::Pulling => "pulling",
            Self::Building => "building",
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Ready => "ready",
            Self::Done => "done",
            Self::Unready => "unready",
            Self::Crashed => "crashed",
            Self::Failed => "failed",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}
