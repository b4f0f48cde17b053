//! A container gets ready beside the one that it replaces. Somebody calls the service by its name all the while, and the
//! world watches that there is one to answer.

use std::time::Duration;

use super::fault::{How, verb};
use super::reload::reload_with;
use super::stacks::probed;
use super::{Bench, Life, Run};
use crate::engine::event::{Event, FailureClass, Stamped, Verb};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::Input;
use crate::engine::state::{Phase, State};
use crate::plan::observed::{Generation, Status};
use crate::plan::reconcile::Removal;
use crate::plan::reconcile::scene::runs;
use crate::stack::{Probe, ProbeKind, Service, UpdateOrder};

const SECOND: Duration = Duration::from_secs(1);

fn first(service: Service) -> Service {
    Service {
        update: UpdateOrder::StartFirst,
        ..service
    }
}

fn api() -> Service {
    first(probed("api", &[]))
}

/// Everything is up, and from now on somebody calls `api`.
async fn settled(services: impl IntoIterator<Item = Service>) -> (Bench, Run) {
    let bench = Bench::new(services);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.model().called.insert("api".to_owned());
    (bench, run)
}

/// Another configuration: its containers run as another user.
fn renew(bench: &mut Bench, user: &str) {
    bench.edit(|stack| {
        stack.services.get_mut("api").unwrap().user = Some(user.to_owned());
    });
}

async fn tell(run: &Run, bench: &Bench) {
    let reloaded = bench.reloaded().map(Box::new);
    let told = run.inputs.send(Input::Reloaded(reloaded)).await;
    told.expect("the engine runs");
}

fn life(bench: &Bench) -> Generation {
    let model = bench.world.model();
    model
        .by_name("gold-api-1")
        .expect("it is there")
        .seen
        .generation()
}

/// One container serves, as this user.
fn serves(bench: &Bench, user: Option<&str>) {
    let model = bench.world.model();
    let of_api = model.containers.values();
    let of_api: Vec<_> = of_api.filter(|c| c.seen.service == "api").collect();
    assert_eq!(of_api.len(), 1);
    assert_eq!(of_api[0].seen.name, "gold-api-1");
    assert_eq!(of_api[0].seen.status, Status::Running);
    assert_eq!(of_api[0].user.as_deref(), user);
    assert!(
        of_api[0]
            .seen
            .aliases
            .values()
            .all(|names| names.contains("api"))
    );
}

/// Since everything was up it always was, and nobody who needs it was told otherwise.
fn was_always_ready(run: &Run) {
    let events = run.events();
    let settled = |stamped: &Stamped| matches!(stamped.event, Event::Settled { ready: true, .. });
    let begun = events.iter().position(settled).expect("it was up");
    // What it is made of was told before anybody listened.
    let mut state = run.state();
    for service in &mut state.services {
        service.failure = None;
    }
    for stamped in &events[..begun] {
        state.apply(stamped);
    }
    for stamped in &events[begun..] {
        state.apply(stamped);
        let api = state.service("api").expect("it is in the file");
        assert!(api.phase == Phase::Ready, "{:?}: {stamped:?}", api.phase);
        let web = state.service("web");
        assert!(web.is_none_or(|web| web.degraded_by.is_empty()));
    }
}

/// The one before serves, and why is known.
fn runs_on(state: &State) -> bool {
    let api = state.service("api").unwrap();
    let why = api.failure.as_ref().map(|failure| failure.class);
    api.phase == Phase::Ready && why == Some(FailureClass::Replacement)
}

