use std::time::Duration;

use proptest::prelude::*;

use super::{ENGINE_TRIES, LONGEST_PAUSE, RESTARTS, STEADY, Supervisor, Verdict};
use crate::engine::event::{Failure, FailureClass};
use crate::plan::observed::Generation;
use crate::plan::reconcile::Standing;
use crate::stack::Restart;

const WITHIN: u64 = 20_000;

fn service(policy: Restart) -> Supervisor {
    Supervisor::new(policy, false, Duration::from_millis(WITHIN))
}

fn life(n: u64) -> Generation {
    Generation {
        id: "id".to_owned(),
        started_at: n.to_string(),
    }
}

fn failure(class: FailureClass) -> Failure {
    Failure {
        class,
        message: "why".to_owned(),
        detail: Vec::new(),
        help: None,
    }
}

fn exit() -> Failure {
    failure(FailureClass::Exited)
}

/// The pauses of a service that ends as soon as it starts, until it is given up.
fn pauses(mut supervisor: Supervisor, code: i64) -> Vec<u64> {
    let mut now = 0;
    let mut pauses = Vec::new();
    for n in 0..100 {
        supervisor.on_started(&life(n), now);
        match supervisor.on_exit(&life(n), code, exit(), now) {
            Verdict::Again { at, attempt } => {
                assert_eq!(attempt as usize, pauses.len() + 1);
                assert_eq!(supervisor.standing(now), Some(Standing::Backoff));
                assert_eq!(supervisor.paused_until(now), Some(at));
                pauses.push(at - now);
                now = at;
                // That it is late ends nobody's restarts.
                supervisor.on_time(now, "");
                assert_eq!(supervisor.standing(now), None);
            }
            Verdict::GaveUp(_) => {
                assert_eq!(supervisor.standing(now), Some(Standing::GaveUp));
                return pauses;
            }
            Verdict::Steady => panic!("a life that ended counts"),
        }
    }
    pauses
}

#[test]
fn pauses_double_up_to_a_bound() {
    assert_eq!(
        pauses(service(Restart::Auto), 1),
        [200, 400, 800, 1600, 3200]
    );
    let for_ever = pauses(service(Restart::Always), 1);
    assert_eq!(for_ever.len(), 100);
    assert_eq!(for_ever.last(), Some(&LONGEST_PAUSE));
}

#[test]
fn whoever_waits_for_what_crashes_over_and_over_is_told_once_that_it_is_late() {
    let mut supervisor = service(Restart::Always);
    let mut told = 0;
    for n in 0..100 {
        let now = n * WITHIN / 50;
        if matches!(supervisor.on_time(now, ""), Verdict::GaveUp(why) if why.class == FailureClass::NotReady)
        {
            told += 1;
        }
        supervisor.on_started(&life(n), now);
        supervisor.on_exit(&life(n), 1, exit(), now + 1);
    }
    // Deadlines lie one after the other, and each restart belongs to one.
    assert_eq!(told, 1);
    assert_eq!(supervisor.standing(u64::MAX), None);
}

#[test]
fn what_crashed_has_to_outlive_the_life_before() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 0);
    assert_eq!(supervisor.proof(), 300);
    supervisor.on_exit(&life(1), 1, exit(), 300);
    assert_eq!(supervisor.proof(), 1_300);
    supervisor.on_started(&life(2), 1_000);
    supervisor.on_exit(&life(2), 1, exit(), 9_000 + WITHIN);
    assert_eq!(supervisor.proof(), 10_000);
    // One that ran well before it crashed starts as new.
    supervisor.on_started(&life(3), 50_000);
    supervisor.on_ready(50_000);
    supervisor.on_exit(&life(3), 1, exit(), 50_000 + STEADY);
    assert_eq!(supervisor.proof(), 300);
}

#[test]
fn policies_say_how_often() {
    assert_eq!(pauses(service(Restart::No), 1).len(), 0);
    assert_eq!(
        pauses(service(Restart::OnFailure { max: Some(2) }), 1).len(),
        2
    );
    assert_eq!(
        pauses(service(Restart::OnFailure { max: None }), 1).len(),
        RESTARTS as usize
    );
    assert_eq!(
        pauses(service(Restart::OnFailure { max: None }), 0).len(),
        0
    );
    assert_eq!(pauses(service(Restart::Auto), 0).len(), RESTARTS as usize);
    let job = Supervisor::new(Restart::Auto, true, Duration::from_secs(1));
    assert_eq!(pauses(job, 1).len(), 0);
    let stubborn = Supervisor::new(
        Restart::OnFailure { max: Some(3) },
        true,
        Duration::from_secs(1),
    );
    assert_eq!(pauses(stubborn, 1).len(), 3);
}

