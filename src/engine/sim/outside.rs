//! What people do to containers beside `dev`, with the container engine's own means.

use std::time::Duration;

use super::harness::story;
use super::stacks::{gold, probed};
use super::{Bench, Run};
use crate::engine::event::Event;
use crate::engine::goal::Outcome;
use crate::engine::state::Phase;
use crate::plan::observed::Status;
use crate::plan::reconcile::scene::runs;
use crate::stack::{Restart, Service};

const SECOND: Duration = Duration::from_secs(1);

fn always(service: Service) -> Service {
    Service {
        restart: Restart::UnlessStopped,
        ..service
    }
}

fn is_stopped(bench: &Bench, name: &str) -> bool {
    matches!(bench.world.containers()[name], Status::Exited { .. })
}

fn said(run: &Run, text: &str) -> usize {
    let events = run.events();
    let notices = events.iter().filter(
        |stamped| matches!(&stamped.event, Event::Notice { text: said, .. } if said.contains(text)),
    );
    notices.count()
}

#[tokio::test(start_paused = true)]
async fn a_stop_from_outside_is_a_persons_word_until_somebody_starts_it() {
    for service in [runs("web", &["db"]), always(probed("web", &["db"]))] {
        let bench = Bench::new([probed("db", &[]), service]);
        let mut run = bench.up();
        run.until_settled().await;
        bench.world.stop("gold-web-1");
        run.until_phase("web", Phase::Stopped).await;
        run.pass(60 * SECOND).await;
        assert!(is_stopped(&bench, "gold-web-1"));
        let state = run.state();
        let web = state.service("web").unwrap();
        assert!(web.info.stopped && !web.gave_up && web.failure.is_none());
        assert_eq!(web.phase, Phase::Stopped);
        assert_eq!(said(&run, "web was stopped from outside"), 1);
        assert!(!story(&run.events()).contains(&"web again 1".to_owned()));
        // Nor is it made anew once it is removed.
        bench.world.remove("gold-web-1");
        run.pass(60 * SECOND).await;
        assert!(!bench.world.containers().contains_key("gold-web-1"));
        run.ask_up(&["web"]).await;
        run.until_phase("web", Phase::Ready).await;
        // It counts once: what ends by itself from now on is started again.
        bench.world.end("gold-web-1", 1, false);
        run.until("again", |_| bench.world.count("start gold-web-1") == 3)
            .await;
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_heard_after_a_look_has_seen_the_end_counts_all_the_same() {
    let bench = Bench::new([always(probed("web", &[])), probed("db", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .set_latency(|latency| latency.news = Duration::from_millis(200));
    bench.world.stop("gold-web-1");
    run.pass(60 * SECOND).await;
    assert!(is_stopped(&bench, "gold-web-1"));
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    assert!(run.state().service("web").unwrap().info.stopped);
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_told_before_the_end_counts_all_the_same() {
    for late in [0, 200] {
        let bench = Bench::new([always(probed("web", &[])), probed("db", &[])]);
        let mut run = bench.up();
        run.until_settled().await;
        let news = Duration::from_millis(late);
        bench.world.set_latency(|latency| latency.news = news);
        bench.world.stop_told_first("gold-web-1");
        run.pass(60 * SECOND).await;
        assert!(is_stopped(&bench, "gold-web-1"));
        assert_eq!(bench.world.count("start gold-web-1"), 1);
        assert!(run.state().service("web").unwrap().info.stopped);
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_and_a_removal_without_a_stop_are_nobodys_word() {
    let bench = Bench::new([always(probed("web", &[])), probed("db", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.end("gold-web-1", 137, false);
    run.until("again", |_| bench.world.count("start gold-web-1") == 2)
        .await;
    run.until_settled().await;
    bench.world.kill("gold-web-1");
    run.until("once more", |_| bench.world.count("start gold-web-1") == 3)
        .await;
    run.until_settled().await;
    bench.world.remove("gold-web-1");
    run.until("made anew", |_| bench.world.count("create gold-web-1") == 2)
        .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_restart_and_a_start_from_outside_take_the_stop_back() {
    let bench = Bench::new([always(probed("web", &[])), probed("db", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    for pause in [Duration::from_millis(20), 5 * SECOND] {
        bench.world.stop("gold-web-1");
        run.pass(pause).await;
        bench.world.start("gold-web-1");
        run.until_phase("web", Phase::Ready).await;
        run.pass(10 * SECOND).await;
        let state = run.state();
        let web = state.service("web").unwrap();
        assert!(web.info.wanted && web.phase == Phase::Ready);
        assert_eq!(bench.world.containers()["gold-web-1"], Status::Running);
    }
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    assert_eq!(bench.world.count("stop gold-web-1"), 0);
    assert_eq!(said(&run, "from outside"), 1, "a restart is no stop");
    bench.world.end("gold-web-1", 1, false);
    run.until("again", |_| bench.world.count("start gold-web-1") == 2)
        .await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_no_look_has_seen_is_no_stop() {
    let bench = Bench::new([always(probed("web", &[]))]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .set_latency(|latency| latency.look = Duration::from_millis(900));
    bench.world.stop("gold-web-1");
    run.pass(Duration::from_millis(50)).await;
    bench.world.start("gold-web-1");
    run.pass(Duration::from_millis(50)).await;
    bench.world.remove("gold-web-1");
    run.until("made anew", |_| bench.world.count("create gold-web-1") == 2)
        .await;
    run.until_phase("web", Phase::Ready).await;
    assert_eq!(said(&run, "from outside"), 0);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_somebody_paused_stays_so_until_somebody_lets_it_go_on() {
    let bench = Bench::new([probed("db", &[]), always(probed("web", &["db"]))]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.pause("gold-db-1");
    run.until_phase("db", Phase::Paused).await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.containers()["gold-db-1"], Status::Paused);
    assert_eq!(bench.world.count("unpause gold-db-1"), 0);
    assert_eq!(bench.world.containers()["gold-web-1"], Status::Running);
    // Through the container engine.
    bench.world.unpause("gold-db-1");
    run.until_phase("db", Phase::Ready).await;
    // Or through `dev`.
    bench.world.pause("gold-db-1");
    run.until_phase("db", Phase::Paused).await;
    run.ask_up(&["db"]).await;
    run.until_phase("db", Phase::Ready).await;
    assert_eq!(bench.world.count("unpause gold-db-1"), 1);
    // It stays so for the next pause.
    bench.world.pause("gold-db-1");
    run.until_phase("db", Phase::Paused).await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.count("unpause gold-db-1"), 1);
    run.kill().await;
    // Who begins with what is paused lets it go on.
    let mut run = bench.up();
    run.until_phase("db", Phase::Ready).await;
    assert_eq!(bench.world.count("unpause gold-db-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_replica_is_stopped_for_itself() {
    let web = Service {
        replicas: 2,
        ..always(probed("web", &[]))
    };
    let bench = Bench::new([web, probed("app", &["web"])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.stop("gold-web-2");
    run.until("goes on with one", |state| {
        let web = state.service("web").unwrap();
        web.info.replicas == 1 && web.phase == Phase::Ready
    })
    .await;
    run.pass(60 * SECOND).await;
    assert!(is_stopped(&bench, "gold-web-2"));
    assert_eq!(bench.world.count("stop gold-web-1"), 0);
    assert_eq!(bench.world.count("stop gold-app-1"), 0);
    run.ask_up(&["web"]).await;
    run.until("both", |state| {
        let web = state.service("web").unwrap();
        web.info.replicas == 2 && web.phase == Phase::Ready
    })
    .await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn once_everything_is_stopped_from_outside_it_ends_and_touches_nothing() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    let before = bench.world.journal().len();
    for name in ["gold-web-1", "gold-api-1", "gold-migrate-1", "gold-db-1"] {
        if bench.world.containers()[name] == Status::Running {
            bench.world.stop(name);
        }
        run.pass(Duration::from_millis(100)).await;
        bench.world.remove(name);
    }
    let watch = run.watch();
    let (outcome, events) = run.ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
    // Whoever looks on does not take its place.
    assert!(watch.borrow().ending);
    let after = bench.world.journal();
    assert_eq!(after.len(), before, "{:?}", &after[before..]);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_container_engine_that_stops_everything_on_its_way_out_speaks_for_nobody() {
    let bench = Bench::new([always(probed("web", &[])), probed("db", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.stop("gold-web-1");
    bench.world.stop("gold-db-1");
    run.pass(SECOND).await;
    bench.world.go_away();
    run.pass(5 * SECOND).await;
    bench.world.come_back();
    run.until_settled().await;
    assert_eq!(bench.world.containers()["gold-web-1"], Status::Running);
    assert_eq!(bench.world.containers()["gold-db-1"], Status::Running);
    bench.check();
}
