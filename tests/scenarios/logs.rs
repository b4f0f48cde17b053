//! What services print: kept, chosen and followed.

use rustix::process::Signal;

use super::support::{BUSYBOX, SOON, Stack, eventually};

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
