//! How `dev` itself lives: in front, in the background, attached, interrupted, without an engine.

use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::support::{
    BUSYBOX, Background, Outcome, SOON, Stack, eventually, free_port, serves, sleeps,
};

#[test]
fn detached_up_returns_when_ready_and_keeps_watching() {
    let toml = |level: u32| serves("web", &format!("env = {{ LEVEL = \"{level}\" }}"));
    let stack = Stack::new("detached", toml(1));
    stack.dev(["up", "-d"]).succeeds();
    let before = stack.container("web");
    assert!(stack.status().ready);

    stack.edit(toml(2));
    eventually(SOON, "the edit reached it", || {
        let now = stack.try_container("web").ok_or("no container")?;
        if now.id != before.id && now.is_running() {
            Ok(())
        } else {
            Err(now.status)
        }
    });
}

#[test]
fn up_with_wait_leaves_no_engine() {
    let stack = Stack::new("waits", serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let before = stack.container("web").id;
    assert_eq!(stack.processes(), Vec::<String>::new());
    assert!(stack.container("web").is_running());
    assert!(stack.status().ready, "{}", stack.status());
    assert_eq!(stack.container("web").id, before);
}

#[test]
fn a_second_up_attaches_and_ctrl_c_only_detaches_it() {
    let stack = Stack::new("attach", serves("web", ""));
    let mut first = stack.up();
    let before = stack.container("web").life();

    let mut second = stack.start(["up"]);
    second.says("web");
    second.signal(Signal::INT);
    second.ends();

    assert!(!first.has_ended());
    assert_eq!(stack.container("web").life(), before);
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.container("web").life(), before);
}

#[test]
fn ctrl_c_stops_the_services_and_keeps_their_containers() {
    // A port of its own, so that nobody else takes it meanwhile.
    let web = serves("web", "").replace("8080", &free_port().to_string());
    let stack = Stack::new("ctrlc", format!("{web}{}", sleeps("worker", "")));
    let mut up = stack.up();
    let web = stack.container("web");

    up.signal(Signal::INT);
    up.ends().exits(130);

    let containers = stack.containers();
    assert_eq!(containers.len(), 2);
    assert!(
        containers
            .iter()
            .all(|container| container.status == "exited")
    );
    assert_eq!(stack.container("web").id, web.id);

    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(stack.container("web").id, web.id);
}

