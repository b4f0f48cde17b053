//! Files run by both: the same answers, the same files, the same exit codes.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool, same};

const ONE_SHOT: &str = r#"
services:
  migrate:
    image: dev.local/busybox
    command: sh -c 'echo run >> /data/runs'
    volumes: ["data:/data"]
  web:
    image: dev.local/python:3.11
    command: python -m http.server 8000 --directory /data
    init: true
    ports: ["${PORT}:8000"]
    volumes: ["data:/data"]
    depends_on: {migrate: {condition: service_completed_successfully}}
volumes: {data: {}}
"#;

#[test]
fn a_one_shot_runs_for_each_up_and_before_who_needs_it() {
    let seen = same(ONE_SHOT, |project, tool| {
        let up = |tool| match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]).code,
            Tool::Compose => project.run(tool, &["up", "-d"]).code,
        };
        let first = (up(tool), project.get("/runs"));
        let second = (up(tool), project.get("/runs"));
        (first, second)
    });
    assert_eq!(
        seen,
        ((0, "run\n".to_owned()), (0, "run\nrun\n".to_owned()))
    );
}

#[test]
fn a_one_shot_that_fails_keeps_who_needs_it_from_starting() {
    let file = ONE_SHOT.replace("'echo run >> /data/runs'", "'exit 3'");
    same(&file, |project, tool| {
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d"]),
        };
        let found = containers(&project.name);
        let state = |service: &str| {
            let named = |c: &&serde_json::Value| text(&c["Name"]).contains(service);
            let container = found.iter().find(named);
            container.map(|c| {
                (
                    text(&c["State"]["Status"]).to_owned(),
                    c["State"]["ExitCode"].as_i64(),
                )
            })
        };
        (ended.code, state("-migrate-"), state("-web-"))
    });
}

#[test]
fn one_that_ends_by_itself_is_a_success_where_nobody_needs_it() {
    let file = "
services:
  once: {image: dev.local/busybox, command: echo done}
  stays: {image: dev.local/busybox, command: sleep 1000, stop_grace_period: 1s}
";
    let project = Project::new(file);
    project.up(Tool::Dev);
    let status = project.done(Tool::Dev, &["status"]);
    assert!(
        status.contains("once") && status.contains("done"),
        "{status}"
    );
    // It has not been started again.
    let once = &containers(&project.name)[0];
    assert_eq!(once["RestartCount"], 0);
}

#[test]
fn secrets_and_configurations_are_files_inside() {
    let seen = same(
        r#"
services:
  a:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    secrets:
      - by_file
      - {source: by_variable, target: token, mode: 0440, uid: "7", gid: "8"}
    configs:
      - {source: by_content, target: /etc/app/app.conf}
secrets:
  by_file: {file: ./secret.txt}
  by_variable: {environment: TOKEN}
configs:
  by_content: {content: "port=${PORT:+set}\n"}
#### secret.txt
from a file
"#,
        |project, tool| {
            project.up(tool);
            let script = "cat /run/secrets/by_file /run/secrets/token /etc/app/app.conf; stat -c '%a %u %g' /run/secrets/token";
            project.inside("a", &["sh", "-c", script])
        },
    );
    assert_eq!(seen, "from a file\ns3cretport=set\n440 7 8\n");
}

#[test]
fn another_services_network_and_hooks() {
    let seen = same(
        r#"
services:
  web:
    image: dev.local/python:3.11
    command: python -m http.server 8000
    init: true
    working_dir: /srv
    ports: ["${PORT}:8000"]
    volumes: ["data:/srv"]
    post_start:
      - {command: [sh, -c, 'echo "$$WHO" > /srv/started'], environment: [WHO=hook]}
    pre_stop:
      - {command: [sh, -c, 'echo stopped > /srv/stopped']}
  near:
    image: dev.local/busybox
    network_mode: service:web
    command: sh -c 'until wget -qO /srv/seen http://127.0.0.1:8000/started; do sleep 0.1; done; sleep 1000'
    stop_grace_period: 1s
    volumes: ["data:/srv"]
volumes: {data: {}}
"#,
        |project, tool| {
            project.up(tool);
            let seen = project.get("/seen");
            match tool {
                Tool::Dev => project.done(tool, &["stop"]),
                Tool::Compose => project.done(tool, &["stop"]),
            };
            project.up(tool);
            (seen, project.get("/started"), project.get("/stopped"))
        },
    );
    assert_eq!(seen.0, "hook\n");
    assert_eq!(seen.2, "stopped\n");
}

#[test]
fn a_profile_runs_when_it_is_asked_for() {
    let file = "
services:
  always: {image: dev.local/busybox, command: sleep 1000, stop_grace_period: 1s}
  debug: {image: dev.local/busybox, command: sleep 1000, stop_grace_period: 1s, profiles: [debug]}
";
    let names = |project: &Project| -> Vec<String> {
        let found = containers(&project.name);
        found
            .iter()
            .map(|c| text(&c["Name"]).replace(&project.name, "P"))
            .collect()
    };
    let seen = same(file, |project, tool| {
        let wait: &[&str] = if tool == Tool::Dev {
            &["up", "--wait"]
        } else {
            &["up", "-d"]
        };
        project.done(tool, wait);
        let without = names(project);
        project.done(tool, &[&["--profile", "debug"], wait].concat());
        let with = names(project);
        // What was asked for once is nobody's orphan.
        project.done(tool, wait);
        (without, with, names(project))
    });
    assert_eq!(seen.0, ["/P-always-1"]);
    assert_eq!(seen.1, ["/P-always-1", "/P-debug-1"]);
    let project = Project::new(file);
    project.done(Tool::Dev, &["up", "--wait", "debug"]);
    assert_eq!(names(&project), ["/P-debug-1"]);
}

#[test]
fn what_cannot_be_had_is_told_with_its_place() {
    let project = Project::new(
        "services:\n  a:\n    image: dev.local/busybox\n    models: [m]\n    provider: {type: x}\nmodels: {m: {model: x}}\n",
    );
    let ended = project.run(Tool::Dev, &["up", "--wait"]);
    assert_eq!(ended.code, 2);
    for part in ["models", "provider", "compose.yaml:4", "compose.yaml:5"] {
        assert!(ended.said.contains(part), "{}", ended.said);
    }
    assert!(containers(&project.name).is_empty());
}

#[test]
fn dev_toml_stands_on_a_compose_file() {
    let project = Project::new(
        r#"
services:
  web:
    image: dev.local/python:3.11
    init: true
    command: python -m http.server 8000 --directory /srv
    ports: ["${PORT}:8000"]
    volumes: ["./site:/srv"]
    environment: {A: compose}
#### site/index.html
hello
#### dev.toml
compose = "compose.yaml"
[services.web]
ready = { http = "/", port = 8000 }
env = { B = "${extra.host}" }
[services.extra]
image = "dev.local/busybox"
command = ["sleep", "1000"]
stop = { grace = "1s" }
outputs = { host = "extra" }
"#,
    );
    project.up(Tool::Dev);
    assert_eq!(project.get("/"), "hello\n");
    assert_eq!(
        project.inside("web", &["sh", "-c", "echo $A $B"]),
        "compose extra\n"
    );
    let names: Vec<String> = containers(&project.name)
        .iter()
        .map(|c| text(&c["Name"]).replace(&project.name, "P"))
        .collect();
    assert_eq!(names, ["/P-extra-1", "/P-web-1"]);
    project.done(Tool::Dev, &["down"]);
}
