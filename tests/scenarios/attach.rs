//! How commands meet a `dev up` that runs, begins, ends, or reads a broken stack file.

use std::process::Command;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;

use super::support::{BUSYBOX, Background, SOON, Stack, eventually, holds_for, serves, sleeps};

const BROKEN: &str = "[services.web\nimage = \n";

#[test]
fn whoever_holds_the_lock_for_a_while_does_not_make_up_fail() {
    let stack = Stack::new("held", sleeps("box", ""));
    stack.dev(["status"]).succeeds();
    let lock = std::fs::File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(stack.path(".dev").join(stack.name()).join("lock"))
        .unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut up = stack.start(["up", "--wait"]);
    holds_for(Duration::from_secs(4), "it waits", || {
        if up.has_ended() {
            Err("it has ended")
        } else {
            Ok(())
        }
    });
    drop(lock);
    up.ends().succeeds();
}

#[test]
fn one_who_waited_before_up_follows_it() {
    // An onlooker alone would take its first end for a failure.
    let twice = format!(
        "[services.twice]\n\
         image = \"{BUSYBOX}\"\n\
         command = \"if [ -e /tried ]; then touch /second; exec sleep 1000000; fi; touch /tried; sleep 2; exit 3\"\n\
         stop = {{ signal = \"KILL\" }}\n\
         ready = {{ exec = [\"test\", \"-e\", \"/second\"] }}\n"
    );
    let stack = Stack::new("before", twice);
    let mut wait = stack.start(["wait", "twice"]);
    wait.says("1 service");
    let _up = stack.start(["up"]);
    wait.ends().succeeds().says("twice is up in");
}

#[test]
fn beside_a_broken_stack_file_commands_go_through_the_running_up() {
    let talks = sleeps("box", "").replace(
        "command = [\"sleep\", \"1000000\"]",
        "command = \"echo the-first-line; exec sleep 1000000\"",
    );
    let stack = Stack::new("broken", format!("{}{talks}", serves("web", "")));
    let mut up = stack.up();
    let web = stack.container("web");
    stack.edit(BROKEN);
    let remark = "the stack file has errors (`dev plan` shows them)";

    stack.dev(["plan"]).exits(2).says("dev::stack::syntax");
    stack.dev(["status"]).succeeds().says("web");
    stack
        .dev(["why", "web"])
        .succeeds()
        .says("web is ready")
        .says(remark);
    stack.dev(["wait"]).succeeds().says(remark);
    stack.dev(["exec", "web", "true"]).succeeds().says(remark);
    stack.dev(["logs", "box"]).succeeds().says("the-first-line");
    stack.dev(["restart", "web"]).succeeds().says(remark);
    assert!(stack.container("web").started > web.started);
    stack.dev(["stop", "box"]).succeeds().says(remark);
    assert!(!stack.container("box").is_running());
    stack.dev(["up", "--wait"]).exits(2);
    stack.dev(["stop", "nobody"]).exits(2).says("nobody");
    stack.dev(["down"]).succeeds().says(remark);
    up.ends();
    assert!(stack.containers().is_empty());
}

#[test]
fn with_a_broken_stack_file_what_is_left_can_be_seen_and_taken_down() {
    let talks = sleeps("box", "volumes = [\"data:/data\"]").replace(
        "command = [\"sleep\", \"1000000\"]",
        "command = \"echo the-first-line; exec sleep 1000000\"",
    );
    let stack = Stack::new("left", format!("{talks}{}", sleeps("other", "")));
    stack.dev(["up", "--wait"]).succeeds();
    // Not even the name is there.
    stack.write("dev.toml", BROKEN);
    let remark = "the stack file has errors (`dev plan` shows them)";

    eventually(SOON, "the line is logged", || {
        let logs = stack.dev(["logs", "box"]).succeeds().says(remark);
        match logs.stdout.contains("the-first-line") {
            true => Ok(()),
            false => Err(logs.story()),
        }
    });
    stack.dev(["exec", "box", "true"]).succeeds().says(remark);
    stack.dev(["why"]).exits(2).says("dev::stack::syntax");
    stack.dev(["restart"]).exits(2).says("dev::stack::syntax");
    stack.dev(["stop", "box"]).succeeds().says(remark);
    assert!(!stack.container("box").is_running() && stack.container("other").is_running());
    stack.dev(["stop"]).succeeds();
    assert!(!stack.container("other").is_running());
    stack.dev(["down"]).succeeds().says(remark);
    assert!(stack.containers().is_empty());
    stack.edit(sleeps("box", ""));
}

