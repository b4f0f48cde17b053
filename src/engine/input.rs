//! Everything that reaches the loop.

use tokio::sync::oneshot;

use super::core::Loaded;
use super::cover::Hashed;
use super::execute::Ticket;
use super::inquire::{Numbered, Origin};
use crate::plan::demands::Wishes;
use crate::plan::observed::{Generation, Observed, ObservedContainer};
use crate::plan::reconcile::Removal;
use crate::probe::ProbeReport;
use crate::runtime::RuntimeError;
use crate::runtime::world::{Change, Output};

/// One thing that happened, or was asked.
#[derive(Debug)]
pub enum Input {
    Looked {
        epoch: u64,
        /// The hashes of files, and which change of files they are from.
        sources: (u64, (u64, Hashed)),
        result: Result<Observed, RuntimeError>,
    },
    /// Host processes alone.
    LookedOnHost {
        epoch: u64,
        sources: (u64, (u64, Hashed)),
        processes: Vec<ObservedContainer>,
    },
    Operated {
        ticket: Ticket,
        millis: u64,
        result: Result<Output, RuntimeError>,
    },
    /// A pull or build that a newer plan did not want.
    Cancelled {
        ticket: Ticket,
    },
    Progress {
        ticket: Ticket,
        text: String,
        done: u64,
        total: u64,
    },
    Probed(ProbeReport),
    /// Of one that is to take the place of another; `attempt`: what is asked anew counts anew.
    CandidateProbed {
        attempt: u64,
        report: ProbeReport,
    },
    /// The liveness probe of a life that was ready.
    Alive(ProbeReport),
    Provisioned {
        service: String,
        index: u32,
        generation: Generation,
        result: Result<(), RuntimeError>,
    },
    Changed(Change),
    Files(crate::watch::Batch),
    Synced(super::sync::Synced),
    Signalled(super::signalled::Signalled),
    Reloaded(Result<Box<Loaded>, String>),
    LastLine {
        service: String,
        generation: Generation,
        line: String,
    },
    /// Something about a service that a person should know of.
    Remark {
        service: String,
        text: String,
    },
    Command(Command),
    /// The log of what ended everything is read.
    LastWords,
    /// Nothing but the time.
    Tick,
}

/// What a person asks of a running engine.
#[derive(Debug)]
pub enum Command {
    /// Add these services (and what they need) to what is up; those that gave up are tried again. Empty: all.
    Up {
        services: Vec<String>,
        origin: Box<Origin>,
        wishes: Wishes,
        reply: Numbered,
    },
    /// Look at everything: the stack file, files, the world.
    Compare {
        reply: Numbered,
    },
    /// End the present life of these services and begin a new one. The reply names the lives that end, once a look has
    /// seen them.
    Restart {
        services: Vec<String>,
        reply: oneshot::Sender<Result<Vec<Generation>, String>>,
    },
    Stop {
        services: Vec<String>,
    },
    Down {
        removal: Removal,
    },
    /// Stop what was asked for, then end.
    StopAndLeave,
    /// The same without patience: what still runs of it is killed.
    StopAtOnce,
    /// What is asked next stops within this time, whatever the stack file says.
    Grace(std::time::Duration),
    /// A view wants to follow.
    Subscribe {
        reply: oneshot::Sender<super::bus::Subscription>,
    },
    /// End once the container engine, and the supervisors of processes, restart what runs as the stack file says.
    HandOver,
    /// End at once; what runs goes on running.
    Leave,
}
