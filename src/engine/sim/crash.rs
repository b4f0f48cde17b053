//! Containers that end, that never get ready, and what people do to them by hand.

use std::time::Duration;

use super::harness::{phases, story};
use super::stacks::{gold, job, probed};
use super::{Bench, Life};
use crate::engine::event::{Event, FailureClass};
use crate::engine::goal::Outcome;
use crate::engine::state::Phase;
use crate::plan::hold::Hold;
use crate::plan::observed::Status;
use crate::plan::reconcile::scene::runs;
use crate::stack::{Probe, ProbeKind, Restart};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_crash_is_shown_waited_out_and_gated_again() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.end("gold-db-1", 1, false);

    let state = run.until_phase("db", Phase::Crashed).await;
    let db = state.service("db").unwrap();
    assert_eq!(db.restarts, 1);
    assert_eq!(
        db.failure.as_ref().unwrap().message,
        "ended with exit code 1"
    );
    // What runs on it keeps running, and says what it lacks.
    assert_eq!(state.service("api").unwrap().phase, Phase::Ready);
    let held = |state: &crate::engine::state::State| {
        matches!(
            state.service("db").unwrap().holds[..],
            [Hold::Backoff { attempt: 1, .. }]
        )
    };
    run.until("held", held).await;

    run.until_settled().await;
    assert_eq!(bench.world.count("start gold-db-1"), 2);
    assert_eq!(bench.world.count("start gold-api-1"), 1);
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_crashed_service_is_degraded_and_new_ones_wait() {
    let bench = Bench::new([
        probed("db", &[]),
        probed("api", &["db"]),
        probed("web", &["db"]).built(),
    ]);
    bench
        .world
        .set_latency(|latency| latency.build = 5 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Ready).await;
    bench.world.behave("db", |db| db.ready_after = 10 * SECOND);
    bench.world.end("gold-db-1", 1, false);
    let degraded =
        |state: &crate::engine::state::State| state.service("api").unwrap().degraded_by == ["db"];
    run.until("degraded", degraded).await;
    let held = |state: &crate::engine::state::State| matches!(&state.service("web").unwrap().holds[..], [Hold::Needs { on, .. }] if on == "db");
    run.until("web waits for db", held).await;
    let state = run.until_settled().await;
    assert_eq!(state.service("api").unwrap().degraded_by, [""; 0]);
    // The world has seen that web was started after db was ready again.
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_crashes_at_once_is_given_up_after_growing_pauses() {
    let bench = Bench::new([runs("api", &[]), runs("web", &["api"])]);
    bench.world.behave("api", |api| api.then = Life::ends(5, 3));
    let mut run = bench.up();
    let state = run.until_phase("api", Phase::Failed).await;
    assert_eq!(
        state
            .service("api")
            .unwrap()
            .failure
            .as_ref()
            .unwrap()
            .class,
        FailureClass::Exited
    );
    let starts: Vec<u64> = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what == "start gold-api-1")
        .map(|entry| entry.at)
        .collect();
    assert_eq!(starts.len(), 6, "one start and five restarts");
    let pauses: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        pauses.is_sorted() && pauses[0] >= 200 && pauses[4] >= 3200,
        "{pauses:?}"
    );

    // Nothing more happens until something changes.
    let calls = bench.world.journal().len();
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.journal().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn one_that_ran_well_for_a_while_has_its_restarts_back() {
    let bench = Bench::new([probed("api", &[])]);
    bench
        .world
        .behave("api", |api| api.then = Life::ends(30_000, 1));
    let mut run = bench.up();
    run.until("ten restarts", |_| {
        bench.world.count("start gold-api-1") > 10
    })
    .await;
    assert!(!run.state().service("api").unwrap().gave_up);
}