#[test]
fn whoever_was_ready_for_a_while_has_its_restarts_back() {
    for (ready_for, attempt) in [(STEADY, 1), (STEADY - 1, 2)] {
        let mut supervisor = service(Restart::Auto);
        supervisor.on_started(&life(1), 0);
        let _first = supervisor.on_exit(&life(1), 1, exit(), 0);
        supervisor.on_started(&life(2), 1000);
        supervisor.on_ready(2000);
        let verdict = supervisor.on_exit(&life(2), 1, exit(), 2000 + ready_for);
        assert!(
            matches!(verdict, Verdict::Again { attempt: n, .. } if n == attempt),
            "{verdict:?}"
        );
    }
}

#[test]
fn what_was_ready_and_is_killed_over_and_over_by_hand_is_never_given_up() {
    let again_and_again = |code: i64, class: FailureClass, ready: bool| {
        let mut supervisor = service(Restart::Auto);
        let mut now = 0;
        for n in 0..20 {
            supervisor.on_started(&life(n), now);
            if ready {
                supervisor.on_ready(now);
            }
            match supervisor.on_exit(&life(n), code, failure(class), now + 100) {
                Verdict::Again { at, .. } => now = at,
                verdict => return Some((n, verdict)),
            }
        }
        None
    };
    assert_eq!(again_and_again(137, FailureClass::Exited, true), None);
    assert_eq!(again_and_again(143, FailureClass::Exited, true), None);
    // By itself, for memory, or without ever having been ready: those are crashes in a row.
    for (code, class, ready) in [
        (1, FailureClass::Exited, true),
        (139, FailureClass::Exited, true),
        (137, FailureClass::OutOfMemory, true),
        (137, FailureClass::Exited, false),
    ] {
        let given_up = again_and_again(code, class, ready);
        assert!(
            matches!(given_up, Some((5, Verdict::GaveUp(_)))),
            "{given_up:?}"
        );
    }
}

#[test]
fn a_life_counts_once() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 0);
    assert!(matches!(
        supervisor.on_exit(&life(1), 1, exit(), 5),
        Verdict::Again { .. }
    ));
    assert_eq!(supervisor.on_exit(&life(1), 1, exit(), 6), Verdict::Steady);
}

#[test]
fn not_ready_in_time_it_is_given_up_with_its_last_answer() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 1000);
    assert_eq!(supervisor.next_deadline(), Some(1000 + WITHIN));
    assert_eq!(supervisor.on_time(999 + WITHIN, "refused"), Verdict::Steady);
    let Verdict::GaveUp(why) = supervisor.on_time(1000 + WITHIN, "refused") else {
        panic!()
    };
    assert_eq!(
        (why.class, why.detail),
        (FailureClass::NotReady, vec!["refused".to_owned()])
    );
    assert_eq!(why.message, "not ready within 20 s");
    assert_eq!(supervisor.next_deadline(), None);
    // Late, but there.
    supervisor.on_ready(1001 + WITHIN);
    assert_eq!(supervisor.standing(1001 + WITHIN), None);
}

#[test]
fn seeing_a_life_again_moves_no_deadline() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 1000);
    supervisor.on_started(&life(1), 5000);
    assert_eq!(supervisor.next_deadline(), Some(1000 + WITHIN));
    supervisor.on_ready(6000);
    supervisor.on_started(&life(1), 7000);
    assert_eq!(supervisor.next_deadline(), None);
}

#[test]
fn no_longer_ready_it_has_its_time_again() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 0);
    supervisor.on_ready(100);
    supervisor.on_unready(50_000);
    supervisor.on_unready(60_000);
    assert_eq!(supervisor.next_deadline(), Some(50_000 + WITHIN));
    supervisor.on_ready(55_000);
    assert_eq!(supervisor.next_deadline(), None);
}

#[test]
fn told_to_stop_nothing_is_awaited_of_it() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 0);
    supervisor.on_stopped(&life(0));
    assert_eq!(
        supervisor.next_deadline(),
        Some(WITHIN),
        "another life's end is not this one's"
    );
    supervisor.on_stopped(&life(1));
    assert_eq!(supervisor.next_deadline(), None);
    supervisor.reset(10);
    assert_eq!(supervisor.next_deadline(), None);
}

