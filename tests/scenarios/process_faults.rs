//! What goes wrong with processes on the host: they hide, stay, flood and crash, and nothing of them is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use super::process::{ends, kill, pid, runs, web};
use super::support::{BUSYBOX, SOON, Stack, eventually, free_port, processes_of};

#[test]
fn what_another_stack_answers_at_its_port_does_not_make_it_ready() {
    let port = free_port();
    let late = web(port, "").replace(
        "exec python3",
        "until test -e go; do sleep 0.02; done; exec python3",
    );
    let (first, late) = (
        Stack::without_engine("first", web(port, "")),
        Stack::without_engine("late", late),
    );
    let mut up = late.start(["up"]);
    pid(&late, "pid");
    first.dev(["up", "--wait"]).succeeds();
    eventually(SOON, "it is said who answers", || {
        let why = late.dev(["why", "web"]).succeeds();
        let said = why
            .stdout
            .contains(&format!("{}-web-1 answers at", first.name()));
        if said { Ok(()) } else { Err(why.story()) }
    });
    assert!(!late.status().ready);
    late.write("go", "");
    late.until_with(&mut up, "it is ready elsewhere", |status| {
        status.is("web", "ready")
    });
    let address = |stack: &Stack| stack.status().service("web").addresses[0].clone();
    assert_ne!(address(&first), address(&late));
    up.signal(Signal::INT);
    up.ends();
    first.dev(["down"]).succeeds();
}

/// Brings a stack up and down again; the number of what its process had put aside.
fn up_and_down(stack: &Stack) -> i32 {
    stack.dev(["up", "--wait"]).succeeds();
    let aside = pid(stack, "aside");
    assert!(runs(aside));
    stack
        .dev(["down"])
        .succeeds()
        .within(Duration::from_secs(8));
    aside
}

#[test]
fn one_that_ignores_its_signal_and_what_it_put_aside_are_killed() {
    let stack = Stack::without_engine(
        "deaf",
        r#"
        [services.deaf]
        run = "trap '' TERM; echo $$ >pid; setsid sh -c 'trap \"\" TERM; echo $$ >aside; while :; do sleep 1; done' & while :; do sleep 1; done"
        stop = { grace = "300ms" }
        "#,
    );
    let aside = up_and_down(&stack);
    assert!(!runs(pid(&stack, "pid")));
    ends(aside);
}

#[test]
fn what_moved_out_of_its_group_hears_the_signal_too() {
    let stack = Stack::without_engine(
        "outside",
        r#"
        [services.web]
        run = "setsid sh -c 'trap \"echo heard >heard; exit 0\" TERM; echo $$ >aside; while :; do sleep 0.05; done' & exec sleep 1000000"
        stop = { grace = "20s" }
        "#,
    );
    let aside = up_and_down(&stack);
    assert!(!runs(aside));
    assert_eq!(fs::read_to_string(stack.path("heard")).unwrap(), "heard\n");
}

#[test]
fn what_forks_twice_and_forgets_its_environment_ends_with_its_service() {
    let stack = Stack::without_engine(
        "twice",
        r#"
        [services.web]
        run = "(setsid env -i PATH=$PATH sh -c 'trap \"\" TERM; sh -c \"echo \\$\\$ >aside; while :; do sleep 0.1; done\" &' &); exec sleep 1000000"
        stop = { grace = "300ms" }
        "#,
    );
    let aside = up_and_down(&stack);
    let below = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let left = below.filter(|entry| {
        fs::read_link(entry.path().join("cwd"))
            .is_ok_and(|folder| folder == stack.path("").canonicalize().unwrap())
    });
    assert_eq!(left.count(), 0, "{aside}");
}

#[test]
fn what_is_removed_with_its_state_folder_ends() {
    let stack = Stack::without_engine("wiped", web(free_port(), ""));
    stack.dev(["up", "--wait"]).succeeds();
    let process = pid(&stack, "pid");
    fs::remove_dir_all(stack.path(".dev")).unwrap();
    ends(process);
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["down"]).succeeds();
}

/// As an engine that runs on does.
#[test]
fn what_is_removed_with_its_state_folder_ends_although_another_one_is_made() {
    let stack = Stack::without_engine("wiped-anew", web(free_port(), ""));
    stack.dev(["up", "--wait"]).succeeds();
    let process = pid(&stack, "pid");
    let folders = folders_in(&stack.path(".dev"));
    fs::remove_dir_all(stack.path(".dev")).unwrap();
    for folder in folders {
        fs::create_dir_all(folder).unwrap();
    }
    ends(process);
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["down"]).succeeds();
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let below = below.flat_map(|entry| folders_in(&entry.path()));
    [folder.to_owned()].into_iter().chain(below).collect()
}

#[test]
fn one_that_forks_away_is_told_of_and_leaves_nothing() {
    let stack = Stack::without_engine(
        "fork",
        r#"
        [services.daemon]
        run = "setsid sh -c 'echo $$ >aside; exec sleep 1000000' & sleep 0.3"
        restart = "no"
        "#,
    );
    let mut up = stack.start(["up"]);
    let aside = pid(&stack, "aside");
    up.says("ended with exit code 0").says("foreground");
    ends(aside);
    up.signal(Signal::INT);
    up.ends();
    stack.dev(["down"]).succeeds();
}