#[test]
fn detached_up_says_what_the_engine_in_the_background_said() {
    let stack = Stack::new("says", serves("web", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let other = stack.other_checkout(serves("web", ""));
    other
        .dev(["up", "-d"])
        .exits(2)
        .says_on_stderr("dev::name_in_use")
        .says_on_stderr("--name");
    assert_eq!(other.processes(), Vec::<String>::new());
}

#[test]
fn up_right_after_down_waits_for_what_ends() {
    let stack = Stack::new("again", sleeps("box", ""));
    for _ in 0..3 {
        stack.dev(["up", "-d"]).succeeds();
        stack.dev(["down"]).succeeds();
    }
    stack.dev(["up", "--wait"]).succeeds();
}

#[test]
fn up_beside_one_that_stops_goes_on_once_that_has_ended() {
    // It takes no notice of the signal.
    let slow =
        sleeps("slow", "").replace("stop = { signal = \"KILL\" }", "stop = { grace = \"3s\" }");
    let stack = Stack::new("stops", slow);
    let mut first = stack.up();
    first.signal(Signal::INT);
    stack.until("it is stopping", |status| status.is("slow", "stopping"));
    stack
        .dev(["up", "--wait"])
        .succeeds()
        .says("stopping; waiting for its end");
    first.ends().exits(130);
    assert!(stack.container("slow").is_running());
}

#[test]
fn start_and_wait_judge_what_they_were_asked_for() {
    let crash = format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"exit 3\"\nrestart = \"no\"\n\
         ready = {{ exec = [\"false\"] }}\n"
    );
    let stack = Stack::new("asked", format!("{crash}{}", serves("web", "")));
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "one is ready, one has failed", |status| {
        status.is("web", "ready") && status.is("crash", "failed")
    });
    stack.dev(["stop", "web"]).succeeds();
    stack.dev(["start", "web"]).succeeds().says("web is up in");
    stack.dev(["wait", "web"]).succeeds().says("web is up in");
    stack
        .dev(["start", "crash"])
        .exits(1)
        .says("crash: 0 of 1 ready");
    stack
        .dev(["up", "-d", "web"])
        .succeeds()
        .does_not_say("Ctrl-C");
}

#[test]
fn why_and_plan_for_programs() {
    let never = sleeps("never", "ready = { exec = [\"false\"] }");
    let stack = Stack::new(
        "programs",
        format!("{never}{}", sleeps("after", "needs = [\"never\"]")),
    );
    let plan = stack.dev(["plan", "--json"]).succeeds().json();
    assert_eq!(plan["v"], 1);
    assert_eq!(plan["unresolved"], serde_json::json!([]));
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "one is asked, one waits", |status| {
        status.is("never", "starting") && status.why("never").contains("exit 1")
    });
    let why = stack.dev(["why", "after", "--json"]).succeeds().json();
    let after = &why["services"][0];
    assert_eq!((&why["v"], &after["service"]), (&1.into(), &"after".into()));
    assert_eq!(after["waits_for"][0]["probes"][0]["passed"], false, "{why}");
}

