//! Paths that keep changing: logs, databases, what records a test. Each goes at its own pace, and is nobody else's noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{BUSY, CALM, CAP, Waiting};

/// So long it is remembered that a path went.
const LATELY: Duration = Duration::from_secs(1);
/// Beyond that the cap counts.
const DOUBLINGS: u32 = 4;

#[derive(Debug, Default)]
pub(super) struct Restless {
    waiting: BTreeMap<PathBuf, Waiting>,
    /// Of paths that went lately.
    paces: BTreeMap<PathBuf, Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    /// When it went.
    taken: Instant,
    /// How often in a row it had changed again at once.
    again: u32,
}

impl Restless {
    pub fn get(&self, path: &Path) -> Option<Waiting> {
        self.waiting.get(path).copied()
    }

    pub fn insert(&mut self, path: &Path, waiting: Waiting) {
        self.waiting.insert(path.to_owned(), waiting);
    }

    pub fn remove(&mut self, path: &Path) {
        self.waiting.remove(path);
    }

    /// Whether a path that changes now went only just before, or waits here since.
    pub fn is_restless(&self, path: &Path, now: Instant) -> bool {
        let just = |pace: &Pace| now < pace.taken + CALM;
        self.waiting.contains_key(path) || self.paces.get(path).is_some_and(just)
    }

    /// Whether a path is no news.
    pub fn was_lately(&self, path: &Path, now: Instant) -> bool {
        let lately = |pace: &Pace| now < pace.taken + LATELY;
        self.paces.get(path).is_some_and(lately)
    }

    /// A path, the folders above it, and what is in it.
    pub fn take_related(&mut self, path: &Path) -> BTreeMap<PathBuf, Waiting> {
        let is_related = |other: &Path| other.starts_with(path) || path.starts_with(other);
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (related, rest) = waiting.partition(|(other, _)| is_related(other));
        self.waiting = rest;
        related
    }

    /// The first that is over; `None` while nothing waits.
    pub fn deadline(&self) -> Option<Instant> {
        let all = self.waiting.iter();
        all.map(|(path, waiting)| self.over(path, waiting)).min()
    }

    /// The sooner it changed again the last times, the longer a silence has to be; its cap comes in any case.
    fn over(&self, path: &Path, waiting: &Waiting) -> Instant {
        let again = self.paces.get(path).map_or(0, |pace| pace.again);
        let quiet = BUSY * 2u32.pow(again.min(DOUBLINGS));
        (waiting.last + quiet).min(waiting.first + CAP)
    }

    /// These go as a burst. Of a `large` one nothing new is remembered: that is no constant writer.
    pub fn note<'a>(
        &mut self,
        paths: impl Iterator<Item = &'a PathBuf>,
        large: bool,
        now: Instant,
    ) {
        self.paces.retain(|_, pace| now < pace.taken + LATELY);
        let pace = Pace {
            taken: now,
            again: 0,
        };
        for path in paths {
            if !large || self.paces.contains_key(path) {
                self.paces.insert(path.clone(), pace);
            }
        }
    }

    /// What is over, and what goes `along`. With one that is over all go that are whole: that makes fewer passes.
    pub fn take(
        &mut self,
        now: Instant,
        along: impl Fn(&Waiting) -> bool,
    ) -> BTreeMap<PathBuf, Waiting> {
        let any = self.deadline().is_some_and(|at| at <= now);
        let waiting = std::mem::take(&mut self.waiting);
        let (taken, rest) = waiting.into_iter().partition(|(path, waiting)| {
            let is_over = self.over(path, waiting) <= now;
            is_over || along(waiting) || (any && !waiting.is_unfinished())
        });
        let taken: BTreeMap<_, _> = taken;
        self.waiting = rest;
        for path in taken.keys() {
            let again = self.paces.get(path).map_or(0, |pace| pace.again + 1);
            self.paces.insert(path.clone(), Pace { taken: now, again });
        }
        taken
    }
}
