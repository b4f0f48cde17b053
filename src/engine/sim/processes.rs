//! Processes on the host among containers.

use std::time::Duration;

use super::stacks::{job, probed};
use super::{Bench, Life};
use crate::engine::state::Phase;
use crate::plan::observed::Status;
use crate::stack::{Service, Source};

const SECOND: Duration = Duration::from_secs(1);

pub fn on_host(service: Service) -> Service {
    Service {
        source: Source::Run(format!("run-{}", service.name)),
        ..service
    }
}

/// A database and its migration, an app on the host, and a container on that.
fn mixed() -> Vec<Service> {
    vec![
        probed("db", &[]),
        on_host(job("migrate", &["db"])),
        on_host(probed("api", &["migrate"])),
        probed("web", &["api"]),
    ]
}

#[tokio::test(start_paused = true)]
async fn gates_hold_between_containers_and_processes() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    for name in ["gold-migrate-1", "gold-api-1", "gold-web-1"] {
        assert_eq!(bench.world.count(&format!("start {name}")), 1, "{name}");
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_crashed_process_begins_again_after_a_pause_and_gated() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("db", |db| db.ready_after = 5 * SECOND);
    bench.world.end("gold-db-1", 1, false);
    bench.world.end("gold-api-1", 1, false);
    run.until_phase("api", Phase::Crashed).await;
    run.until_settled().await;
    assert_eq!(bench.world.count("start gold-api-1"), 2);
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_always_ends_is_given_up() {
    let bench = Bench::new([on_host(probed("api", &[]))]);
    bench.world.behave("api", |api| api.then = Life::ends(5, 3));
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    assert_eq!(bench.world.count("start gold-api-1"), 6);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_engine_left_is_taken_over_in_the_same_life() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    let before = bench
        .world
        .model()
        .by_name("gold-api-1")
        .unwrap()
        .seen
        .generation();
    run.kill().await;
    let mut run = bench.up();
    run.until_settled().await;
    let after = bench
        .world
        .model()
        .by_name("gold-api-1")
        .unwrap()
        .seen
        .generation();
    assert_eq!(before, after);
    assert_eq!(bench.world.count("start gold-api-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_job_counts_for_the_run_that_ended_and_for_no_earlier_one() {
    let mut bench = Bench::new(mixed());
    bench.up_until_ready().ended().await;
    bench
        .world
        .behave("migrate", |job| job.then = Life::ends(300, 1));
    bench.edit(|stack| {
        stack.services.get_mut("migrate").unwrap().source = Source::Run("other".to_owned());
    });
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Failed).await;
    let status = bench
        .world
        .model()
        .by_name("gold-migrate-1")
        .unwrap()
        .seen
        .status;
    assert!(matches!(status, Status::Exited { code: 1, .. }));
}
