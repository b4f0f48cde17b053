//! Who only looks.

use std::collections::BTreeMap;

use super::Bench;
use super::stacks::{gold, probed};
use crate::engine::goal::{Goal, Until};
use crate::engine::state::{Phase, State};
use crate::plan::reconcile::scene::runs;

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
