//! What runs makes way for something newer, and takes longer to end than it had to get ready: whatever comes next has its own
//! time, and nothing is said of it that is about the one before.

use std::time::Duration;

use super::harness::story;
use super::reload::reload_with;
use super::stacks::probed;
use super::{Bench, Run};
use crate::engine::event::{Event, Failure, FailureClass};
use crate::engine::state::{Phase, State};
use crate::plan::observed::Status;
use crate::stack::{Service, UpdateOrder};

const SECOND: Duration = Duration::from_secs(1);

/// How long it has to get ready, and how long it takes to end, where it ignores what it is told.
const WITHIN: Duration = Duration::from_secs(6);
const GRACE: Duration = Duration::from_secs(9);

const ORDERS: [UpdateOrder; 2] = [UpdateOrder::StartFirst, UpdateOrder::StopFirst];

fn api(update: UpdateOrder) -> Service {
    let mut api = probed("api", &[]);
    api.ready.as_mut().expect("it has a probe").within = WITHIN;
    Service { update, ..api }
}

/// Another configuration: its containers run as another user. As `bad` they never get ready.
async fn save(bench: &mut Bench, run: &Run, user: &str) {
    bench.edit(|stack| {
        stack.services.get_mut("api").unwrap().user = Some(user.to_owned());
    });
    reload_with(run, bench.reloaded()).await;
}

fn behaves(bench: &Bench) {
    bench.world.behave("api", |api| {
        api.sick_as = Some("bad".to_owned());
        api.stops_after = GRACE;
    });
}

/// A good one serves, and a bad one is on trial for three seconds.
async fn on_trial(service: Service) -> (Bench, Run) {
    let mut bench = Bench::new([service]);
    let mut run = bench.up();
    run.until_settled().await;
    behaves(&bench);
    save(&mut bench, &run, "bad").await;
    run.until("it is tried", |_| {
        bench.world.count("start gold-api-1.next") == 1
    })
    .await;
    run.pass(3 * SECOND).await;
    (bench, run)
}

/// The newest one alone is there, and ready.
async fn serves(bench: &Bench, run: &mut Run, user: &str) {
    let is_there = |_: &State| {
        let model = bench.world.model();
        let newest = model.by_name("gold-api-1");
        let is_it = newest.is_some_and(|api| {
            api.user.as_deref() == Some(user) && api.seen.status == Status::Running
        });
        is_it && model.containers.len() == 1
    };
    run.until("the newest has its place", is_there).await;
    let state = run.until_settled().await;
    assert_eq!(state.service("api").unwrap().failure, None);
    bench.check();
}

fn failures(run: &Run) -> Vec<Failure> {
    let events = run.events().into_iter();
    let failures = events.filter_map(|stamped| match stamped.event {
        Event::GaveUp { why, .. } => Some(why),
        _ => None,
    });
    failures.collect()
}

fn nothing_failed(run: &Run) {
    assert_eq!(failures(run), [], "{:#?}", story(&run.events()));
}

