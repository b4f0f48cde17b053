//! A container is replaced by one of a newer image: what serves meanwhile, and what does where the new one fails.

use std::process::Command;
use std::time::Duration;

use super::support::{
    BUSYBOX, Background, SOON, Stack, docker, eventually, free_port, holds_for, networks_of,
};

/// A server whose image holds what it does when it starts. `more`: further keys of its table.
fn with_server(topic: &str, more: &str) -> Stack {
    // Its own: nobody else takes it while the container is replaced.
    let port = free_port();
    let stack = Stack::new(
        topic,
        format!(
            r#"
            [services.site]
            build = "."
            stop = {{ signal = "KILL" }}
            ports = {{ http = "{port}:8080" }}
            ready = {{ http = "/", within = "3s" }}
            {more}
            "#
        ),
    );
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCOPY run /run.sh\nCMD [\"sh\", \"/run.sh\"]\n"),
    );
    stack.write("run", serving("one"));
    stack
}

fn serving(text: &str) -> String {
    format!("mkdir /www\necho {text} >/www/index.html\nexec httpd -f -p 8080 -h /www\n")
}

const ENDS: &str = "echo no such module\nexit 3\n";
const NEVER_READY: &str = "exec sleep 1000\n";

fn is_alone(stack: &Stack) {
    eventually(SOON, "one container is left, under its own name", || {
        let names: Vec<String> = stack.containers().into_iter().map(|c| c.name).collect();
        let wanted = [format!("{}-site-1", stack.name())];
        if names == wanted {
            Ok(())
        } else {
            Err(format!("{names:?}"))
        }
    });
}

#[test]
fn a_new_container_that_fails_gives_way_to_the_one_before_until_the_next_save() {
    for (topic, bad, why) in [
        ("ends", ENDS, "ended with exit code 3"),
        ("late", NEVER_READY, "not ready within 3 s"),
    ] {
        let stack = with_server(topic, "");
        let mut up = stack.up();
        let before = stack.container("site").id;

        stack.write("run", bad);
        let why = format!("the new one did not get ready: {why}");
        up.says(&why);
        let status = stack.until_with(&mut up, "the one before is back, and why", |status| {
            status.is("site", "ready") && status.service("site").failure.is_some()
        });
        let said = status.why("site");
        assert!(
            said.contains(&why) && said.contains("the one before runs"),
            "{said}"
        );
        stack
            .dev(["why", "site"])
            .says(&why)
            .says("the one before runs");
        stack.serves("site", "one");
        is_alone(&stack);
        assert_eq!(stack.container("site").id, before);
        if bad == ENDS {
            stack
                .dev(["logs", "site"])
                .succeeds()
                .says("no such module");
        }

        stack.write("run", serving("two"));
        stack.serves("site", "two");
        stack.until_with(&mut up, "all is well again", |status| {
            status.ready && status.service("site").failure.is_none()
        });
        is_alone(&stack);
    }
}

#[test]
fn an_up_whose_new_container_fails_says_why_exits_with_1_and_leaves_the_one_before() {
    let stack = with_server("wait", "");
    stack.dev(["up", "--wait"]).succeeds();
    let before = stack.container("site").id;
    stack.write("run", ENDS);
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says("the new one did not get ready: ended with exit code 3")
        .says("no such module");
    stack.serves("site", "one");
    is_alone(&stack);
    assert_eq!(stack.container("site").id, before);
    // It tells, and judges nothing.
    stack.dev(["status"]).succeeds().says("the one before runs");
    stack.dev(["plan"]).succeeds().says("rename");

    stack.write("run", serving("two"));
    stack.dev(["up", "--wait"]).succeeds();
    stack.serves("site", "two");
    is_alone(&stack);
}

#[test]
fn the_one_before_serves_until_the_new_one_can_be_started() {
    let stack = with_server("gap", "");
    let _up = stack.up();
    let before = stack.container("site");
    // Asked for at once: an engine remembers a few hundred events only, and each probe makes some.
    let mut events = Command::new("docker");
    events.args(["events", "--format", "{{.TimeNano}} {{.Action}}"]);
    events.args(["--since", &before.started.to_rfc3339()]);
    events.args(["--filter", &format!("container={}", before.id)]);
    events.args(["--filter", "event=top", "--filter", "event=die"]);
    docker(["top", &before.id]);
    let mut events = Background::start(events);
    events.says(" top");
    stack.write("run", serving("two"));
    stack.serves("site", "two");
    is_alone(&stack);
    let after = stack.container("site");
    assert_ne!(after.id, before.id);
    let made = after.raw["Created"].as_str().unwrap_or_default().to_owned();
    events.says(" die");
    let said = events.output();
    let stopped = said.lines().find_map(|line| line.strip_suffix(" die"));
    let stopped = stopped.and_then(|line| line.split_whitespace().next_back());
    let made: chrono::DateTime<chrono::Utc> = made.parse().expect("a time");
    let stopped: i64 = stopped.unwrap_or_default().parse().expect("a time");
    assert!(
        made.timestamp_nanos_opt().expect("a time") < stopped,
        "the new one was made only after the one before had ended"
    );
}

