//! Rebuilds that would go on for ever.

use std::time::Duration;

use super::harness::story;
use super::stacks::probed;
use super::{Bench, Run};
use crate::engine::event::{Event, Level};
use crate::engine::state::Phase;

const SECOND: Duration = Duration::from_secs(1);

async fn change(run: &Run, bench: &Bench, path: &str, n: usize) {
    fs_err::write(bench.dir.join(path), n.to_string()).unwrap();
    run.saved(bench, path).await;
}

fn warnings(run: &Run) -> Vec<String> {
    let warning = |event: &Event| match event {
        Event::Notice {
            level: Level::Warning,
            text,
        } => Some(text.clone()),
        _ => None,
    };
    let events = run.events();
    events.iter().filter_map(|e| warning(&e.event)).collect()
}

#[tokio::test(start_paused = true)]
async fn what_writes_into_its_own_context_is_rebuilt_less_and_less_often_and_told_why() {
    let bench = Bench::new([probed("api", &[]).built()]);
    let mut run = bench.up();
    run.until_settled().await;
    for n in 0..600 {
        // A line for each thing that happens, as in a log of its own.
        change(&run, &bench, "api/up.log", n).await;
        run.pass(SECOND / 5).await;
    }
    let builds = bench.world.count("build gold-api");
    assert!((5..=12).contains(&builds), "{builds} builds in two minutes");
    let warnings = warnings(&run);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("`api/up.log`"), "{warnings:?}");

    // Someone's save goes at once all the same, and what waits is taken in at last.
    let builds = bench.world.count("build gold-api");
    change(&run, &bench, "api/app.py", 1).await;
    run.pass(2 * SECOND).await;
    assert_eq!(bench.world.count("build gold-api"), builds + 1);
    change(&run, &bench, "api/up.log", 9999).await;
    run.until("the last line", |_| {
        bench.world.count("build gold-api") == builds + 2
    })
    .await;
    run.until_settled().await;
    bench.check();
}

#[tokio::test(start_paused = true)]
async fn what_changes_faster_than_it_is_built_gets_ready_all_the_same() {
    let bench = Bench::new([probed("api", &[]).built()]);
    bench
        .world
        .set_latency(|latency| latency.build = 5 * SECOND);
    let mut run = bench.up();
    run.until_phase("api", Phase::Building).await;
    for n in 0..120 {
        // Never the same twice.
        change(&run, &bench, &format!("api/{n}"), n).await;
        run.pass(SECOND / 2).await;
        if run.phase("api") == Phase::Ready {
            break;
        }
    }
    assert_eq!(
        run.phase("api"),
        Phase::Ready,
        "{:#?}",
        story(&run.events())
    );
    run.until_settled().await;
    bench.check();
}
