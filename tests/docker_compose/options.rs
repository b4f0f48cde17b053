//! Options that scripts use: the same exit codes, the same containers left, the same files in volumes.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::engine::{containers, names, state, text};
use crate::tool::{Project, Tool, eventually, same};

const PAIR: &str = "
services:
  db:
    image: dev.local/busybox
    command: sh -c 'echo started >> /data/log; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    volumes: [data:/data]
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    depends_on: [db]
volumes: {data: {}}
";

/// `up -d` with further words; the exit code.
fn up(project: &Project, tool: Tool, more: &[&str]) -> i32 {
    project.run(tool, &[&["up", "-d"], more].concat()).code
}

/// The ids of a project's containers, by their names.
fn ids(project: &Project) -> Vec<String> {
    let found = containers(&project.name);
    found.iter().map(|c| text(&c["Id"]).to_owned()).collect()
}

/// Which of the containers are others than before.
fn replaced(project: &Project, before: &[String]) -> Vec<bool> {
    let after = ids(project);
    let pairs = before.iter().zip(&after);
    pairs.map(|(before, after)| before != after).collect()
}

/// How often `db` has begun, by its volume.
fn begun(project: &Project) -> String {
    project.inside("db", &["cat", "/data/log"])
}

#[test]
fn no_deps() {
    let seen = same(PAIR, |project, tool| {
        let code = up(project, tool, &["--no-deps", "web"]);
        (code, names(&project.name))
    });
    assert_eq!(seen, (0, vec!["/P-web-1".to_owned()]));
}

#[test]
fn force_recreate() {
    let seen = same(PAIR, |project, tool| {
        project.up(tool);
        let first = ids(project);
        let all = up(project, tool, &["--force-recreate"]);
        let all = (all, replaced(project, &first), begun(project));
        let second = ids(project);
        let one = up(project, tool, &["--force-recreate", "--no-deps", "web"]);
        let one = (one, replaced(project, &second), begun(project));
        (all, one)
    });
    let log = "started\nstarted\n".to_owned();
    assert_eq!(seen.0, (0, vec![true, true], log.clone()));
    assert_eq!(seen.1, (0, vec![false, true], log));
}

#[test]
fn remove_orphans() {
    let without = PAIR.replace("  web:", "  other:");
    let seen = same(PAIR, |project, tool| {
        project.up(tool);
        project.write(Path::new("compose.yaml"), &without);
        let code = up(project, tool, &["--remove-orphans"]);
        let after = (code, names(&project.name));
        project.write(Path::new("compose.yaml"), PAIR);
        let code = project.run(tool, &["down", "--remove-orphans"]).code;
        (after, code, names(&project.name))
    });
    let kept = ["/P-db-1", "/P-other-1"].map(str::to_owned);
    assert_eq!(seen, ((0, kept.to_vec()), 0, Vec::new()));
}

#[test]
fn pull() {
    let seen = same(PAIR, |project, tool| {
        let there = up(project, tool, &["--pull", "missing"]);
        let never = up(project, tool, &["--pull", "never"]);
        let gone = PAIR.replace("dev.local/busybox", "dev.local/not-there:1");
        let other = Project::new(&gone);
        let failed = up(&other, tool, &["--pull", "never"]) != 0;
        (there, never, failed, names(&other.name))
    });
    assert_eq!(seen, (0, 0, true, Vec::new()));
}

#[test]
fn how_long_a_stop_may_take() {
    let file = "
services:
  deaf:
    image: dev.local/busybox
    command: sh -c 'trap \"\" TERM; while :; do sleep 0.2; done'
    stop_grace_period: 5m
";
    same(file, |project, tool| {
        project.up(tool);
        let begin = Instant::now();
        let stop = project.run(tool, &["stop", "-t", "1"]).code;
        let ended = state(&project.name, "deaf").map(|(status, code, _)| (status, code));
        project.up(tool);
        let down = project.run(tool, &["down", "-t", "1"]).code;
        let is_soon = begin.elapsed() < Duration::from_secs(120);
        (stop, ended, down, names(&project.name), is_soon)
    });
}

