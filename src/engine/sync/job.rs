//! What is asked of who brings files to a container.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::runtime::RuntimeError;
use crate::stack::Stack;
use crate::watch::sync::Piece;

/// What is to be brought.
#[derive(Debug)]
pub(super) struct Job {
    pub stack: Arc<Stack>,
    pub work: Work,
    /// To be told once that is done, or why it is not.
    pub asked: Option<Asked>,
}

#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Compare.
    Everything,
    /// The same, where that is not done yet.
    Assure,
    Changed(Arc<Vec<Piece>>),
    /// Came and went: gone again where they were sent.
    Passed(Arc<Vec<Piece>>),
}

pub(super) type Asked = oneshot::Sender<Result<(), RuntimeError>>;

/// What was taken from the queue for one pass.
#[derive(Default)]
pub(super) struct Taken {
    pub pieces: Vec<Piece>,
    pub asked: Vec<Asked>,
}
