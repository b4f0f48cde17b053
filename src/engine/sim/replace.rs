//! A container takes the place of another, or does not: then that one comes back.

use std::time::Duration;

use super::fault::{How, create_of, verb};
use super::reload::reload_with;
use super::stacks::{gold, probed};
use super::{Bench, Life};
use crate::engine::event::FailureClass;
use crate::engine::goal::{Goal, Outcome};
use crate::engine::input::Input;
use crate::engine::state::{Phase, State};
use crate::plan::observed::Status;
use crate::plan::reconcile::Removal;
use crate::plan::reconcile::scene::runs;
use crate::stack::resolve::fixture::http;

const SECOND: Duration = Duration::from_secs(1);

/// Another configuration: its containers run as another user.
fn renew(bench: &mut Bench, user: &str) {
    bench.edit(|stack| {
        stack.services.get_mut("api").unwrap().user = Some(user.to_owned());
    });
}

/// As [`reload_with`], without a moment's wait.
async fn tell(run: &super::Run, bench: &Bench) {
    let reloaded = bench.reloaded().map(Box::new);
    let told = run.inputs.send(Input::Reloaded(reloaded)).await;
    told.expect("the engine runs");
}

fn user_of(bench: &Bench) -> Option<String> {
    let model = bench.world.model();
    let container = model.by_name("gold-api-1").expect("it is there");
    assert_eq!(container.seen.status, Status::Running);
    container.user.clone()
}

/// The one before serves, and why is known.
fn runs_on(state: &State) -> bool {
    let api = state.service("api").unwrap();
    let why = api.failure.as_ref().map(|failure| failure.class);
    api.phase == Phase::Ready && why == Some(FailureClass::Replacement)
}