#[test]
fn scale() {
    let seen = same(PAIR, |project, tool| {
        let three = up(project, tool, &["--scale", "web=3"]);
        let three = (three, names(&project.name));
        let fewer = up(project, tool, &["--scale", "web=1"]);
        (three, (fewer, names(&project.name)))
    });
    let three = ["/P-db-1", "/P-web-1", "/P-web-2", "/P-web-3"].map(str::to_owned);
    assert_eq!(seen.0, (0, three.to_vec()));
    assert_eq!(seen.1, (0, vec![three[0].clone(), three[1].clone()]));
}

#[test]
fn wait_timeout() {
    let file = "
services:
  slow:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    healthcheck: {test: ['CMD', 'false'], interval: 1s, retries: 1000}
";
    let seen = same(file, |project, tool| {
        let code = up(project, tool, &["--wait", "--wait-timeout", "3"]);
        // docker compose gives up, too, and returns now 0 and now 1.
        if tool == Tool::Dev {
            assert_eq!(code, 4);
        }
        state(&project.name, "slow").map(|(status, ..)| status)
    });
    assert_eq!(seen.as_deref(), Some("running"));
}

const TESTED: &str = "
services:
  server: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
  tests:
    image: dev.local/busybox
    command: sh -c 'echo result > /out/result; exit 7'
    depends_on: [server]
    volumes: [out:/out]
volumes: {out: {}}
";

/// What is left after an end: each container with its state, and the tests' with its code.
fn left(project: &Project) -> (Vec<String>, Option<i64>) {
    let found = containers(&project.name);
    let states = found.iter().map(|c| text(&c["State"]["Status"]).to_owned());
    let code = state(&project.name, "tests").map(|(_, code, _)| code);
    (states.collect(), code)
}

#[test]
fn exit_code_from() {
    let seen = same(TESTED, |project, tool| {
        let code = project.run(tool, &["up", "--exit-code-from", "tests"]).code;
        (code, left(project))
    });
    let states = vec!["exited".to_owned(), "exited".to_owned()];
    assert_eq!(seen, (7, (states, Some(7))));
}

#[test]
fn abort_on_container_exit() {
    let seen = same(TESTED, |project, tool| {
        let code = project.run(tool, &["up", "--abort-on-container-exit"]).code;
        (code, left(project))
    });
    assert_eq!(seen.0, 7);
}

#[test]
fn a_wait_that_somebody_else_ends() {
    let file = "
services:
  db:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    healthcheck: {test: exit 1, interval: 1s, retries: 1000, start_period: 5m}
";
    let failed = same(file, |project, tool| {
        let up = project.begin(tool, &["up", "--wait"]);
        eventually("it runs", || {
            let (status, ..) = state(&project.name, "db")?;
            (status == "running").then_some(())
        });
        project.done(tool, &["down", "-t", "1"]);
        up.code().expect("it ends") != 0
    });
    assert!(failed);
}

#[test]
fn formats_of_config() {
    let project = Project::new(PAIR);
    let json = |tool, arguments: &[&str]| -> serde_json::Value {
        let printed = project.done(tool, arguments);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    };
    let theirs = json(Tool::Compose, &["config", "--format", "json"]);
    for words in [
        &["config", "--format", "json"][..],
        &["config", "--format", "json", "--resolved"],
        &["--json", "config"],
        &["--json", "config", "--format", "compose"],
    ] {
        assert_eq!(json(Tool::Dev, words), theirs, "{words:?}");
    }
    let plain = project.done(Tool::Dev, &["config"]);
    assert_eq!(project.done(Tool::Dev, &["config", "--resolved"]), plain);
    let toml = project.done(Tool::Dev, &["config", "--format", "toml"]);
    assert!(toml.contains("compose = "), "{toml}");
    let both = project.run(Tool::Dev, &["config", "--format", "toml", "--resolved"]);
    assert_eq!((both.code, both.printed.as_str()), (2, ""), "{both:?}");
}
