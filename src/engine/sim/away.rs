//! Host processes while the container engine is away.

use std::time::Duration;

use super::processes::on_host;
use super::stacks::probed;
use super::{Bench, Run};
use crate::engine::event::FailureClass;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::Command;
use crate::engine::state::Phase;
use crate::plan::observed::Status;
use crate::plan::reconcile::Removal;
use crate::stack::Service;

const SECOND: Duration = Duration::from_secs(1);

/// A database, an app on the host that needs it, another that needs nothing, and a container on that.
fn mixed() -> Vec<Service> {
    vec![
        probed("db", &[]),
        on_host(probed("api", &["db"])),
        on_host(probed("worker", &[])),
        probed("web", &["worker"]),
    ]
}

fn runs(bench: &Bench, name: &str) -> bool {
    bench.world.containers().get(name) == Some(&Status::Running)
}

#[tokio::test(start_paused = true)]
async fn a_process_that_crashes_is_seen_and_begins_again() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    run.until("told that it is gone", |state| !state.runtime_up)
        .await;
    run.pass(5 * SECOND).await;
    for life in 2..4 {
        bench.world.end("gold-worker-1", 1, false);
        let state = run.until_phase("worker", Phase::Crashed).await;
        assert!(!state.runtime_up);
        let state = run.until_phase("worker", Phase::Ready).await;
        assert!(!state.runtime_up);
        assert_eq!(bench.world.count("start gold-worker-1"), life);
    }
    bench.world.come_back();
    run.until_settled().await;
    assert!(
        bench
            .world
            .containers()
            .values()
            .all(|s| *s == Status::Running)
    );
    assert_eq!(bench.world.count("start gold-worker-1"), 3);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_a_process_needs_of_the_engine_it_waits_for() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    run.until_phase("db", Phase::Unready).await;
    bench.world.end("gold-api-1", 1, false);
    run.until_phase("api", Phase::Crashed).await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.count("start gold-api-1"), 1);
    bench.world.come_back();
    run.until_settled().await;
    assert_eq!(bench.world.count("start gold-api-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_with_the_engine_has_crashed_all_the_same() {
    let bench = Bench::new([probed("db", &[]), on_host(probed("worker", &[]))]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    bench.world.end("gold-worker-1", 1, false);
    bench.world.come_back();
    run.until_phase("worker", Phase::Crashed).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_process_is_restarted_and_stopped() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    run.until("told that it is gone", |state| !state.runtime_up)
        .await;
    assert!(run.restart(&["worker"]).await.is_ok());
    run.pass(5 * SECOND).await;
    assert_eq!(bench.world.count("start gold-worker-1"), 2);
    assert_eq!(run.phase("worker"), Phase::Ready);
    let services = vec!["worker".to_owned(), "web".to_owned()];
    run.tell(Command::Stop { services }).await;
    run.pass(5 * SECOND).await;
    assert!(!runs(&bench, "gold-worker-1"));
    assert!(runs(&bench, "gold-api-1"));
    bench.world.come_back();
    run.until_settled().await;
    assert!(!runs(&bench, "gold-worker-1") && !runs(&bench, "gold-web-1"));
    assert!(runs(&bench, "gold-db-1"));
    bench.check();
}

async fn told_to_end_while_away() -> (Bench, Run) {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    run.pass(60 * SECOND).await;
    run.tell(Command::Down {
        removal: Removal::default(),
    })
    .await;
    (bench, run)
}

#[tokio::test(start_paused = true)]
async fn a_down_ends_the_processes_and_says_what_it_could_not_reach() {
    let (bench, run) = told_to_end_while_away().await;
    let (outcome, _) = tokio::time::timeout(20 * SECOND, run.ended())
        .await
        .expect("it ends");
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::Engine);
    assert!(!bench.world.containers().contains_key("gold-worker-1"));
    assert!(bench.world.containers().contains_key("gold-db-1"));

    bench.world.come_back();
    let again = bench.run(Goal::Down(Removal::default()), Until::Told);
    assert_eq!(again.ended().await.0, Outcome::Done);
    assert!(bench.world.containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_down_waits_for_an_engine_that_only_restarts() {
    let (bench, run) = told_to_end_while_away().await;
    run.pass(5 * SECOND).await;
    bench.world.come_back();
    assert_eq!(run.ended().await.0, Outcome::Done);
    assert!(bench.world.containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_engine_left_is_ended_without_a_container_engine() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    run.kill().await;
    bench.world.go_away();
    let down = bench.run(Goal::Down(Removal::default()), Until::Told);
    let (outcome, _) = tokio::time::timeout(20 * SECOND, down.ended())
        .await
        .expect("it ends");
    assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
    assert!(!bench.world.containers().contains_key("gold-worker-1"));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_answers_late_keeps_no_process_waiting() {
    let bench = Bench::new(mixed());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.model().hang_looks = 1;
    bench.world.end("gold-worker-1", 1, false);
    run.pass(5 * SECOND).await;
    assert_eq!(bench.world.count("start gold-worker-1"), 2);
    run.until_settled().await;
    bench.check();
}
