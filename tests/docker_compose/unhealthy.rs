//! What nobody can wait for.

use crate::engine::{containers, text};
use crate::tool::{BOTH, Project};

#[test]
fn nobody_waits_for_a_health_check_that_is_switched_off() {
    let file = "
services:
  a:
    image: dev.local/busybox
    command: sleep 1000
    depends_on: {b: {condition: service_healthy}}
  b: {image: dev.local/busybox, command: sleep 1000, stop_grace_period: 1s, healthcheck: {disable: true}}
";
    for tool in BOTH {
        let project = Project::new(file);
        let ended = project.run(tool, &["up", "-d"]);
        assert_ne!(ended.code, 0, "{tool:?}: {ended:?}");
        let found = containers(&project.name);
        let running = |container: &&serde_json::Value| container["State"]["Running"] == true;
        let ran: Vec<&str> = found
            .iter()
            .filter(running)
            .map(|c| text(&c["Name"]))
            .collect();
        assert!(!ran.iter().any(|name| name.ends_with("-a-1")), "{ran:?}");
    }
}
