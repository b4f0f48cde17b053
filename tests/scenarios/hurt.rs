//! What hurts a whole engine. `tests/run` runs these alone, on an engine that it started.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::support::{BUSYBOX, Background, Stack, docker, serves};

/// Stops and starts the engine itself; its containers stop.
///
/// # Panics
/// The engine is none that the tests started.
fn restart_engine() {
    let script = std::env::var("DEV_TEST_ENGINE").unwrap_or_default();
    assert!(
        Path::new(&script).is_file(),
        "this restarts a Docker engine, and uses only one that the tests started: `tests/run` starts one, and names its \
         script in DEV_TEST_ENGINE"
    );
    let mut command = Command::new(script);
    command.arg("restart");
    Background::start(command)
        .ends_within(Duration::from_secs(120))
        .succeeds();
}

#[test]
fn an_engine_that_restarts_under_a_running_up_finds_its_stack_again() {
    let stack = Stack::new(
        "restarts",
        format!("{}{}", serves("db", ""), serves("web", "needs = [\"db\"]")),
    );
    let mut up = stack.up();
    let before = (stack.container("db"), stack.container("web"));

    restart_engine();
    stack.until_with(&mut up, "everything runs and is ready again", |status| {
        status.ready
            && stack.container("db").started > before.0.started
            && stack.container("web").started > before.1.started
    });
    assert_eq!(
        stack.container("db").id,
        before.0.id,
        "it was recreated for nothing"
    );
    stack.serves("web", "web");
    stack.serves("db", "db");

    stack.edit(format!(
        "{}{}",
        serves("db", ""),
        serves("web", "needs = [\"db\"]\nenv = { LEVEL = \"2\" }")
    ));
    stack.until_with(&mut up, "it still watches", |status| {
        status.ready
            && stack
                .try_container("web")
                .is_some_and(|web| web.id != before.1.id)
    });
    docker(["version"]);
    let _ = BUSYBOX;
}
