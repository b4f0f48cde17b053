//! Who only looks.

use std::collections::BTreeMap;

use super::Bench;
use super::stacks::{gold, probed};
use crate::engine::event::{FailureClass, Found};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::Input;
use crate::engine::state::{Phase, State};
use crate::engine::sync::Synced;
use crate::plan::reconcile::scene::runs;
use crate::runtime::RuntimeError;

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// What `dev status` would show.
async fn seen(bench: &Bench) -> State {
    let run = bench.run(Goal::Observe, Until::Answered);
    let state = run.watch();
    run.ended().await;
    state.borrow().clone()
}

fn phases(state: &State) -> BTreeMap<&str, Phase> {
    let services = state.services.iter();
    services
        .map(|service| (service.info.name.as_str(), service.phase))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_up_waits_for_nothing() {
    let bench = Bench::new(gold());
    let state = seen(&bench).await;
    for (name, phase) in phases(&state) {
        assert_eq!(phase, Phase::Idle, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_one_that_failed_waits() {
    let bench = Bench::new([
        probed("db", &[]),
        runs("api", &["db"]),
        runs("web", &["api"]),
        runs("mail", &[]),
    ]);
    bench
        .world
        .behave("db", |db| db.then = super::Life::ends(5, 3));
    let _failed = bench.run(bench.goal(&["web"]), Until::Ready).ended().await;
    let state = seen(&bench).await;
    let phases = phases(&state);
    assert_eq!(phases["db"], Phase::Failed);
    assert_eq!([phases["api"], phases["web"]], [Phase::Waiting; 2]);
    assert_eq!(phases["mail"], Phase::Idle);
}

#[tokio::test(start_paused = true)]
async fn a_command_after_a_sync_that_fails_is_known_until_one_succeeds() {
    let bench = Bench::new([probed("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    let failure = || {
        let error = RuntimeError::new(
            FailureClass::AfterSync,
            "the command after the sync, `msgfmt`, ended with exit code 1",
        );
        Err(error.detail(vec!["no such locale".to_owned()]))
    };
    let tell = |followed| {
        let api = run.state();
        let found = api.service("api").unwrap().instances[&1].found.clone();
        let synced = Synced {
            service: "api".to_owned(),
            index: 1,
            generation: found.unwrap().generation,
            files: 1,
            first: "locale/de.po".to_owned(),
            millis: 5,
            restart: false,
            result: Ok(()),
            followed,
        };
        let inputs = run.inputs.clone();
        async move { inputs.send(Input::Synced(synced)).await.unwrap() }
    };
    tell(Some(failure())).await;
    run.pass(SECOND).await;
    // What is synced without it says nothing of it.
    tell(None).await;
    run.pass(SECOND).await;
    let api = run.state().service("api").unwrap().clone();
    assert_eq!(api.phase, Phase::Ready);
    assert_eq!(api.trouble().unwrap().detail, ["no such locale"]);
    assert!(
        matches!(run.state().verdict(), Some(Outcome::Failed(of)) if of[0].0 == "api"),
        "what runs is ready, and is not what was asked for"
    );

    tell(Some(Ok(()))).await;
    run.pass(SECOND).await;
    assert_eq!(run.state().service("api").unwrap().trouble(), None);
    assert_eq!(run.state().verdict(), Some(Outcome::Done));
}

#[tokio::test(start_paused = true)]
async fn what_one_instance_lacks_is_known_until_that_one_has_it() {
    let replicas = crate::stack::Service {
        replicas: 2,
        ..probed("api", &[])
    };
    let mut run = Bench::new([replicas]).up();
    run.until_settled().await;
    let tell = |index, failure: Option<&str>| {
        let api = run.state();
        let found = api.service("api").unwrap().instances[&index].found.clone();
        let result = match failure {
            Some(text) => Err(RuntimeError::new(FailureClass::Sync, text)),
            None => Ok(()),
        };
        let synced = Synced {
            service: "api".to_owned(),
            index,
            generation: found.unwrap().generation,
            files: 1,
            first: "app.py".to_owned(),
            millis: 5,
            restart: false,
            result,
            followed: None,
        };
        let inputs = run.inputs.clone();
        async move { inputs.send(Input::Synced(synced)).await.unwrap() }
    };
    let trouble = || {
        let state = run.state();
        let api = state.service("api").unwrap();
        api.trouble().map(|failure| failure.message.clone())
    };
    let steps = [
        (2, Some("no room in 2"), Some("no room in 2")),
        (1, None, Some("no room in 2")),
        (1, Some("no room in 1"), Some("no room in 1")),
        (1, None, Some("no room in 2")),
        (2, None, None),
    ];
    for (index, failure, known) in steps {
        tell(index, failure).await;
        run.pass(SECOND).await;
        assert_eq!(trouble().as_deref(), known, "{index}: {failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_profile_asks_for_is_not_wanted_unless_it_is_there() {
    let mut edge = runs("edge", &[]);
    edge.profiles = vec!["edge".to_owned()];
    let bench = Bench::new([probed("db", &[]), edge]);
    let wanted = |state: &State| {
        let services = state.services.iter();
        let wanted = services.filter(|service| service.info.wanted);
        wanted
            .map(|service| service.info.name.clone())
            .collect::<Vec<_>>()
    };
    let _up = bench.run(bench.goal(&["db"]), Until::Ready).ended().await;
    let state = seen(&bench).await;
    assert_eq!(wanted(&state), ["db"]);
    assert_eq!(phases(&state)["edge"], Phase::Idle);
    let _up = bench.run(bench.goal(&["edge"]), Until::Ready).ended().await;
    assert_eq!(wanted(&seen(&bench).await).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_an_earlier_life_is_none_of_this_one() {
    let bench = Bench::new([probed("api", &[])]);
    bench.up_until_ready().ended().await;
    let mut seen = bench
        .world
        .model()
        .by_name("gold-api-1")
        .unwrap()
        .seen
        .clone();
    seen.status = crate::plan::observed::Status::Exited {
        code: 0,
        out_of_memory: false,
    };
    // As an engine says it until the end of this one is known.
    seen.finished_at = "2020-01-01T00:00:00Z".to_owned();
    assert_eq!(Found::of(&seen).ended, None);
    seen.finished_at.clone_from(&seen.started_at);
    assert_eq!(Found::of(&seen).ended, Found::of(&seen).began);
}
