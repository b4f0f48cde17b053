//! What people ask of a running engine.

use std::time::Duration;

use super::harness::story;
use super::stacks::{gold, probed};
use super::{Bench, Life};
use crate::engine::input::Command;
use crate::engine::state::Phase;
use crate::plan::observed::Status;
use crate::plan::reconcile::Removal;
use crate::plan::reconcile::scene::runs;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_restart_is_a_new_generation_of_the_same_container() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    let before = run.until_settled().await;
    let life = |state: &crate::engine::state::State| {
        state.service("db").unwrap().instances[&1]
            .found
            .clone()
            .unwrap()
            .generation
    };
    assert_eq!(run.restart(&["db"]).await, Ok(vec![life(&before)]));
    run.until("a new life", |state| {
        state
            .service("db")
            .unwrap()
            .instances
            .get(&1)
            .is_some_and(|instance| instance.found.is_some())
            && life(state) != life(&before)
    })
    .await;
    let after = run.until_settled().await;
    assert_eq!(life(&after).id, life(&before).id);
    assert_eq!(bench.world.count("stop gold-db-1"), 1);
    assert_eq!(bench.world.count("start gold-db-1"), 2);
    assert_eq!(bench.world.count("stop gold-api-1"), 0);
    // Asked once, done once.
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.count("start gold-db-1"), 2);
    assert!(run.restart(&["nobody"]).await.is_err());
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_restarted_job_runs_again_even_while_it_runs() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    run.restart(&["migrate"]).await.unwrap();
    run.until("again", |_| bench.world.count("start gold-migrate-1") == 2)
        .await;
    run.until_settled().await;

    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(20_000, 0));
    run.restart(&["migrate"]).await.unwrap();
    run.until_phase("migrate", Phase::Running).await;
    run.restart(&["migrate"]).await.unwrap();
    run.until("again", |_| bench.world.count("start gold-migrate-1") == 4)
        .await;
    run.until_settled().await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 4);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn stop_and_up_of_one_service() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    run.tell(Command::Stop {
        services: vec!["web".to_owned()],
    })
    .await;
    run.until("stopped", |_| {
        matches!(
            bench.world.containers()["gold-web-1"],
            Status::Exited { .. }
        )
    })
    .await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    assert_eq!(bench.world.containers()["gold-api-1"], Status::Running);
    let state = run.state();
    let web = state.service("web").unwrap();
    assert_eq!(web.phase, Phase::Stopped);
    assert!(web.info.stopped && !web.info.wanted);
    run.ask_up(&["web"]).await;
    run.until_phase("web", Phase::Ready).await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn stop_during_a_build_cancels_it() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 300 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Building).await;
    run.until_phase("db", Phase::Ready).await;
    run.tell(Command::Stop {
        services: vec!["api".to_owned()],
    })
    .await;
    run.pass(SECOND).await;
    assert!(
        story(&run.events()).contains(&"build image gold-api cancelled".to_owned()),
        "{:#?}",
        story(&run.events())
    );
    run.ask_up(&["api"]).await;
    run.until_phase("api", Phase::Building).await;
    let begun = tokio::time::Instant::now();
    run.tell(Command::Down {
        removal: Removal::default(),
    })
    .await;
    run.ended().await;
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    assert_eq!(bench.world.count("build gold-api"), 0);
    assert!(bench.world.model().busy.is_empty());
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn up_adds_to_what_is_up() {
    let bench = Bench::new(gold());
    let mut run = bench.run(bench.goal(&["migrate"]), crate::engine::goal::Until::Told);
    run.until_settled().await;
    assert!(!bench.world.containers().contains_key("gold-api-1"));
    run.ask_up(&["api"]).await;
    run.until_phase("api", Phase::Ready).await;
    assert!(!bench.world.containers().contains_key("gold-web-1"));
    assert_eq!(bench.world.count("start gold-db-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_gave_up_is_tried_again_when_asked() {
    let bench = Bench::new([runs("api", &[])]);
    bench.world.behave("api", |api| api.then = Life::ends(5, 3));
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    bench.world.behave("api", |api| api.then = Life::Stays);
    run.ask_up(&[]).await;
    let state = run.until_settled().await;
    assert_eq!(state.service("api").unwrap().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn commands_come_as_fast_as_they_like() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    for n in 0..40u64 {
        match n % 4 {
            0 => drop(run.restart(&["db"]).await.unwrap()),
            1 => {
                run.tell(Command::Stop {
                    services: vec!["web".to_owned()],
                })
                .await
            }
            2 => {
                run.ask_up(&[]).await;
            }
            _ => drop(run.restart(&[]).await.unwrap()),
        }
        run.pass(Duration::from_millis(n * 7)).await;
    }
    run.ask_up(&[]).await;
    run.pass(SECOND).await;
    run.until_settled().await;
    bench.check();
}
