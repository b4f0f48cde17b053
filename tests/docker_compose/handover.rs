//! From one tool to the other, without losing anything.

use std::collections::BTreeSet;

use crate::engine::{ask, call, containers, networks, text, volumes};
use crate::tool::{Project, Tool, eventually};

const FILE: &str = r#"
services:
  web:
    image: dev.local/python:3.11
    init: true
    command: python -m http.server 8000 --directory /data
    ports: ["${PORT}:8000"]
    volumes: ["data:/data", /nameless]
    healthcheck: {test: ["CMD", "true"], interval: 2s}
  side:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    depends_on: {web: {condition: service_healthy}}
volumes: {data: {}}
"#;

fn ids(project: &Project) -> Vec<String> {
    let found = containers(&project.name);
    found.iter().map(|c| text(&c["Id"]).to_owned()).collect()
}

fn handed_over(from: Tool, to: Tool) {
    let project = Project::new(FILE);
    project.up(from);
    let keep = "echo kept > /data/kept; echo kept > /nameless/kept";
    project.inside("web", &["sh", "-c", keep]);
    let volume = volumes(&project.name)[0]["CreatedAt"].clone();
    project.up(to);
    assert_eq!(project.get("/kept"), "kept\n");
    assert_eq!(project.inside("web", &["cat", "/nameless/kept"]), "kept\n");
    assert_eq!(volumes(&project.name)[0]["CreatedAt"], volume);
    // Replaced once at most: from now on all is as it should be.
    let settled = ids(&project);
    assert_eq!(settled.len(), 2);
    project.up(to);
    assert_eq!(ids(&project), settled);
    project.done(to, &["down"]);
    assert!(containers(&project.name).is_empty() && networks(&project.name).is_empty());
    assert_eq!(volumes(&project.name).len(), 1);
    project.up(to);
    assert_eq!(project.get("/kept"), "kept\n");
}

#[test]
fn what_compose_started_dev_takes_over() {
    handed_over(Tool::Compose, Tool::Dev);
}

#[test]
fn what_dev_started_compose_takes_over() {
    handed_over(Tool::Dev, Tool::Compose);
}

#[test]
fn compose_sees_what_dev_started() {
    let project = Project::new(FILE);
    project.up(Tool::Dev);
    let compose = |arguments: &[&str]| project.done(Tool::Compose, arguments);
    // The engine asks for the first time after the file's interval.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let ps = compose(&["ps", "--format", "{{.Service}} {{.State}} {{.Health}}"]);
        if ps.contains("web running healthy") && ps.contains("side running") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{ps}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(compose(&["ls"]).contains(&project.name));
    project.get("/");
    assert!(compose(&["logs", "web"]).contains("GET /"));
    assert!(compose(&["port", "web", "8000"]).contains(&project.port.to_string()));
    compose(&["restart", "-t", "1", "side"]);
    compose(&["down", "-v", "-t", "1"]);
    assert!(ids(&project).is_empty() && volumes(&project.name).is_empty());
    assert!(networks(&project.name).is_empty());
}

#[test]
fn dev_takes_down_what_compose_started() {
    let project = Project::new(FILE);
    project.up(Tool::Compose);
    let status = project.done(Tool::Dev, &["status"]);
    assert!(status.contains("ready"), "{status}");
    project.done(Tool::Dev, &["down", "--volumes", "--yes"]);
    assert!(ids(&project).is_empty() && volumes(&project.name).is_empty());
    assert!(networks(&project.name).is_empty());
}

#[test]
fn two_checkouts_with_one_name_are_told_so() {
    let first = Project::new(FILE);
    first.up(Tool::Compose);
    let second = Project::new(FILE).with("COMPOSE_PROJECT_NAME", "unused");
    let ended = second.run(Tool::Dev, &["-p", &first.name, "up", "--wait"]);
    assert_ne!(ended.code, 0);
    assert!(
        ended.said.contains(&*first.dir.to_string_lossy()),
        "{}",
        ended.said
    );
    assert!(ended.said.contains("--name"), "{}", ended.said);
    assert_eq!(ids(&first).len(), 2);
    first.done(Tool::Compose, &["down", "-v", "-t", "1"]);
}

const NAMELESS: &str = "
services:
  SERVICE:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    volumes: [/nameless]
";