#[test]
fn asked_again_it_has_its_time_again() {
    let mut supervisor = service(Restart::Auto);
    supervisor.on_started(&life(1), 0);
    let _gave_up = supervisor.on_time(WITHIN, "");
    supervisor.reset(100_000);
    assert_eq!(supervisor.standing(100_000), None);
    assert_eq!(supervisor.next_deadline(), Some(100_000 + WITHIN));
    assert!(matches!(
        supervisor.on_time(100_000 + WITHIN, ""),
        Verdict::GaveUp(_)
    ));
}

#[test]
fn the_engines_own_failures_are_tried_again_for_a_while() {
    let mut supervisor = service(Restart::No);
    let mut now = 0;
    for n in 1..=ENGINE_TRIES {
        let Verdict::Again { at, attempt } =
            supervisor.on_failed(failure(FailureClass::Engine), now)
        else {
            panic!()
        };
        assert_eq!(attempt, n);
        assert!(at > now);
        now = at;
    }
    assert!(matches!(
        supervisor.on_failed(failure(FailureClass::Engine), now),
        Verdict::GaveUp(_)
    ));
    // One that worked in between makes up for those before.
    supervisor.reset(now);
    let _again = supervisor.on_failed(failure(FailureClass::Engine), now);
    supervisor.on_started(&life(1), now);
    assert!(matches!(
        supervisor.on_failed(failure(FailureClass::Engine), now),
        Verdict::Again { attempt: 1, .. }
    ));
}

#[test]
fn other_failures_are_final() {
    for class in [
        FailureClass::Build,
        FailureClass::ImageMissing,
        FailureClass::PortTaken,
        FailureClass::Other,
    ] {
        let mut supervisor = service(Restart::Always);
        assert!(
            matches!(supervisor.on_failed(failure(class), 0), Verdict::GaveUp(_)),
            "{class:?}"
        );
    }
    let mut supervisor = service(Restart::Always);
    assert!(matches!(
        supervisor.on_failed(failure(FailureClass::NameTaken), 0),
        Verdict::Again { .. }
    ));
}

#[derive(Debug, Clone)]
enum Step {
    Started,
    Ready,
    Unready,
    Exit(i64),
    Stopped,
    Failed(bool),
    Reset,
    Resumed,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Started),
        Just(Step::Ready),
        Just(Step::Unready),
        (0..3i64).prop_map(Step::Exit),
        Just(Step::Stopped),
        any::<bool>().prop_map(Step::Failed),
        Just(Step::Reset),
        Just(Step::Resumed),
        (0..40_000u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A loop that sleeps until the next deadline never spins, and is never told to wait for what has passed.
    #[test]
    fn after_on_time_every_deadline_is_in_the_future(
        steps in prop::collection::vec(step(), 0..40),
        policy in prop_oneof![
            Just(Restart::Auto), Just(Restart::No), Just(Restart::Always), Just(Restart::OnFailure { max: Some(2) })
        ],
        job in any::<bool>(),
    ) {
        let mut supervisor = Supervisor::new(policy, job, Duration::from_millis(WITHIN));
        let (mut now, mut lives) = (0, 0);
        for step in steps {
            match step {
                Step::Started => {
                    lives += 1;
                    supervisor.on_started(&life(lives), now);
                }
                Step::Ready => supervisor.on_ready(now),
                Step::Unready => supervisor.on_unready(now),
                Step::Exit(code) => drop(supervisor.on_exit(&life(lives), code, exit(), now)),
                Step::Stopped => supervisor.on_stopped(&life(lives)),
                Step::Failed(engine) => {
                    let class = if engine { FailureClass::Engine } else { FailureClass::Other };
                    drop(supervisor.on_failed(failure(class), now));
                }
                Step::Reset => supervisor.reset(now),
                Step::Resumed => supervisor.on_resumed(now),
                Step::Wait(time) => now += time,
            }
            let _verdict = supervisor.on_time(now, "");
            prop_assert!(supervisor.next_deadline().is_none_or(|at| at > now));
            // What is held for a while says when that ends.
            if supervisor.standing(now) == Some(Standing::Backoff) {
                prop_assert!(supervisor.next_deadline().is_some());
            }
        }
    }
}
