//! Ports that whoever reaches this machine reaches.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool};

#[test]
fn ports_stay_open_to_the_network_unless_that_is_asked() {
    let project = Project::new(
        r#"
services:
  web:
    image: dev.local/python:3.11
    init: true
    command: python -m http.server 8000
    ports: ["${PORT}:8000"]
"#,
    );
    let bound = || {
        let found = containers(&project.name);
        let ports = &found[0]["NetworkSettings"]["Ports"]["8000/tcp"];
        text(&ports[0]["HostIp"]).to_owned()
    };
    let note = || project.run(Tool::Dev, &["status"]).said;
    project.done(Tool::Dev, &["up", "--wait"]);
    assert_eq!(bound(), "0.0.0.0");
    let told = note();
    let port = format!("web (port {})", project.port);
    assert!(
        told.contains("open to the network") && told.contains(&port),
        "{told}"
    );
    project.done(Tool::Dev, &["up", "--wait", "--loopback"]);
    assert_eq!(bound(), "127.0.0.1");
    project.get("/");
    assert_eq!(note(), "");
    // What only brings it up again does not open it.
    project.done(Tool::Dev, &["stop"]);
    project.done(Tool::Dev, &["start"]);
    assert_eq!(bound(), "127.0.0.1");
    project.done(Tool::Dev, &["up", "--wait"]);
    assert_eq!(bound(), "0.0.0.0");
}
