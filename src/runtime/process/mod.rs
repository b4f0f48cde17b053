//! Processes on the host as instances: each hangs on a small supervisor of its own, which outlives `dev`. See
//! `docs/design/processes.md`.

mod changes;
mod end;
mod exec;
mod guard;
mod installed;
mod launch;
mod listening;
mod observe;
mod output;
pub mod owner;
mod record;
mod signal;
mod start;
mod supervisor;
mod system;
mod tail;
mod volumes;
mod world;

use std::path::PathBuf;

use camino::Utf8PathBuf;

use crate::plan::desired::PROCESS_ID;
use crate::runtime::RuntimeError;

pub use exec::Inside;
pub use guard::{GUARD, guard, guarded};
pub use installed::{Installed, version};
pub use supervisor::{SUPERVISE, supervise};

/// The host processes of one stack.
#[derive(Debug, Clone)]
pub struct ProcessWorld {
    place: Place,
    /// `.dev/STACK/volumes`
    volumes: Utf8PathBuf,
    /// The checkout's folder.
    dir: Utf8PathBuf,
    /// What supervises: `dev` itself.
    program: PathBuf,
}

/// Where the processes of a stack keep what is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// Records, locks and wishes: `.dev/STACK/processes`.
    records: Utf8PathBuf,
    /// Rings: `.dev/STACK/logs`.
    logs: Utf8PathBuf,
}

impl ProcessWorld {
    /// `state` is the stack's state folder, `dir` the checkout's.
    pub fn new(state: &Utf8PathBuf, dir: &Utf8PathBuf) -> Self {
        Self {
            place: Place {
                records: state.join("processes"),
                logs: state.join("logs"),
            },
            volumes: state.join("volumes"),
            dir: dir.clone(),
            program: system::own_program(),
        }
    }
}

/// `web-1` of `process/web-1`.
fn name_of(id: &str) -> Result<&str, RuntimeError> {
    id.strip_prefix(PROCESS_ID)
        .ok_or_else(|| trouble(format!("`{id}` is no process of this stack")))
}

fn trouble(message: String) -> RuntimeError {
    RuntimeError::new(crate::engine::event::FailureClass::Other, message)
}

fn failed(what: &str, error: &dyn std::fmt::Display) -> RuntimeError {
    trouble(format!("cannot {what}: {error}"))
}