#[test]
fn ctrl_c_stops_only_what_was_asked_for() {
    let stack = Stack::new(
        "ctrlcsome",
        format!("{}{}", sleeps("one", ""), sleeps("two", "")),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let mut up = stack.start(["up", "one"]);
    up.says("one");
    stack.until_with(&mut up, "it is ready", |status| status.is("one", "ready"));

    up.signal(Signal::INT);
    up.ends().exits(130);
    assert!(!stack.container("one").is_running());
    assert!(stack.container("two").is_running());
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let stubborn = format!(
        "[services.stubborn]\nimage = \"{BUSYBOX}\"\ncommand = [\"sleep\", \"1000000\"]\nstop = {{ grace = \"10m\" }}\n"
    );
    let stack = Stack::new("twice", stubborn);
    let mut up = stack.up();

    up.signal(Signal::INT);
    up.says("stop");
    stack.until("it is stopping", |status| !status.is("stubborn", "ready"));
    up.signal(Signal::INT);
    up.ends_within(Duration::from_secs(20)).exits(130);
    eventually(SOON, "it does not run", || {
        let status = stack.container("stubborn").status;
        if status == "running" {
            Err(status)
        } else {
            Ok(())
        }
    });
}

#[test]
fn ctrl_c_while_coming_up_leaves_a_stack_that_the_next_up_finishes() {
    let never = sleeps("never", "ready = { exec = [\"test\", \"-e\", \"/go\"] }");
    let stack = Stack::new(
        "early",
        format!("{never}{}", sleeps("after", "needs = [\"never\"]")),
    );
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "it is starting", |status| {
        status.is("never", "starting")
    });
    up.signal(Signal::INT);
    up.ends().exits(130);

    let easier = sleeps("never", "");
    stack.edit(format!(
        "{easier}{}",
        sleeps("after", "needs = [\"never\"]")
    ));
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn sigterm_and_sighup_stop_like_ctrl_c() {
    for signal in [Signal::TERM, Signal::HUP] {
        let stack = Stack::new("signals", serves("web", ""));
        let mut up = stack.up();
        up.signal(signal);
        up.ends().exits(130);
        assert_eq!(stack.container("web").status, "exited");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_closes_stops_the_services() {
    let stack = Stack::new("terminal", serves("web", ""));
    // `script` holds the terminal that `dev` sees.
    let mut script = Command::new("script");
    let dev = format!("'{}' up", env!("CARGO_BIN_EXE_dev"));
    script
        .args(["--quiet", "--command", &dev, "/dev/null"])
        .current_dir(stack.path(""));
    stack.equip(&mut script);
    let mut terminal = Background::start(script);
    stack.until_with(&mut terminal, "it is ready", |status| {
        status.ready && status.is("web", "ready")
    });

    terminal.kill_after(Duration::ZERO);
    eventually(
        SOON,
        "the services are stopped, and no process is left",
        || {
            let (status, left) = (stack.container("web").status, stack.processes());
            if status == "exited" && left.is_empty() {
                Ok(())
            } else {
                Err(format!("{status}, {left:?}"))
            }
        },
    );
}

#[test]
fn two_ups_at_once_in_one_folder_make_one_stack() {
    let stack = Stack::new(
        "both",
        format!("{}{}", serves("web", ""), sleeps("worker", "")),
    );
    let mut ups = [stack.start(["up"]), stack.start(["up"])];
    for up in &mut ups {
        up.says("worker");
    }
    stack.until("everything is ready", |status| {
        status.ready && status.is("web", "ready")
    });
    assert_eq!(stack.containers().len(), 2);
    assert!(
        ups.iter_mut().all(|up| !up.has_ended()),
        "one of them ended"
    );

    let mut waits = [stack.start(["up", "--wait"]), stack.start(["up", "--wait"])];
    for wait in &mut waits {
        wait.ends().succeeds();
    }
    assert_eq!(stack.containers().len(), 2);
}

#[test]
fn a_name_that_another_checkout_uses_is_refused() {
    let stack = Stack::new("taken", serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let before = stack.container("web").life();

    let other = stack.other_checkout(serves("web", ""));
    other
        .dev(["up", "--wait"])
        .exits(2)
        .says("--name")
        .says(&stack.path(".dev").parent().unwrap().display().to_string());
    let refused = |outcome: Outcome, code: i32| {
        let outcome = outcome.exits(code).says_on_stderr("dev::name_in_use");
        outcome
            .does_not_say("is down")
            .does_not_say("nothing to do");
    };
    refused(other.dev(["down", "--volumes", "--yes"]), 2);
    refused(other.dev(["down"]), 2);
    refused(other.dev(["stop"]), 2);
    refused(other.dev(["restart", "web"]), 2);
    refused(other.dev(["status"]), 2);
    refused(other.dev(["why"]), 2);
    refused(other.dev(["plan"]), 2);
    refused(other.dev(["wait"]), 2);
    refused(other.dev(["logs"]), 2);
    refused(other.dev(["exec", "web", "true"]), 125);
    assert_eq!(stack.container("web").life(), before);
}

#[test]
fn exit_codes_tell_what_happened() {
    let crash = format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"exit 3\"\nrestart = \"no\"\n\
         ready = {{ exec = [\"false\"] }}\n"
    );
    let never = sleeps("never", "ready = { exec = [\"false\"], within = \"1s\" }");
    let stack = Stack::new("codes", format!("{}{crash}{never}", sleeps("fine", "")));

    stack.dev(["up", "--wait", "fine"]).exits(0);
    stack.dev(["up", "--wait", "crash"]).exits(1).says("crash");
    stack
        .dev(["up", "--wait", "nobody"])
        .exits(2)
        .says("nobody");
    stack.dev(["up", "--no-such-option"]).exits(2);
    stack.dev(["up", "--wait", "never"]).exits(4).says("never");
    stack
        .dev(["up", "--wait", "--wait-timeout", "100ms", "never"])
        .exits(4);
}

#[test]
fn without_an_engine_commands_say_so_and_how_to_get_one() {
    let stack = Stack::without_engine("noengine", serves("web", ""));
    for command in ["up", "plan"] {
        stack
            .dev([command])
            .exits(3)
            .says_on_stderr("DOCKER_HOST")
            .within(Duration::from_secs(30));
    }
    // It was never up, and there is nothing where it could be.
    stack
        .dev(["down"])
        .succeeds()
        .within(Duration::from_secs(30));
    stack.dev(["exec", "web", "true"]).exits(125);
}

#[test]
fn an_engine_that_hangs_is_given_up_in_time() {
    let mut stack = Stack::without_engine("hangs", serves("web", ""));
    let socket = stack.outside("hangs.sock");
    // Connections are taken, and never answered.
    let _listener = UnixListener::bind(&socket).unwrap();
    stack.set("DOCKER_HOST", &format!("unix://{}", socket.display()));

    for arguments in [["up", "--wait"], ["down", "--json"]] {
        stack
            .dev(arguments)
            .exits(3)
            .within(Duration::from_secs(60));
    }
    stack
        .dev(["wait", "--timeout", "500ms"])
        .exits(4)
        .says_on_stderr("has not answered")
        // The engine alone would be waited for longer.
        .within(Duration::from_secs(4));
}

#[test]
fn nobody_else_may_reach_the_socket_of_a_stack() {
    use std::os::unix::fs::PermissionsExt;
    let stack = Stack::new("socket", serves("web", ""));
    let _up = stack.up();
    let folder = std::fs::read_dir(stack.outside("run/dev")).unwrap();
    let sockets: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sockets.len(), 1, "{sockets:?}");
    let mode = std::fs::metadata(&sockets[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