fn api() -> crate::stack::Service {
    probed("api", &[]).with_port("http", http(48_800))
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_at_once_gives_way_to_the_one_before_until_the_next_change() {
    let mut bench = Bench::new([api(), probed("web", &["api"])]);
    let mut run = bench.up();
    run.until_settled().await;
    let before = bench.world.id("gold-api-1");
    bench
        .world
        .behave("api", |api| api.lives = [Life::ends(50, 3)].into());
    renew(&mut bench, "bad");
    reload_with(&run, bench.reloaded()).await;
    let state = run.until("the one before runs on", runs_on).await;
    let failure = state.service("api").unwrap().failure.clone().unwrap();
    assert_eq!(
        failure.message,
        "the new one did not get ready: ended with exit code 3"
    );
    run.pass(60 * SECOND).await;
    assert_eq!(bench.world.id("gold-api-1"), before);
    assert_eq!(bench.world.containers().len(), 2);
    assert_eq!(bench.world.count("start gold-api-1.next"), 1);
    assert!(runs_on(&run.state()));

    renew(&mut bench, "good");
    reload_with(&run, bench.reloaded()).await;
    let state = run.until_settled().await;
    assert_eq!(state.service("api").unwrap().failure, None);
    run.pass(SECOND).await;
    assert_eq!(user_of(&bench).as_deref(), Some("good"));
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    assert_eq!(bench.world.containers().len(), 2);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_never_gets_ready_gives_way_at_its_deadline() {
    let mut bench = Bench::new([api()]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .behave("api", |api| api.sick_as = Some("bad".to_owned()));
    renew(&mut bench, "bad");
    reload_with(&run, bench.reloaded()).await;
    let state = run.until("the one before runs on", runs_on).await;
    let failure = state.service("api").unwrap().failure.clone().unwrap();
    assert_eq!(
        failure.message,
        "the new one did not get ready: not ready within 20 s"
    );
    assert_eq!(failure.detail, ["`ready` → exit 1: not yet"]);
    // It is the one before that passes its probe now, and that is no reason to try the other again.
    run.pass(120 * SECOND).await;
    assert!(runs_on(&run.state()));
    assert_eq!(bench.world.count("start gold-api-1.next"), 1);
    assert_eq!(user_of(&bench), None);
    // Asked for by name, it is.
    run.restart(&["api"]).await.unwrap();
    run.until("tried again", |_| {
        bench.world.count("start gold-api-1.next") == 2
    })
    .await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn without_a_probe_it_has_to_stay_for_a_moment() {
    let mut bench = Bench::new([runs("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .behave("api", |api| api.lives = [Life::ends(400, 1)].into());
    renew(&mut bench, "bad");
    reload_with(&run, bench.reloaded()).await;
    run.until("the one before runs on", runs_on).await;
    assert_eq!(user_of(&bench), None);
    renew(&mut bench, "good");
    reload_with(&run, bench.reloaded()).await;
    run.pass(3 * SECOND).await;
    assert_eq!(user_of(&bench).as_deref(), Some("good"));
    assert_eq!(bench.world.containers().len(), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_cannot_be_made_or_started_costs_nothing_or_a_moment() {
    for (on, stops) in [(create_of("api"), 0), (verb("start"), 1)] {
        let mut bench = Bench::new([api()]);
        let mut run = bench.up();
        run.until_settled().await;
        let refusal = How::Refuse(FailureClass::Other, "no such program".to_owned());
        bench.world.fault(1, on, refusal);
        renew(&mut bench, "bad");
        reload_with(&run, bench.reloaded()).await;
        run.until("the one before runs on", runs_on).await;
        run.pass(SECOND).await;
        assert_eq!(bench.world.count("stop gold-api-1"), stops);
        assert_eq!(bench.world.containers().len(), 1);
        assert_eq!(user_of(&bench), None);
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn an_up_that_only_waits_fails_and_leaves_the_one_before() {
    let mut bench = Bench::new([api()]);
    bench.up_until_ready().ended().await;
    bench
        .world
        .behave("api", |api| api.lives = [Life::ends(50, 3)].into());
    renew(&mut bench, "bad");
    let (outcome, _) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::Replacement);
    assert_eq!(user_of(&bench), None);
    assert_eq!(bench.world.containers().len(), 1);
    // It is not what was asked for, so the next one tries again.
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(user_of(&bench).as_deref(), Some("bad"));
    assert_eq!(bench.world.containers().len(), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_newer_change_overtakes_one_that_is_not_ready_yet() {
    let mut bench = Bench::new([api()]);
    let mut run = bench.up();
    run.until_settled().await;
    for after in (0..400).step_by(13) {
        renew(&mut bench, &format!("one-{after}"));
        tell(&run, &bench).await;
        run.pass(Duration::from_millis(after)).await;
        let last = format!("two-{after}");
        renew(&mut bench, &last);
        reload_with(&run, bench.reloaded()).await;
        run.pass(3 * SECOND).await;
        assert_eq!(user_of(&bench), Some(last));
        assert_eq!(bench.world.containers().len(), 1);
    }
    run.until_settled().await;
    bench.check();
}

/// Through a kill after so many milliseconds of a replacement that goes well, or not.
async fn killed(after: u64, fails: bool) -> Bench {
    let mut bench = Bench::new([api(), probed("web", &["api"])]);
    let mut run = bench.up();
    run.until_settled().await;
    if fails {
        bench
            .world
            .behave("api", |api| api.lives = [Life::ends(50, 3)].into());
    }
    renew(&mut bench, "new");
    tell(&run, &bench).await;
    run.pass(Duration::from_millis(after)).await;
    run.kill().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_the_next_up_converges() {
    for (after, fails) in (0..500)
        .step_by(11)
        .flat_map(|after| [(after, false), (after, true)])
    {
        let bench = killed(after, fails).await;
        bench.world.behave("api", |api| api.lives = [].into());
        let (outcome, _) = bench.up_until_ready().ended().await;
        // One that was about to end may be found while it runs.
        assert!(fails || outcome == Outcome::Done, "{after}: {outcome:?}");
        let (outcome, _) = bench.up_until_ready().ended().await;
        assert_eq!(outcome, Outcome::Done, "{after} {fails}");
        assert_eq!(user_of(&bench).as_deref(), Some("new"), "{after} {fails}");
        assert_eq!(bench.world.containers().len(), 2, "{after} {fails}");
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_a_down_leaves_nothing() {
    for (after, fails) in (0..500)
        .step_by(29)
        .flat_map(|after| [(after, false), (after, true)])
    {
        let bench = killed(after, fails).await;
        tokio::time::sleep(SECOND).await;
        let down = bench.run(
            Goal::Down(Removal::default()),
            crate::engine::goal::Until::Told,
        );
        let (outcome, _) = down.ended().await;
        assert_eq!(outcome, Outcome::Done, "{after} {fails}");
        assert!(bench.world.containers().is_empty(), "{after} {fails}");
    }
}

/// Killed while a new one was on trial that ends soon; what was to be replaced has been stopped.
async fn killed_on_trial() -> Bench {
    let mut bench = Bench::new([api()]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.behave("api", |api| {
        // Long enough that one could believe that what comes back is lost.
        api.ready_after = 5 * SECOND;
        api.lives = [Life::ends(2000, 3)].into();
    });
    renew(&mut bench, "bad");
    tell(&run, &bench).await;
    run.pass(SECOND).await;
    assert_eq!(bench.world.count("start gold-api-1.next"), 1);
    run.kill().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_an_end_before_the_one_before_is_back() {
    let bench = killed_on_trial().await;
    let mut run = bench.up();
    let judged = run.until("it is judged", |state| state.verdict().is_some());
    let state = judged.await;
    assert!(runs_on(&state), "{}", super::harness::outline(&state));
    assert_eq!(user_of(&bench), None);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn the_one_before_has_its_time_and_no_more() {
    let bench = killed_on_trial().await;
    bench.world.behave("api", |api| api.sick = true);
    let (outcome, _) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    let failure = &failures[0].1;
    assert_eq!(
        failure.message,
        "neither the new one nor the one before got ready in time"
    );
    assert_eq!(failure.class, FailureClass::NotReady);
    assert_eq!(bench.world.containers().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_needs_it_is_left_alone_and_waits_while_it_is_away() {
    let mut bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    run.until_settled().await;
    run.pass(SECOND).await;
    assert_eq!(user_of(&bench).as_deref(), Some("new"));
    assert_eq!(bench.world.count("start gold-web-1"), 1);
    bench.check();
}
