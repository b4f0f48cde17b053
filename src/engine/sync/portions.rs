//! What the rules of a service cover, read in portions: with as many files as there may be, all of them together would fill
//! the memory.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::helper::protocol::Expected;
use crate::plan::react::SyncRules;
use crate::stack::Stack;
use crate::watch::sync::{Piece, walk};

pub(super) type Portion = Vec<(Piece, Expected)>;

/// A walk that is never further ahead than one portion.
pub(super) struct Portions {
    read: mpsc::Receiver<Portion>,
    walking: JoinHandle<Vec<String>>,
}

impl Portions {
    /// Begins to read, for portions of so many paths. A folder comes before what is in it.
    pub fn begin(stack: Arc<Stack>, service: String, size: usize) -> Self {
        let (sender, read) = mpsc::channel(1);
        let walking = tokio::task::spawn_blocking(move || {
            let Some(service) = stack.services.get(&service) else {
                return Vec::new();
            };
            let mut portion = Vec::new();
            let problems = walk(&SyncRules::new(&stack, service), &mut |piece, expected| {
                portion.push((piece, expected));
                portion.len() < size || sender.blocking_send(std::mem::take(&mut portion)).is_ok()
            });
            if !portion.is_empty() {
                // Nobody may wait for it any more.
                let _ended = sender.blocking_send(portion);
            }
            problems
        });
        Self { read, walking }
    }

    /// `None` at the end; none is empty.
    pub async fn next(&mut self) -> Option<Portion> {
        self.read.recv().await
    }

    /// What cannot be read here although it is there, in words; asked after the last portion.
    ///
    /// # Errors
    /// The walk did not come to its end.
    pub async fn problems(self) -> io::Result<Vec<String>> {
        self.walking.await.map_err(io::Error::other)
    }
}
