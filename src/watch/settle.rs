//! When a batch of changes is over: a lone save goes at once, a burst is waited out, a constant writer starves nobody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::plan::react::PathKind;

/// Silence after a lone save, long enough for the second half of "write beside, rename".
const LONE: Duration = Duration::from_millis(8);
/// Silence after a large burst.
const BURST: Duration = Duration::from_millis(60);
/// From the first change on, whatever still comes.
const CAP: Duration = Duration::from_millis(300);

/// Changes that wait for silence.
#[derive(Debug, Default)]
pub struct Settle {
    changes: BTreeMap<PathBuf, Change>,
    overflow: bool,
    /// When the first and the last of them came.
    span: Option<(Instant, Instant)>,
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
    pub fn add(&mut self, path: &Path, kind: PathKind, existed: bool, now: Instant) {
        match self.changes.get_mut(path) {
            Some(change) => change.kind = kind,
            None => {
                self.changes
                    .insert(path.to_owned(), Change { kind, existed });
            }
        }
        self.touch(now);
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
        let (first, last) = self.span?;
        Some((last + self.quiet()).min(first + CAP))
    }

    /// Longer with every doubling of the number of paths.
    fn quiet(&self) -> Duration {
        if self.overflow {
            return BURST;
        }
        let doublings = self.changes.len().max(1).ilog2();
        (LONE * (doublings + 1)).min(BURST)
    }

    /// The batch, once it is over. Paths that came and went within it are still in it.
    pub fn take(&mut self, now: Instant) -> Option<(BTreeMap<PathBuf, Change>, bool)> {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return None;
        }
        self.span = None;
        Some((
            std::mem::take(&mut self.changes),
            std::mem::take(&mut self.overflow),
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn save(settle: &mut Settle, path: &str, now: Instant) {
        settle.add(Path::new(path), PathKind::File, true, now);
    }

    #[test]
    fn a_lone_save_goes_after_8_ms_of_silence() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        assert_eq!(settle.deadline(), None);
        save(&mut settle, "a", begin);
        save(&mut settle, "a", begin + ms(3));
        assert_eq!(settle.deadline(), Some(begin + ms(11)));
        assert!(settle.take(begin + ms(10)).is_none());
        let (changes, overflow) = settle.take(begin + ms(11)).unwrap();
        assert_eq!((changes.len(), overflow), (1, false));
        assert!(settle.take(begin + ms(500)).is_none(), "nothing is left");
    }

    #[test]
    fn a_burst_is_waited_out() {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        for n in 0..2000 {
            save(&mut settle, &n.to_string(), begin + ms(n / 20));
        }
        assert_eq!(settle.deadline(), Some(begin + ms(99) + BURST));
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
    fn what_existed_is_what_was_there_before_the_batch() {
        let (mut settle, now) = (Settle::default(), Instant::now());
        settle.add(Path::new("new"), PathKind::File, false, now);
        settle.add(Path::new("new"), PathKind::Folder, true, now);
        settle.overflow(now);
        let (changes, overflow) = settle.take(now + CAP).unwrap();
        assert_eq!(
            changes[Path::new("new")],
            Change {
                kind: PathKind::Folder,
                existed: false
            }
        );
        assert!(overflow);
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
                    let (changes, _) = settle.take(deadline).unwrap();
                    prop_assert_eq!(changes.len(), waiting.len());
                    waiting.clear();
                }
                now = next;
                save(&mut settle, &path.to_string(), now);
                waiting.entry(path.to_string()).or_insert(now);
            }
        }
    }
}
