//! What may start when.

use std::time::Duration;

use super::harness::{phases, story};
use super::stacks::{gold, job, probed};
use super::{Bench, Life, Run};
use crate::engine::goal::Outcome;
use crate::engine::state::Phase;
use crate::plan::hold::Hold;
use crate::plan::reconcile::scene::runs;
use crate::stack::{Condition, Template};

const SECOND: Duration = Duration::from_secs(1);

fn place(story: &[String], what: &str) -> usize {
    let found = story.iter().position(|entry| entry == what);
    found.unwrap_or_else(|| panic!("no `{what}` in {story:#?}"))
}

#[tokio::test(start_paused = true)]
async fn everything_comes_up_in_order() {
    let bench = Bench::new(gold());
    let mut run: Run = bench.up();
    run.until_settled().await;
    let story = story(&run.leave().await);
    let order = [
        "db passes",
        "start gold-migrate-1",
        "migrate done true",
        "start gold-api-1",
        "api passes",
        "start gold-web-1",
    ];
    for pair in order.windows(2) {
        assert!(
            place(&story, pair[0]) < place(&story, pair[1]),
            "{pair:?} in {story:#?}"
        );
    }
    let done = story
        .iter()
        .filter(|entry| *entry == "migrate done true")
        .count();
    assert_eq!(done, 1, "{story:#?}");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn until_ready_it_ends_by_itself() {
    let bench = Bench::new(gold());
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_is_known_at_once_and_changes_nothing() {
    let bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    let calls = bench.world.journal().len();
    let begun = tokio::time::Instant::now();
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(bench.world.journal().len(), calls, "{:#?}", story(&events));
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_quiet_engine_does_next_to_nothing() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    let (calls, looks) = (bench.world.journal().len(), bench.world.model().looks);
    run.pass(600 * SECOND).await;
    assert_eq!(bench.world.journal().len(), calls);
    let looks = bench.world.model().looks - looks;
    assert!((15..=25).contains(&looks), "{looks} looks in ten minutes");
}

/// Each look asks about every container, and an engine at work tells late of what it has done.
#[tokio::test(start_paused = true)]
async fn what_it_has_done_itself_is_no_reason_to_look() {
    for late in [0, 5, 15, 60, 200] {
        let services = (0..40).map(|number| runs(&format!("s{number}"), &[]));
        let bench = Bench::new(services);
        bench
            .world
            .set_latency(|latency| latency.news = Duration::from_millis(late));
        // Whether an image has a health check of its own, a look has to tell.
        bench.up_until_ready().ended().await;
        bench.world.model().containers.clear();
        bench.world.model().looks = 0;
        let (outcome, _) = bench.up_until_ready().ended().await;
        assert_eq!(outcome, Outcome::Done);
        let looks = bench.world.model().looks;
        assert!(looks <= 3, "{looks} looks, told after {late} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_gate_holds_again_when_what_is_needed_went_away_meanwhile() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 10 * SECOND);
    let mut run = bench.up();
    run.until_phase("db", Phase::Ready).await;
    bench.world.behave("db", |db| db.ready_after = 15 * SECOND);
    run.pass(9 * SECOND).await;
    bench.world.end("gold-db-1", 1, false);
    run.until_settled().await;
    let started = bench
        .world
        .journal()
        .into_iter()
        .find(|entry| entry.what == "start gold-api-1")
        .unwrap();
    assert!(started.at > 1_700_000_000_000 + 20_000, "{started:?}");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn started_is_enough_for_who_says_so() {
    let bench = Bench::new([
        probed("db", &[]),
        probed("api", &[]).with_need_as("db", Condition::Started, false),
    ]);
    bench.world.behave("db", |db| db.ready_after = 10 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Ready).await;
    assert_eq!(run.phase("db"), Phase::Starting);
    let degraded = |run: &Run| run.state().service("api").unwrap().degraded_by.clone();
    run.pass(SECOND).await;
    assert_eq!(run.phase("db"), Phase::Starting);
    assert!(
        degraded(&run).is_empty(),
        "it asks no more than that it runs"
    );
    run.until_phase("db", Phase::Ready).await;
    bench.world.behave("db", |db| db.sick = true);
    run.until_phase("db", Phase::Unready).await;
    assert!(degraded(&run).is_empty());
    bench.world.end("gold-db-1", 1, false);
    run.until("degraded", |state| {
        state.service("api").unwrap().degraded_by == ["db"]
    })
    .await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_only_had_to_start_loses_nobody_when_it_is_late() {
    let bench = Bench::new([
        probed("db", &[]),
        probed("api", &[])
            .with_need_as("db", Condition::Started, false)
            .built(),
    ]);
    bench.world.behave("db", |db| db.sick = true);
    bench
        .world
        .set_latency(|latency| latency.build = 30 * SECOND);
    bench
        .world
        .behave("api", |api| api.lives.push_back(Life::ends(100, 1)));
    let run = bench.up_until_ready();
    let (outcome, events) = run.ended().await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    let story = story(&events);
    assert!(
        place(&story, "db gave up") < place(&story, "api again 1"),
        "{story:#?}"
    );
    place(&story, "api passes");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_be_restarted_with_its_need_is_and_after_it_is_ready() {
    let bench = Bench::new([
        probed("db", &[]),
        probed("api", &[]).with_need_as("db", Condition::Ready, true),
        probed("web", &["db"]),
    ]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("db", |db| db.ready_after = 2 * SECOND);
    bench.world.end("gold-db-1", 1, false);
    // Stopped, and to be started again: it says what it waits for until it is.
    let waits = |state: &crate::engine::state::State| {
        let api = state.service("api").unwrap();
        api.phase == Phase::Waiting
            && matches!(&api.holds[..], [Hold::Needs { on, .. }] if on == "db")
    };
    run.until("api waits for db", waits).await;
    let after = run.events().len();
    let before = run.state();
    run.until("bounced", |_| bench.world.count("start gold-api-1") == 2)
        .await;
    run.until_settled().await;
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    assert_eq!(
        phases(before, &run.events()[after..], "api"),
        [Phase::Waiting, Phase::Starting, Phase::Ready]
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_crashed_waits_for_its_need_before_its_pause_is_over() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("db", |db| db.ready_after = 5 * SECOND);
    bench.world.end("gold-db-1", 1, false);
    bench.world.end("gold-api-1", 1, false);
    let waits = |state: &crate::engine::state::State| {
        let api = state.service("api").unwrap();
        api.phase == Phase::Crashed
            && matches!(&api.holds[..], [Hold::Needs { on, .. }, Hold::Backoff { .. }] if on == "db")
    };
    run.until("api waits for db", waits).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_need_that_gets_unready_holds_what_has_not_started() {
    let bench = Bench::new([
        probed("db", &[]),
        probed("api", &["db"]),
        probed("web", &["db"]).built(),
    ]);
    bench
        .world
        .set_latency(|latency| latency.build = 60 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Ready).await;
    bench.world.behave("db", |db| db.sick = true);
    run.until_phase("db", Phase::Unready).await;
    run.pass(90 * SECOND).await;
    assert_eq!(bench.world.count("start gold-web-1"), 0);
    bench.world.behave("db", |db| db.sick = false);
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_blocks_what_needs_it_and_says_so() {
    let bench = Bench::new([
        job("migrate", &[]),
        runs("api", &["migrate"]),
        runs("web", &["api"]),
        runs("other", &[]),
    ]);
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(100, 2));
    let (outcome, events) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{:#?}", story(&events))
    };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, "migrate");
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    assert_eq!(bench.world.count("start gold-api-1"), 0);
    assert_eq!(bench.world.count("start gold-other-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn forty_services_come_up_together() {
    let services = (0..40).map(|n| probed(&format!("s{n:02}"), &[]));
    let bench = Bench::new(services);
    let mut run = bench.up();
    let begun = tokio::time::Instant::now();
    run.until_settled().await;
    // Ten pulls after one another at most (four at once), then four rounds of calls, then the probe.
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn how_often_a_probe_failed_and_when_last_is_known_without_a_flood() {
    let bench = Bench::new([probed("db", &[])]);
    bench.world.behave("db", |db| db.ready_after = 12 * SECOND);
    let mut run = bench.up();
    run.until_phase("db", Phase::Starting).await;
    run.pass(10 * SECOND).await;
    let state = run.state();
    let service = state.service("db").unwrap();
    let probe = service.instances[&1].probe.clone().unwrap();
    // From 100 ms on, each pause half as long again, until 2 s.
    assert!((9..=13).contains(&probe.failures), "{probe:?}");
    let ago = super::clock::now() - probe.at;
    assert!(ago <= 2_100, "{ago} ms ago");
    run.until_settled().await;
    let told = story(&run.leave().await);
    let told = told.iter().filter(|entry| *entry == "db fails").count();
    assert!((2..=12).contains(&told), "{told} events");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_second_up_finds_nobody_degraded_by_what_it_has_not_asked_yet() {
    let replicas = crate::stack::Service {
        replicas: 2,
        ..probed("twice", &[])
    };
    // By name, what needs comes before what is needed.
    let bench = Bench::new([
        probed("web", &[]),
        replicas,
        probed("plain", &["web"]),
        probed("app", &["plain", "twice", "web"]),
    ]);
    let mut run = bench.up();
    run.until_settled().await;
    run.leave().await;
    let mut run = bench.up();
    let mut state = run.state();
    run.until_settled().await;
    for stamped in run.events() {
        state.apply(&stamped);
        let degraded =
            |service: &&crate::engine::state::ServiceState| !service.degraded_by.is_empty();
        let found = state.services.iter().find(degraded);
        let found = found.map(|service| (&service.info.name, &service.degraded_by));
        assert_eq!(found, None, "{:?}", stamped.event);
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn who_can_do_without_it_is_not_failed_by_it() {
    let mut api = probed("api", &["db"]);
    api.needs.insert(
        "migrate".to_owned(),
        crate::stack::Need {
            condition: Condition::Ready,
            restart: false,
            required: false,
        },
    );
    let bench = Bench::new([probed("db", &[]), job("migrate", &["db"]), api]);
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(100, 3));
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(bench.world.count("start gold-api-1"), 1);
    // Asked for by itself, it counts.
    let goal = bench.goal(&["migrate"]);
    let (outcome, _) = bench
        .run(goal, crate::engine::goal::Until::Ready)
        .ended()
        .await;
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_waited_for_in_two_ways_is_told_once() {
    let bench = Bench::new([
        probed("db", &[]),
        job("migrate", &["db"]),
        probed("api", &["db", "migrate"]),
    ]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("db", |db| db.ready_after = 5 * SECOND);
    bench.world.end("gold-db-1", 1, false);
    bench.world.end("gold-api-1", 1, false);
    let waits = |state: &crate::engine::state::State| {
        let api = state.service("api").unwrap();
        matches!(&api.holds[..], [Hold::Needs { on, .. }, Hold::Backoff { .. }] if on == "db")
    };
    run.until("api waits for db, once", waits).await;
    run.until_settled().await;
    bench.check();
}

fn reconfigured(bench: &mut Bench, services: &[&str]) {
    bench.edit(|stack| {
        for name in services {
            let service = stack.services.get_mut(*name).unwrap();
            service.command = Some(vec![Template::text("another")]);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_on_what_is_about_to_make_way() {
    let mut bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    // The one that runs is found ready long before it has ended.
    bench.world.behave("db", |db| db.stops_after = 5 * SECOND);
    reconfigured(&mut bench, &["db", "migrate", "api"]);
    let mut run = bench.up();
    let waits = |state: &crate::engine::state::State| {
        let holds = &state.service("migrate").unwrap().holds[..];
        matches!(holds, [Hold::Needs { on, phase, .. }] if on == "db" && phase == "to be replaced")
    };
    run.until("migrate waits for the next db", waits).await;
    run.until_settled().await;
    let story = story(&run.leave().await);
    let order = [
        "stop gold-db-1",
        "start gold-db-1.next",
        "start gold-migrate-1",
        "start gold-api-1.next",
    ];
    for pair in order.windows(2) {
        assert!(
            place(&story, pair[0]) < place(&story, pair[1]),
            "{pair:?} in {story:#?}"
        );
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_build_of_what_it_counts_on_and_a_service_does_not() {
    let services = [
        probed("db", &[]).built(),
        job("migrate", &["db"]),
        probed("api", &["db"]),
    ];
    let mut bench = Bench::new(services);
    bench.up_until_ready().ended().await;
    bench
        .world
        .set_latency(|latency| latency.build = 30 * SECOND);
    fs_err::write(bench.dir.join("db/new"), "new").unwrap();
    reconfigured(&mut bench, &["migrate", "api"]);
    let mut run = bench.up();
    run.until_settled().await;
    let story = story(&run.leave().await);
    let api = place(&story, "start gold-api-1.next");
    assert!(api < place(&story, "build image gold-db"), "{story:#?}");
    let db = place(&story, "start gold-db-1.next");
    assert!(db < place(&story, "start gold-migrate-1"), "{story:#?}");
    bench.check();
}
