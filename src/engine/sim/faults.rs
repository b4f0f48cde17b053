//! An engine that refuses, loses, hangs and goes away.

use std::time::Duration;

use super::Bench;
use super::fault::{How, create_of, pull_of, verb};
use super::harness::story;
use super::stacks::{gold, probed};
use crate::engine::event::{Event, FailureClass};
use crate::engine::goal::Outcome;
use crate::engine::state::Phase;
use crate::plan::Action;
use crate::plan::observed::Status;
use crate::plan::reconcile::scene::runs;
use crate::stack::resolve::fixture::http;
use crate::stack::{HostPort, Network};

const SECOND: Duration = Duration::from_secs(1);

fn refuse(class: FailureClass, message: &str) -> How {
    How::Refuse(class, message.to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_away_and_comes_back() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.go_away();
    run.until("told that it is gone", |state| !state.runtime_up)
        .await;
    run.pass(120 * SECOND).await;
    bench.world.come_back();
    run.until("told that it is back", |state| state.runtime_up)
        .await;
    run.until_settled().await;
    let told: Vec<String> = story(&run.events())
        .into_iter()
        .filter(|entry| entry.starts_with("runtime"))
        .collect();
    assert_eq!(told, ["runtime false", "runtime true"]);
    assert_eq!(bench.world.count("create gold-db-1"), 1);
    assert_eq!(bench.world.count("start gold-migrate-1"), 1);
    assert!(
        bench
            .world
            .containers()
            .iter()
            .all(|(name, status)| *status == Status::Running || name.contains("migrate"))
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_away_while_things_come_up() {
    // Not before the first look: that there is none at all is another story.
    for after in (20..1500).step_by(53) {
        let bench = Bench::new(gold());
        let mut run = bench.up();
        run.pass(Duration::from_millis(after)).await;
        bench.world.go_away();
        run.pass(5 * SECOND).await;
        bench.world.come_back();
        run.until_settled().await;
        assert_eq!(bench.world.containers().len(), 4);
        bench.check();
        run.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_from_before_the_engine_went_away_is_not_believed() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        .set_latency(|latency| latency.look = Duration::from_millis(500));
    bench.world.end("gold-api-1", 1, false);
    run.until_phase("api", Phase::Crashed).await;
    // Its pause is over, and the look that says so under way.
    run.pass(Duration::from_millis(300)).await;
    bench.world.go_away();
    bench.world.behave("db", |db| db.ready_after = 5 * SECOND);
    bench.world.come_back();
    run.pass(SECOND).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn no_engine_at_all_ends_with_the_reason() {
    let bench = Bench::new(gold());
    bench.world.go_away();
    let (outcome, _) = bench.up().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::Engine);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_nobody_answers_is_given_up_and_tried_again() {
    let mut services = gold();
    let web = services[3].ready.as_mut().unwrap();
    web.within = 120 * SECOND;
    let bench = Bench::new(services);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.model().hang_looks = 1;
    bench.world.end("gold-web-1", 1, false);
    run.until("started again", |_| {
        bench.world.count("start gold-web-1") == 2
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn looks_that_are_slow_do_not_double_anything() {
    for millis in [0, 5, 30, 80, 200, 900] {
        let bench = Bench::new(gold());
        bench
            .world
            .set_latency(|latency| latency.look = Duration::from_millis(millis));
        let mut run = bench.up();
        run.until_settled().await;
        bench.world.end("gold-db-1", 1, false);
        run.pass(Duration::from_millis(50)).await;
        bench.world.remove("gold-api-1");
        run.until("made again", |_| {
            bench.world.count("create gold-api-1") == 2
        })
        .await;
        run.until_settled().await;
        run.kill().await;
        let failed: Vec<_> = bench
            .world
            .journal()
            .into_iter()
            .filter(|entry| !entry.ok)
            .collect();
        assert_eq!(failed, [], "with looks of {millis} ms");
        for name in ["db", "migrate", "web"] {
            assert_eq!(
                bench.world.count(&format!("create gold-{name}-1")),
                1,
                "with looks of {millis} ms"
            );
        }
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_the_engines_own_reasons_is_tried_again_after_a_pause() {
    for how in [refuse(FailureClass::Engine, "busy"), How::Lose] {
        for verb_text in ["pull", "create", "start", "build"] {
            let bench = Bench::new(gold());
            bench.world.fault(3, verb(verb_text), how.clone());
            let mut run = bench.up();
            let begun = tokio::time::Instant::now();
            run.until_settled().await;
            assert!(
                begun.elapsed() >= Duration::from_millis(200),
                "{verb_text}: a pause"
            );
            assert_eq!(bench.world.containers().len(), 4);
            bench.check();
            run.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_for_long_is_not_hammered() {
    let bench = Bench::new([runs("api", &[]), runs("web", &[])]);
    bench.world.fault(
        u32::MAX,
        create_of("api"),
        refuse(FailureClass::Engine, "busy"),
    );
    let mut run = bench.up();
    run.until_phase("api", Phase::Failed).await;
    let tries = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what == "create gold-api-1")
        .count();
    assert!((3..=8).contains(&tries), "{tries} tries");
    let spent = tokio::time::Instant::now();
    run.pass(60 * SECOND).await;
    assert!(
        bench.world.model().looks < 40,
        "{} looks in {:?}",
        bench.world.model().looks,
        spent.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_replacement_that_fails_is_not_tried_without_a_pause() {
    let mut bench = Bench::new([runs("api", &[])]);
    let mut run = bench.up();
    run.until_settled().await;
    bench.world.fault(
        u32::MAX,
        verb("remove"),
        refuse(FailureClass::Engine, "busy"),
    );
    bench.edit(|stack| stack.services.get_mut("api").unwrap().user = Some("1000".to_owned()));
    super::reload::reload_with(&run, bench.reloaded()).await;
    run.pass(60 * SECOND).await;
    assert_eq!(run.phase("api"), Phase::Ready, "the new one runs");
    let tries = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what == "remove gold-api-1")
        .count();
    assert!((3..=12).contains(&tries), "{tries} tries");
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_fails_those_who_use_it() {
    let bench = Bench::new([runs("api", &[]), runs("web", &["api"]), runs("other", &[])]);
    bench.world.fault(
        u32::MAX,
        pull_of("api:1"),
        refuse(FailureClass::ImageMissing, "no such image: api:1"),
    );
    let (outcome, events) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{:#?}", story(&events))
    };
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].1.class, FailureClass::ImageMissing);
    assert_eq!(bench.world.containers()["gold-other-1"], Status::Running);
    let tries = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what == "pull api:1")
        .count();
    assert_eq!(tries, 1);
    assert!(
        story(&events).contains(&"settled false".to_owned()),
        "{:#?}",
        story(&events)
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_build_leaves_the_old_container_running() {
    let bench = Bench::new(gold());
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .world
        // As often as it is tried: the files are real, and their watcher tells of the save, too.
        .fault(9, verb("build"), refuse(FailureClass::Build, "RUN failed"));
    fs_err::write(bench.dir.join("api/main.py"), "1").unwrap();
    run.saved(&bench, "api/main.py").await;
    run.pass(5 * SECOND).await;
    assert!(
        story(&run.events()).contains(&"api gave up".to_owned()),
        "{:#?}",
        story(&run.events())
    );
    assert_eq!(bench.world.containers()["gold-api-1"], Status::Running);
    assert_eq!(
        bench.world.count("stop gold-api-1"),
        0,
        "{:#?}",
        story(&run.events())
    );
    // The next save is the next try.
    bench.world.model().faults.clear();
    fs_err::write(bench.dir.join("api/main.py"), "22").unwrap();
    run.saved(&bench, "api/main.py").await;
    run.until("replaced", |_| {
        bench.world.count("rename gold-api-1.next") == 1
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_taken_port_leads_to_another_one() {
    let bench = Bench::new([runs("api", &[]).with_port("http", http(48_731))]);
    bench.world.model().foreign_ports.insert(48_731);
    let mut run = bench.up();
    run.until_settled().await;
    let model = bench.world.model();
    let container = model.by_name("gold-api-1").unwrap();
    assert_ne!(container.seen.ports[0].3, 48_731);
    let address = run.state().service("api").unwrap().info.addresses.clone();
    assert_eq!(
        address,
        [format!("http://127.0.0.1:{}", container.seen.ports[0].3)]
    );
    assert!(run.events().iter().any(
        |stamped| matches!(&stamped.event, Event::Notice { text, .. } if text.contains("48731"))
    ));
    assert_eq!(run.state().service("api").unwrap().restarts, 0);
}

#[tokio::test(start_paused = true)]
async fn a_chosen_port_that_is_taken_when_it_starts_again_is_left_too() {
    let bench = Bench::new([runs("api", &[]).with_port("http", http(48_733))]);
    bench.up_until_ready().ended().await;
    bench.world.end("gold-api-1", 0, false);
    // Meanwhile somebody else has it, where only the engine can tell.
    bench.world.model().foreign_ports.insert(48_733);
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
    assert_ne!(
        bench
            .world
            .model()
            .by_name("gold-api-1")
            .unwrap()
            .seen
            .ports[0]
            .3,
        48_733
    );
}

#[tokio::test(start_paused = true)]
async fn a_fixed_port_that_is_taken_is_an_error() {
    let mut port = http(48_732);
    port.host = HostPort::Fixed(48_732);
    let mut auto = http(4873);
    auto.host = HostPort::Auto;
    let bench = Bench::new([runs("api", &[])
        .with_port("http", port)
        .with_port("more", auto)]);
    bench.world.model().foreign_ports.insert(48_732);
    let (outcome, _) = bench.up_until_ready().ended().await;
    let Outcome::Failed(failures) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(failures[0].1.class, FailureClass::PortTaken);
}

#[tokio::test(start_paused = true)]
async fn a_fixed_port_that_is_free_again_is_taken() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = holder.local_addr().unwrap().port();
    let mut port = http(4873);
    port.host = HostPort::Fixed(number);
    let bench = Bench::new([runs("api", &[]).with_port("http", port)]);
    bench.world.model().foreign_ports.insert(number);
    let mut run = bench.up();
    let state = run.until_phase("api", Phase::Failed).await;
    let why = state.service("api").unwrap().failure.as_ref();
    assert_eq!(why.unwrap().class, FailureClass::PortTaken);
    let tries = bench.world.journal().len();
    run.pass(Duration::from_secs(60)).await;
    assert_eq!(bench.world.journal().len(), tries, "it waits for the port");
    drop(holder);
    bench.world.model().foreign_ports.clear();
    run.until_phase("api", Phase::Ready).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn no_room_for_a_network_is_told_once() {
    let bench = Bench::new([runs("api", &[]), runs("web", &[])]);
    let network: Box<dyn Fn(&Action) -> bool + Send> =
        Box::new(|action| matches!(action, Action::CreateNetwork { .. }));
    bench.world.fault(
        u32::MAX,
        network,
        refuse(FailureClass::Other, "all predefined address pools are used"),
    );
    let mut run = bench.up();
    run.until_phase("web", Phase::Failed).await;
    run.until_phase("api", Phase::Failed).await;
    run.pass(60 * SECOND).await;
    let tries = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what.contains("network"))
        .count();
    assert_eq!(tries, 1, "{:#?}", story(&run.events()));
}

#[tokio::test(start_paused = true)]
async fn what_stopped_for_a_network_that_cannot_be_made_anew_goes_on_with_the_one_that_is_there() {
    let mut bench = Bench::new([runs("api", &[]), runs("web", &[])]);
    bench.up_until_ready().ended().await;
    bench.edit(|stack| {
        let mut network = Network::default();
        let label = ("a".to_owned(), "b".to_owned());
        network.options.labels.extend([label]);
        stack.networks.insert("default".to_owned(), network);
    });
    let removal: Box<dyn Fn(&Action) -> bool + Send> =
        Box::new(|action| matches!(action, Action::RemoveNetwork { .. }));
    let refusal = refuse(FailureClass::Other, "the network has active endpoints");
    bench.world.fault(1, removal, refusal);
    let mut run = bench.up();
    run.until_settled().await;
    run.pass(60 * SECOND).await;
    assert_eq!(run.phase("api"), Phase::Ready);
    let journal = bench.world.journal();
    let tries = journal
        .iter()
        .filter(|entry| entry.what.contains("remove network"));
    assert_eq!(tries.count(), 1);
    assert_eq!(bench.world.count("create gold-api-1"), 1);
    let told = run.events().into_iter().filter(|stamped| {
        matches!(&stamped.event, Event::Notice { text, .. } if text.contains("other containers are on it"))
    });
    assert_eq!(told.count(), 1);
    // Who asks again means it.
    run.ask_up(&[]).await;
    let name = "create network gold_default";
    run.until("made anew", |_| bench.world.count(name) == 2)
        .await;
    run.until_settled().await;
    assert_eq!(run.phase("web"), Phase::Ready);
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_cannot_be_removed_is_not_hammered() {
    let mut bench = Bench::new([runs("api", &[]), runs("web", &[])]);
    bench.up_until_ready().ended().await;
    bench.edit(|stack| drop(stack.services.remove("web")));
    bench.world.fault(
        u32::MAX,
        verb("remove"),
        refuse(FailureClass::Other, "device or resource busy"),
    );
    let mut run = bench.up();
    run.until("api ready", |state| {
        state.service("api").unwrap().is_ready()
    })
    .await;
    run.pass(60 * SECOND).await;
    let tries = bench
        .world
        .journal()
        .iter()
        .filter(|entry| entry.what == "remove gold-web-1")
        .count();
    assert!((1..=10).contains(&tries), "{tries} tries");
    assert!(run.state().settled, "{:#?}", story(&run.events()));
}

#[tokio::test(start_paused = true)]
async fn the_answer_of_a_start_may_get_lost() {
    let bench = Bench::new([probed("api", &[])]);
    bench.world.fault(1, verb("start"), How::Lose);
    let mut run = bench.up();
    run.until_settled().await;
    assert_eq!(
        bench.world.count("start gold-api-1"),
        1,
        "{:#?}",
        story(&run.events())
    );
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn a_build_that_hangs_does_not_keep_down_waiting() {
    let bench = Bench::new([probed("db", &[]), probed("api", &["db"]).built()]);
    bench.world.fault(1, verb("build"), How::Hang);
    let mut run = bench.up();
    run.until_phase("api", Phase::Building).await;
    run.until_phase("db", Phase::Ready).await;
    let begun = tokio::time::Instant::now();
    run.tell(crate::engine::input::Command::Down {
        removal: Default::default(),
    })
    .await;
    run.ended().await;
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    assert!(bench.world.containers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_failed_once_and_is_ready_without_a_probe_is_no_older_version() {
    let bench = Bench::new([runs("db", &[]), runs("api", &["db"]).built()]);
    let network: Box<dyn Fn(&Action) -> bool + Send> =
        Box::new(|action| matches!(action, Action::CreateNetwork { .. }));
    let taken = refuse(FailureClass::NameTaken, "the name is taken");
    bench.world.fault(1, network, taken);
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{:#?}", story(&events));
}