/// The volumes without a name that the containers of a project have.
fn nameless(project: &Project) -> BTreeSet<String> {
    let found = containers(&project.name);
    let mounts = found
        .iter()
        .flat_map(|c| c["Mounts"].as_array().into_iter().flatten());
    let volumes = mounts.filter(|mount| text(&mount["Type"]) == "volume");
    volumes
        .map(|mount| text(&mount["Name"]).to_owned())
        .collect()
}

/// Whether all of them are there; they are not afterwards.
fn are_kept(volumes: &BTreeSet<String>) -> bool {
    let there = volumes.iter().map(|name| {
        let is_there = text(&ask(&format!("/volumes/{name}"))["Name"]) == name;
        call("DELETE", &format!("/volumes/{name}"), "");
        is_there
    });
    let there: Vec<bool> = there.collect();
    !there.contains(&false)
}

#[test]
fn volumes_without_a_name_stay_when_their_container_goes() {
    let service = |name: &str| NAMELESS.replace("SERVICE", name);
    let file = format!("{}#### other.yaml{}", service("one"), service("other"));
    // Of an orphan, of one replica too many, and of all.
    let ways: [&[&str]; 4] = [
        &["-f", "other.yaml", "up", "--remove-orphans"],
        &["-f", "other.yaml", "down", "--remove-orphans"],
        &["up", "--scale", "one=1"],
        &["down"],
    ];
    for way in ways {
        for (from, to) in [
            (Tool::Compose, Tool::Dev),
            (Tool::Dev, Tool::Dev),
            (Tool::Compose, Tool::Compose),
        ] {
            let project = Project::new(&file);
            project.done(from, &["up", "-d", "--wait", "--scale", "one=2"]);
            let before = nameless(&project);
            assert_eq!(before.len(), 2);
            let waits: &[&str] = if way.contains(&"up") {
                &["-d", "--wait"]
            } else {
                &[]
            };
            project.done(to, &[way, waits].concat());
            if !waits.is_empty() {
                assert_eq!(containers(&project.name).len(), 1);
            }
            project.done(to, &["down"]);
            assert!(are_kept(&before), "{from:?} {to:?} {way:?}");
        }
    }
}

const RESTARTED: &str = r#"
services:
  once:
    image: dev.local/busybox
    command: "true"
  web:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    restart: unless-stopped
    depends_on: {once: {condition: service_completed_successfully}}
  side:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    restart: always
"#;

fn status(project: &Project, service: &str) -> String {
    let status = project.run(Tool::Dev, &["status"]).printed;
    let line = status.lines().find(|line| line.contains(service));
    line.unwrap_or_default().to_owned()
}

fn running(project: &Project) -> Vec<String> {
    let services = ["ps", "--services", "--status", "running"];
    let printed = project.done(Tool::Compose, &services);
    let mut services: Vec<String> = printed.lines().map(str::to_owned).collect();
    services.sort();
    services
}