/// Asked so often that somebody asks in the moment in which it is detached, in which nobody reaches it.
#[tokio::test(start_paused = true)]
async fn a_question_that_meets_the_moment_of_attaching_says_nothing() {
    let mut api = api();
    let often = Duration::from_millis(20);
    api.ready.as_mut().expect("it has a probe").every = often;
    let kind = ProbeKind::Exec {
        command: vec!["ready".to_owned()],
    };
    api.alive = Some(Probe {
        every: often,
        ..Probe::new(kind)
    });
    let (mut bench, mut run) = settled([api, probed("web", &["api"])]).await;
    bench
        .world
        .behave("api", |api| api.settles = Duration::from_millis(300));
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    run.until("the new one serves", |_| {
        bench.world.count("rename gold-api-1.next") == 1
    })
    .await;
    run.until_settled().await;
    was_always_ready(&run);
    serves(&bench, Some("new"));
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_all_the_while_and_what_needs_it_is_left_alone() {
    for api in [api(), first(runs("api", &[])), api().replicated(2)] {
        let replicas = api.replicas;
        let (mut bench, mut run) = settled([api, probed("web", &["api"])]).await;
        let settles = Duration::from_millis(300);
        bench.world.behave("api", |api| api.settles = settles);
        renew(&mut bench, "new");
        reload_with(&run, bench.reloaded()).await;
        run.until("the new one serves", |_| {
            bench.world.count("rename gold-api-1.next") == 1
        })
        .await;
        run.pass(2 * SECOND).await;
        run.until_settled().await;
        if replicas == 1 {
            serves(&bench, Some("new"));
        }
        assert_eq!(bench.world.containers().len() as u32, replicas + 1);
        assert_eq!(bench.world.count("start gold-web-1"), 1);
        was_always_ready(&run);
        bench.check();
        // It is watched like any other.
        bench.world.model().called.clear();
        bench.world.end("gold-api-1", 1, false);
        run.until("started again", |_| {
            bench.world.count("start gold-api-1") == 2
        })
        .await;
        run.until_settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_goes_and_the_one_before_was_never_touched() {
    let (mut bench, mut run) = settled([api(), probed("web", &["api"])]).await;
    let before = life(&bench);
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
    assert_eq!(life(&bench), before);
    serves(&bench, None);
    assert_eq!(bench.world.count("start gold-api-1.next"), 1);
    assert!(runs_on(&run.state()));
    was_always_ready(&run);

    renew(&mut bench, "good");
    reload_with(&run, bench.reloaded()).await;
    run.pass(3 * SECOND).await;
    let state = run.until_settled().await;
    assert_eq!(state.service("api").unwrap().failure, None);
    serves(&bench, Some("good"));
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_never_gets_ready_goes_at_its_deadline() {
    let (mut bench, mut run) = settled([api()]).await;
    let before = life(&bench);
    bench
        .world
        .behave("api", |api| api.sick_as = Some("bad".to_owned()));
    renew(&mut bench, "bad");
    reload_with(&run, bench.reloaded()).await;
    run.pass(19 * SECOND).await;
    assert_eq!(bench.world.containers().len(), 2);
    let state = run.state();
    let coming = state.service("api").unwrap().coming().unwrap();
    assert_eq!(
        coming.probe.as_ref().unwrap().answer,
        "`ready` → exit 1: not yet"
    );
    let state = run.until("the one before runs on", runs_on).await;
    let failure = state.service("api").unwrap().failure.clone().unwrap();
    assert_eq!(
        failure.message,
        "the new one did not get ready: not ready within 20 s"
    );
    assert_eq!(failure.detail, ["`ready` → exit 1: not yet"]);
    run.pass(60 * SECOND).await;
    assert_eq!(life(&bench), before);
    serves(&bench, None);
    was_always_ready(&run);
    bench.check();
    // It ends later, and that is seen.
    bench.world.model().called.clear();
    bench.world.end("gold-api-1", 1, false);
    run.until("seen", |state| {
        state
            .service("api")
            .is_some_and(|api| api.phase != Phase::Ready)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_not_ready_once_it_has_its_names_gives_them_back() {
    let (mut bench, mut run) = settled([api()]).await;
    let before = life(&bench);
    bench.world.behave("api", |api| api.settles = 60 * SECOND);
    renew(&mut bench, "bad");
    reload_with(&run, bench.reloaded()).await;
    run.until("the one before runs on", runs_on).await;
    run.pass(SECOND).await;
    assert_eq!(bench.world.count("name gold-api-1.next"), 1);
    assert_eq!(life(&bench), before);
    serves(&bench, None);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_started_or_named_costs_nothing() {
    for step in ["create", "start", "name"] {
        let (mut bench, mut run) = settled([api()]).await;
        let before = life(&bench);
        let refusal = How::Refuse(FailureClass::Other, "not now".to_owned());
        bench.world.fault(1, verb(step), refusal);
        renew(&mut bench, "bad");
        reload_with(&run, bench.reloaded()).await;
        run.until("the one before runs on", runs_on).await;
        run.pass(SECOND).await;
        assert_eq!(life(&bench), before, "{step}");
        serves(&bench, None);
        was_always_ready(&run);
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_change_overtakes_at_any_moment() {
    let (mut bench, run) = settled([api()]).await;
    for after in (0..500).step_by(17) {
        renew(&mut bench, &format!("one-{after}"));
        tell(&run, &bench).await;
        run.pass(Duration::from_millis(after)).await;
        let last = format!("two-{after}");
        renew(&mut bench, &last);
        reload_with(&run, bench.reloaded()).await;
        run.pass(4 * SECOND).await;
        serves(&bench, Some(&last));
    }
    was_always_ready(&run);
    bench.check();
    // What went was never the service.
    let removals = run.events().into_iter().filter(|stamped| {
        matches!(
            &stamped.event,
            Event::Operation {
                service: Some(_),
                verb: Verb::Remove,
                ..
            }
        )
    });
    assert_eq!(removals.collect::<Vec<_>>(), []);
}

/// Through a kill after so many milliseconds of a replacement that goes well, or not.
async fn killed(after: u64, fails: bool) -> Bench {
    let (mut bench, run) = settled([api(), probed("web", &["api"])]).await;
    if fails {
        bench
            .world
            .behave("api", |api| api.lives = [Life::ends(250, 3)].into());
    }
    renew(&mut bench, "new");
    tell(&run, &bench).await;
    run.pass(Duration::from_millis(after)).await;
    run.kill().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_the_next_up_converges_and_somebody_answers() {
    for (after, fails) in (0..600)
        .step_by(13)
        .flat_map(|after| [(after, false), (after, true)])
    {
        let bench = killed(after, fails).await;
        bench.world.behave("api", |api| api.lives = [].into());
        let (outcome, _) = bench.up_until_ready().ended().await;
        // One that was about to end may be found while it runs.
        assert!(fails || outcome == Outcome::Done, "{after}: {outcome:?}");
        let (outcome, _) = bench.up_until_ready().ended().await;
        assert_eq!(outcome, Outcome::Done, "{after} {fails}");
        serves(&bench, Some("new"));
        assert_eq!(bench.world.containers().len(), 2, "{after} {fails}");
        assert_eq!(bench.world.count("start gold-web-1"), 1);
        if !fails {
            bench.check();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_a_down_leaves_nothing() {
    for after in (0..600).step_by(29) {
        let bench = killed(after, false).await;
        tokio::time::sleep(SECOND).await;
        let down = bench.run(Goal::Down(Removal::default()), Until::Told);
        let (outcome, _) = down.ended().await;
        assert_eq!(outcome, Outcome::Done, "{after}");
        assert!(bench.world.containers().is_empty(), "{after}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_up_that_only_waits_ends_once_the_new_one_has_taken_over() {
    let mut bench = Bench::new([api()]);
    bench.up_until_ready().ended().await;
    bench.world.model().called.insert("api".to_owned());
    renew(&mut bench, "new");
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    serves(&bench, Some("new"));
    bench
        .world
        .behave("api", |api| api.lives = [Life::ends(50, 3)].into());
    renew(&mut bench, "bad");
    let (outcome, _) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::Replacement);
    serves(&bench, Some("new"));
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn where_the_one_before_ends_meanwhile_the_new_one_takes_over() {
    for after in (20..400).step_by(40) {
        let (mut bench, mut run) = settled([api()]).await;
        bench.world.model().called.clear();
        renew(&mut bench, "new");
        tell(&run, &bench).await;
        run.pass(Duration::from_millis(after)).await;
        if bench.world.containers().contains_key("gold-api-1") {
            bench.world.end("gold-api-1", 1, false);
        }
        run.pass(30 * SECOND).await;
        run.until_settled().await;
        serves(&bench, Some("new"));
    }
}

/// Nothing says which goes first, and something needs it.
fn unsaid() -> [Service; 2] {
    [probed("api", &[]), probed("web", &["api"])]
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_said_what_is_called_is_ready_all_the_while() {
    let (mut bench, mut run) = settled(unsaid()).await;
    // It takes its time to end, and that is nobody's.
    bench
        .world
        .behave("api", |api| api.stops_after = 9 * SECOND);
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    run.pass(12 * SECOND).await;
    run.until_settled().await;
    serves(&bench, Some("new"));
    was_always_ready(&run);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_calls_or_asks_is_stopped_first() {
    for services in [
        [probed("api", &[]), probed("web", &[])],
        [runs("api", &[]), runs("web", &["api"])],
    ] {
        let bench = Bench::new(services);
        let run = bench.up();
        let (mut bench, mut run) = (bench, run);
        run.until_settled().await;
        renew(&mut bench, "new");
        reload_with(&run, bench.reloaded()).await;
        run.pass(3 * SECOND).await;
        run.until_settled().await;
        serves(&bench, Some("new"));
        assert_eq!(bench.world.count("name gold-api-1.next"), 0);
        bench.check();
    }
}

/// It is stopped, and started again once the one before is, and no failure.
async fn is_alone_then(bench: &Bench, run: &mut Run) {
    bench.world.model().called.clear();
    run.pass(30 * SECOND).await;
    let state = run.until_settled().await;
    serves(bench, Some("new"));
    assert_eq!(state.service("api").unwrap().failure, None);
    let steps: Vec<String> = bench
        .world
        .journal()
        .into_iter()
        .map(|entry| entry.what)
        .collect();
    let last = |what: &str| steps.iter().rposition(|step| step == what);
    let stopped = last("stop gold-api-1").expect("it was stopped");
    assert!(
        last("start gold-api-1.next").is_some_and(|at| at > stopped),
        "{steps:?}"
    );
    assert_eq!(bench.world.count("start gold-api-1.next"), 2);
    assert_eq!(bench.world.count("create gold-api-1.next"), 1);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_by_getting_its_names_is_started_in_the_place_of_the_one_before() {
    let (mut bench, mut run) = settled(unsaid()).await;
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    run.until("it has its names", |_| {
        bench.world.count("name gold-api-1.next") == 1
    })
    .await;
    bench.world.end("gold-api-1.next", 1, false);
    is_alone_then(&bench, &mut run).await;
}

#[tokio::test(start_paused = true)]
async fn its_end_counts_no_more_when_the_one_before_ends_for_it() {
    let (mut bench, mut run) = settled(unsaid()).await;
    bench.world.behave("api", |api| api.stops_after = SECOND);
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    run.until("it has its names", |_| {
        bench.world.count("name gold-api-1.next") == 1
    })
    .await;
    bench.world.model().called.clear();
    bench.world.end("gold-api-1.next", 1, false);
    // An engine tells of the end before it answers the call that asked for it.
    run.pass(Duration::from_millis(500)).await;
    bench.world.end("gold-api-1", 143, false);
    is_alone_then(&bench, &mut run).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_has_another_address_since_it_has_its_names_is_started_anew() {
    let (mut bench, mut run) = settled(unsaid()).await;
    bench.world.behave("api", |api| api.moves = true);
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    is_alone_then(&bench, &mut run).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_unready_once_it_has_its_names_is_started_anew() {
    let (mut bench, mut run) = settled(unsaid()).await;
    bench.world.behave("api", |api| api.settles = 600 * SECOND);
    renew(&mut bench, "new");
    reload_with(&run, bench.reloaded()).await;
    is_alone_then(&bench, &mut run).await;
}
