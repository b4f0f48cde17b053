//! File events → settled batches; what is ignored; hashes of build contexts and job inputs; what a sync sends.
//!
//! An event is only a reason to look: what is told is the difference between what a folder held and what it holds. So
//! files that were there before the watch, lost events and polling all lead to the same answer.

mod backend;
pub mod context;
mod mounts;
mod own_output;
pub mod remote;
mod rules;
mod run;
mod set;
pub mod settle;
pub mod sync;
mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;

use camino::Utf8PathBuf;
use tokio::sync::mpsc;

use crate::plan::react::{Changed, PathKind};
pub use rules::is_scratch_file;
pub use set::{Exclude, Root, WatchSet, names_files};

/// Batches that may wait for the engine; while they do, further changes gather in the next one.
const BATCHES: usize = 4;
/// Events that may wait to be looked at; what is lost beyond that leads to a look at everything.
const EVENTS: usize = 16 * 1024;

/// Changes that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// What differs from before, deletions included. What came and went within the batch is left out …
    pub paths: Changed,
    /// … and is here: only who looked meanwhile has seen it.
    pub passed: Changed,
    /// Something may be missing from `paths`: compare whole trees.
    pub overflow: bool,
    /// Watching began, or began anew with another set: from here on nothing is missed; what changed before may be.
    pub begun: bool,
    pub notices: Vec<Notice>,
}

impl Batch {
    fn add(&mut self, path: PathBuf, kind: PathKind, passed: bool) {
        let paths = if passed {
            &mut self.passed
        } else {
            &mut self.paths
        };
        match textual(path) {
            Ok(path) => {
                paths.insert(path, kind);
            }
            Err(folder) => {
                self.paths.insert(folder, PathKind::Folder);
                self.overflow = true;
            }
        }
    }
}

/// Something that a person should know of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// The system's limit is reached, or the file system does not tell of every change.
    #[error("{} is looked through every now and then, as watching it is not enough: {why}", .root.display())]
    Polling { root: PathBuf, why: String },
}

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("cannot start the thread that watches files: {0}")]
    Thread(std::io::Error),
}

/// Watches until it is dropped; then its thread has ended.
#[derive(Debug)]
pub struct Watcher {
    messages: std_mpsc::SyncSender<run::Message>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Begins to watch. Returns at once; the first batch says when watching has begun.
///
/// # Errors
/// No thread. Limits of the system are no error: polling takes over, and a notice says so.
pub fn start(set: WatchSet) -> Result<(Watcher, mpsc::Receiver<Batch>), WatchError> {
    start_with(set, System::default())
}

/// What differs from system to system; tests say otherwise.
#[derive(Debug, Clone, Copy)]
struct System {
    /// Folders that may be watched.
    limit: usize,
    /// Events that may wait.
    events: usize,
    /// The file system of a folder, if it does not tell of every change.
    remote: fn(&std::path::Path) -> Option<&'static str>,
    /// What is mounted of that kind.
    mounts: fn() -> mounts::Mounts,
}

impl Default for System {
    fn default() -> Self {
        Self {
            limit: usize::MAX,
            events: EVENTS,
            remote: remote::remote,
            mounts: mounts::Mounts::read,
        }
    }
}

fn start_with(
    set: WatchSet,
    system: System,
) -> Result<(Watcher, mpsc::Receiver<Batch>), WatchError> {
    let (messages, inbox) = std_mpsc::sync_channel(system.events);
    let (batches, receiver) = mpsc::channel(BATCHES);
    let stop = Arc::new(AtomicBool::new(false));
    let events = messages.clone();
    let stopped = Arc::clone(&stop);
    let run = move || run::Loop::new(inbox, events, batches, stopped, system).run(set);
    let thread = std::thread::Builder::new()
        .name("watch".to_owned())
        .spawn(run)
        .map_err(WatchError::Thread)?;
    Ok((
        Watcher {
            messages,
            stop,
            thread: Some(thread),
        },
        receiver,
    ))
}

impl Watcher {
    /// Watches another set from now on; what differs in roots that stay is told. A batch says when it has begun.
    pub fn set(&mut self, set: WatchSet) {
        // The thread empties the queue as long as it lives; when it does not, the receiver's end says so.
        let _ended = self.messages.send(run::Message::Set(set));
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A full queue wakes it, too.
        let _full = self.messages.try_send(run::Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// The path, or the nearest folder above it whose name is text.
fn textual(path: PathBuf) -> Result<Utf8PathBuf, Utf8PathBuf> {
    match Utf8PathBuf::from_path_buf(path) {
        Ok(path) => Ok(path),
        Err(path) => {
            let above = path
                .ancestors()
                .find_map(|folder| Utf8PathBuf::from_path_buf(folder.to_owned()).ok());
            Err(above.unwrap_or_else(|| Utf8PathBuf::from("/")))
        }
    }
}

#[cfg(test)]
mod tests;