#[test]
fn a_plan_of_what_has_no_value_is_an_error() {
    let lacks = sleeps("lacks", "env = { A = \"${env:NO_SUCH_VARIABLE}\" }");
    let stack = Stack::new("lacks", format!("{lacks}{}", sleeps("fine", "")));
    stack
        .dev(["plan"])
        .exits(2)
        .says_on_stderr("dev.toml:")
        .says_on_stderr("NO_SUCH_VARIABLE");
    stack
        .dev(["plan", "--json"])
        .exits(2)
        .says_on_stderr("NO_SUCH_VARIABLE");
    // What does not need it can be had.
    stack.dev(["plan", "fine"]).succeeds().says("fine");
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_on_a_terminal_shows_what_stops() {
    let slow =
        sleeps("slow", "").replace("stop = { signal = \"KILL\" }", "stop = { grace = \"2s\" }");
    let stack = Stack::new("table", slow);
    let mut script = Command::new("script");
    let dev = format!("'{}' up", env!("CARGO_BIN_EXE_dev"));
    script
        .args(["--quiet", "--command", &dev, "/dev/null"])
        .current_dir(stack.path(""));
    stack.equip(&mut script);
    let mut terminal = Background::start(script);
    stack.until_with(&mut terminal, "it is ready", |status| status.ready);
    stack.signal_each_dev(Signal::INT);
    terminal.says("Ctrl-C again stops at once").says("stopping");
    let said = terminal.ends_within(SOON).stdout;
    assert!(
        said.trim_end()
            .rsplit('\n')
            .take(4)
            .any(|line| line.contains("stopped")),
        "{said}"
    );
}

#[test]
fn exec_ends_quietly_when_nobody_reads_on() {
    let stack = Stack::new("head", sleeps("box", ""));
    stack.dev(["up", "--wait"]).succeeds();
    let mut shell = Command::new("sh");
    let dev = env!("CARGO_BIN_EXE_dev");
    let line = format!("{{ '{dev}' exec box yes; echo \"code $?\" >&2; }} | head -1");
    shell.args(["-c", &line]).current_dir(stack.path(""));
    stack.equip(&mut shell);
    let said = Background::start(shell).ends().succeeds();
    assert_eq!(
        (said.stdout.as_str(), said.stderr.as_str()),
        ("y\n", "code 0\n")
    );
}

#[test]
fn an_up_that_nobody_reads_any_more_stops_as_if_interrupted() {
    let stack = Stack::new("up-head", sleeps("box", ""));
    let mut shell = Command::new("sh");
    let dev = env!("CARGO_BIN_EXE_dev");
    let line = format!("{{ '{dev}' up; echo \"code $?\" >&2; }} | grep -m 1 ready");
    shell.args(["-c", &line]).current_dir(stack.path(""));
    stack.equip(&mut shell);
    Background::start(shell).ends_within(SOON).says("code 130");
    assert!(!stack.containers()[0].is_running());

    // One that is only attached leaves, and the other goes on.
    let mut up = stack.up();
    stack.until_with(&mut up, "it is ready", |status| status.ready);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).current_dir(stack.path(""));
    stack.equip(&mut shell);
    Background::start(shell).ends_within(SOON).says("code 0");
    assert!(stack.containers()[0].is_running());
}

#[test]
fn one_replica_is_named_by_its_number() {
    let talks = sleeps("box", "replicas = 2").replace(
        "command = [\"sleep\", \"1000000\"]",
        "command = \"hostname; exec sleep 1000000\"",
    );
    let stack = Stack::new("replica", talks);
    stack.dev(["up", "--wait"]).succeeds();
    let hostname = |arguments: &[&str]| {
        let mut ran = Background::start(stack.command(arguments));
        ran.ends().succeeds().stdout
    };
    let lives = || {
        let all = stack.containers();
        let life = |n: usize| all[n].life();
        assert_eq!(all.len(), 2);
        (life(0), life(1))
    };
    let second = hostname(&["exec", "box-2", "hostname"]);
    assert_ne!(second, hostname(&["exec", "box", "hostname"]));
    assert_eq!(
        second,
        hostname(&["exec", "--index", "2", "box", "hostname"])
    );
    let logs = stack.dev(["logs", "box-2"]).succeeds().says(second.trim());
    assert_eq!(logs.stdout.lines().count(), 1, "{}", logs.story());
    stack
        .dev(["exec", "box-3", "true"])
        .exits(125)
        .says("box-3");
    stack
        .dev(["logs", "--index", "3", "box"])
        .exits(2)
        .says("2 replicas");

    let before = lives();
    stack.dev(["restart", "box-2"]).succeeds();
    let after = lives();
    assert!(after.0 == before.0 && after.1 != before.1);
    let mut up = stack.up();
    stack.dev(["restart", "--index", "1", "box"]).succeeds();
    let last = lives();
    assert!(last.0 != after.0 && last.1 == after.1);
    assert!(!up.has_ended());
}

#[test]
fn a_new_name_in_the_file_does_not_hide_what_runs_under_the_old_one() {
    let services = "[services.app]\nrun = \"exec sleep 1000000\"\n";
    let stack = Stack::without_engine("renamed", services);
    let mut up = stack.up();
    let new = format!("{}-new", stack.name());
    stack.write("dev.toml", format!("name = \"{new}\"\n{services}"));
    up.says("the name changed");
    let status = stack.status();
    assert_eq!(status.name, stack.name());
    assert!(status.is("app", "ready"), "{status}");
    stack
        .dev(["down"])
        .succeeds()
        .says_on_stderr(&format!("runs here as `{}`", stack.name()));
    up.ends();
    assert!(stack.processes().is_empty(), "{:?}", stack.processes());
    // From now on the file alone counts.
    assert_eq!(stack.status().name, new);
}
