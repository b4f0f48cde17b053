//! How engines end.

use std::time::Duration;

use super::fault::{How, verb};
use super::harness::story;
use super::stacks::{gold, probed};
use super::{Bench, Life, Run};
use crate::engine::event::{Event, FailureClass};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::Command;
use crate::engine::state::{Phase, State};
use crate::plan::observed::{Generation, Status};
use crate::plan::reconcile::Removal;
use crate::plan::reconcile::scene::runs;
use crate::stack::Restart;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn not_ready_in_time_is_late() {
    let bench = Bench::new([probed("api", &[]), probed("web", &["api"])]);
    bench.world.behave("api", |api| api.sick = true);
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert!(outcome.is_late(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crashed_one_whose_need_is_lost_ends_the_wait() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"])]);
    bench.up_until_ready().ended().await;
    // The database crashes for good, and the app with it.
    for service in ["db", "api"] {
        bench
            .world
            .behave(service, |service| service.then = Life::ends(50, 1));
    }
    bench.world.end("gold-db-1", 1, false);
    let run = bench.up_until_ready();
    run.pass(Duration::from_millis(100)).await;
    bench.world.end("gold-api-1", 1, false);
    let (outcome, events) = run.ended().await;
    assert!(
        matches!(outcome, Outcome::Failed(_)),
        "{outcome:?} {:#?}",
        story(&events)
    );
}

#[tokio::test(start_paused = true)]
async fn a_need_that_is_lost_behind_a_job_that_is_done_ends_the_wait() {
    let bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    bench.world.behave("db", |db| db.then = Life::ends(50, 1));
    for name in ["gold-web-1", "gold-api-1", "gold-db-1"] {
        bench.world.end(name, 1, false);
    }
    let (outcome, events) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{:#?}", story(&events))
    };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, "db");
}

#[tokio::test(start_paused = true)]
async fn what_crashes_over_and_over_without_a_probe_is_never_ready_for_a_moment() {
    let crash = crate::stack::Service {
        restart: Restart::OnFailure { max: Some(3) },
        ..runs("crash", &[])
    };
    let bench = Bench::new([crash, probed("slow", &[])]);
    bench
        .world
        .behave("crash", |crash| crash.then = Life::ends(400, 3));
    bench
        .world
        .behave("slow", |slow| slow.ready_after = Duration::from_millis(700));
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert!(
        matches!(&outcome, Outcome::Failed(all) if all[0].0 == "crash"),
        "{outcome:?} {:#?}",
        story(&events)
    );
    assert!(!events.iter().any(|stamped| matches!(
        stamped.event,
        crate::engine::event::Event::Settled { ready: true, .. }
    )));
    assert_eq!(bench.world.count("start gold-crash-1"), 4);
}

#[tokio::test(start_paused = true)]
async fn what_crashed_once_and_then_runs_is_ready_without_a_probe() {
    let bench = Bench::new([runs("api", &[]), probed("slow", &[])]);
    bench
        .world
        .behave("api", |api| api.lives = [Life::ends(100, 1)].into());
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
}

#[tokio::test(start_paused = true)]
async fn what_is_always_restarted_and_never_gets_ready_is_late() {
    let crash = crate::stack::Service {
        restart: Restart::Always,
        ..probed("crash", &[])
    };
    let bench = Bench::new([crash]);
    bench
        .world
        .behave("crash", |crash| crash.then = Life::ends(20, 3));
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert!(outcome.is_late(), "{outcome:?}");
    // It is started again all the same, for as long as somebody is there.
    let mut run = bench.up();
    run.until_phase("crash", Phase::Failed).await;
    let starts = bench.world.count("start gold-crash-1");
    run.until("started again", |_| {
        bench.world.count("start gold-crash-1") > starts
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_at_the_moment_of_leaving_is_seen() {
    let db = crate::stack::Service {
        restart: Restart::OnFailure { max: Some(2) },
        ..runs("db", &[])
    };
    let bench = Bench::new([db]);
    // It ends while the engine is told who restarts it.
    bench.world.behave("db", |db| db.then = Life::ends(30, 3));
    bench.world.fault(
        1,
        verb("update"),
        How::Refuse(
            FailureClass::Other,
            "cannot update a stopped container".to_owned(),
        ),
    );
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert!(
        matches!(&outcome, Outcome::Failed(all) if all[0].1.class == FailureClass::Exited),
        "{outcome:?} {:#?}",
        story(&events)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_hands_restarts_to_the_engine() {
    let db = crate::stack::Service {
        restart: Restart::UnlessStopped,
        ..probed("db", &[])
    };
    let bench = Bench::new([db, probed("api", &["db"])]);
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let policy = |name: &str| {
        bench
            .world
            .model()
            .by_name(name)
            .unwrap()
            .seen
            .restart_policy
            .clone()
    };
    assert_eq!(
        policy("gold-db-1"),
        "unless-stopped",
        "{:#?}",
        story(&events)
    );
    assert_eq!(policy("gold-api-1"), "no");
    let mut run = bench.up();
    run.until("taken back", |_| policy("gold-db-1") == "no")
        .await;
    assert_eq!(bench.world.count("start gold-db-1"), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_watches_and_leaves_hands_restarts_over_and_stops_and_starts_nothing() {
    let lasting = |name: &str, restart| crate::stack::Service {
        restart,
        ..probed(name, &[])
    };
    let bench = Bench::new([
        lasting("db", Restart::UnlessStopped),
        lasting("side", Restart::Always),
        probed("api", &["db"]),
    ]);
    let mut run = bench.up();
    run.until_settled().await;
    run.tell(Command::Stop {
        services: vec!["side".to_owned()],
    })
    .await;
    run.until_phase("side", Phase::Stopped).await;
    run.pass(SECOND).await;
    let before = bench.world.containers();
    let calls = bench.world.journal().len();
    run.tell(Command::HandOver).await;
    let (outcome, events) = run.ended().await;
    assert_eq!(outcome, Outcome::Left, "{:#?}", story(&events));
    let policy = |name: &str| {
        let model = bench.world.model();
        model.by_name(name).unwrap().seen.restart_policy.clone()
    };
    assert_eq!(policy("gold-db-1"), "unless-stopped");
    assert_eq!(policy("gold-side-1"), "no", "stopped by hand");
    assert_eq!(policy("gold-api-1"), "no");
    assert_eq!(bench.world.containers(), before);
    let after = bench.world.journal();
    assert_eq!(after.len(), calls + 1, "{:?}", &after[calls..]);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn whoever_leaves_while_a_build_runs_does_not_wait_for_it() {
    let db = crate::stack::Service {
        restart: Restart::Always,
        ..probed("db", &[])
    };
    let bench = Bench::new([db, probed("api", &["db"]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 300 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Building).await;
    run.until_phase("db", Phase::Ready).await;
    let begun = tokio::time::Instant::now();
    run.tell(Command::HandOver).await;
    let (outcome, _) = run.ended().await;
    assert_eq!(outcome, Outcome::Left);
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    let model = bench.world.model();
    assert_eq!(
        model.by_name("gold-db-1").unwrap().seen.restart_policy,
        "always"
    );
}

#[tokio::test(start_paused = true)]
async fn stopping_keeps_the_containers_and_ends_dependents_first() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    run.tell(Command::StopAndLeave).await;
    let (outcome, _) = run.ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert!(
        bench
            .world
            .containers()
            .values()
            .all(|status| matches!(status, Status::Exited { .. }))
    );
    assert_eq!(bench.world.containers().len(), 4);
    let stops: Vec<String> = bench
        .world
        .journal()
        .into_iter()
        .map(|entry| entry.what)
        .filter(|what| what.starts_with("stop"))
        .collect();
    assert_eq!(
        stops,
        ["stop gold-web-1", "stop gold-api-1", "stop gold-db-1"]
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn down_leaves_nothing_but_volumes_unless_asked() {
    for volumes in [false, true] {
        let bench = Bench::new(gold());
        bench.up_until_ready().ended().await;
        let (outcome, events) = bench
            .run(
                Goal::Down(Removal {
                    volumes,
                    ..Removal::default()
                }),
                Until::Told,
            )
            .ended()
            .await;
        assert_eq!(outcome, Outcome::Done);
        assert_eq!(story(&events).last().unwrap(), "bye");
        let model = bench.world.model();
        assert!(model.containers.is_empty() && model.networks.is_empty());
        assert_eq!(model.volumes.is_empty(), volumes);
    }
}

#[tokio::test(start_paused = true)]
async fn down_in_the_middle_of_coming_up_leaves_nothing() {
    for after in (0..1500).step_by(37) {
        let bench = Bench::new(gold());
        let run = bench.up();
        run.pass(Duration::from_millis(after)).await;
        run.tell(Command::Down {
            removal: Removal {
                volumes: true,
                ..Removal::default()
            },
        })
        .await;
        let (outcome, events) = run.ended().await;
        assert_eq!(outcome, Outcome::Done, "{after}: {:#?}", story(&events));
        let model = bench.world.model();
        assert!(
            model.containers.is_empty(),
            "{after}: {:#?}",
            story(&events)
        );
        assert!(
            model.networks.is_empty() && model.volumes.is_empty(),
            "{after}: {:#?}",
            story(&events)
        );
        drop(model);
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn stop_in_the_middle_of_coming_up_leaves_nothing_running() {
    for after in (0..1500).step_by(37) {
        let bench = Bench::new(gold());
        let run = bench.up();
        run.pass(Duration::from_millis(after)).await;
        run.tell(Command::StopAndLeave).await;
        let (outcome, events) = run.ended().await;
        assert_eq!(outcome, Outcome::Done, "{after}: {:#?}", story(&events));
        let running = bench
            .world
            .containers()
            .values()
            .any(|status| *status == Status::Running);
        assert!(!running, "{after}: {:#?}", story(&events));
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_down_that_cannot_be_ends_with_the_reason() {
    let bench = Bench::new([runs("api", &[])]);
    bench.up_until_ready().ended().await;
    // Somebody else's container is on the network, for good.
    let refuse = How::Refuse(
        FailureClass::Other,
        "network gold_default has active endpoints".to_owned(),
    );
    bench.world.fault(
        u32::MAX,
        Box::new(|action| matches!(action, crate::plan::Action::RemoveNetwork { .. })),
        refuse,
    );
    let begun = tokio::time::Instant::now();
    let (outcome, events) = bench
        .run(Goal::Down(Removal::default()), Until::Told)
        .ended()
        .await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{:#?}", story(&events))
    };
    assert!(
        failures[0].1.message.contains("active endpoints"),
        "{failures:?}"
    );
    assert!(begun.elapsed() < 30 * SECOND);
    assert!(
        bench.world.journal().len() < 30,
        "{:#?}",
        bench.world.journal()
    );
}

#[tokio::test(start_paused = true)]
async fn a_down_that_fails_for_a_moment_is_done_after_all() {
    let bench = Bench::new([runs("api", &[]), runs("web", &["api"])]);
    bench.up_until_ready().ended().await;
    for verb in ["stop", "remove"] {
        let refuse = How::Refuse(FailureClass::Engine, "busy".to_owned());
        bench.world.fault(2, super::fault::verb(verb), refuse);
    }
    let (outcome, events) = bench
        .run(Goal::Down(Removal::default()), Until::Told)
        .ended()
        .await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
    assert!(bench.world.model().containers.is_empty());
}

#[tokio::test(start_paused = true)]
async fn told_to_leave_it_begins_nothing_more() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"])]);
    let mut run = bench.up();
    run.until_phase("db", Phase::Ready).await;
    run.leave().await;
    let calls = bench.world.journal().len();
    tokio::time::sleep(60 * SECOND).await;
    assert!(bench.world.journal().len() <= calls + 1);
}

#[tokio::test(start_paused = true)]
async fn looking_only_changes_nothing() {
    let bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    bench.world.end("gold-web-1", 1, false);
    let calls = bench.world.journal().len();
    let run = bench.run(Goal::Observe, Until::Answered);
    let (outcome, _) = run.ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(
        failures
            .iter()
            .map(|(service, _)| service.as_str())
            .collect::<Vec<_>>(),
        ["web"]
    );
    assert_eq!(bench.world.journal().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_second_checkout_of_the_name_is_refused() {
    let bench = Bench::new([runs("api", &[])]);
    bench.up_until_ready().ended().await;
    {
        let mut model = bench.world.model();
        let id = model.containers.keys().next().cloned().unwrap();
        let seen = &mut model.containers.get_mut(&id).unwrap().seen;
        seen.dir = Some("/elsewhere".to_owned());
        seen.checkout = Some("another".to_owned());
    }
    let calls = bench.world.journal().len();
    let (outcome, _) = bench.up().ended().await;
    assert_eq!(
        outcome,
        Outcome::OtherCheckout {
            dir: "/elsewhere".to_owned()
        }
    );
    assert_eq!(bench.world.journal().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn who_asks_later_is_told_how_it_failed_and_since_when() {
    let bench = Bench::new([probed("db", &[]), runs("crash", &[])]);
    bench
        .world
        .behave("crash", |crash| crash.then = Life::ends(100, 3));
    let begun = super::clock::now();
    let mut run = bench.up();
    run.until_phase("crash", Phase::Failed).await;
    let failed = super::clock::now();
    run.leave().await;
    tokio::time::sleep(720 * SECOND).await;
    let observe = || bench.run(Goal::Observe, Until::Answered);
    let state = last_state(observe()).await;
    let crash = state.service("crash").unwrap();
    assert_eq!((crash.phase, crash.restarts), (Phase::Failed, 5));
    let message = &crash.failure.as_ref().unwrap().message;
    assert_eq!(message, "ended with exit code 3");
    assert!(
        failed.abs_diff(crash.since) < 1_000,
        "{} {failed}",
        crash.since
    );
    let db = state.service("db").unwrap();
    assert_eq!(db.phase, Phase::Ready);
    assert!(
        (begun..begun + 1_000).contains(&db.since),
        "{} {begun}",
        db.since
    );
    let mut down = bench.run(Goal::Down(Removal::default()), Until::Told);
    down.until("done", |state| state.service("db").is_some())
        .await;
    down.ended().await;
    let state = last_state(observe()).await;
    let crash = state.service("crash").unwrap();
    assert!(crash.failure.is_none(), "{crash:?}");
    assert!(bench.store().failures().is_empty());
    bench.check();
}

/// What an engine that ends by itself came to know.
async fn last_state(run: Run) -> State {
    let mut states = run.watch();
    run.ended().await;
    states.borrow_and_update().clone()
}

#[tokio::test(start_paused = true)]
async fn what_stops_is_shown_until_the_end_and_nothing_new_is_taken_up() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    run.tell(Command::StopAndLeave).await;
    let state = run.until("it is told", |state| state.ending).await;
    assert!(state.services.iter().all(|service| service.info.wanted));
    assert!(run.restart(&["db"]).await.is_err());
    let (reply, answer) = tokio::sync::oneshot::channel();
    run.tell(Command::Up {
        services: Vec::new(),
        origin: Box::default(),
        wishes: crate::plan::demands::Wishes::default(),
        reply,
    })
    .await;
    assert!(answer.await.unwrap().is_err());
    // What was begun is not cut short by being asked again.
    run.tell(Command::StopAndLeave).await;
    let last = run.until_phase("db", Phase::Stopped).await;
    let phases: Vec<Phase> = last.services.iter().map(|service| service.phase).collect();
    let over = |phase: &Phase| matches!(phase, Phase::Stopped | Phase::Done);
    assert!(phases.iter().all(over), "{phases:?}");
    let (outcome, _) = run.ended().await;
    assert_eq!(outcome, Outcome::Done);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_not_made_a_stop_by_an_interrupt() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    run.tell(Command::Down {
        removal: Removal::default(),
    })
    .await;
    run.tell(Command::StopAndLeave).await;
    let (outcome, _) = run.ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert!(bench.world.containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_an_engine_that_ends_is_refused_at_once() {
    let bench = Bench::new([probed("db", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    let inputs = run.inputs.clone();
    run.tell(Command::StopAndLeave).await;
    run.ended().await;
    assert!(crate::engine::bus::subscribe(&inputs).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_restart_asked_before_the_first_look_counts() {
    let bench = Bench::new([probed("db", &[])]);
    bench.up_until_ready().ended().await;
    let run = bench.up_until_ready();
    let ends = run.restart(&["db-1"]).await.unwrap();
    let old = Generation::clone(&ends[0]);
    let (outcome, events) = run.ended().await;
    let mut lives = events.iter().filter_map(|stamped| match &stamped.event {
        Event::Instance { found, .. } => Some(found.as_ref()?.generation.clone()),
        _ => None,
    });
    assert!(ends.len() == 1 && lives.next_back().is_some_and(|life| life != old));
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(bench.world.count("stop gold-db-1"), 1);
    assert_eq!(bench.world.count("start gold-db-1"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_goes_down_is_never_ready_in_between() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    let before = run.until_settled().await;
    let known = run.events().len();
    run.tell(Command::Down {
        removal: Removal::default(),
    })
    .await;
    let (_, events) = run.ended().await;
    assert_eq!(
        super::harness::phases(before, &events[known..], "db"),
        [
            Phase::Ready,
            Phase::Stopping,
            Phase::Stopped,
            Phase::Stopping,
            Phase::Stopped
        ]
    );
}
