//! When a batch of changes is over: a lone save goes at once, a burst is waited out, a constant writer starves nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::plan::react::PathKind;

/// Silence after a few whole saves in a calm: long enough for the mode that an editor sets after its rename.
const QUICK: Duration = Duration::from_millis(1);
/// So many are a few.
const FEW: usize = 4;
/// Silence after what is not whole, or is gone, or was not there before: long enough for the second half of "move away, write
/// anew", and of "write beside, move over".
const LONE: Duration = Duration::from_millis(8);
/// The same shortly after another batch: who saves one file after the other is a tool, and likely to go on.
const BUSY: Duration = Duration::from_millis(20);
/// So long after a batch it is calm again.
const CALM: Duration = Duration::from_millis(100);
/// Silence after a large burst.
const BURST: Duration = Duration::from_millis(60);
/// From the first change on, whatever still comes …
const CAP: Duration = Duration::from_millis(300);
/// … and where so many paths have changed that it is a checkout or a generator.
const LARGE_CAP: Duration = Duration::from_millis(1500);
const LARGE: usize = 100;

/// Changes that wait for silence.
#[derive(Debug, Default)]
pub struct Settle {
    changes: BTreeMap<PathBuf, Change>,
    overflow: bool,
    /// Came and went before anyone looked; since when.
    passed: BTreeSet<PathBuf>,
    passed_at: Option<Instant>,
    /// When the first and the last of them came.
    span: Option<(Instant, Instant)>,
    /// Paths that may change further: gone, or not closed yet.
    unfinished: BTreeSet<PathBuf>,
    /// When the last batch was over.
    taken: Option<Instant>,
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

impl Settle {
    /// Takes a changed path; `existed` says whether it was there before this change.
    pub fn add(&mut self, path: &Path, kind: PathKind, existed: bool, state: Found, now: Instant) {
        let change = self
            .changes
            .entry(path.to_owned())
            .and_modify(|change| change.kind = kind)
            .or_insert(Change { kind, existed });
        let unfinished = match state {
            // A new file may be the first half of a save: written, and yet to be moved over the one that is meant.
            Found::Whole => kind == PathKind::File && !change.existed,
            Found::Open => true,
            // What came and went is over.
            Found::Gone => change.existed,
        };
        if unfinished {
            self.unfinished.insert(path.to_owned());
        } else {
            self.unfinished.remove(path);
        }
        self.touch(now);
    }

    /// Takes a path that came and went: it goes with the next batch, and makes none wait.
    pub fn passed(&mut self, path: &Path, now: Instant) {
        self.passed.insert(path.to_owned());
        self.passed_at.get_or_insert(now);
    }

    /// Something changed, and it is not known what.
    pub fn overflow(&mut self, now: Instant) {
        self.overflow = true;
        self.touch(now);
    }

    fn touch(&mut self, now: Instant) {
        let first = self.span.map_or(now, |(first, _)| first);
        self.span = Some((first, now));
    }

    /// When the batch is over; `None` while there is none.
    pub fn deadline(&self) -> Option<Instant> {
        let passed = self.passed_at.map(|at| at + BUSY);
        let Some((first, last)) = self.span else {
            return passed;
        };
        let cap = if self.changes.len() >= LARGE {
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
        if calm && self.changes.len() <= FEW && self.unfinished.is_empty() {
            return QUICK;
        }
        let doublings = self.changes.len().max(1).ilog2();
        let lone = if calm { LONE } else { BUSY };
        (lone * (doublings + 1)).min(BURST)
    }

    /// The batch, once it is over. Paths that came and went within it are still in it.
    pub fn take(&mut self, now: Instant) -> Option<Settled> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        if self.span.take().is_some() {
            self.taken = Some(now);
        }
        self.unfinished.clear();
        self.passed_at = None;
        Some(Settled {
            changes: std::mem::take(&mut self.changes),
            passed: std::mem::take(&mut self.passed),
            overflow: std::mem::take(&mut self.overflow),
        })
    }
}

/// A batch that is over.
#[derive(Debug)]
pub struct Settled {
    pub changes: BTreeMap<PathBuf, Change>,
    /// Came and went before anyone looked.
    pub passed: BTreeSet<PathBuf>,
    /// Something changed, and it is not known what.
    pub overflow: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn save(settle: &mut Settle, path: &str, now: Instant) {
        settle.add(Path::new(path), PathKind::File, true, Found::Whole, now);
    }

