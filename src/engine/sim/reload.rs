//! A stack file that is edited under a running engine.

use std::time::Duration;

use super::harness::story;
use super::stacks::{gold, probed};
use super::{Bench, Life, Run};
use crate::engine::core::{Loaded, Warning};
use crate::engine::event::{Event, FailureClass, Level};
use crate::engine::goal::Outcome;
use crate::engine::input::Input;
use crate::engine::state::Phase;
use crate::plan::reconcile::scene::runs;
use crate::stack::UpdateOrder;
use crate::stack::resolve::fixture::template;

const SECOND: Duration = Duration::from_secs(1);

/// As when its file is saved: what reading it again yields is taken in.
pub async fn reload_with(run: &Run, result: Result<Loaded, String>) {
    run.inputs
        .send(Input::Reloaded(result.map(Box::new)))
        .await
        .expect("the engine runs");
    // Until the next look has seen it.
    run.pass(Duration::from_millis(200)).await;
}

impl Bench {
    pub fn reloaded(&self) -> Result<Loaded, String> {
        Ok(self.loaded())
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_changed_is_touched() {
    let stop_first = [
        "create gold-api-1.next",
        "stop gold-api-1",
        "start gold-api-1.next",
        "remove gold-api-1",
        "rename gold-api-1.next",
    ];
    touches(UpdateOrder::StopFirst, &stop_first).await;
    let unsaid = [
        "create gold-api-1.next",
        "start gold-api-1.next",
        "name gold-api-1.next",
        "unname gold-api-1",
        "stop gold-api-1",
        "remove gold-api-1",
        "rename gold-api-1.next",
    ];
    touches(UpdateOrder::Auto, &unsaid).await;
}

/// Another variable for `api` leads to these steps, and to no others.
async fn touches(update: UpdateOrder, steps: &[&str]) {
    let mut services = gold();
    services[2].update = update;
    let mut bench = Bench::new(services);
    let mut run = bench.up();
    run.until_settled().await;
    let calls = bench.world.journal().len();
    bench.edit(|stack| {
        stack
            .services
            .get_mut("api")
            .unwrap()
            .env
            .insert("MORE".to_owned(), template("1"));
    });
    reload_with(&run, bench.reloaded()).await;
    run.until_settled().await;
    let since: Vec<String> = bench
        .world
        .journal()
        .into_iter()
        .skip(calls)
        .map(|entry| entry.what)
        .collect();
    assert_eq!(since, steps);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_new_service_comes_and_one_that_is_gone_goes() {
    let mut bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench.edit(|stack| {
        stack.services.remove("web");
        stack.services.insert("mail".to_owned(), runs("mail", &[]));
    });
    reload_with(&run, bench.reloaded()).await;
    run.until("the new one", |_| {
        bench.world.containers().contains_key("gold-mail-1")
    })
    .await;
    run.until_settled().await;
    assert!(!bench.world.containers().contains_key("gold-web-1"));
}

#[tokio::test(start_paused = true)]
async fn nonsense_changes_nothing_and_is_shown_until_it_is_right() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    let calls = bench.world.journal().len();
    reload_with(&run, Err("dev.toml: line 1: what is this?".to_owned())).await;
    assert_eq!(
        run.state().rejected.as_deref(),
        Some("dev.toml: line 1: what is this?")
    );
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.journal().len(), calls);
    reload_with(&run, bench.reloaded()).await;
    assert_eq!(run.state().rejected, None);
    assert_eq!(bench.world.journal().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn another_name_is_refused_and_the_old_one_clears_that() {
    let mut bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    let calls = bench.world.journal().len();
    let rename = |name: &str, bench: &mut Bench| {
        bench.edit(|stack| {
            name.clone_into(&mut stack.name);
            stack
                .services
                .insert("mail".to_owned(), runs("mail", &["db"]));
        });
    };
    rename("silver", &mut bench);
    reload_with(&run, bench.reloaded()).await;
    run.pass(60 * SECOND).await;
    assert_eq!(
        run.state().rejected.as_deref(),
        Some(
            "the name changed from `gold` to `silver`: it takes effect at the next `dev up`; `dev down` first"
        )
    );
    assert_eq!(run.state().name, "gold");
    assert_eq!(bench.world.journal().len(), calls);
    assert_eq!(run.phase("db"), Phase::Ready);

    rename("gold", &mut bench);
    reload_with(&run, bench.reloaded()).await;
    assert_eq!(run.state().rejected, None);
    run.until_phase("mail", Phase::Ready).await;
    let of_another = |name: &String| !name.starts_with("gold-");
    assert!(!bench.world.containers().keys().any(of_another));
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_variable_that_is_not_set_fails_its_service_only() {
    let bench = Bench::new([
        probed("db", &[]),
        runs("api", &["db"]).with_env("TOKEN", "${env:TOKEN}"),
        runs("web", &["db"]),
    ]);
    let (outcome, events) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{:#?}", story(&events))
    };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].0, "api");
    assert_eq!(failures[0].1.class, FailureClass::Unresolved);
    assert!(failures[0].1.message.contains("TOKEN"), "{failures:?}");
    let containers: Vec<String> = bench.world.containers().into_keys().collect();
    assert_eq!(containers, ["gold-db-1", "gold-web-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_variable_that_is_set_later_is_used() {
    let mut bench = Bench::new([
        runs("api", &[]).with_env("TOKEN", "${env:TOKEN}"),
        runs("web", &["api"]),
    ]);
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    bench
        .facts
        .environment
        .insert("TOKEN".to_owned(), "t".to_owned());
    reload_with(&run, bench.reloaded()).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_service_that_loses_its_variable_keeps_running() {
    let mut bench = Bench::new([runs("api", &[]).with_env("TOKEN", "${env:TOKEN}")]);
    bench
        .facts
        .environment
        .insert("TOKEN".to_owned(), "t".to_owned());
    let mut run = bench.up();
    run.until_settled().await;
    let calls = bench.world.journal().len();
    bench.facts.environment.clear();
    reload_with(&run, bench.reloaded()).await;
    run.pass(10 * SECOND).await;
    assert_eq!(bench.world.journal().len(), calls);
    let told = run
        .events()
        .iter()
        .filter(|stamped| matches!(stamped.event, Event::GaveUp { .. }))
        .count();
    assert_eq!(told, 1, "{:#?}", story(&run.events()));
}

#[tokio::test(start_paused = true)]
async fn a_change_gives_what_gave_up_a_clean_slate() {
    let mut bench = Bench::new([runs("api", &[])]);
    bench.world.behave("api", |api| api.then = Life::ends(5, 3));
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    bench.world.behave("api", |api| api.then = Life::Stays);
    // The file is the same, the environment that it uses is not.
    bench.edit(|stack| {
        stack.services.get_mut("api").unwrap().user = Some("1000".to_owned());
    });
    reload_with(&run, bench.reloaded()).await;
    run.until_settled().await;
    assert_eq!(bench.world.count("create gold-api-1"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_change_during_the_first_start_is_taken_along() {
    for after in (0..1200).step_by(61) {
        let mut bench = Bench::new(gold());
        let mut run = bench.up();
        run.pass(Duration::from_millis(after)).await;
        bench.edit(|stack| {
            stack
                .services
                .get_mut("db")
                .unwrap()
                .env
                .insert("MORE".to_owned(), template("1"));
        });
        reload_with(&run, bench.reloaded()).await;
        run.until_settled().await;
        run.pass(SECOND).await;
        let env = bench
            .world
            .model()
            .by_name("gold-db-1")
            .unwrap()
            .env
            .clone();
        assert!(env.iter().any(|(name, _)| name == "MORE"), "{after}");
        bench.check();
        run.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_the_file_no_longer_has_is_shown_until_it_is_gone() {
    let mut bench = Bench::new([probed("db", &[]), runs("old", &[])]);
    bench
        .world
        .behave("old", |old| old.stops_after = 8 * SECOND);
    let mut run = bench.up();
    run.until_settled().await;
    bench.edit(|stack| {
        stack.services.remove("old");
    });
    reload_with(&run, bench.reloaded()).await;
    run.pass(4 * SECOND).await;
    assert_eq!(run.phase("old"), Phase::Stopping);
    let state = run
        .until("gone", |state| state.service("old").is_none())
        .await;
    assert!(!bench.world.containers().contains_key("gold-old-1"));
    assert_eq!(state.services.len(), 1);
    run.until_settled().await;
    bench.check();
}

/// What a person is warned of.
fn warned(run: &Run) -> Vec<String> {
    let told = run
        .events()
        .into_iter()
        .filter_map(|stamped| match stamped.event {
            Event::Notice {
                level: Level::Warning,
                text,
            } => Some(text),
            _ => None,
        });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_odd_about_an_edited_stack_file_is_told_once() {
    let mut bench = Bench::new([probed("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    let odd = |line: u32, message: &str| Warning {
        place: format!("dev.toml:{line}:1"),
        message: message.to_owned(),
    };
    for (line, user) in [(4, "a"), (9, "b")] {
        bench.edit(|stack| {
            stack.services.get_mut("api").unwrap().user = Some(user.to_owned());
        });
        let mut loaded = bench.reloaded().unwrap();
        loaded.warnings = vec![odd(line, "this rule never acts")];
        reload_with(&run, Ok(loaded)).await;
        run.until_settled().await;
    }
    assert_eq!(warned(&run), ["dev.toml:4:1: this rule never acts"]);
    let mut loaded = bench.reloaded().unwrap();
    loaded.warnings = vec![
        odd(9, "this rule never acts"),
        odd(12, "this rule never acts"),
    ];
    reload_with(&run, Ok(loaded)).await;
    run.until_settled().await;
    assert_eq!(warned(&run).len(), 2, "{:?}", warned(&run));
}
