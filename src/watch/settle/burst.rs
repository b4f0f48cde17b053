//! Changes that wait for silence together.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{BURST, BUSY, CALM, CAP, FEW, LARGE, LARGE_CAP, LONE, QUICK, Waiting};

#[derive(Debug, Default)]
pub(super) struct Burst {
    waiting: BTreeMap<PathBuf, Waiting>,
    overflow: bool,
    /// When the first and the last of them came.
    span: Option<(Instant, Instant)>,
    /// When the last batch was over that had something new in it.
    taken: Option<Instant>,
}

impl Burst {
    pub fn get(&self, path: &Path) -> Option<Waiting> {
        self.waiting.get(path).copied()
    }

    pub fn insert(&mut self, path: PathBuf, waiting: Waiting) {
        self.touch(waiting.first, waiting.last);
        self.waiting.insert(path, waiting);
    }

    /// It came and went: nothing waits because of it any more.
    pub fn remove(&mut self, path: &Path) {
        if self.waiting.remove(path).is_none() || self.overflow {
            return;
        }
        // With many others, it makes no difference.
        if self.waiting.len() < LARGE {
            self.span = None;
            let spans: Vec<_> = self.waiting.values().map(|w| (w.first, w.last)).collect();
            for (first, last) in spans {
                self.touch(first, last);
            }
        }
    }

    pub fn overflow(&mut self, now: Instant) {
        self.overflow = true;
        self.touch(now, now);
    }

    fn touch(&mut self, first: Instant, last: Instant) {
        let (begun, ended) = self.span.unwrap_or((first, last));
        self.span = Some((begun.min(first), ended.max(last)));
    }

    /// Whether a folder above a path waits, or something in it.
    pub fn holds_above_or_beneath(&self, path: &Path) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let mut above = path.ancestors().skip(1);
        let from = (Bound::Excluded(path.to_owned()), Bound::Unbounded);
        let next = self.waiting.range(from).next();
        above.any(|above| self.waiting.contains_key(above))
            || next.is_some_and(|(next, _)| next.starts_with(path))
    }

    /// When it is over; `None` while nothing waits.
    pub fn deadline(&self) -> Option<Instant> {
        let (first, last) = self.span?;
        let cap = if self.waiting.len() >= LARGE {
            LARGE_CAP
        } else {
            CAP
        };
        Some((last + self.quiet(first)).min(first + cap))
    }

    /// Longer with every doubling of the number of paths.
    fn quiet(&self, first: Instant) -> Duration {
        if self.overflow {
            return BURST;
        }
        let calm = self.taken.is_none_or(|taken| first >= taken + CALM);
        let few = self.waiting.len() <= FEW;
        if calm && few && !self.waiting.values().any(Waiting::is_unfinished) {
            return QUICK;
        }
        let doublings = self.waiting.len().max(1).ilog2();
        let lone = if calm { LONE } else { BUSY };
        (lone * (doublings + 1)).min(BURST)
    }

    /// All of it, and whether more may have changed. Where each path `was_lately` told already, the calm goes on.
    pub fn take(
        &mut self,
        now: Instant,
        was_lately: impl Fn(&Path) -> bool,
    ) -> (BTreeMap<PathBuf, Waiting>, bool) {
        self.span = None;
        let overflow = std::mem::take(&mut self.overflow);
        let waiting = std::mem::take(&mut self.waiting);
        if overflow || !waiting.keys().all(|path| was_lately(path)) {
            self.taken = Some(now);
        }
        (waiting, overflow)
    }
}