    #[test]
    fn a_lone_save_goes_at_once() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        assert_eq!(settle.deadline(), None);
        save(&mut settle, "a", begin);
        assert_eq!(settle.deadline(), Some(begin + QUICK));
        assert!(settle.take(begin).is_none());
        let settled = settle.take(begin + QUICK).unwrap();
        assert_eq!((settled.changes.len(), settled.overflow), (1, false));
        assert!(settle.take(begin + ms(500)).is_none(), "nothing is left");
    }

    #[test]
    fn what_is_gone_may_come_back_and_is_waited_for() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        settle.add(Path::new("a"), PathKind::File, true, Found::Gone, begin);
        assert_eq!(settle.deadline(), Some(begin + LONE));
        // Moved away, then written anew.
        save(&mut settle, "a", begin + ms(3));
        assert_eq!(settle.deadline(), Some(begin + ms(3) + QUICK));
    }

    #[test]
    fn a_save_beside_that_is_moved_over_is_one_batch() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        let beside = Path::new(".a.new");
        settle.add(beside, PathKind::File, false, Found::Whole, begin);
        assert_eq!(settle.deadline(), Some(begin + LONE), "what is it for?");
        settle.add(beside, PathKind::File, true, Found::Gone, begin + ms(4));
        save(&mut settle, "a", begin + ms(4));
        let over = begin + ms(4) + QUICK;
        assert_eq!(settle.deadline(), Some(over), "nothing is left to come");
        assert_eq!(settle.take(over).unwrap().changes.len(), 2);
    }

    #[test]
    fn a_formatter_that_goes_from_file_to_file_leads_to_two_batches() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        let mut batches = Vec::new();
        for n in 0..10 {
            let now = begin + ms(n * 12);
            save(&mut settle, &n.to_string(), now);
            for later in 0..12 {
                let taken = settle.take(now + ms(later));
                batches.extend(taken.map(|settled| settled.changes.len()));
            }
        }
        batches.extend(
            settle
                .take(begin + ms(200))
                .map(|settled| settled.changes.len()),
        );
        assert_eq!(batches, [1, 9]);
    }

    #[test]
    fn a_burst_is_waited_out() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        for n in 0..2000 {
            save(&mut settle, &n.to_string(), begin + ms(n / 5));
        }
        assert_eq!(settle.deadline(), Some(begin + ms(399) + BURST));
    }

    #[test]
    fn a_constant_writer_does_not_starve_the_rest() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        let mut batches = Vec::new();
        for at in 0..1000 {
            save(&mut settle, "log", begin + ms(at));
            batches.extend(settle.take(begin + ms(at)).map(|_| at));
        }
        assert_eq!(batches, [300, 601, 902]);
    }

    #[test]
    fn what_came_and_went_delays_nothing_and_is_told_by_itself_too() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        settle.passed(Path::new("beside"), begin);
        assert_eq!(settle.deadline(), Some(begin + BUSY));
        save(&mut settle, "a", begin);
        let settled = settle.take(begin + QUICK).unwrap();
        assert_eq!((settled.changes.len(), settled.passed.len()), (1, 1));
        settle.passed(Path::new("beside"), begin + ms(500));
        let settled = settle.take(begin + ms(520)).unwrap();
        assert_eq!((settled.changes.len(), settled.passed.len()), (0, 1));
        assert_eq!(settle.deadline(), None);
    }

    #[test]
    fn what_existed_is_what_was_there_before_the_batch() {
        let (mut settle, now) = (Settle::default(), Instant::now());
        settle.add(Path::new("new"), PathKind::File, false, Found::Whole, now);
        settle.add(Path::new("new"), PathKind::Folder, true, Found::Whole, now);
        settle.overflow(now);
        let settled = settle.take(now + CAP).unwrap();
        assert_eq!(
            settled.changes[Path::new("new")],
            Change {
                kind: PathKind::Folder,
                existed: false
            }
        );
        assert!(settled.overflow);
    }

    proptest! {
        #[test]
        fn every_change_leaves_within_the_cap(steps in prop::collection::vec((0..40u64, 0..30u8), 1..200)) {
            let (mut settle, mut now) = (Settle::default(), Instant::now());
            let mut waiting: BTreeMap<String, Instant> = BTreeMap::new();
            for (pause, path) in steps {
                let next = now + ms(pause);
                // The loop wakes at the deadline.
                while let Some(deadline) = settle.deadline().filter(|at| *at <= next) {
                    prop_assert!(waiting.values().all(|since| deadline - *since <= CAP));
                    let settled = settle.take(deadline).unwrap();
                    prop_assert_eq!(settled.changes.len(), waiting.len());
                    waiting.clear();
                }
                now = next;
                save(&mut settle, &path.to_string(), now);
                waiting.entry(path.to_string()).or_insert(now);
            }
        }
    }
}