#[test]
fn killed_while_it_replaces_the_next_up_converges_and_down_leaves_nothing() {
    let stack = with_server("killed-midway", "");
    stack.dev(["up", "--wait"]).succeeds();
    // At any moment: with both there, with the one before stopped, with the name not given yet.
    for round in 0..12 {
        let text = format!("round {round}");
        let bad = round % 3 == 2;
        stack.write("run", if bad { ENDS.to_owned() } else { serving(&text) });
        stack
            .start(["up"])
            .kill_after(Duration::from_millis(300 + 120 * round));
        if bad {
            stack.dev(["up", "--wait"]).exits(1);
            stack.write("run", serving(&text));
        }
        stack.dev(["up", "--wait"]).succeeds();
        stack.serves("site", &text);
        is_alone(&stack);
    }
    for round in 0..4 {
        stack.write("run", serving(&format!("last {round}")));
        stack
            .start(["up"])
            .kill_after(Duration::from_millis(400 + 150 * round));
        stack.dev(["down"]).succeeds();
        assert_eq!(stack.containers(), []);
        assert_eq!(networks_of(stack.name()), [""; 0]);
        stack.dev(["up", "--wait"]).succeeds();
    }
}

#[test]
fn a_build_that_a_newer_save_overtakes_ends_on_the_engine_and_its_image_never_runs() {
    let stack = with_server("overtaken", "");
    let good = std::fs::read_to_string(stack.path("Dockerfile")).unwrap();
    let mut up = stack.up();
    let marker = format!("42{}", std::process::id());
    stack.write("Dockerfile", format!("{good}RUN sleep {marker}\n"));
    let command = format!("sleep\0{marker}");
    eventually(SOON, "the slow step runs", || step_runs(&command, true));

    stack.write("Dockerfile", good);
    stack.write("run", serving("newest"));
    eventually(SOON, "the slow step has ended", || {
        step_runs(&command, false)
    });
    stack.serves("site", "newest");
    assert!(!up.has_ended());
    holds_for(Duration::from_secs(2), "the newest stays", || {
        let answer = stack.get("site", "")?;
        if answer.body.trim() == "newest" {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    });
    is_alone(&stack);
}

/// As [`serving`], and it ends as soon as it is told to.
fn heeding(text: &str) -> String {
    format!("mkdir -p /www\necho {text} >/www/index.html\nhttpd -f -p 8080 -h /www &\n{HEEDS}")
}

const HEEDS: &str = "trap 'kill $!; exit 0' TERM\nwait\n";

/// `bad` never gets ready. It has six seconds for that, and ten to end: PID 1 hears no TERM that it does not ask for.
fn is_tried_by_itself(topic: &str, port: &str, bad: &str) {
    let stack = with_server(topic, "");
    stack.edit(format!(
        r#"
        [services.site]
        build = "."
        ports = {{ http = {port} }}
        ready = {{ http = "/", within = "6s" }}
        "#
    ));
    stack.write("run", heeding("one"));
    let mut up = stack.up();
    let site = format!("{}-site-1", stack.name());
    let mut events = Command::new("docker");
    events.args(["events", "--format", "{{.Actor.Attributes.name}}"]);
    events.args(["--since", &chrono::Utc::now().to_rfc3339()]);
    events.args(["--filter", "type=container", "--filter", "event=start"]);
    let mut events = Background::start(events);

    stack.write("run", bad);
    let next = format!("{site}.next");
    eventually(SOON, "the bad one is tried", || {
        let containers = stack.containers();
        let bad = containers.iter().find(|c| c.name == next);
        match bad.is_some_and(|bad| bad.is_running()) {
            true => Ok(()),
            false => Err(format!("{containers:?}")),
        }
    });
    stack.write("run", heeding("two"));
    let asked = ["exec", &site, "wget", "-qO-", "http://127.0.0.1:8080/"];
    eventually(SOON, "the newest serves", || {
        let output = Command::new("docker").args(asked).output();
        let output = output.map_err(|error| error.to_string())?;
        match String::from_utf8_lossy(&output.stdout).trim() {
            "two" => Ok(()),
            other => Err(format!("{other}; {}", up.output())),
        }
    });
    stack.until_with(&mut up, "all is well", |status| {
        status.ready && status.service("site").failure.is_none()
    });
    is_alone(&stack);
    let said = up.output();
    assert!(
        !said.contains("get ready") && !said.contains("got ready"),
        "{said}"
    );
    let started = events.output();
    let mut started: Vec<&str> = started.lines().collect();
    started.retain(|name| name.starts_with(&site));
    assert_eq!(started, [&next, &next], "{said}");
}

#[test]
fn what_is_saved_while_a_bad_one_is_tried_beside_the_one_before_is_tried_too() {
    let port = "{ port = 8080, publish = false }";
    is_tried_by_itself("tried-beside", port, NEVER_READY);
}

#[test]
fn what_is_saved_while_a_bad_one_is_tried_instead_of_the_one_before_is_tried_too() {
    let port = format!("\"{}:8080\"", free_port());
    is_tried_by_itself("tried-instead", &port, NEVER_READY);
    let port = format!("\"{}:8080\"", free_port());
    is_tried_by_itself("tried-heeding", &port, &format!("sleep 1000 &\n{HEEDS}"));
}

/// Whether a process of this machine has `marker` in its command line; the engine runs here.
fn step_runs(marker: &str, wanted: bool) -> Result<(), String> {
    let runs = std::fs::read_dir("/proc")
        .map_err(|error| error.to_string())?
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(marker));
    if runs == wanted {
        Ok(())
    } else {
        Err(format!("runs: {runs}"))
    }
}
