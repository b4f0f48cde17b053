//! Rebuilds that would go on for ever.

use std::time::Duration;

use super::harness::story;
use super::stacks::probed;
use super::{Bench, Run};
use crate::engine::event::{Event, Level};
use crate::engine::state::Phase;
use crate::stack::Mount;

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
    let mut log = String::new();
    for n in 0..600 {
        // A line for each thing that happens, as in a log of its own.
        log += &format!("{n}\n");
        fs_err::write(bench.dir.join("api/up.log"), &log).unwrap();
        run.saved(&bench, "api/up.log").await;
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

/// How often an image is built for 20 saves of one file, one every two seconds.
async fn builds_of_quick_saves(bench: &Bench) -> usize {
    let mut run = bench.up();
    run.until_settled().await;
    for n in 0..20 {
        change(&run, bench, "api/app.py", n).await;
        run.pass(2 * SECOND).await;
    }
    let builds = bench.world.count("build gold-api") - 1;
    assert_eq!(warnings(&run).is_empty(), builds == 20);
    builds
}

#[tokio::test(start_paused = true)]
async fn who_saves_fast_is_told_from_what_writes_its_own_source() {
    let bench = Bench::new([probed("api", &[]).built()]);
    assert_eq!(builds_of_quick_saves(&bench).await, 20);

    // Where another service could be the one that writes, time alone tells.
    let mut bench = Bench::new([probed("api", &[]).built(), probed("tool", &[])]);
    let source = bench.dir.join("api");
    bench.edit(|stack| {
        let tool = stack.services.get_mut("tool").unwrap();
        tool.mounts.push(Mount::Bind {
            source,
            target: "/code".to_owned(),
            read_only: false,
        });
    });
    let builds = builds_of_quick_saves(&bench).await;
    assert!((8..=12).contains(&builds), "{builds}");
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
