//! However it is interrupted, the next engine ends with the same world.

use std::time::Duration;

use proptest::prelude::*;

use super::fault::How;
use super::stacks::gold;
use super::{Bench, Life};
use crate::engine::event::FailureClass;
use crate::engine::goal::Outcome;
use crate::plan::observed::Status;
use crate::stack::{Condition, Service};

/// What happens to the world or its engine.
#[derive(Debug, Clone)]
enum Blow {
    Kill,
    Remove(u8),
    End(u8),
    Pause(u8),
    Away,
    Edit(u8),
    Restart(u8),
    /// The next call of a kind fails, or its answer is lost.
    Fault(u8, bool),
    SlowLooks(u64),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        3 => Just(Blow::Kill),
        1 => (0..4u8).prop_map(Blow::Remove),
        1 => (0..4u8).prop_map(Blow::End),
        1 => (0..4u8).prop_map(Blow::Pause),
        1 => Just(Blow::Away),
        1 => (0..4u8).prop_map(Blow::Edit),
        1 => (0..4u8).prop_map(Blow::Restart),
        1 => ((0..5u8), any::<bool>()).prop_map(|(verb, lost)| Blow::Fault(verb, lost)),
        1 => (0..300u64).prop_map(Blow::SlowLooks),
    ]
}

const NAMES: [&str; 4] = ["db", "migrate", "api", "web"];

fn services() -> Vec<Service> {
    let mut services = gold();
    services[3] = super::stacks::probed("web", &[]).with_need_as("api", Condition::Ready, true);
    services
}

async fn through(blows: Vec<(u64, Blow)>) -> Result<(), TestCaseError> {
    let mut bench = Bench::new(services());
    let mut run = bench.up();
    for (after, blow) in blows {
        run.pass(Duration::from_millis(after)).await;
        let container = |n: u8| {
            let name = format!("gold-{}-1", NAMES[usize::from(n)]);
            bench.world.containers().contains_key(&name).then_some(name)
        };
        match blow {
            Blow::Kill => {
                run.kill().await;
                run = bench.up();
            }
            Blow::Remove(n) => container(n)
                .into_iter()
                .for_each(|name| bench.world.remove(&name)),
            Blow::End(n) => container(n)
                .into_iter()
                .for_each(|name| bench.world.end(&name, 137, false)),
            Blow::Pause(n) => {
                let running =
                    container(n).filter(|name| bench.world.containers()[name] == Status::Running);
                running
                    .into_iter()
                    .for_each(|name| bench.world.pause(&name));
            }
            Blow::Away => {
                bench.world.go_away();
                run.pass(Duration::from_millis(after / 2 + 1)).await;
                bench.world.come_back();
            }
            Blow::Restart(n) => {
                let ends = run.restart(&[NAMES[usize::from(n)]]).await;
                assert!(ends.is_ok(), "{ends:?}");
            }
            Blow::Fault(n, lost) => {
                let busy = How::Refuse(FailureClass::Engine, "busy".to_owned());
                let verb = ["pull", "create", "start", "stop", "remove"][usize::from(n)];
                bench.world.fault(
                    1,
                    super::fault::verb(verb),
                    if lost { How::Lose } else { busy },
                );
            }
            Blow::SlowLooks(millis) => {
                bench
                    .world
                    .set_latency(|latency| latency.look = Duration::from_millis(millis));
            }
            Blow::Edit(n) => {
                bench.edit(|stack| {
                    let service = stack
                        .services
                        .get_mut(NAMES[usize::from(n)])
                        .expect("a service");
                    service.user = Some(format!("{after}"));
                });
                super::reload::reload_with(&run, bench.reloaded()).await;
            }
        }
    }
    run.kill().await;
    // Whatever is left of it, a last engine repairs it, and there is nothing to do for the one after.
    let (outcome, events) = bench.up_until_ready().ended().await;
    prop_assert_eq!(
        outcome,
        Outcome::Done,
        "{:#?}",
        super::harness::story(&events)
    );
    // The last calls of the one that was killed may come late.
    tokio::time::sleep(Duration::from_secs(2)).await;
    bench.up_until_ready().ended().await;
    let calls = bench.world.journal().len();
    let (outcome, events) = bench.up_until_ready().ended().await;
    prop_assert_eq!(outcome, Outcome::Done);
    prop_assert_eq!(
        bench.world.journal().len(),
        calls,
        "{:#?}",
        super::harness::story(&events)
    );
    let model = bench.world.model();
    prop_assert_eq!(model.networks.len(), 1);
    prop_assert_eq!(model.volumes.len(), 1);
    let specs: Vec<_> = model
        .containers
        .values()
        .map(|container| (container.seen.name.clone(), container.user.clone()))
        .collect();
    for (name, user) in specs {
        let service = name.trim_start_matches("gold-").trim_end_matches("-1");
        if bench.stack.services[service].is_job() {
            // Whose user it ran as makes no job run again.
            continue;
        }
        prop_assert_eq!(&user, &bench.stack.services[service].user);
    }
    prop_assert_eq!(&model.violations, &Vec::<String>::new());
    let running = model
        .containers
        .values()
        .filter(|container| container.seen.status == Status::Running)
        .count();
    prop_assert_eq!(running, 3);
    Ok(())
}

fn in_a_world<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn from_any_interruption(blows in prop::collection::vec((0..900u64, blow()), 0..8)) {
        in_a_world(through(blows))?;
    }
}

#[test]
fn killed_at_every_moment_of_the_first_start() {
    for after in (0..1500).step_by(29) {
        in_a_world(async {
            let bench = Bench::new(gold());
            let run = bench.up();
            run.pass(Duration::from_millis(after)).await;
            run.kill().await;
            let (outcome, _) = bench.up_until_ready().ended().await;
            assert_eq!(outcome, Outcome::Done, "{after}");
            assert_eq!(bench.world.containers().len(), 4, "{after}");
            for name in NAMES {
                assert_eq!(
                    bench.world.count(&format!("create gold-{name}-1")),
                    1,
                    "{after}: {name}"
                );
                assert!(
                    bench.world.count(&format!("start gold-{name}-1")) <= 2,
                    "{after}: {name}"
                );
            }
            bench.check();
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_crashes_now_and_then_does_not_keep_the_others_from_converging() {
    let bench = Bench::new(gold());
    bench.world.behave("db", |db| {
        db.lives = [Life::ends(150, 1), Life::ends(400, 1), Life::ends(700, 1)].into()
    });
    let mut run = bench.up();
    run.until_settled().await;
    bench.check();
}
