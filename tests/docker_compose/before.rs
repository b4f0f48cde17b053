//! `pre_start`: containers that run to their end before the one of a service.

use serde_json::Value;

use crate::engine::{ask, containers, names, state, text, volumes};
use crate::tool::{Project, Tool, eventually, same};

const FILE: &str = r#"
services:
  web:
    image: dev.local/python:3.11
    command: [sleep, "1000"]
    init: true
    stop_grace_period: 1s
    environment: {A: service, B: service}
    volumes: ["data:/data"]
    pre_start:
      - command: [sh, -c, 'echo first $$A $$B >> /data/said']
        environment: {B: hook}
      - image: dev.local/busybox
        command: [sh, -c, 'echo second $$(pwd) >> /data/said; whoami >> /data/said']
        working_dir: /tmp
volumes: {data: {}}
"#;

const ONCE: &str = "first service hook\nsecond /tmp\nroot\n";

fn said(project: &Project) -> String {
    project.inside("web", &["cat", "/data/said"])
}

/// How many steps run at this moment.
fn running(project: &Project) -> usize {
    let filter = format!(
        "%7B%22label%22%3A%5B%22dev.before%22%2C%22com.docker.compose.project%3D{}%22%5D%7D",
        project.name
    );
    let list = ask(&format!("/containers/json?filters={filter}"));
    list.as_array().map_or(0, Vec::len)
}

#[test]
fn they_run_in_their_order_before_the_service_and_again_when_it_is_made_anew() {
    let seen = same(FILE, |project, tool| {
        let up = |more: &[&str]| {
            let first: &[&str] = match tool {
                Tool::Dev => &["up", "--wait"],
                Tool::Compose => &["up", "-d", "--wait"],
            };
            project.done(tool, &[first, more].concat());
            said(project)
        };
        let seen = vec![up(&[]), up(&[]), up(&["--force-recreate"])];
        project.done(tool, &["stop"]);
        project.done(tool, &["start"]);
        (seen, said(project), names(&project.name))
    });
    let times = |n: usize| ONCE.repeat(n);
    assert_eq!(seen.0, [times(1), times(1), times(2)]);
    assert_eq!(seen.1, times(3));
    assert_eq!(seen.2, ["/P-web-1"]);
}

#[test]
fn they_run_once_for_all_replicas_and_not_for_one_that_comes_later() {
    let seen = same(FILE, |project, tool| {
        let up = |count: &str| {
            let scale = format!("web={count}");
            match tool {
                Tool::Dev => project.done(tool, &["up", "--wait", "--scale", &scale]),
                Tool::Compose => project.done(tool, &["up", "-d", "--wait", "--scale", &scale]),
            };
            said(project)
        };
        (up("2"), up("3"), names(&project.name).len())
    });
    assert_eq!(seen, (ONCE.to_owned(), ONCE.to_owned(), 3));
}

#[test]
fn another_command_replaces_the_container_and_runs() {
    let seen = same(FILE, |project, tool| {
        project.up(tool);
        let changed = FILE.replace("echo first", "echo changed");
        project.write("compose.yaml".as_ref(), &changed);
        project.up(tool);
        said(project)
    });
    assert_eq!(seen, format!("{ONCE}{}", ONCE.replace("first", "changed")));
}

#[test]
fn one_that_fails_keeps_its_service_from_starting_and_says_why() {
    let file = FILE.replace("echo second", "echo no schema here; exit 17; echo second");
    for tool in crate::tool::BOTH {
        let project = Project::new(&file);
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d", "--wait"]),
        };
        assert_eq!(ended.code, 1, "{ended:?}");
        let said = format!("{}{}", ended.said, ended.printed);
        assert!(said.contains("pre_start[1]"), "{said}");
        assert!(said.contains("17"), "{said}");
        if tool == Tool::Dev {
            assert!(said.contains("no schema here"), "{said}");
        }
        let (status, _, _) = state(&project.name, "web").expect("it is there");
        assert_eq!(status, "created", "{tool:?}");
        match tool {
            Tool::Dev => assert_eq!(containers(&project.name).len(), 1),
            // It does not wait until the engine has removed the step.
            Tool::Compose => eventually("the step is gone", || {
                (containers(&project.name).len() == 1).then_some(())
            }),
        }
    }
}

#[test]
fn they_reach_what_the_service_needs_and_are_nobody_that_could_be_asked_for() {
    let file = r#"
services:
  db:
    image: dev.local/python:3.11
    init: true
    stop_grace_period: 1s
    command: python -m http.server 8000
    healthcheck:
      test: [CMD, python, -c, "import urllib.request as u; u.urlopen('http://127.0.0.1:8000')"]
      interval: 1s
  web:
    image: dev.local/python:3.11
    init: true
    stop_grace_period: 1s
    command: [sleep, "1000"]
    volumes: ["data:/data"]
    depends_on: {db: {condition: service_healthy}}
    pre_start:
      - command: [python, -c, "import urllib.request as u; u.urlopen('http://db:8000'); open('/data/ok', 'w')"]
volumes: {data: {}}
"#;
    same(file, |project, tool| {
        project.up(tool);
        project.inside("web", &["ls", "/data"])
    });
}

#[test]
fn what_a_killed_dev_left_behind_is_gone_before_it_is_done_again() {
    let slow = FILE.replace(
        "echo second",
        "echo slow >> /data/said; sleep 600; echo second",
    );
    let project = Project::new(&slow);
    let begun = project.begin(Tool::Dev, &["up", "--wait"]);
    let steps = || running(&project);
    eventually("the second step runs", || (steps() == 1).then_some(()));
    begun.kill();
    assert_eq!(steps(), 1, "nobody is there to end it");
    project.write("compose.yaml".as_ref(), FILE);
    project.up(Tool::Dev);
    assert_eq!(steps(), 0);
    assert!(said(&project).ends_with(ONCE));

    project.done(Tool::Dev, &["down", "-v"]);
    project.write("compose.yaml".as_ref(), &slow);
    let begun = project.begin(Tool::Dev, &["up", "--wait"]);
    eventually("the second step runs", || (steps() == 1).then_some(()));
    begun.kill();
    project.done(Tool::Dev, &["down", "-v"]);
    assert_eq!(steps(), 0);
    assert!(volumes(&project.name).is_empty());
}

#[test]
fn status_says_which_one_runs_and_what_it_said_last() {
    let slow = FILE.replace("echo second", "echo halfway there; sleep 600; echo second");
    let project = Project::new(&slow);
    let begun = project.begin(Tool::Dev, &["up"]);
    let why = eventually("the second step is told", || {
        let ended = project.run(Tool::Dev, &["status", "--json"]);
        let report: Value = serde_json::from_str(&ended.printed).ok()?;
        let web = &report["services"][0];
        let why = text(&web["why"]).to_owned();
        (web["state"] == "creating" && why.contains("halfway")).then_some(why)
    });
    assert_eq!(why, "runs pre_start[1]: halfway there");
    let table = project.done(Tool::Dev, &["status"]);
    assert!(table.contains(&why), "{table}");
    begun.interrupt();
}

#[test]
fn one_that_nobody_waits_for_any_more_is_ended() {
    let slow = FILE.replace("echo second", "sleep 600; echo second");
    let project = Project::new(&slow);
    let begun = project.begin(Tool::Dev, &["up"]);
    eventually("the second step runs", || {
        (running(&project) == 1).then_some(())
    });
    begun.interrupt();
    eventually("it is gone", || (running(&project) == 0).then_some(()));
}
