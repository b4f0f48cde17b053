//! What one `up` is asked for beside that things are as they should be.

use std::time::Duration;

use super::fault::{How, pull_of};
use super::stacks::{gold, job, probed};
use super::{Bench, Life, Run};
use crate::engine::event::FailureClass;
use crate::engine::goal::{Outcome, Until};
use crate::engine::state::{Phase, State};
use crate::engine::wishes::Abort;
use crate::plan::demands::{Build, Pull, Recreate, Wishes};
use crate::plan::observed::Status;
use crate::plan::reconcile::scene::runs;

const SECOND: Duration = Duration::from_secs(1);

fn recreate() -> Wishes {
    Wishes {
        recreate: Recreate::Always,
        ..Wishes::default()
    }
}

fn build(build: Build) -> Wishes {
    Wishes {
        build,
        ..Wishes::default()
    }
}

fn wishing(bench: &Bench, until: Until, names: &[&str], wishes: Wishes) -> Run {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    bench.run_with(bench.everything(), until, |engine| {
        engine.wishing(&names, wishes)
    })
}

/// As `dev up -d` judges it.
async fn until_through(run: &mut Run, number: u64) -> State {
    let through = |state: &State| state.compared >= number && state.settled;
    run.until("compared and settled", through).await
}

#[tokio::test(start_paused = true)]
async fn what_is_named_is_made_anew_once_and_what_it_needs_is_not() {
    let bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    let mut run = wishing(&bench, Until::Told, &["api", "migrate"], recreate());
    run.until_settled().await;
    run.pass(120 * SECOND).await;
    assert_eq!(bench.world.count("start gold-db-1"), 1);
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    assert_eq!(bench.world.count("remove gold-api-1"), 1);
    // Beside an engine it is the same.
    let number = run.ask_up_with(&["api"], recreate()).await;
    until_through(&mut run, number).await;
    run.pass(120 * SECOND).await;
    assert_eq!(bench.world.count("remove gold-api-1"), 2);
    assert_eq!(bench.world.count("start gold-migrate-1"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_up_anew_is_tried_once() {
    let bench = Bench::new([probed("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .behave("api", |api| api.then = Life::ends(50, 3));
    run.ask_up_with(&["api"], recreate()).await;
    run.pass(120 * SECOND).await;
    let creations = bench.world.count("create gold-api-1");
    run.pass(600 * SECOND).await;
    assert_eq!(bench.world.count("create gold-api-1"), creations);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn images_are_built_once_although_nothing_changed() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    assert_eq!(bench.world.count("build gold-api"), 1);
    let number = run.ask_up_with(&[], build(Build::Always)).await;
    until_through(&mut run, number).await;
    run.pass(120 * SECOND).await;
    assert_eq!(bench.world.count("build gold-api"), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn an_image_that_nobody_may_build_is_an_error_until_somebody_may() {
    let bench = Bench::new(gold());
    let mut run = wishing(&bench, Until::Told, &[], build(Build::Never));
    run.until_phase("api", Phase::Failed).await;
    let state = run.until("told", |state| state.settled).await;
    let why = state.service("api").unwrap().failure.clone().unwrap();
    assert_eq!(why.class, FailureClass::ImageMissing);
    assert!(why.help.unwrap().contains("--no-build"));
    assert_eq!(bench.world.count("build gold-api"), 0);
    assert_eq!(bench.world.containers()["gold-db-1"], Status::Running);
    run.ask_up(&[]).await;
    run.until_phase("web", Phase::Ready).await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn an_image_that_nobody_may_pull_is_an_error() {
    let bench = Bench::new([runs("api", &[])]);
    bench.world.model().images.clear();
    let never = Wishes {
        pull: Pull::Never,
        ..Wishes::default()
    };
    let (outcome, _) = wishing(&bench, Until::Ready, &[], never).ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::ImageMissing);
    assert_eq!(bench.world.count("pull api:1"), 0);
    let always = Wishes {
        pull: Pull::Always,
        ..Wishes::default()
    };
    let (outcome, _) = wishing(&bench, Until::Ready, &[], always).ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(bench.world.count("pull api:1"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_looked_for_at_each_up_where_the_file_says_so() {
    let mut api = runs("api", &[]);
    api.pull = crate::stack::Pull::Always;
    let bench = Bench::new([api, runs("web", &[])]);
    bench.up_until_ready().ended().await;
    let pulls = || {
        (
            bench.world.count("pull api:1"),
            bench.world.count("pull web:1"),
        )
    };
    let first = pulls();
    let again = |pull| Wishes {
        pull,
        ..Wishes::default()
    };
    let (outcome, _) = wishing(&bench, Until::Ready, &[], again(Pull::AsWritten))
        .ended()
        .await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(pulls(), (first.0 + 1, first.1));
    // What is asked for counts more.
    for pull in [Pull::Missing, Pull::Never] {
        wishing(&bench, Until::Ready, &[], again(pull))
            .ended()
            .await;
        assert_eq!(pulls(), (first.0 + 1, first.1));
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn the_image_of_a_step_is_pulled_as_its_service_s_is() {
    let mut api = runs("api", &[]);
    api.container.pre_start = vec![crate::stack::PreStart {
        image: Some("tool:1".to_owned()),
        ..crate::stack::PreStart::default()
    }];
    let bench = Bench::new([api]);
    let pulls = async |pull| {
        let wishes = Wishes {
            pull,
            ..Wishes::default()
        };
        let (outcome, _) = wishing(&bench, Until::Ready, &[], wishes).ended().await;
        assert_eq!(outcome, Outcome::Done);
        bench.world.count("pull tool:1")
    };
    assert_eq!(pulls(Pull::AsWritten).await, 1);
    assert_eq!(pulls(Pull::AsWritten).await, 1);
    // Though nothing has to run before what runs already.
    assert_eq!(pulls(Pull::Always).await, 2);
    assert_eq!(pulls(Pull::Missing).await, 2);
    let refuse = How::Refuse(FailureClass::ImageMissing, "no such registry".to_owned());
    bench.world.fault(1, pull_of("tool:1"), refuse);
    let always = Wishes {
        pull: Pull::Always,
        ..Wishes::default()
    };
    let (outcome, _) = wishing(&bench, Until::Ready, &[], always).ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.message, "no such registry");
    assert_eq!(bench.world.containers()["gold-api-1"], Status::Running);
    let tries = bench.world.journal();
    let tries = tries.iter().filter(|entry| entry.what == "pull tool:1");
    assert_eq!(tries.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_stays_as_it_is_until_an_up_without_that() {
    let mut bench = Bench::new(gold());
    bench.up_until_ready().ended().await;
    bench.edit(|stack| {
        let api = stack.services.get_mut("api").unwrap();
        api.user = Some("other".to_owned());
    });
    let never = Wishes {
        recreate: Recreate::Never,
        ..Wishes::default()
    };
    let mut run = wishing(&bench, Until::Told, &[], never);
    run.until_settled().await;
    assert_eq!(bench.world.count("remove gold-api-1"), 0);
    run.ask_up(&["api"]).await;
    run.until("anew", |_| bench.world.count("remove gold-api-1") == 1)
        .await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn everything_is_made_and_nothing_starts() {
    let bench = Bench::new(gold());
    let only = Wishes {
        create_only: true,
        ..Wishes::default()
    };
    let (outcome, _) = wishing(&bench, Until::Ready, &[], only).ended().await;
    assert_eq!(outcome, Outcome::Done);
    let containers = bench.world.containers();
    assert_eq!(containers.len(), 4);
    assert!(containers.values().all(|status| *status == Status::Created));
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    bench.check();
}

fn aborting(bench: &Bench, abort: Abort) -> Run {
    bench.run_with(bench.everything(), Until::Told, |engine| {
        engine.aborting(Some(abort))
    })
}

fn waits_for(service: &str) -> Abort {
    Abort {
        waits_for: Some(service.to_owned()),
        ..Abort::default()
    }
}

fn ended(service: &str, code: i64) -> Outcome {
    Outcome::Ended {
        service: service.to_owned(),
        code,
    }
}

fn all_are_stopped(bench: &Bench) {
    let containers = bench.world.containers();
    assert!(
        containers.values().all(|status| *status != Status::Running),
        "{containers:?}"
    );
    bench.check();
}

/// The stack, and a test suite on top that ends with 7 after a while.
fn tested() -> Bench {
    let bench = Bench::new(gold().into_iter().chain([job("test", &["web"])]));
    bench
        .world
        .behave("test", |test| test.then = Life::ends(5_000, 7));
    bench
}

#[tokio::test(start_paused = true)]
async fn the_end_that_is_waited_for_ends_everything() {
    let bench = tested();
    let (outcome, _) = aborting(&bench, waits_for("test")).ended().await;
    assert_eq!(outcome, ended("test", 7));
    all_are_stopped(&bench);
    // A migration that is done is no such end, and what was done before is done again.
    bench
        .world
        .behave("test", |test| test.then = Life::ends(5_000, 0));
    for times in 2..4 {
        let (outcome, _) = aborting(&bench, waits_for("test")).ended().await;
        assert_eq!(outcome, ended("test", 0));
        assert_eq!(bench.world.count("start gold-test-1"), times);
    }
    all_are_stopped(&bench);
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_first_ends_everything() {
    let bench = Bench::new(gold());
    bench
        .world
        .behave("web", |web| web.then = Life::ends(5_000, 0));
    let (outcome, _) = aborting(&bench, Abort::default()).ended().await;
    assert_eq!(outcome, ended("web", 0));
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    all_are_stopped(&bench);
}

#[tokio::test(start_paused = true)]
async fn where_only_failures_count_an_end_does_not() {
    let bench = tested();
    bench
        .world
        .behave("test", |test| test.then = Life::ends(5_000, 0));
    let failures = Abort {
        failures_only: true,
        waits_for: None,
    };
    let mut run = aborting(&bench, failures.clone());
    run.until_settled().await;
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.containers()["gold-web-1"], Status::Running);
    bench.world.end("gold-web-1", 4, false);
    let (outcome, _) = run.ended().await;
    assert_eq!(outcome, ended("web", 4));
    all_are_stopped(&bench);
}

#[tokio::test(start_paused = true)]
async fn what_can_never_come_is_not_waited_for() {
    let bench = tested();
    bench.world.behave("api", |api| api.sick = true);
    let (outcome, _) = aborting(&bench, waits_for("test")).ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].0, "api");
    all_are_stopped(&bench);
}

/// `api` on a volume that somebody else was to make.
fn on_a_foreign_volume() -> Bench {
    let mut bench = Bench::new([runs("api", &[]).with_volume("data"), runs("web", &[])]);
    bench.edit(|stack| {
        let volume = stack.volumes.get_mut("data").expect("a volume");
        volume.external = Some("theirs".to_owned());
    });
    bench
}

#[tokio::test(start_paused = true)]
async fn what_is_external_and_missing_is_refused_before_anything_is_made_of_it() {
    let bench = on_a_foreign_volume();
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(bench.world.count("create gold-api-1"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_external_and_missing_is_refused_though_the_engine_was_away_at_first() {
    let bench = on_a_foreign_volume();
    bench.world.go_away();
    let run = bench.up_until_ready();
    run.pass(5 * SECOND).await;
    bench.world.come_back();
    let (outcome, _) = run.ended().await;
    assert_eq!(bench.world.count("create gold-api-1"), 0, "{outcome:?}");
    assert!(!matches!(outcome, Outcome::Done), "{outcome:?}");
}
