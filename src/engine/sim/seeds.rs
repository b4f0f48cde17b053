//! What a container gets before it starts, and before anything starts on it.

use std::time::Duration;

use super::stacks::probed;
use super::{Bench, Run};
use crate::engine::event::Verb;
use crate::engine::goal::Outcome;
use crate::engine::state::Phase;
use crate::plan::react::fixture::{rule, sync};
use crate::stack::{AfterSync, Service};
use crate::watch::sync::{Bases, Record};

#[tokio::test(start_paused = true)]
async fn what_it_was_seeded_with_is_known_so_that_it_can_go() {
    let mut site = probed("site", &[]);
    site.watch = vec![rule(&["www"], sync("/www", AfterSync::Nothing))];
    let bench = Bench::new([site]);
    fs_err::create_dir(bench.dir.join("www")).unwrap();
    let seeded = bench.dir.join("www/seeded");
    fs_err::write(&seeded, "x").unwrap();
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);

    fs_err::remove_file(&seeded).unwrap();
    let record = Record::last(bench.store().synced("site", 1)).unwrap();
    let gone = record.gone(&Bases::default(), |_| false);
    let targets: Vec<_> = gone.into_iter().map(|piece| piece.target).collect();
    assert_eq!(targets, [b"/www/seeded"]);
    bench.check();
}

fn site() -> Service {
    let mut site = probed("site", &[]);
    site.watch = vec![rule(&["www"], sync("/www", AfterSync::Nothing))];
    site
}

fn bench(services: impl IntoIterator<Item = Service>) -> Bench {
    let bench = Bench::new(services);
    fs_err::create_dir(bench.dir.join("www")).unwrap();
    fs_err::write(bench.dir.join("www/a"), "x").unwrap();
    bench
}

/// Calls in their order, those that put files once.
fn calls(bench: &Bench) -> Vec<String> {
    let journal = bench.world.journal().into_iter();
    let ours = journal.filter(|entry| entry.ok && !entry.what.starts_with("pull"));
    let mut calls: Vec<String> = ours.map(|entry| entry.what).collect();
    calls.dedup();
    calls
}

fn place(calls: &[String], what: &str) -> usize {
    let place = calls.iter().rposition(|call| call == what);
    place.unwrap_or_else(|| panic!("no {what} in {calls:?}"))
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_on_a_container_that_is_compared_still() {
    let bench = bench([site().built(), probed("web", &["site"])]);
    bench
        .world
        .set_latency(|latency| latency.files = Duration::from_secs(5));
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let calls = calls(&bench);
    let put = place(&calls, "put gold-site-1");
    assert!(place(&calls, "start gold-site-1") < put, "{calls:?}");
    assert!(put < place(&calls, "start gold-web-1"), "{calls:?}");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn while_it_is_given_many_files_before_it_starts_that_is_what_it_waits_for() {
    let bench = bench([site()]);
    bench
        .world
        .set_latency(|latency| latency.files = Duration::from_secs(5));
    let mut run: Run = bench.up();
    let copies = |state: &crate::engine::state::State| {
        let site = state.service("site").unwrap();
        let verb = site.work.as_ref().map(|work| work.verb);
        site.phase == Phase::Creating && verb == Some(Verb::Copy)
    };
    run.until("it is given its files", copies).await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_takes_no_files_before_it_starts_gets_them_before_anything_starts_on_it() {
    let bench = bench([site(), probed("web", &["site"])]);
    bench.world.model().refuse_files = 1;
    bench
        .world
        .set_latency(|latency| latency.files = Duration::from_secs(5));
    let (outcome, events) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done, "{events:?}");
    let calls = calls(&bench);
    let put = place(&calls, "put gold-site-1");
    assert!(place(&calls, "start gold-site-1") < put, "{calls:?}");
    assert!(put < place(&calls, "start gold-web-1"), "{calls:?}");
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn files_that_nobody_takes_are_told_of_and_hold_nobody_back_for_good() {
    let bench = bench([site(), probed("web", &["site"])]);
    bench.world.model().refuse_files = u32::MAX;
    let (outcome, events) = bench.up_until_ready().ended().await;
    // Both run, and not all is well.
    assert!(
        matches!(outcome, Outcome::Failed(ref lost) if lost.len() == 1),
        "{outcome:?}"
    );
    place(&calls(&bench), "start gold-web-1");
    let told = format!("{events:?}");
    assert!(told.contains("rootfs is marked read-only"), "{told}");
    bench.check();
}

/// What a run does after a save that nobody brought.
async fn after_a_save(bench: &Bench) -> Vec<String> {
    let before = bench.world.journal().len();
    fs_err::write(bench.dir.join("www/a"), "changed").unwrap();
    let (outcome, _) = bench.up_until_ready().ended().await;
    assert_eq!(outcome, Outcome::Done);
    let calls: Vec<String> = bench
        .world
        .journal()
        .split_off(before)
        .into_iter()
        .map(|entry| entry.what)
        .collect();
    calls
}

#[tokio::test(start_paused = true)]
async fn an_edit_while_nobody_watched_arrives_and_leaves_nothing_to_do() {
    for site in [site(), site().built()] {
        let bench = bench([site]);
        bench.up_until_ready().ended().await;
        let calls = after_a_save(&bench).await;
        assert!(
            calls.iter().all(|call| call == "put gold-site-1"),
            "{calls:?}"
        );
        assert!(!calls.is_empty());
        let before = bench.world.journal().len();
        bench.up_until_ready().ended().await;
        assert_eq!(bench.world.journal().len(), before);
        bench.check();
    }
}

#[tokio::test(start_paused = true)]
async fn who_attaches_gets_what_a_plan_says_of_files_that_no_rule_watches() {
    let bench = bench([site().built()]);
    let mut run: Run = bench.up();
    run.until_settled().await;
    fs_err::write(bench.dir.join("site/README"), "new").unwrap();
    run.pass(Duration::from_secs(60)).await;
    assert_eq!(bench.world.count("build gold-site"), 1);
    run.ask_up(&[]).await;
    run.pass(Duration::from_secs(10)).await;
    run.until_settled().await;
    assert_eq!(bench.world.count("build gold-site"), 2);
    bench.check();
}