/// Kills who watches over a process.
fn kill_supervisor(stack: &Stack) {
    let folder = stack.path(".dev").join(stack.name()).join("processes");
    let record = fs::read_to_string(folder.join("web-1.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    kill(i32::try_from(record["supervisor"].as_i64().unwrap()).unwrap());
}

#[test]
fn a_supervisor_that_was_killed_is_no_way_to_get_two_of_it() {
    let port = free_port();
    let stack = Stack::without_engine("orphan", web(port, ""));
    stack.dev(["up", "--wait"]).succeeds();
    let first = pid(&stack, "pid");
    kill_supervisor(&stack);
    assert!(runs(first));

    let address = format!("http://127.0.0.1:{port}");
    // Who only looks chooses no other port either.
    assert_eq!(
        stack.status().service("web").addresses,
        std::slice::from_ref(&address)
    );
    stack.dev(["up", "--wait"]).succeeds();
    ends(first);
    stack.serves("web", "first");
    assert_eq!(stack.status().service("web").addresses, [address]);
    stack.dev(["down"]).succeeds();
    assert!(!runs(pid(&stack, "pid")));
}

#[test]
fn what_a_killed_shell_and_its_killed_supervisor_leave_ends_before_another_begins() {
    let port = free_port();
    let aside = web(port, "").replace("exec python3", "echo $$ >shell; python3");
    let stack = Stack::without_engine("orphan2", aside);
    stack.dev(["up", "--wait"]).succeeds();
    kill_supervisor(&stack);
    kill(pid(&stack, "shell"));
    stack.dev(["up", "--wait"]).succeeds();
    let address = format!("http://127.0.0.1:{port}");
    assert_eq!(stack.status().service("web").addresses, [address]);
    stack.dev(["down"]).succeeds();
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("nobody listens any more");
}

/// What is in memory of everything that was started for a stack.
fn memory(stack: &Stack) -> Vec<(String, u64)> {
    let of = |(pid, line): (i32, String)| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let size = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some((line, size.split_whitespace().next()?.parse().ok()?))
    };
    processes_of(stack.name())
        .into_iter()
        .filter_map(of)
        .collect()
}

#[test]
fn a_flood_and_bytes_that_are_no_text_stay_bounded_and_harmless() {
    let stack = Stack::without_engine(
        "flood",
        r#"
        [services.flood]
        run = "printf 'a\\033[2J\\377b\\n'; head -c 1000 /dev/urandom; exec yes 0123456789012345678901234567890123456789"
        limits = { log = "1MB" }
        "#,
    );
    let mut up = stack.up();
    let logs = stack.path(".dev").join(stack.name()).join("logs");
    let size = || -> u64 {
        let files = fs::read_dir(&logs).unwrap().filter_map(Result::ok);
        files
            .filter_map(|file| Some(file.metadata().ok()?.len()))
            .sum()
    };
    eventually(SOON, "it has said more than is kept", || {
        let all = size();
        if all > 600_000 { Ok(()) } else { Err(all) }
    });
    for _ in 0..5 {
        stack
            .dev(["status"])
            .succeeds()
            .within(Duration::from_secs(3));
        assert!(size() < 1_300_000, "{}", size());
        for (program, kilobytes) in memory(&stack) {
            assert!(kilobytes < 150_000, "{program}: {kilobytes} kB");
        }
    }
    let shown = up.output();
    assert!(!shown.contains("\u{1b}[2J"), "an escape code came through");
    up.signal(Signal::INT);
    up.ends_within(Duration::from_secs(15));
    stack.dev(["down"]).succeeds();
}

#[test]
fn a_crash_is_followed_by_another_try_and_a_command_that_is_not_there_by_a_reason() {
    let stack = Stack::without_engine(
        "crash",
        r#"
        [services.flaky]
        run = "test -e fine && exec sleep 1000000; touch fine; exit 3"

        [services.lost]
        run = "no-such-command-anywhere"
        "#,
    );
    let mut up = stack.start(["up"]);
    stack.until_with(&mut up, "one runs, the other is given up", |status| {
        status.is("flaky", "ready") && status.is("lost", "failed")
    });
    up.says("exit code 127").says("not found");
    up.signal(Signal::INT);
    up.ends();
    stack.dev(["down"]).succeeds();
}

#[test]
fn one_that_nobody_probes_is_told_of_where_a_container_does_not_reach_it() {
    let port = free_port();
    let stack = Stack::new(
        "unprobed",
        format!(
            r#"
            [services.web]
            run = "exec python3 -m http.server {port} --bind 127.0.0.1"
            ports = {{ http = {port} }}

            [services.caller]
            image = "{BUSYBOX}"
            command = ["sleep", "1000000"]
            env = {{ WEB = "${{web.http.url}}" }}
            stop = {{ signal = "KILL" }}
            "#
        ),
    );
    let mut up = stack.start(["up"]);
    up.says("web: it listens on loopback only, where the container caller does not reach it");
    stack.until_with(&mut up, "it runs all the same", |status| status.ready);
    up.signal(Signal::INT);
    up.ends();
}