/// Longer than `dev` takes to start again what ended, and to hear that it did.
fn stays(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(4);
    while std::time::Instant::now() < until {
        assert!(is_so(), "{what}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn what_compose_stops_beside_a_dev_that_watches_stays_stopped_until_it_is_started() {
    let project = Project::new(RESTARTED);
    project.done(Tool::Dev, &["up", "-d"]);
    project.done(Tool::Compose, &["stop", "web"]);
    eventually("it is shown", || {
        status(&project, "web").contains("stopped").then_some(())
    });
    stays("it stays stopped", || running(&project) == ["side"]);
    assert!(!status(&project, "web").contains("failed"));
    project.done(Tool::Dev, &["start", "web"]);
    assert_eq!(running(&project), ["side", "web"]);
    // Compose's own start and restart count, too, and nothing is stopped for them.
    project.done(Tool::Compose, &["stop", "web"]);
    eventually("it is shown", || {
        status(&project, "web").contains("stopped").then_some(())
    });
    project.done(Tool::Compose, &["start", "web"]);
    project.done(Tool::Compose, &["restart", "-t", "1", "side"]);
    eventually("it is ready", || {
        let is_ready = |service| status(&project, service).contains("ready");
        (is_ready("web") && is_ready("side")).then_some(())
    });
    stays("both run", || running(&project) == ["side", "web"]);
    project.done(Tool::Dev, &["down"]);
}

#[test]
fn what_compose_takes_down_beside_a_dev_that_watches_stays_away() {
    let project = Project::new(RESTARTED);
    project.done(Tool::Dev, &["up", "-d"]);
    project.done(Tool::Compose, &["down", "-t", "1"]);
    stays("nothing comes back", || {
        containers(&project.name).is_empty() && networks(&project.name).is_empty()
    });
    // The engine in the background has ended, and all begins anew.
    project.done(Tool::Dev, &["up", "-d"]);
    assert_eq!(running(&project), ["side", "web"]);
    project.done(Tool::Dev, &["down"]);
}

#[test]
fn a_dev_in_front_heeds_what_compose_stops_and_ends_with_the_last() {
    let project = Project::new(RESTARTED);
    let up = project.begin(Tool::Dev, &["up"]);
    eventually("both run", || {
        (running(&project) == ["side", "web"]).then_some(())
    });
    project.done(Tool::Dev, &["wait", "--timeout", "1m"]);
    project.done(Tool::Compose, &["stop", "web"]);
    eventually("it is shown", || {
        status(&project, "web").contains("stopped").then_some(())
    });
    stays("it stays stopped", || running(&project) == ["side"]);
    project.done(Tool::Compose, &["down", "-t", "1"]);
    assert_eq!(up.code(), Some(0));
    assert!(containers(&project.name).is_empty());
}

#[test]
fn what_is_removed_without_a_stop_is_made_anew() {
    let project = Project::new(RESTARTED);
    project.done(Tool::Dev, &["up", "-d"]);
    let before = ids(&project);
    project.done(Tool::Compose, &["kill", "web"]);
    eventually("it runs again", || {
        (running(&project) == ["side", "web"]).then_some(())
    });
    let web = containers(&project.name);
    let web = web
        .iter()
        .find(|c| text(&c["Name"]).contains("web"))
        .map(|c| text(&c["Id"]).to_owned());
    let web = web.expect("it runs");
    crate::engine::call("DELETE", &format!("/containers/{web}?force=1"), "");
    eventually("it is made anew", || {
        (running(&project) == ["side", "web"]).then_some(())
    });
    assert_ne!(ids(&project), before);
    project.done(Tool::Dev, &["down"]);
}

/// Every `dev` that runs in the folder of a project, to be told something.
fn signal_background(project: &Project, signal: &str) {
    let processes = fs_err::read_dir("/proc").expect("processes");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_ours = |id: &String| {
        let cwd = std::fs::read_link(format!("/proc/{id}/cwd"));
        let said = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        cwd.is_ok_and(|cwd| cwd == project.dir) && said.contains("--background")
    };
    let ids: Vec<String> = ids.filter(is_ours).collect();
    assert_eq!(ids.len(), 1, "one engine in the background");
    let sent = std::process::Command::new("kill")
        .args(["-s", signal, &ids[0]])
        .status();
    assert!(sent.expect("kill runs").success());
    let gone = || !std::path::Path::new(&format!("/proc/{}", ids[0])).exists();
    eventually("it has left", || gone().then_some(()));
}

fn policy(project: &Project, service: &str) -> String {
    let found = containers(&project.name);
    let name = format!("/{}-{service}-1", project.name);
    let container = found.iter().find(|c| text(&c["Name"]) == name);
    let container = container.unwrap_or_else(|| panic!("no {name}"));
    text(&container["HostConfig"]["RestartPolicy"]["Name"]).to_owned()
}

#[test]
fn an_engine_in_the_background_that_is_told_to_end_leaves_restarts_to_the_container_engine() {
    let project = Project::new(RESTARTED);
    for signal in ["TERM", "HUP"] {
        project.done(Tool::Dev, &["up", "-d"]);
        assert_eq!(policy(&project, "web"), "no", "dev does it");
        let before = ids(&project);
        signal_background(&project, signal);
        assert_eq!(policy(&project, "web"), "unless-stopped");
        assert_eq!(policy(&project, "side"), "always");
        assert_eq!(policy(&project, "once"), "no");
        assert_eq!(running(&project), ["side", "web"]);
        assert_eq!(ids(&project), before);
    }
    project.done(Tool::Dev, &["down"]);
    assert!(ids(&project).is_empty());
}