#[tokio::test(start_paused = true)]
async fn restart_policies_are_kept() {
    let with = |name: &str, restart| crate::stack::Service {
        restart,
        ..runs(name, &[])
    };
    let bench = Bench::new([
        with("never", Restart::No),
        with("twice", Restart::OnFailure { max: Some(2) }),
        with("clean", Restart::OnFailure { max: None }),
        with("always", Restart::Always),
    ]);
    for (service, code) in [("never", 1), ("twice", 1), ("clean", 0), ("always", 0)] {
        bench
            .world
            .behave(service, |service| service.then = Life::ends(100, code));
    }
    let run = bench.up();
    run.pass(300 * SECOND).await;
    assert_eq!(bench.world.count("start gold-never-1"), 1);
    assert_eq!(bench.world.count("start gold-twice-1"), 3);
    // An end without an error is no failure to restart on.
    assert_eq!(bench.world.count("start gold-clean-1"), 1);
    assert!(bench.world.count("start gold-always-1") > 20);
}

#[tokio::test(start_paused = true)]
async fn removed_by_hand_it_is_made_again() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.remove("gold-api-1");
    run.until("made again", |_| {
        bench.world.count("create gold-api-1") == 2
    })
    .await;
    run.until_settled().await;
    assert_eq!(bench.world.count("create gold-web-1"), 1);
    // A job that is done needs no container.
    bench.world.remove("gold-migrate-1");
    run.pass(5 * SECOND).await;
    run.until_settled().await;
    assert_eq!(bench.world.count("create gold-migrate-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn killed_by_hand_it_is_started_again() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.end("gold-api-1", 143, false);
    run.until("started again", |_| {
        bench.world.count("start gold-api-1") == 2
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn killed_for_memory_says_so() {
    let bench = Bench::new([runs("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.end("gold-api-1", 137, true);
    let state = run.until_phase("api", Phase::Crashed).await;
    assert_eq!(
        state
            .service("api")
            .unwrap()
            .failure
            .as_ref()
            .unwrap()
            .class,
        FailureClass::OutOfMemory
    );
    run.until_settled().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_never_gets_ready_is_given_up_runs_on_and_may_still_get_there() {
    let bench = Bench::new([probed("api", &[]), probed("web", &["api"])]);
    bench.world.behave("api", |api| api.sick = true);
    let mut run = bench.up();
    let state = run.until_phase("api", Phase::Failed).await;
    let failure = state.service("api").unwrap().failure.clone().unwrap();
    assert_eq!(failure.class, FailureClass::NotReady);
    assert_eq!(
        failure.detail.len(),
        1,
        "the probe's last answer: {failure:?}"
    );
    assert_eq!(bench.world.containers()["gold-api-1"], Status::Running);

    bench.world.behave("api", |api| api.sick = false);
    run.until_settled().await;
    assert!(!run.state().service("api").unwrap().gave_up);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn asked_again_a_hung_one_gets_a_new_deadline() {
    let bench = Bench::new([probed("api", &[])]);
    bench.world.behave("api", |api| api.sick = true);
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    run.ask_up(&[]).await;
    run.until_phase("api", Phase::Starting).await;
    // Whoever waits for it has to be told.
    run.until_phase("api", Phase::Failed).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_alive_any_more_is_restarted() {
    let kind = ProbeKind::Exec {
        command: vec!["alive".to_owned()],
    };
    let api = crate::stack::Service {
        alive: Some(Probe::new(kind)),
        ..probed("api", &[])
    };
    let bench = Bench::new([api]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("api", |api| api.dead_inside = true);
    run.until("stopped", |_| bench.world.count("stop gold-api-1") == 1)
        .await;
    bench.world.behave("api", |api| api.dead_inside = false);
    run.until_settled().await;
    assert_eq!(bench.world.count("start gold-api-1"), 2);
    let events = run.leave().await;
    let stop = events.iter().find_map(|stamped| match &stamped.event {
        Event::Operation {
            verb: crate::engine::event::Verb::Stop,
            cause,
            ..
        } => Some(cause.clone()),
        _ => None,
    });
    assert_eq!(
        stop.as_deref(),
        Some("it is not alive"),
        "{:#?}",
        story(&events)
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_crashes_while_another_starts_is_counted() {
    let bench = Bench::new([runs("api", &[]).replicated(2)]);
    bench.world.set_latency(|latency| latency.call = SECOND);
    bench.world.behave("api", |api| {
        api.lives = [Life::Stays, Life::Stays, Life::ends(50, 3)].into();
    });
    let mut run = bench.up();
    run.until_settled().await;
    // One is made anew, slowly; meanwhile the other one ends.
    bench.world.remove("gold-api-1");
    run.until("being made", |_| {
        bench.world.count("create gold-api-1") == 2
    })
    .await;
    bench.world.end("gold-api-2", 7, false);
    run.until("counted", |state| {
        state.service("api").unwrap().restarts > 0
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn set_up_inside_is_tried_again_and_the_log_is_followed_once() {
    let mut db = probed("db", &[]);
    db.provision = vec![vec![crate::stack::resolve::fixture::template("provision")]];
    let bench = Bench::new([db, job("migrate", &["db"])]);
    bench.world.behave("db", |db| {
        db.provision_failures = 3;
        db.says = vec!["one".to_owned(), "two".to_owned()];
    });
    let mut run = bench.up();
    run.until_settled().await;
    run.pass(SECOND).await;
    bench.world.say("gold-db-1", "three");
    run.pass(SECOND).await;
    let lines: Vec<String> = run.logs().into_iter().map(|entry| entry.line).collect();
    assert_eq!(lines, ["one", "two", "three"]);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn fewer_replicas_of_an_unready_service_are_ready_in_time() {
    let mut bench = Bench::new([probed("api", &[]).replicated(2)]);
    let mut run = bench.up();
    run.until_settled().await;
    // The second one does not come back; then the file wants one only.
    bench.world.behave("api", |api| api.sick = true);
    bench.world.end("gold-api-2", 1, false);
    run.until("runs again", |_| bench.world.count("start gold-api-2") == 2)
        .await;
    bench.edit(|stack| stack.services.get_mut("api").unwrap().replicas = 1);
    bench.world.behave("api", |api| api.sick = false);
    super::reload::reload_with(&run, bench.reloaded()).await;
    run.pass(60 * SECOND).await;
    assert_eq!(run.phase("api"), Phase::Ready);
    assert!(!story(&run.events()).contains(&"api gave up".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_soon_after_its_start_was_never_ready() {
    for (code, after) in [(1, 5), (0, 5), (1, 200)] {
        let bench = Bench::new([runs("api", &[]), runs("web", &["api"])]);
        bench
            .world
            .behave("api", |api| api.then = Life::ends(after, code));
        let run = bench.up_until_ready();
        let begun = run.state();
        let (outcome, events) = run.ended().await;
        assert!(
            matches!(outcome, Outcome::Failed(_)),
            "{code} {after}: {outcome:?}"
        );
        let shown = phases(begun, &events, "api");
        assert!(!shown.contains(&Phase::Ready), "{code} {after}: {shown:?}");
        assert_eq!(bench.world.count("start gold-web-1"), 0);
    }
}

/// When the last event of a run came after its first start, in milliseconds.
async fn until_ready(bench: &Bench) -> u64 {
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let begun = bench.world.journal().iter().rev().find_map(|entry| {
        let is_start = entry.what.starts_with("start");
        is_start.then_some(entry.at)
    });
    events.last().unwrap().at - begun.unwrap()
}

#[tokio::test(start_paused = true)]
async fn many_that_nobody_asks_wait_for_their_time_at_once_and_those_that_run_for_none() {
    let services: Vec<_> = (0..40).map(|n| runs(&format!("s{n}"), &[])).collect();
    let bench = Bench::new(services);
    let waited = until_ready(&bench).await;
    assert!((300..500).contains(&waited), "{waited}");
    bench.up_until_ready().ended().await;
    let begun = crate::engine::sim::clock::now();
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let again = crate::engine::sim::clock::now() - begun;
    assert!(again < 100, "{again}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_or_the_end_of_a_job_waits_for_no_time() {
    let bench = Bench::new([probed("db", &[]), job("migrate", &["db"])]);
    bench
        .world
        .behave("db", |db| db.ready_after = Duration::from_millis(20));
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let by_time = events.iter().filter(
        |event| matches!(&event.event, Event::Probe { answer, .. } if answer.starts_with("has run")),
    );
    assert_eq!(by_time.count(), 0);
}
