//! Changes that wait for silence together.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{
    BURST, BUSY, CALM, CAP, FEW, HELD, HELD_CAP, HELD_LARGE, LARGE, LARGE_CAP, LONE, PREPARED,
    QUICK, Waiting,
};

#[derive(Debug, Default)]
pub(super) struct Burst {
    waiting: BTreeMap<PathBuf, Waiting>,
    overflow: bool,
    /// When the first and the last of them came.
    span: Option<(Instant, Instant)>,
    /// When the last batch was over that had something new in it.
    taken: Option<Instant>,
    held: Option<Held>,
}

/// It waits for git, or has waited.
#[derive(Debug, Clone, Copy)]
struct Held {
    /// When its lock was there.
    seen: Instant,
    /// When to look again.
    again: Option<Instant>,
}

impl Burst {
    /// What waits. Sorted.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.waiting.keys().map(PathBuf::as_path)
    }

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
        if let Some(again) = self.held.and_then(|held| held.again) {
            return Some(again);
        }
        let cap = if self.is_large() { LARGE_CAP } else { CAP };
        // What was written under a lock may be told of only after it.
        let written = self.held.map_or(first, |held| first.max(held.seen));
        Some((last + self.quiet(first)).min(written + cap))
    }

    /// It is over, and git has held a lock for so long.
    pub fn hold(&mut self, held: Option<Duration>, now: Instant) {
        let Some((first, last)) = self.span else {
            return;
        };
        let (quiet, cap) = match self.is_large() {
            true => (HELD_LARGE, HELD_CAP),
            false => (HELD * (self.doublings() + 1), LARGE_CAP),
        };
        let ends = (last + quiet).min(first + cap);
        let is_new = |held| held <= now.saturating_duration_since(first) + PREPARED;
        if held.is_some_and(is_new) && now < ends {
            let again = Some((now + self.quiet(first)).min(ends));
            self.held = Some(Held { seen: now, again });
        } else if now >= first + cap {
            self.held = None;
        } else if let Some(held) = &mut self.held {
            held.again = None;
        }
    }

    fn is_large(&self) -> bool {
        self.waiting.len() >= LARGE
    }

    fn doublings(&self) -> u32 {
        self.waiting.len().max(1).ilog2()
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
        let lone = if calm { LONE } else { BUSY };
        (lone * (self.doublings() + 1)).min(BURST)
    }

    /// All of it, and whether more may have changed. Where each path `was_lately` told already, the calm goes on.
    pub fn take(
        &mut self,
        now: Instant,
        was_lately: impl Fn(&Path) -> bool,
    ) -> (BTreeMap<PathBuf, Waiting>, bool) {
        (self.span, self.held) = (None, None);
        let overflow = std::mem::take(&mut self.overflow);
        let waiting = std::mem::take(&mut self.waiting);
        if overflow || !waiting.keys().all(|path| was_lately(path)) {
            self.taken = Some(now);
        }
        (waiting, overflow)
    }
}
