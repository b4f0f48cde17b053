//! Rules say what to rebuild for; what makes the image, and a build that failed, count anyway.

use std::time::Duration;

use super::Bench;
use super::fault::{How, verb};
use super::harness::Run;
use super::stacks::probed;
use crate::engine::event::FailureClass;
use crate::plan::react::fixture::rule;
use crate::stack::WatchAction;

/// `build = "api"` with `watch = [{ paths = "api/requirements.txt", then = "rebuild" }]`.
fn bench() -> Bench {
    let mut api = probed("api", &[]).built();
    api.watch = vec![rule(&["api/requirements.txt"], WatchAction::Rebuild)];
    Bench::new([api])
}

fn builds_fail(bench: &Bench) {
    let refusal = How::Refuse(FailureClass::Build, "RUN failed".to_owned());
    // As often as it is tried: the files are real, and their watcher tells of the save, too.
    bench.world.fault(99, verb("build"), refusal);
}

async fn save(bench: &Bench, run: &Run, path: &str, text: &str) {
    fs_err::write(bench.dir.join(path), text).unwrap();
    run.saved(bench, path).await;
}

async fn until_failed(run: &mut Run) {
    run.until("api failed", |state| {
        state
            .service("api")
            .is_some_and(|api| api.failure.is_some())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_dockerfile_is_built_again_although_no_rule_names_it() {
    let bench = bench();
    let mut run = bench.up();
    run.until_settled().await;
    save(&bench, &run, "api/main.py", "1").await;
    run.pass(Duration::from_secs(5)).await;
    assert_eq!(bench.world.count("build gold-api"), 1, "no rule names it");
    save(&bench, &run, "api/Dockerfile", "FROM scratch\nUSER 1\n").await;
    run.until("a second image", |_| {
        bench.world.count("build gold-api") == 2
    })
    .await;
    run.until_settled().await;
    // What is left out of the build makes it another one, too.
    save(&bench, &run, "api/.dockerignore", "main.py\n").await;
    run.until("a third image", |_| {
        bench.world.count("build gold-api") == 3
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_line_of_the_dockerfile_that_fails_is_deleted_and_all_is_well() {
    let bench = bench();
    let mut run = bench.up();
    run.until_settled().await;
    builds_fail(&bench);
    save(&bench, &run, "api/Dockerfile", "FROM scratch\nRUN false\n").await;
    until_failed(&mut run).await;
    // As it was: there is nothing to build any more.
    save(&bench, &run, "api/Dockerfile", "FROM scratch\n").await;
    let state = run.until_settled().await;
    assert!(
        state
            .service("api")
            .is_some_and(|api| api.failure.is_none())
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_build_any_file_that_it_would_read_tries_again() {
    let bench = bench();
    builds_fail(&bench);
    let mut run = bench.up();
    until_failed(&mut run).await;
    bench.world.model().faults.clear();
    save(&bench, &run, "api/setup.cfg", "1").await;
    run.until_settled().await;
    let built = bench.world.count("build gold-api");
    // It works: what no rule names is no reason any more.
    save(&bench, &run, "api/setup.cfg", "22").await;
    run.pass(Duration::from_secs(5)).await;
    assert_eq!(bench.world.count("build gold-api"), built);
    bench.check();
}
