//! `dev doctor` beside an engine, and without one.

use std::net::TcpListener;

use serde_json::Value;

use crate::tool::{Project, Tool};

fn web(ports: &str) -> Project {
    Project::new(&format!(
        "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    ports: ['{ports}']
"
    ))
}

/// The exit code, and one check of the report.
fn check(project: &Project, name: &str) -> (i32, Value) {
    let ended = project.run(Tool::Dev, &["doctor", "--json"]);
    let report: Value =
        serde_json::from_str(&ended.printed).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    let checks = report["checks"].as_array().expect("a list");
    let found = checks.iter().find(|check| check["check"] == name);
    (ended.code, found.cloned().unwrap_or_default())
}

#[test]
fn a_port_that_somebody_else_has() {
    let project = web("127.0.0.1:${PORT}:80");
    let (code, ports) = check(&project, "ports");
    assert_eq!((code, &ports["verdict"]), (0, &"ok".into()), "{ports}");
    let listener = TcpListener::bind(("127.0.0.1", project.port)).expect("a port");
    let (code, ports) = check(&project, "ports");
    assert_eq!((code, &ports["verdict"]), (1, &"failed".into()), "{ports}");
    let taken = format!("{} (web) is taken by ", project.port);
    let found = ports["found"].as_str().expect("text");
    assert!(found.starts_with(&taken), "{found}");
    drop(listener);
    project.up(Tool::Dev);
    let (code, ports) = check(&project, "ports");
    assert_eq!(code, 0, "what it has itself is no conflict: {ports}");
}

#[test]
fn a_port_that_is_open_to_the_network() {
    let (code, open) = check(&web("${PORT}:80"), "open ports");
    assert_eq!((code, &open["verdict"]), (0, &"warning".into()), "{open}");
    assert!(open["help"].as_str().expect("text").contains("--loopback"));
    let (_, closed) = check(&web("127.0.0.1:${PORT}:80"), "open ports");
    assert_eq!(closed["verdict"], "ok");
}

#[test]
fn without_an_engine() {
    let project = web("80").with("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let (code, engine) = check(&project, "engine");
    assert_eq!((code, &engine["verdict"]), (1, &"failed".into()));
    let ended = project.run(Tool::Dev, &["doctor"]);
    assert!(ended.printed.contains("✗ engine"), "{ended:?}");
}

#[test]
fn a_stack_file_with_errors() {
    let project = Project::new("services:\n  web:\n    imag: a\n");
    let (code, file) = check(&project, "stack file");
    assert_eq!((code, &file["verdict"]), (1, &"failed".into()));
    let found = file["found"].as_str().expect("text");
    assert!(found.contains("compose.yaml:3:5"), "{found}");
}
