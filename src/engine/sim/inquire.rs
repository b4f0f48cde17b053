//! What a running engine is asked counts once it has looked at everything again.

use std::time::Duration;

use super::stacks::{gold, probed};
use super::{Bench, Run};
use crate::engine::event::{Event, Step, Verb};
use crate::engine::input::Command;
use crate::engine::inquire::Origin;
use crate::engine::state::State;
use crate::plan::reconcile::scene::runs;
use crate::stack::resolve::fixture::template;

const SECOND: Duration = Duration::from_secs(1);

/// As `dev up -d` judges it.
async fn until_through(run: &mut Run, number: u64) -> State {
    let through = |state: &State| state.compared >= number && state.settled;
    run.until("compared and settled", through).await
}

fn set(bench: &mut Bench, service: &str, value: &str) {
    bench.edit(|stack| {
        let env = &mut stack.services.get_mut(service).unwrap().env;
        env.insert("MORE".to_owned(), template(value));
    });
}

fn value_of(bench: &Bench, container: &str) -> Option<String> {
    let model = bench.world.model();
    let env = &model.by_name(container)?.env;
    let mut more = env.iter().filter(|(name, _)| name == "MORE");
    more.next().map(|(_, value)| value.text.clone())
}

#[tokio::test(start_paused = true)]
async fn an_up_is_done_when_the_file_as_it_was_then_is_what_runs() {
    for after in (0..900).step_by(53) {
        let mut bench = Bench::new(gold());
        let mut run = bench.up();
        run.until_settled().await;
        run.pass(Duration::from_millis(after)).await;
        set(&mut bench, "api", "1");
        // Nobody has told that the file was saved.
        let number = run.ask_up(&[]).await;
        let state = until_through(&mut run, number).await;
        assert_eq!(state.verdict(), Some(crate::engine::goal::Outcome::Done));
        assert_eq!(value_of(&bench, "gold-api-1").as_deref(), Some("1"));
        assert!(state.services.iter().all(|service| !service.pending));
        bench.check();
        run.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_answered_from_the_files_as_they_were_then() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 20 * SECOND);
    let mut run = bench.up();
    run.until_settled().await;
    for n in 2..5 {
        fs_err::write(bench.dir.join("api/main.py"), "x".repeat(n)).unwrap();
        let number = run.ask_compare().await;
        let state = until_through(&mut run, number).await;
        assert_eq!(bench.world.count("build gold-api"), n);
        assert_eq!(state.verdict(), Some(crate::engine::goal::Outcome::Done));
    }
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_is_planned_shows_from_the_comparison_until_it_is_over() {
    let mut bench = Bench::new([runs("other", &[]), probed("api", &[]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 20 * SECOND);
    let mut run = bench.up();
    let mut state = run.until_settled().await;
    let seen = run.events().len();
    fs_err::write(bench.dir.join("api/main.py"), "1").unwrap();
    set(&mut bench, "api", "2");
    let number = run.ask_up(&["api"]).await;
    until_through(&mut run, number).await;
    let mut before = true;
    for stamped in &run.events()[seen..] {
        state.apply(stamped);
        if state.compared < number {
            continue;
        }
        // Whoever waits for `api` alone looks at this.
        let api = state.service("api").unwrap();
        before &= api.pending;
        assert!(api.pending == before, "{:?}", stamped.event);
        assert!(!state.service("other").unwrap().pending);
    }
    assert!(!before);
    let built = |stamped: &&crate::engine::event::Stamped| {
        matches!(
            stamped.event,
            Event::Operation {
                verb: Verb::Build,
                step: Step::Done { .. },
                ..
            }
        )
    };
    assert_eq!(run.events()[seen..].iter().filter(built).count(), 1);
    assert_eq!(value_of(&bench, "gold-api-1").as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_taken_in_brings_nothing_up_and_is_told() {
    let bench = Bench::new(gold());
    let mut run = bench.run(bench.goal(&["db"]), crate::engine::goal::Until::Told);
    run.until_settled().await;
    let broken = Err("line 1: no".to_owned());
    *bench.reloads.lock().unwrap() = Some(broken);
    let number = run.ask_up(&["web"]).await;
    let state = until_through(&mut run, number).await;
    assert_eq!(state.rejected.as_deref(), Some("line 1: no"));
    run.pass(SECOND).await;
    assert!(!bench.world.containers().contains_key("gold-web-1"));
    // Only looking is another matter: what runs is what runs.
    let number = run.ask_compare().await;
    until_through(&mut run, number).await;
}

#[tokio::test(start_paused = true)]
async fn layers_of_an_up_are_those_of_the_stack_from_then_on() {
    let bench = Bench::new([runs("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    let up = async |envs: &[&str]| {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let origin = Origin {
            envs: envs.iter().map(|&env| env.to_owned()).collect(),
            variables: [("X".to_owned(), Some("1".to_owned()))].into(),
            reading: Some(crate::stack::file::Reading {
                profiles: envs.iter().map(|&env| env.to_owned()).collect(),
                ..crate::stack::file::Reading::default()
            }),
            ..Origin::default()
        };
        run.tell(Command::Up {
            services: Vec::new(),
            origin: Box::new(origin),
            wishes: crate::plan::demands::Wishes::default(),
            reply,
        })
        .await;
        answer.await.unwrap().unwrap()
    };
    // Two at once: the second one counts.
    up(&["off"]).await;
    let number = up(&["off", "other"]).await;
    until_through(&mut run, number).await;
    let read_with = bench.origins.lock().unwrap().last().cloned().unwrap();
    assert_eq!(read_with.envs, ["off", "other"]);
    assert_eq!(read_with.variables["X"].as_deref(), Some("1"));
    let remembered = bench.store().remembered().unwrap();
    assert_eq!(remembered.envs, ["off", "other"]);
    let reading = remembered.reading.unwrap();
    assert_eq!(reading.profiles, ["off", "other"]);
    assert_eq!(read_with.reading, Some(reading));

    let number = run.ask_compare().await;
    until_through(&mut run, number).await;
    assert_eq!(
        bench.origins.lock().unwrap().last(),
        Some(&read_with),
        "also for a reading that nobody gave layers for"
    );
}
