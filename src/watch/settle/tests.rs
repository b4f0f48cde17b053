mod git;

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
    let settled = settle.take(over).unwrap();
    assert!(settled.changes.keys().eq([Path::new("a")]));
    assert!(settled.passed.keys().eq([beside]));
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

/// Who saves `log` every so many milliseconds, for two seconds, beside what else happens at each of them; what went, and when.
fn beside_a_writer(
    every: u64,
    mut also: impl FnMut(&mut Settle, u64, Instant),
) -> Vec<(u64, Vec<String>)> {
    let (mut settle, begin) = (Settle::default(), Instant::now());
    let mut batches = Vec::new();
    for at in 0..2000 {
        let now = begin + ms(at);
        if at % every == 0 {
            save(&mut settle, "log", now);
        }
        also(&mut settle, at, now);
        batches.extend(settle.take(now).map(|settled| {
            let names = settled.changes.keys();
            (at, names.map(|path| path.display().to_string()).collect())
        }));
    }
    batches
}

#[test]
fn a_constant_writer_goes_at_its_cap() {
    for every in [1, 5, 20, 50, 90] {
        let batches = beside_a_writer(every, |_, _, _| ());
        assert!(
            (6..14).contains(&batches.len()),
            "every {every} ms: {batches:?}"
        );
    }
}

#[test]
fn a_lone_save_does_not_wait_for_a_constant_writer() {
    for every in [2, 5, 20, 50, 90, 150] {
        let saves = |at: u64| at >= 400 && at % 130 == 7;
        let batches = beside_a_writer(every, |settle, at, now| {
            if saves(at) {
                save(settle, "a", now);
            }
        });
        for at in (0..1900).filter(|at| saves(*at)) {
            let next = batches
                .iter()
                .find(|(then, names)| *then > at && names.iter().any(|name| name == "a"));
            assert_eq!(next.unwrap().0 - at, 1, "every {every} ms: {batches:?}");
        }
    }
}

#[test]
fn one_that_writes_beside_and_renames_all_the_time_makes_nobody_wait() {
    let mut turn = 0;
    let batches = beside_a_writer(2000, |settle, at, now| {
        match at % 20 {
            3 => {
                let beside = format!("{turn}.new");
                settle.add(Path::new(&beside), PathKind::File, false, Found::Whole, now);
            }
            5 => {
                let beside = format!("{turn}.new");
                settle.add(Path::new(&beside), PathKind::File, true, Found::Gone, now);
                save(settle, "report", now);
                turn += 1;
            }
            _ => {}
        }
        if at >= 600 && at % 200 == 1 {
            save(settle, "a", now);
        }
    });
    let lone = batches
        .iter()
        .filter(|(_, names)| names.contains(&"a".to_owned()));
    let waits: Vec<u64> = lone.map(|(at, _)| at - (at / 200 * 200 + 1)).collect();
    assert!(
        waits.len() == 7 && waits.iter().all(|wait| *wait <= 5),
        "{waits:?} in {batches:?}"
    );
    let beside = |name: &String| name.ends_with(".new");
    assert!(!batches.iter().any(|(_, names)| names.iter().any(beside)));
    assert!(batches.len() < 24, "{batches:?}");
}

#[test]
fn a_file_that_is_formatted_once_it_is_saved_goes_again_soon() {
    let (mut settle, begin) = (Settle::default(), Instant::now());
    save(&mut settle, "a", begin);
    settle.take(begin + QUICK).unwrap();
    save(&mut settle, "a", begin + ms(50));
    assert_eq!(settle.deadline(), Some(begin + ms(50) + BUSY));
    settle.take(begin + ms(70)).unwrap();
    // And when it is saved again, at once.
    save(&mut settle, "a", begin + ms(250));
    assert_eq!(settle.deadline(), Some(begin + ms(250) + QUICK));
}

#[test]
fn a_restless_path_goes_with_the_folder_that_it_is_in_and_with_the_other_end_of_its_rename() {
    let restless = || {
        let (mut settle, begin) = (Settle::default(), Instant::now());
        save(&mut settle, "logs/log", begin);
        settle.take(begin + QUICK).unwrap();
        save(&mut settle, "logs/log", begin + ms(20));
        (settle, begin + ms(20))
    };
    let folder = |settle: &mut Settle, now| {
        settle.add(Path::new("logs"), PathKind::Folder, true, Found::Whole, now);
    };
    let names = |settled: Settled| settled.changes.into_keys().collect::<Vec<_>>();
    let both = ["logs", "logs/log"].map(PathBuf::from);

    let (mut settle, now) = restless();
    folder(&mut settle, now);
    assert_eq!(names(settle.take(now + CAP).unwrap()), both);
    let (mut settle, now) = restless();
    settle.take(now + BUSY).unwrap();
    folder(&mut settle, now + BUSY);
    save(&mut settle, "logs/log", now + BUSY);
    let over = settle.deadline().unwrap();
    assert_eq!(names(settle.take(over).unwrap()), both);

    let (mut settle, now) = restless();
    let log = Path::new("logs/log");
    settle.add(log, PathKind::File, true, Found::Gone, now);
    settle.add(
        Path::new("logs/old"),
        PathKind::File,
        true,
        Found::Whole,
        now,
    );
    let ends = ["logs/log", "logs/old"].map(PathBuf::from);
    let over = settle.deadline().unwrap();
    assert_eq!(names(settle.take(over).unwrap()), ends);
}

#[test]
fn what_is_over_together_is_one_batch() {
    let (mut settle, begin) = (Settle::default(), Instant::now());
    let mut passes = 0;
    for at in 0..1500 {
        for writer in 0..10 {
            if at % 20 == writer * 2 {
                save(&mut settle, &writer.to_string(), begin + ms(at));
            }
        }
        passes += usize::from(settle.take(begin + ms(at)).is_some());
    }
    assert!(passes < 12, "{passes}");
}

#[test]
fn what_came_and_went_delays_nothing_and_is_told_by_itself_too() {
    let (mut settle, begin) = (Settle::default(), Instant::now());
    settle.passed(Path::new("beside"), PathKind::File, begin);
    assert_eq!(settle.deadline(), Some(begin + BUSY));
    save(&mut settle, "a", begin);
    let settled = settle.take(begin + QUICK).unwrap();
    assert_eq!((settled.changes.len(), settled.passed.len()), (1, 1));
    settle.passed(Path::new("beside"), PathKind::File, begin + ms(500));
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
                prop_assert!(!settled.changes.is_empty());
                for path in settled.changes.keys() {
                    prop_assert!(waiting.remove(path.to_str().unwrap()).is_some());
                }
            }
            now = next;
            save(&mut settle, &path.to_string(), now);
            waiting.entry(path.to_string()).or_insert(now);
        }
    }
}
