//! The thread that looks.

mod git;
mod hints;
mod mounted;
mod roots;
mod sink;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::backend::{Backend, Hint, limit_text};
use super::mounts::Mounts;
use super::own_output::OwnOutput;
use super::settle::{Found, Settle};
use super::tree::{Stamp, Tree};
use super::{Batch, System, WatchSet};
use roots::POLL;
use sink::Sink;

/// How soon to offer a batch again that found the queue full.
const OFFER: Duration = Duration::from_millis(20);
/// Messages in a row before deadlines are looked at.
const ROW: usize = 1024;

#[derive(Debug)]
pub(super) enum Message {
    Hint(PathBuf, Hint),
    Set(WatchSet),
    /// Look at the flags.
    Wake,
    Stop,
}

pub(super) struct Loop {
    inbox: Receiver<Message>,
    batches: mpsc::Sender<Batch>,
    stop: Arc<AtomicBool>,
    /// Events were lost.
    lost: Arc<AtomicBool>,
    trees: Vec<Watched>,
    /// Files by themselves.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// Files outside of roots that decide what is left out of them.
    controls: BTreeSet<PathBuf>,
    /// Folders in which a root, or what leads to it, may appear.
    anchors: BTreeSet<PathBuf>,
    later: BTreeMap<PathBuf, Instant>,
    mounts: Mounts,
    /// When to look for others.
    look_for_mounts: Instant,
    system: System,
    sink: Sink,
    /// When to look at `files` next, where the system does not tell.
    poll_files: Option<Instant>,
    begun: bool,
    own: OwnOutput,
}

struct Watched {
    tree: Tree,
    /// When to look next, where the system does not tell.
    poll: Option<Instant>,
    /// The same for what is mounted into it.
    mounted: BTreeMap<PathBuf, Instant>,
}

impl Loop {
    pub fn new(
        inbox: Receiver<Message>,
        events: SyncSender<Message>,
        batches: mpsc::Sender<Batch>,
        stop: Arc<AtomicBool>,
        system: System,
    ) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (backend, limit) = match Backend::new(events, Arc::clone(&lost), system.limit) {
            Ok(backend) => (Some(backend), None),
            Err(error) => (None, Some(limit_text(&error))),
        };
        let sink = Sink {
            backend,
            limit,
            hit: false,
            settle: Settle::default(),
            notices: Vec::new(),
            found: Found::Open,
            silent: false,
            prune: false,
            stop: Arc::clone(&stop),
        };
        Self {
            inbox,
            batches,
            stop,
            lost,
            trees: Vec::new(),
            files: BTreeMap::new(),
            controls: BTreeSet::new(),
            anchors: BTreeSet::new(),
            later: BTreeMap::new(),
            mounts: (system.mounts)(),
            look_for_mounts: Instant::now(),
            system,
            sink,
            poll_files: None,
            begun: false,
            own: OwnOutput::of_this_process(),
        }
    }

    /// Until told to stop, or until nobody takes the batches.
    pub fn run(mut self, set: WatchSet) {
        self.set(set);
        while !self.stop.load(Ordering::Relaxed) {
            let message = match self.deadline() {
                Some(deadline) => self
                    .inbox
                    .recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self
                    .inbox
                    .recv()
                    .map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(message) => {
                    self.take(message);
                    for _ in 0..ROW {
                        let Ok(message) = self.inbox.try_recv() else {
                            break;
                        };
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.time_passes();
            self.prune();
            if !self.deliver() {
                return;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Hint(path, hint) => self.hint(&path, hint),
            Message::Set(set) => self.set(set),
            Message::Wake => {}
            Message::Stop => self.stop.store(true, Ordering::Relaxed),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let settled = match self.sink.settle.deadline() {
            // It is over, but could not be delivered.
            Some(at) if at <= Instant::now() => Some(Instant::now() + OFFER),
            other => other,
        };
        let notice = (self.begun || !self.sink.notices.is_empty()).then(|| Instant::now() + OFFER);
        let later = self.later.values().min().copied();
        let poll = self.trees.iter().filter_map(|watched| watched.poll).min();
        let mounts = Some(self.mounts_deadline());
        [settled, notice, later, poll, self.poll_files, mounts]
            .into_iter()
            .flatten()
            .min()
    }

    fn time_passes(&mut self) {
        let now = Instant::now();
        if self.lost.swap(false, Ordering::Relaxed) {
            self.sink.settle.overflow(now);
            self.look_everywhere(|_| true);
            self.look_at_files();
        }
        if self.poll_files.is_some_and(|at| at <= now) {
            self.look_at_files();
            self.poll_files = Some(now + POLL);
        }
        self.look_everywhere(|watched| watched.poll.is_some_and(|at| at <= now));
        self.look_at_mounts(now);
        let due: Vec<PathBuf> = self
            .later
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(path, _)| path.clone())
            .collect();
        for path in due {
            self.later.remove(&path);
            self.look(&path, false, false);
        }
        self.watch_suspects();
    }

    /// Hands over what is settled. False: nobody takes it any more.
    fn deliver(&mut self) -> bool {
        let permit = match self.batches.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return true,
            Err(TrySendError::Closed(())) => return false,
        };
        let mut batch = Batch::default();
        let now = Instant::now();
        self.sink.settle.heed_lock(now, git::lock_held);
        if let Some(settled) = self.sink.settle.take(now) {
            batch.overflow = settled.overflow;
            for (path, change) in settled.changes {
                if self.own.has(&path) {
                    continue;
                }
                let is_gone = || std::fs::symlink_metadata(&path).is_err();
                let passed = !change.existed && is_gone();
                if passed {
                    for watched in &mut self.trees {
                        watched.tree.forget(&path, &mut self.sink);
                    }
                }
                batch.add(path, change.kind, passed);
            }
            for (path, kind) in settled.passed {
                batch.add(path, kind, true);
            }
        }
        batch.begun = std::mem::take(&mut self.begun);
        batch.notices = std::mem::take(&mut self.sink.notices);
        if batch != Batch::default() {
            permit.send(batch);
        }
        true
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::symlink_metadata(path)
        .ok()
        .map(|metadata| Stamp::of(&metadata))
}

#[cfg(test)]
mod tests;
