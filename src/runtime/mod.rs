//! The outside world. Nothing here decides; everything that may take long can be cancelled by dropping it, and has a
//! deadline.

pub mod docker;
pub mod kube;
pub mod process;
pub mod ring;
pub mod world;

mod both;
mod environment;
mod sockets;
mod terminal;

pub use both::Both;
pub use environment::Environment;

use crate::engine::event::{Failure, FailureClass};

/// Why a call to the outside failed: the class for planning and exit codes, the rest for people.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct RuntimeError(pub Failure);

impl RuntimeError {
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self(Failure {
            class,
            message: message.into(),
            detail: Vec::new(),
            help: None,
        })
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    pub fn detail(mut self, detail: Vec<String>) -> Self {
        self.0.detail = detail;
        self
    }
}

/// Progress of a long call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The current line.
    pub text: String,
    /// Bytes or steps; 0 of 0 where unknown.
    pub done: u64,
    pub total: u64,
}

/// Where long calls report; bounded, and never waited for: a full queue drops the report.
pub type ProgressSender = tokio::sync::mpsc::Sender<Progress>;
