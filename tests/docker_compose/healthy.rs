//! What the engine itself knows of a container's health is taken from it, for as long as `docker compose ps` would say it, too.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool, eventually};

const FILE: &str = r#"
services:
  web:
    image: dev.local/busybox
    command: sh -c 'touch /tmp/up; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    healthcheck: {test: 'echo asked >> /tmp/asked; test -f /tmp/up', interval: 15s, timeout: 5s, retries: 1}
"#;

fn times(project: &Project) -> usize {
    project
        .inside("web", &["cat", "/tmp/asked"])
        .lines()
        .count()
}

fn health(project: &Project) -> String {
    let found = containers(&project.name);
    text(&found[0]["State"]["Health"]["Status"]).to_owned()
}

#[test]
fn a_fresh_answer_of_the_engine_is_not_asked_for_again_and_a_bad_one_is_not_believed() {
    let project = Project::new(FILE);
    project.up(Tool::Dev);
    let by_us = times(&project);
    // The engine's first own check.
    eventually("the engine asks", || {
        (health(&project) == "healthy" && times(&project) > by_us).then_some(())
    });
    let before = times(&project);
    project.up(Tool::Dev);
    assert_eq!(times(&project), before, "nobody has asked again");

    project.inside("web", &["rm", "/tmp/up"]);
    eventually("the engine sees it", || {
        (health(&project) == "unhealthy").then_some(())
    });
    let ended = project.run(Tool::Dev, &["up", "--wait", "--wait-timeout", "3s"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    project.inside("web", &["touch", "/tmp/up"]);
    // It is asked, and not waited for until the engine asks.
    project.up(Tool::Dev);
}
