//! What services print: kept, chosen and followed.

use rustix::process::Signal;

use super::support::{BUSYBOX, SOON, Stack, docker, eventually};

/// Prints a numbered line five times a second.
fn talks(name: &str) -> String {
    format!(
        "[services.{name}]\n\
         image = \"{BUSYBOX}\"\n\
         command = \"n=0; while :; do n=$((n+1)); echo {name} says $n; sleep 0.2; done\"\n\
         stop = {{ signal = \"KILL\" }}\n"
    )
}

#[test]
fn logs_are_chosen_by_service_age_and_pattern_and_can_be_followed() {
    let stack = Stack::new("logs", format!("{}{}", talks("anna"), talks("bert")));
    let _up = stack.up();
    eventually(SOON, "the fifth line is logged", || {
        let logs = stack.dev(["logs", "anna"]).succeeds().stdout;
        if logs.contains("anna says 5") {
            Ok(())
        } else {
            Err(logs)
        }
    });

    stack
        .dev(["logs", "anna"])
        .succeeds()
        .says("anna says 1")
        .does_not_say("bert says");
    let both = stack
        .dev(["logs"])
        .succeeds()
        .says("anna says 1")
        .says("bert says 1");
    assert!(
        both.stdout
            .lines()
            .all(|line| line.contains("anna") || line.contains("bert"))
    );
    let some = stack
        .dev(["logs", "--grep", "says [13]$", "anna"])
        .succeeds();
    assert_eq!(some.stdout.lines().count(), 2, "{}", some.story());
    let last = stack.dev(["logs", "--tail", "2", "anna"]).succeeds();
    assert_eq!(last.stdout.lines().count(), 2, "{}", last.story());

    eventually(SOON, "the first line is older than a second", || {
        let recent = stack
            .dev(["logs", "--since", "1s", "anna"])
            .succeeds()
            .stdout;
        if recent.contains("says") && !recent.lines().any(|line| line.ends_with("says 1")) {
            Ok(())
        } else {
            Err(recent)
        }
    });

    let mut follow = stack.start(["logs", "--follow", "--tail", "1", "bert"]);
    follow.says("bert says");
    let seen = follow.output().lines().count();
    eventually(SOON, "more lines follow", || {
        let now = follow.output();
        if now.lines().count() > seen + 2 {
            Ok(())
        } else {
            Err(now)
        }
    });
    follow.signal(Signal::INT);
    follow.ends();
}

#[test]
fn logs_of_a_service_that_failed_at_once_are_kept() {
    let crash = format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"echo the-last-words; exit 1\"\nrestart = \"no\"\n\
         ready = {{ log = \"ready\" }}\n"
    );
    let stack = Stack::new("lastwords", crash);
    stack.dev(["up", "--wait"]).exits(1).says("the-last-words");
    stack
        .dev(["logs", "crash"])
        .succeeds()
        .says("the-last-words");
}

#[test]
fn following_a_silent_service_ends_when_nobody_reads_any_more() {
    let stack = Stack::new("unread", super::support::sleeps("quiet", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = stack.command(&["logs", "--follow", "quiet"]);
    let mut follow = command.stdout(writer).spawn().unwrap();
    // Its own end of the pipe.
    drop(command);
    drop(reader);
    let code = eventually(SOON, "it ends", || {
        let ended = follow.try_wait().map_err(|error| error.to_string())?;
        ended.ok_or_else(|| "it follows on".to_owned())
    });
    assert_eq!(code.code(), Some(0));
}

/// Says so many lines at once, and then that it is done; at each start.
fn floods(name: &str, lines: u32, more: &str) -> String {
    format!(
        "[services.{name}]\n\
         image = \"{BUSYBOX}\"\n\
         command = \"seq {lines} | sed 's/^/{name} says /'; echo {name} is done; exec sleep 1000000\"\n\
         stop = {{ signal = \"KILL\" }}\n{more}"
    )
}

#[test]
fn the_last_lines_of_long_logs_are_the_right_ones_whoever_has_them() {
    let stack = Stack::new(
        "logends",
        format!(
            "{}{}",
            floods("anna", 60_000, "ready = { log = \"is done\" }\n"),
            floods("bert", 50_000, "ready = { log = \"is done\" }\n")
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let last = |arguments: [&str; 3]| {
        let logs = stack.dev(["logs", arguments[0], arguments[1], arguments[2]]);
        let all = logs.succeeds().stdout;
        let mut lines: Vec<String> = all
            .lines()
            .map(|line| {
                line.split_whitespace()
                    .skip(1)
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        lines.sort();
        lines
    };
    let three = |name: &str, count: u32| {
        vec![
            format!("{name} is done"),
            format!("{name} says {}", count - 1),
            format!("{name} says {count}"),
        ]
    };
    let strip = |lines: Vec<String>| {
        let words = lines
            .into_iter()
            .map(|line| line.trim_start_matches("| ").to_owned());
        words.collect::<Vec<_>>()
    };
    // While nobody has read them, and after an engine has.
    for _ in 0..2 {
        assert_eq!(strip(last(["-n", "3", "anna"])), three("anna", 60_000));
        assert_eq!(strip(last(["--tail", "3", "bert"])), three("bert", 50_000));
        stack.dev(["up", "--detach"]).succeeds();
    }
    let both = stack.dev(["logs", "-n", "3"]).succeeds();
    assert_eq!(both.stdout.lines().count(), 6, "{}", both.story());
}

#[test]
fn a_line_of_an_earlier_life_makes_nothing_ready_however_much_was_said_since() {
    // Only its first life says that it is done.
    let service = |within: &str| {
        format!(
            "[services.app]\nimage = \"{BUSYBOX}\"\n\
             command = \"test -e /begun || seq 100000; test -e /begun || echo it is done; touch /begun; exec sleep 1000000\"\n\
             ready = {{ log = \"is done\", within = \"{within}\" }}\nstop = {{ signal = \"KILL\" }}\n"
        )
    };
    let stack = Stack::new("loglives", service("60s"));
    stack.dev(["up", "--wait"]).succeeds();
    let id = stack.container("app").id;
    docker(["restart", "--time", "0", &id]);
    // What it says first takes its time on a busy machine; that it says no more does not.
    stack.edit(service("8s"));
    stack.dev(["up", "--wait"]).exits(4).says("app");
    assert_eq!(stack.container("app").id, id);
    // A life that says it after all that was said before is.
    let stack = Stack::new(
        "loglater",
        floods(
            "app",
            100_000,
            "ready = { log = \"is done\", within = \"40s\" }\n",
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    let id = stack.container("app").id;
    docker(["restart", "--time", "0", &id]);
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn a_last_line_without_an_end_is_shown_and_makes_ready() {
    let file = "[services.app]\nrun = \"printf 'first\\nServing on 80'; exec sleep 1000\"\nready = { log = \"Serving on\" }\n";
    let stack = Stack::without_engine("partial", file);
    stack.dev(["up", "--wait"]).succeeds();
    let logs = stack.dev(["logs", "app"]).succeeds();
    logs.says("first").says("Serving on 80");
}
