//! Jobs: once, and not again until something that they are made from changes.

use std::time::Duration;

use super::Bench;
use super::harness::story;
use super::life::Life;
use super::stacks::{gold, job, probed};
use crate::engine::state::Phase;
use crate::plan::reconcile::scene::runs;
use crate::stack::{Job, Role};

const SECOND: Duration = Duration::from_secs(1);

fn with_inputs() -> Bench {
    let mut services = gold();
    services[1].role = Role::Job(Job {
        inputs: Some(vec!["alembic/**".to_owned()]),
        schedule: None,
        again: false,
    });
    let bench = Bench::new(services);
    write(&bench, "one");
    bench
}

fn write(bench: &Bench, text: &str) {
    fs_err::create_dir_all(bench.dir.join("alembic")).unwrap();
    fs_err::write(bench.dir.join("alembic/1.py"), text).unwrap();
}

#[tokio::test(start_paused = true)]
async fn done_is_remembered_between_engines() {
    let bench = with_inputs();
    bench.up_until_ready().ended().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    write(&bench, "two");
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn after_down_with_volumes_it_runs_again() {
    use crate::engine::goal::{Goal, Until};
    use crate::plan::reconcile::Removal;
    let bench = with_inputs();
    bench.up_until_ready().ended().await;
    bench
        .run(
            Goal::Down(Removal {
                volumes: false,
                ..Removal::default()
            }),
            Until::Told,
        )
        .ended()
        .await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    bench
        .run(
            Goal::Down(Removal {
                volumes: true,
                ..Removal::default()
            }),
            Until::Told,
        )
        .ended()
        .await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
}

#[tokio::test(start_paused = true)]
async fn inputs_that_change_while_it_runs_make_it_run_again() {
    let bench = with_inputs();
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(10_000, 0));
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    write(&bench, "two");
    run.saved(&bench, "alembic/1.py").await;
    run.until_settled().await;
    run.pass(60 * SECOND).await;
    assert_eq!(
        bench.world.count("start gold-migrate-1"),
        2,
        "{:#?}",
        story(&run.events())
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_well_while_nobody_looks_is_done() {
    let bench = with_inputs();
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    run.pass(Duration::from_millis(100)).await;
    run.kill().await;
    tokio::time::sleep(10 * SECOND).await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_when_an_engine_comes_is_not_disturbed() {
    let bench = with_inputs();
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(10_000, 0));
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    run.pass(Duration::from_millis(100)).await;
    run.kill().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ran_with_older_inputs_is_not_done() {
    let bench = with_inputs();
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(10_000, 0));
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    run.pass(Duration::from_millis(100)).await;
    run.kill().await;
    write(&bench, "two");
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_well_because_it_was_stopped_is_not_done() {
    let bench = with_inputs();
    bench.world.behave("migrate", |migrate| {
        migrate.then = Life::ends(10_000, 0);
        migrate.stop_code = 0;
    });
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Running).await;
    run.tell(crate::engine::input::Command::StopAndLeave).await;
    run.ended().await;
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn done_is_done_even_if_it_cannot_be_noted() {
    let bench = with_inputs();
    let mut run = bench.up();
    run.until_phase("db", Phase::Starting).await;
    // Nothing can be written there any more, as on a full disk.
    fs_err::remove_dir_all(bench.dir.join(".dev")).unwrap();
    fs_err::write(bench.dir.join(".dev"), "").unwrap();
    run.until_settled().await;
    run.pass(120 * SECOND).await;
    assert_eq!(
        bench.world.count("start gold-migrate-1"),
        1,
        "{:#?}",
        story(&run.events())
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_was_begun_again_and_cut_off_is_not_done() {
    let bench = with_inputs();
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(10_000, 0));
    run.restart(&["migrate"]).await.unwrap();
    run.until_phase("migrate", Phase::Running).await;
    run.kill().await;
    bench.world.end("gold-migrate-1", 137, false);
    bench.up_until_ready().ended().await;
    assert_eq!(bench.world.count("start gold-migrate-1"), 3);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_failed_one_runs_again_when_its_inputs_change() {
    let bench = with_inputs();
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(300, 1));
    let mut run = bench.up();
    run.until_phase("migrate", Phase::Failed).await;
    bench
        .world
        .behave("migrate", |migrate| migrate.then = Life::ends(300, 0));
    write(&bench, "two");
    run.saved(&bench, "alembic/1.py").await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_before_anybody_looks_is_done() {
    let bench = Bench::new([
        job("quick", &[]),
        runs("api", &["quick"]),
        probed("web", &["quick"]),
    ]);
    bench
        .world
        .behave("quick", |quick| quick.then = Life::ends(0, 0));
    let mut run = bench.up();
    run.until_settled().await;
    assert_eq!(
        bench.world.count("start gold-quick-1"),
        1,
        "{:#?}",
        story(&run.events())
    );
    bench.check();
}
