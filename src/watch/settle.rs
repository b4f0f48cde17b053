//! When changes are over: a lone save goes at once, a burst is waited out, a checkout until git is done, and who writes all the
//! time makes nobody wait but itself.

mod burst;
mod restless;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::plan::react::PathKind;
use burst::Burst;
use restless::Restless;

/// Silence after a few whole saves in a calm: long enough for the mode that an editor sets after its rename.
const QUICK: Duration = Duration::from_millis(1);
/// So many are a few.
const FEW: usize = 4;
/// Silence after what is not whole, or is gone, or was not there before: long enough for the second half of "move away, write
/// anew", and of "write beside, move over".
const LONE: Duration = Duration::from_millis(8);
/// The same shortly after another batch: who saves one file after the other is a tool, and likely to go on.
const BUSY: Duration = Duration::from_millis(20);
/// So long after a batch it is calm again; a path that changes sooner after it went is restless.
const CALM: Duration = Duration::from_millis(100);
/// Silence after a large burst.
const BURST: Duration = Duration::from_millis(60);
/// From the first change on, whatever still comes …
const CAP: Duration = Duration::from_millis(300);
/// … and where so many paths have changed that it is a checkout or a generator.
const LARGE_CAP: Duration = Duration::from_millis(1500);
const LARGE: usize = 100;
/// The silence after which a lock that git holds makes nobody wait: a commit holds it while its message is written. So long, and
/// longer with every doubling …
const HELD: Duration = Duration::from_millis(50);
/// … and beside many files that it has written, when the disk may hold it up.
const HELD_LARGE: Duration = Duration::from_secs(2);
/// From the first of many changes on, whatever is still written under a lock: on two busy cores, git writes 5,000 files in 4 to 12 s.
/// Few are written within `LARGE_CAP`.
const HELD_CAP: Duration = Duration::from_secs(30);
/// Git has read what it needs so long after it took its lock, and writes. A lock that is older than what changes was left behind,
/// or is held for something else.
const PREPARED: Duration = Duration::from_secs(10);

/// Changes that wait: those of one burst for silence together, and each path that keeps changing for its own.
#[derive(Debug, Default)]
pub struct Settle {
    burst: Burst,
    restless: Restless,
    /// Came and went; since when.
    passed: BTreeMap<PathBuf, PathKind>,
    passed_at: Option<Instant>,
}

/// How a changed path was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Found {
    /// Closed, renamed or made in one step.
    Whole,
    /// Perhaps still written to.
    #[default]
    Open,
    Gone,
}

/// One path of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub kind: PathKind,
    /// It was there before the batch began.
    pub existed: bool,
}

/// A changed path that has not gone yet.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    change: Change,
    /// How it was found last.
    found: Found,
    first: Instant,
    last: Instant,
}

impl Waiting {
    /// It may change further.
    fn is_unfinished(&self) -> bool {
        match self.found {
            // A new file may be the first half of a save: written, and yet to be moved over the one that is meant.
            Found::Whole => self.change.kind == PathKind::File && !self.change.existed,
            Found::Open | Found::Gone => true,
        }
    }

    fn is_gone(&self) -> bool {
        self.found == Found::Gone
    }
}

impl Settle {
    /// Takes a changed path; `existed` says whether it was there before this change.
    pub fn add(&mut self, path: &Path, kind: PathKind, existed: bool, found: Found, now: Instant) {
        let earlier = self.burst.get(path).or_else(|| self.restless.get(path));
        let waiting = Waiting {
            change: Change {
                kind,
                existed: earlier.map_or(existed, |earlier| earlier.change.existed),
            },
            found,
            first: earlier.map_or(now, |earlier| earlier.first),
            last: now,
        };
        if waiting.is_gone() && !waiting.change.existed {
            self.burst.remove(path);
            self.restless.remove(path);
            self.passed(path, kind, now);
        } else if self.burst.get(path).is_none()
            && self.restless.is_restless(path, now)
            && !self.burst.holds_above_or_beneath(path)
        {
            self.restless.insert(path, waiting);
        } else {
            // A folder and what is in it go together.
            for (path, waiting) in self.restless.take_related(path) {
                self.burst.insert(path, waiting);
            }
            self.burst.insert(path.to_owned(), waiting);
        }
    }

    /// Takes a path that came and went: it goes with the next batch, and makes none wait.
    pub fn passed(&mut self, path: &Path, kind: PathKind, now: Instant) {
        self.passed.insert(path.to_owned(), kind);
        self.passed_at.get_or_insert(now);
    }

    /// Something changed, and it is not known what.
    pub fn overflow(&mut self, now: Instant) {
        self.burst.overflow(now);
    }

    /// To be called before [`Settle::take`]. Where something is over, asks for how long git has held a lock above these paths
    /// (sorted): if it does, what it is about to write belongs to them, and they wait.
    pub fn heed_lock(
        &mut self,
        now: Instant,
        held: impl FnOnce(&mut dyn Iterator<Item = &Path>) -> Option<Duration>,
    ) {
        if self.burst.deadline().is_some_and(|at| at <= now) {
            let held = held(&mut self.burst.paths());
            self.burst.hold(held, now);
        }
    }

    /// When something is over; `None` while nothing waits.
    pub fn deadline(&self) -> Option<Instant> {
        let passed = self.passed_at.map(|at| at + BUSY);
        let all = [self.burst.deadline(), self.restless.deadline()];
        // What came and went has the time of whatever else waits.
        all.into_iter().flatten().min().or(passed)
    }

    /// What is over by now. Paths that came and went within it are still in it.
    pub fn take(&mut self, now: Instant) -> Option<Settled> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        let over = self.burst.deadline().is_some_and(|at| at <= now);
        let (mut changes, overflow) = match over {
            true => self
                .burst
                .take(now, |path| self.restless.was_lately(path, now)),
            false => Default::default(),
        };
        let large = changes.len() >= LARGE;
        self.restless.note(changes.keys(), large, now);
        // A rename has two ends.
        let renames = changes.values().any(Waiting::is_gone);
        let along = self.restless.take(now, |waiting| {
            overflow || (over && (waiting.is_gone() || (renames && !waiting.is_unfinished())))
        });
        changes.extend(along);
        self.passed_at = None;
        let changes = changes.into_iter();
        Some(Settled {
            changes: changes
                .map(|(path, waiting)| (path, waiting.change))
                .collect(),
            passed: std::mem::take(&mut self.passed),
            overflow,
        })
    }
}

/// A batch that is over.
#[derive(Debug)]
pub struct Settled {
    pub changes: BTreeMap<PathBuf, Change>,
    /// Came and went before anyone looked.
    pub passed: BTreeMap<PathBuf, PathKind>,
    /// Something changed, and it is not known what.
    pub overflow: bool,
}

#[cfg(test)]
mod tests;