#[tokio::test(start_paused = true)]
async fn what_is_saved_while_a_bad_one_is_tried_has_its_own_trial() {
    for order in ORDERS {
        let (mut bench, mut run) = on_trial(api(order)).await;
        save(&mut bench, &run, "good").await;
        serves(&bench, &mut run, "good").await;
        nothing_failed(&run);
        assert_eq!(bench.world.count("start gold-api-1"), 1, "{order:?}");
        assert_eq!(bench.world.count("start gold-api-1.next"), 2, "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_it_has_where_its_build_takes_longer_than_the_trial() {
    for order in ORDERS {
        let (mut bench, mut run) = on_trial(api(order).built()).await;
        bench
            .world
            .set_latency(|latency| latency.build = 4 * WITHIN);
        fs_err::write(bench.dir.join("api/README.md"), "good").unwrap();
        run.saved(&bench, "api/README.md").await;
        save(&mut bench, &run, "good").await;
        serves(&bench, &mut run, "good").await;
        nothing_failed(&run);
        assert_eq!(bench.world.count("build gold-api"), 2, "{order:?}");
        assert_eq!(bench.world.count("start gold-api-1"), 1, "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_it_has_in_the_last_moment_before_the_deadline() {
    for order in ORDERS {
        for before in (0..120).step_by(7) {
            let (mut bench, mut run) = on_trial(api(order)).await;
            let began = bench
                .world
                .model()
                .by_name("gold-api-1.next")
                .unwrap()
                .began;
            let left = WITHIN - began.expect("it runs").elapsed();
            run.pass(left.saturating_sub(Duration::from_millis(before)))
                .await;
            save(&mut bench, &run, "good").await;
            serves(&bench, &mut run, "good").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_the_newer_ones_is_judged_by_itself() {
    for order in ORDERS {
        let (mut bench, mut run) = on_trial(api(order)).await;
        bench
            .world
            .behave("api", |api| api.sick_as = Some("worse".to_owned()));
        // From now on the first would get ready, if it were not on its way out.
        bench
            .world
            .behave("api", |api| api.ready_after = 60 * SECOND);
        save(&mut bench, &run, "worse").await;
        run.until("the second is tried", |_| {
            bench.world.count("start gold-api-1.next") == 2
        })
        .await;
        nothing_failed(&run);
        bench.world.behave("api", |api| api.ready_after = SECOND);
        let begun = tokio::time::Instant::now();
        run.until("the one before runs on", runs_on).await;
        assert!(begun.elapsed() >= WITHIN, "{order:?} {:?}", begun.elapsed());
        let messages: Vec<_> = failures(&run).into_iter().map(|why| why.message).collect();
        let why = "the new one did not get ready: not ready within 6 s";
        assert_eq!(messages, [why], "{order:?}");
        run.pass(60 * SECOND).await;
        assert!(runs_on(&run.state()), "{order:?}");
        assert_eq!(failures(&run).len(), 1, "{order:?}");
        bench.check();
    }
}

/// The one before serves, and why is known.
fn runs_on(state: &State) -> bool {
    let api = state.service("api").unwrap();
    let why = api.failure.as_ref().map(|failure| failure.class);
    api.phase == Phase::Ready && why == Some(FailureClass::Replacement)
}

#[tokio::test(start_paused = true)]
async fn the_one_before_is_not_judged_before_it_is_started_again() {
    for order in ORDERS {
        let (bench, mut run) = on_trial(api(order)).await;
        run.until("the one before runs on", runs_on).await;
        run.pass(60 * SECOND).await;
        let classes: Vec<_> = failures(&run).into_iter().map(|why| why.class).collect();
        assert_eq!(classes, [FailureClass::Replacement], "{order:?}");
        assert_eq!(bench.world.containers().len(), 1);
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_of_a_service_makes_way_too() {
    for order in ORDERS {
        for builds in [SECOND, 4 * WITHIN] {
            let mut bench = Bench::new([api(order).built()]);
            behaves(&bench);
            bench.edit(|stack| {
                stack.services.get_mut("api").unwrap().user = Some("bad".to_owned());
            });
            let mut run = bench.up();
            run.until_phase("api", Phase::Starting).await;
            run.pass(3 * SECOND).await;
            bench.world.set_latency(|latency| latency.build = builds);
            fs_err::write(bench.dir.join("api/README.md"), "good").unwrap();
            run.saved(&bench, "api/README.md").await;
            save(&mut bench, &run, "good").await;
            serves(&bench, &mut run, "good").await;
            nothing_failed(&run);
        }
    }
}

/// An engine tells of an end before it answers the call that asked for it.
#[tokio::test(start_paused = true)]
async fn what_was_to_be_replaced_is_not_started_between_two_newer_ones() {
    let (mut bench, mut run) = on_trial(api(UpdateOrder::StopFirst)).await;
    save(&mut bench, &run, "good").await;
    bench.world.end("gold-api-1.next", 143, false);
    serves(&bench, &mut run, "good").await;
    nothing_failed(&run);
    assert_eq!(bench.world.count("start gold-api-1"), 1);
}
