//! What saves a build its steps, and its downloads.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::support::{BUSYBOX, Registry, Stack, docker};

/// What the stack's image has at a place.
fn read(stack: &Stack, path: &str) -> String {
    let image = format!("{}-app", stack.name());
    docker(["run", "--rm", "--network=none", &image, "cat", path])
}

fn engine(request: &str) -> Value {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    let mut stream = UnixStream::connect(socket).expect("the engine");
    write!(stream, "{request} HTTP/1.0\r\nContent-Length: 0\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// Makes the builder forget what came of the step that runs `command`, and nothing else: as one that never ran it.
fn forget(command: &str) {
    let usage = engine("GET /v1.41/system/df");
    let records = usage["BuildCache"].as_array().expect("records").iter();
    let is_of_it = |record: &&Value| {
        let text = record["Description"].as_str();
        text.is_some_and(|text| text.ends_with(command))
    };
    let ids: Vec<&str> = records
        .filter(is_of_it)
        .map(|record| record["ID"].as_str().expect("an id"))
        .collect();
    assert!(!ids.is_empty(), "it has run");
    for id in ids {
        let only = format!("%7B%22id%22%3A%5B%22{id}%22%5D%7D");
        let pruned = engine(&format!("POST /v1.41/build/prune?all=1&filters={only}"));
        assert_eq!(pruned["CachesDeleted"], serde_json::json!([id]));
    }
}

/// A builder that is told to forget one thing may let go of cache mounts that nobody uses at that moment.
static FORGETS: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    FORGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

const COMMAND: &str = "command = [\"sleep\", \"1000000\"]\nstop = { signal = \"KILL\" }\n";

#[test]
fn a_builder_that_never_ran_a_step_takes_it_from_a_registry() {
    let _alone = alone();
    let stack = Stack::new("cache-from", "[services]\n");
    let registry = Registry::start();
    let with_cache = |cache: &str| {
        stack.edit(format!(
            "[services.app]\n{COMMAND}[services.app.build]\nargs = {{ BUILDKIT_INLINE_CACHE = \"1\" }}\n{cache}"
        ));
        stack.dev(["up", "--build", "--wait"]).succeeds();
        read(&stack, "/made")
    };
    // What it makes tells whether it ran; its own text keeps it apart from those of other runs.
    let command = format!(
        "echo {} && head -c16 /dev/urandom | od -An -tx1 >/made",
        stack.name()
    );
    stack.write("Dockerfile", format!("FROM {BUSYBOX}\nRUN {command}\n"));
    let made = with_cache("");
    let image = format!("{}-app", stack.name());
    let pushed = registry.push(&image, &format!("{}:cache", stack.name()));

    forget(&command);
    let anew = with_cache("");
    assert_ne!(anew, made, "nothing else has kept it");

    forget(&command);
    let taken = with_cache(&format!(
        "cache = {{ from = \"type=registry,ref={pushed}\" }}\n"
    ));
    assert_eq!(taken, made);
}

#[test]
fn a_cache_mount_outlives_rebuilds_and_the_stack() {
    let _alone = alone();
    let app = format!("[services.app]\nbuild = \".\"\n{COMMAND}");
    let stack = Stack::new("cache-mount", app);
    let dockerfile = format!(
        "FROM {BUSYBOX}\nCOPY version /\n\
         RUN --mount=type=cache,id={},target=/cache cat /version >>/cache/seen && cp /cache/seen /\n",
        stack.name()
    );
    stack.write("Dockerfile", dockerfile);
    let up = |version: &str| {
        stack.write("version", version);
        stack.dev(["up", "--wait"]).succeeds();
        read(&stack, "/seen")
    };
    assert_eq!(up("1"), "1");
    assert_eq!(up("2"), "12");
    stack
        .dev(["down", "--rmi", "local", "--volumes", "--yes"])
        .succeeds();
    assert_eq!(up("3"), "123");
}
