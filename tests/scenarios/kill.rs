//! `kill -9` at any moment, and what is done to containers behind `dev`'s back: the next look repairs it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::support::{
    BUSYBOX, SOON, Stack, docker, eventually, networks_of, serves, sleeps, volumes_of,
};

const ROUNDS: u32 = 20;

#[test]
fn killed_at_random_moments_of_up_the_next_up_converges() {
    let stack = Stack::new(
        "kill",
        format!(
            r#"
            {}
            [services.job]
            image = "{BUSYBOX}"
            command = "echo ran"
            job = {{ inputs = ["inputs/**"] }}
            needs = ["db"]

            [services.built]
            build = "."
            command = ["sleep", "1000000"]
            stop = {{ signal = "KILL" }}
            needs = ["job"]
            {}
            "#,
            sleeps("db", "volumes = [\"data:/data\"]"),
            serves("web", "needs = [\"built\"]")
        ),
    );
    stack.write("inputs/one", "1");
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCOPY version /version\n"),
    );
    stack.write("version", "0");
    let begun = Instant::now();
    stack.dev(["up", "--wait"]).succeeds();
    let whole = begun.elapsed();
    docker([
        "exec",
        &stack.container("db").id,
        "sh",
        "-c",
        "echo precious >/data/file",
    ]);

    let seed = u64::from(std::process::id());
    eprintln!("seed of the moments: {seed}");
    for round in 0..ROUNDS {
        stack.dev(["down"]).succeeds();
        stack.write("version", round.to_string());
        let moment = random(seed, round, whole);
        stack.start(["up"]).kill_after(moment);

        let up = stack.dev(["up", "--wait"]);
        assert_eq!(
            up.code,
            Some(0),
            "round {round}, killed after {moment:?}\n{}",
            up.story()
        );
        let status = stack.status();
        assert!(
            status.ready,
            "round {round}, killed after {moment:?}: {status}"
        );
        let running = stack
            .containers()
            .iter()
            .filter(|container| container.is_running())
            .count();
        assert_eq!(running, 3, "round {round}, killed after {moment:?}");
    }
    stack
        .dev(["exec", "db", "cat", "/data/file"])
        .succeeds()
        .says("precious");
    stack
        .dev(["exec", "built", "cat", "/version"])
        .succeeds()
        .says(&(ROUNDS - 1).to_string());
}

/// A part of `whole`, different in each round, the same for the same seed.
fn random(seed: u64, round: u32, whole: Duration) -> Duration {
    let hash = blake3::hash(format!("{seed} {round}").as_bytes());
    let number = u32::from_le_bytes(hash.as_bytes()[..4].try_into().unwrap());
    whole.mul_f64(f64::from(number) / f64::from(u32::MAX))
}

#[test]
fn killed_while_watching_the_stack_runs_on_and_the_next_up_takes_it_over() {
    let stack = Stack::new("killed", serves("web", ""));
    let up = stack.up();
    let before = stack.container("web").life();
    up.kill_after(Duration::ZERO);

    assert!(stack.container("web").is_running());
    assert!(stack.status().is("web", "ready"), "{}", stack.status());
    let mut up = stack.up();
    assert_eq!(stack.container("web").life(), before);
    up.signal(Signal::INT);
    up.ends().exits(130);
}

#[test]
fn a_container_that_is_removed_by_hand_comes_back() {
    let stack = Stack::new(
        "removed",
        format!("{}{}", serves("web", ""), sleeps("other", "")),
    );
    let mut up = stack.up();
    let (web, other) = (stack.container("web"), stack.container("other"));

    docker(["rm", "--force", &web.id]);
    eventually(SOON, "a new container runs", || {
        assert!(!up.has_ended());
        let now = stack.try_container("web").ok_or("no container")?;
        if now.id != web.id && now.is_running() {
            Ok(())
        } else {
            Err(now.status)
        }
    });
    stack.serves("web", "web");
    assert_eq!(stack.container("other").life(), other.life());
}

#[test]
fn a_container_that_is_stopped_by_hand_is_shown_and_the_next_up_starts_it() {
    let stack = Stack::new(
        "stopped",
        format!("{}{}", serves("web", ""), sleeps("other", "")),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let web = stack.container("web");

    docker(["stop", &web.id]);
    let status = stack.status();
    assert!(!status.ready && !status.is("web", "ready"), "{status}");
    stack.dev(["up", "--wait"]).succeeds();
    assert!(stack.container("web").started > web.started);
    stack.serves("web", "web");
}

#[test]
fn a_container_that_is_killed_by_hand_under_a_running_up_comes_back() {
    let stack = Stack::new("killed2", serves("web", ""));
    let mut up = stack.up();
    let web = stack.container("web");
    docker(["kill", &web.id]);
    stack.until_with(&mut up, "it is ready again", |status| {
        status.is("web", "ready") && stack.container("web").started > web.started
    });
}

#[test]
fn a_running_up_whose_containers_are_all_stopped_by_hand_says_so_and_ends() {
    let stack = Stack::new("stopped2", serves("web", ""));
    let mut up = stack.up();
    let web = stack.container("web");
    docker(["stop", &web.id]);
    up.ends()
        .succeeds()
        .says("web was stopped from outside")
        .says("nothing is left to run");
    assert_eq!(stack.container("web").started, web.started);
    assert!(!stack.container("web").is_running());
}

#[test]
fn a_paused_container_is_not_ready_and_the_next_up_unpauses_it() {
    let stack = Stack::new("paused", serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let web = stack.container("web");
    docker(["pause", &web.id]);
    assert!(stack.status().is("web", "paused"), "{}", stack.status());
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.container("web").life(), web.life());
    stack.serves("web", "web");
}

#[test]
fn networks_and_volumes_that_are_removed_by_hand_are_made_again() {
    let stack = Stack::new("network", sleeps("db", "volumes = [\"data:/data\"]"));
    stack.dev(["up", "--wait"]).succeeds();
    docker(["rm", "--force", &stack.container("db").id]);
    for network in networks_of(stack.name()) {
        docker(["network", "rm", &network]);
    }
    for volume in volumes_of(stack.name()) {
        docker(["volume", "rm", &volume]);
    }
    stack.dev(["up", "--wait"]).succeeds();
    assert!(stack.container("db").is_running());
}
