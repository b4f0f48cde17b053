//! Host ports: chosen once, remembered, and conflicts named with their owner.

use std::net::{Ipv4Addr, TcpListener};

use super::support::{BUSYBOX, Stack, docker, free_port, serves};

fn on(port: u16) -> String {
    serves("web", "").replace("http = 8080", &format!("http = \"{port}:8080\""))
}

/// A service whose container port, and so the host port that it would like, is `port`.
fn wants(port: u16) -> String {
    serves("web", "").replace("8080", &port.to_string())
}

fn port_of(stack: &Stack) -> u16 {
    let address = stack.status().service("web").addresses[0].clone();
    let port = address.trim_end_matches('/').rsplit(':').next().unwrap();
    port.parse()
        .unwrap_or_else(|error| panic!("{address}: {error}"))
}

#[test]
fn a_fixed_port_that_a_process_has_is_named_with_its_owner() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let stack = Stack::new("process", on(port));

    let up = stack.dev(["up", "--wait"]).exits(1).says(&port.to_string());
    up.says(&std::process::id().to_string());
    drop(listener);
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn a_fixed_port_that_a_container_has_is_named_with_its_owner() {
    let port = free_port();
    let first = Stack::new("owner", on(port));
    first.dev(["up", "--wait"]).succeeds();
    let owner = first.container("web").name;

    let second = Stack::new("guest", on(port));
    second
        .dev(["up", "--wait"])
        .exits(1)
        .says(&port.to_string())
        .says(&owner);
    first.serves("web", "web");
    first.dev(["down"]).succeeds();
    second.dev(["up", "--wait"]).succeeds();
}

#[test]
fn a_free_port_is_taken_where_the_wanted_one_is_not_and_it_is_remembered() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let wanted = listener.local_addr().unwrap().port();
    let stack = Stack::new("auto", wants(wanted));
    stack.dev(["up", "--wait"]).succeeds();
    let chosen = port_of(&stack);
    assert_ne!(chosen, wanted);
    stack.serves("web", "web");

    drop(listener);
    stack.dev(["down"]).succeeds();
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(port_of(&stack), chosen, "it was not remembered");
}

#[test]
fn the_port_of_the_container_is_used_where_it_is_free() {
    let wanted = free_port();
    let stack = Stack::new("same", wants(wanted));
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(port_of(&stack), wanted);
}

#[test]
fn a_chosen_port_that_somebody_took_meanwhile_is_chosen_anew() {
    let stack = Stack::new("meanwhile", wants(free_port()));
    stack.dev(["up", "--wait"]).succeeds();
    let chosen = port_of(&stack);

    stack.dev(["down"]).succeeds();
    let thief = format!("{}-thief", stack.name());
    let publish = format!("--publish=127.0.0.1:{chosen}:1");
    let label = format!("--label=com.docker.compose.project={thief}");
    docker([
        "run", "--detach", "--name", &thief, &label, &publish, BUSYBOX, "sleep", "1000000",
    ]);
    let up = stack.dev(["up", "--wait"]);
    let now = (up.code == Some(0)).then(|| port_of(&stack));
    docker(["rm", "--force", &thief]);

    assert!(
        now.is_some_and(|port| port != chosen),
        "{now:?}\n{}",
        up.story()
    );
}
