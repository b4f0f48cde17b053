//! Git holds its lock from before it writes the first file until after the last one.

use super::*;

/// What changes and when, in milliseconds, and when somebody holds the lock of the checkout.
struct Day {
    saves: Vec<u64>,
    locked: Vec<(u64, u64)>,
}

impl Day {
    /// Each save is one of another file; how many were in each batch, and when it went.
    fn batches(&self) -> Vec<(u64, usize)> {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        let (mut batches, mut saved) = (Vec::new(), 0);
        for at in self.saves[0].. {
            let now = begin + ms(at);
            while self.saves.get(saved) == Some(&at) {
                save(&mut settle, &saved.to_string(), now);
                saved += 1;
            }
            let is_held = |(from, until): &&(u64, u64)| (*from..*until).contains(&at);
            let lock = self.locked.iter().find(is_held);
            settle.heed_lock(now, |_| Some(ms(at - lock?.0)));
            batches.extend(settle.take(now).map(|taken| (at, taken.changes.len())));
            if settle.deadline().is_none() && saved == self.saves.len() {
                break;
            }
        }
        batches
    }

    fn sizes(&self) -> Vec<usize> {
        self.batches().iter().map(|batch| batch.1).collect()
    }
}

/// One file every so many milliseconds, until some time.
fn steadily(from: u64, until: u64, every: usize) -> Vec<u64> {
    (from..until).step_by(every).collect()
}

#[test]
fn a_checkout_is_one_batch_and_goes_when_git_is_done() {
    for (every, until) in [(1, 9000), (7, 600), (40, 1500)] {
        let checkout = Day {
            saves: steadily(300, until, every),
            locked: vec![(0, until + 5)],
        };
        let batches = checkout.batches();
        let (at, _) = batches[0];
        assert_eq!(batches, [(at, checkout.saves.len())], "every {every} ms");
        assert!((until..until + 5 + 60).contains(&at), "{at}");
    }
    let unlocked = Day {
        saves: steadily(300, 9000, 1),
        locked: vec![],
    };
    assert_eq!(unlocked.sizes().len(), 6, "nobody says when it is over");
}

#[test]
fn what_the_disk_holds_up_is_still_one_batch() {
    let mut saves = steadily(300, 1000, 2);
    saves.extend(steadily(2500, 3000, 2));
    let all = saves.len();
    let locked = vec![(0, 3000)];
    assert_eq!(Day { saves, locked }.sizes(), [all]);
}

#[test]
fn what_is_told_only_after_git_is_done_belongs_to_it() {
    let (saves, locked) = (steadily(300, 5000, 1), vec![(0, 4000)]);
    assert_eq!(Day { saves, locked }.sizes(), [4700]);
}

#[test]
fn two_that_follow_one_another_at_once_are_one() {
    let mut saves = steadily(20, 400, 1);
    saves.extend(steadily(430, 800, 1));
    let all = saves.len();
    let locked = vec![(0, 402), (415, 802)];
    assert_eq!(Day { saves, locked }.sizes(), [all]);
}

#[test]
fn a_lone_save_waits_a_moment_for_a_lock_that_is_new_and_not_at_all_for_an_old_one() {
    let (saves, locked) = (vec![1000, 1500, 30_000], vec![(900, 60_000)]);
    let batches = Day { saves, locked }.batches();
    assert_eq!(batches, [(1050, 1), (1550, 1), (30_001, 1)]);
    // And no longer than it is there.
    let (saves, locked) = (vec![1000], vec![(995, 1003)]);
    assert_eq!(Day { saves, locked }.batches(), [(1003, 1)]);
}

#[test]
fn a_lock_that_was_left_behind_holds_up_its_own_batch_alone() {
    let mut saves = steadily(100, 1000, 1);
    saves.extend(steadily(20_000, 21_000, 1));
    let locked = vec![(0, 60_000)];
    let batches = Day { saves, locked }.batches();
    assert_eq!(batches, [(2999, 900), (21_059, 1000)]);
}

#[test]
fn who_writes_under_a_lock_for_ever_goes_at_the_cap_and_as_without_one_from_then_on() {
    let (saves, locked) = (steadily(1000, 60_000, 5), vec![(0, 100_000)]);
    let batches = Day { saves, locked }.batches();
    assert_eq!(batches[0], (31_000, 6001));
    let steps = batches.windows(2).map(|two| two[1].0 - two[0].0);
    let caps = [CAP, LARGE_CAP].map(|cap| u64::try_from(cap.as_millis()).unwrap() + 6);
    let steps: Vec<u64> = steps.collect();
    assert!(steps.iter().all(|step| *step <= caps[1]), "{steps:?}");
}

#[test]
fn what_keeps_changing_by_itself_waits_for_no_lock() {
    let batches = beside_a_writer(20, |settle, at, now| {
        if at > 500 {
            save(settle, &at.to_string(), now);
            settle.heed_lock(now, |_| Some(ms(at - 500)));
        }
    });
    let logs = batches
        .iter()
        .filter(|(at, names)| *at > 500 && names.iter().any(|name| name == "log"));
    assert!(logs.count() > 3, "{batches:?}");
    let others = batches
        .iter()
        .filter(|(at, names)| *at > 500 && names.len() > 1);
    assert_eq!(others.count(), 0, "{batches:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn nothing_waits_beyond_its_cap(
        pauses in prop::collection::vec(0..400u64, 1..60),
        locks in prop::collection::vec((0..9000u64, 0..9000u64), 0..5),
    ) {
        let saves: Vec<u64> = pauses.iter().scan(0, |at, pause| { *at += pause; Some(*at) }).collect();
        let mut begin = 0;
        let locked = locks.iter().map(|(free, held)| {
            let lock = (begin + free, begin + free + held);
            begin = lock.1;
            lock
        });
        let day = Day { saves: saves.clone(), locked: locked.collect() };
        let mut told = 0;
        for (at, size) in day.batches() {
            let first = saves[told];
            prop_assert!(at - first <= 30_000, "{at} after {first}");
            told += size;
        }
        prop_assert_eq!(told, saves.len());
    }
}
