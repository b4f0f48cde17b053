//! `dev ci`: a command gets a stack of its own, and nothing of it is left, whatever happens.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rustix::process::Signal;

use super::support::{
    BUSYBOX, Background, SOON, Stack, docker, eventually, free_port, networks_of, sleeps,
    volumes_of,
};

/// Serves `text` on port 80.
fn web(text: &str, port: &str) -> String {
    format!(
        "[services.web]\nimage = \"{BUSYBOX}\"\n\
         command = [\"sh\", \"-c\", \"mkdir /www; echo {text} > /www/index.html; exec httpd -f -h /www -p 80\"]\n\
         ports = {{ http = {port} }}\nready = {{ http = \"/\" }}\nstop = {{ signal = \"KILL\" }}\n"
    )
}

/// The names of stacks of `dev ci` here, as far as anything is kept of them.
fn kept(stack: &Stack) -> Vec<String> {
    let folders = fs::read_dir(stack.path(".dev")).into_iter().flatten();
    let names = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let prefix = format!("{}-ci-", stack.name());
    names.filter(|name| name.starts_with(&prefix)).collect()
}

/// Nothing on the engine has a name of one, and nothing is remembered of it.
fn leaves_nothing(stack: &Stack) {
    let name = format!("{}-ci-", stack.name());
    let mut left = kept(stack);
    let filter = format!("name={name}");
    for list in [["ps", "--all"], ["network", "ls"], ["volume", "ls"]] {
        left.extend(
            docker([list[0], list[1], "--quiet", "--filter", &filter])
                .lines()
                .map(str::to_owned),
        );
    }
    let images = docker(["image", "ls", "--format", "{{.Repository}}"]);
    left.extend(
        images
            .lines()
            .filter(|image| image.contains(&name))
            .map(str::to_owned),
    );
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_command_gets_the_settings_of_a_stack_of_its_own_and_its_code_comes_back() {
    let stack = Stack::new("ci", web("hello", "80"));
    let ci = stack
        .dev([
            "ci",
            "--",
            "sh",
            "-c",
            "echo $DEV_STACK; wget -qO- $WEB_URL; exit 7",
        ])
        .exits(7)
        .says_on_stderr("web");
    let lines: Vec<&str> = ci.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", ci.story());
    assert!(
        lines[0].starts_with(&format!("{}-ci-", stack.name())),
        "{}",
        ci.story()
    );
    assert_eq!(lines[1], "hello");
    leaves_nothing(&stack);
    assert!(stack.containers().is_empty());
}

#[test]
fn what_runs_already_and_its_ports_are_left_alone() {
    let port = free_port();
    let stack = Stack::new("ci-beside", web("mine", &format!("\"{port}:80\"")));
    let up = stack.up();
    let life = stack.container("web").life();
    let ci = stack
        .dev(["ci", "--", "sh", "-c", "echo $WEB_PORT"])
        .succeeds();
    assert_ne!(ci.stdout.trim(), port.to_string());
    assert_eq!(stack.container("web").life(), life);
    stack.serves("web", "mine");
    leaves_nothing(&stack);
    drop(up);
}

#[test]
fn ten_at_once_have_their_own_data_and_leave_nothing() {
    let app = "[services.app]\nbuild = \".\"\nneeds = [\"web\"]\ncommand = [\"sleep\", \"1000000\"]\n\
               volumes = [\"data:/data\"]\nstop = { signal = \"KILL\" }\n[volumes.data]\n";
    let stack = Stack::new("ci-ten", format!("{app}{}", web("ten", "80")));
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nRUN echo built > /built\n"),
    );
    // Each finds its volume empty, and the others' marks nowhere.
    let script = "id=$(docker ps --quiet --filter label=com.docker.compose.project=$DEV_STACK \
                  --filter label=com.docker.compose.service=app); \
                  test -z \"$(docker exec $id ls /data)\" && docker exec $id touch /data/$DEV_STACK && \
                  docker exec $id ls /data /built && wget -qO- $WEB_URL";
    let mut all: Vec<Background> = (0..10)
        .map(|_| stack.start(["ci", "--", "sh", "-c", script]))
        .collect();
    for one in &mut all {
        let ended = one.ends_within(SOON * 3).succeeds();
        // Where all write to one log, each line says whose it is.
        let name = ended
            .stdout
            .lines()
            .find(|line| line.starts_with(stack.name()));
        let number = name.and_then(|name| name.rsplit('-').next()).unwrap();
        let label = format!("ci-{number} ");
        let is_torn = |line: &&str| !line.starts_with(&label);
        assert_eq!(
            ended.stderr.lines().find(is_torn),
            None,
            "{}",
            ended.story()
        );
        let marks = ended
            .stdout
            .lines()
            .filter(|line| line.starts_with(stack.name()));
        assert_eq!(marks.count(), 1, "{}", ended.story());
        assert!(ended.stdout.ends_with("ten\n"), "{}", ended.story());
    }
    leaves_nothing(&stack);
}

#[test]
fn a_stack_that_does_not_come_up_is_told_and_removed() {
    let crash = format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"echo no config file; exit 3\"\nrestart = \"no\"\n"
    );
    let stack = Stack::new("ci-crash", format!("{crash}{}", sleeps("fine", "")));
    stack
        .dev(["ci", "--", "sh", "-c", "echo ran"])
        .exits(125)
        .says_on_stderr("exit code 3")
        .says_on_stderr("no config file")
        .does_not_say("`dev logs")
        .does_not_say("ran\n");
    leaves_nothing(&stack);
    stack
        .dev(["ci", "--", "no-such-command"])
        .exits(125)
        .says("no-such-command");
}

#[test]
fn what_fails_beside_the_command_is_shown_with_it() {
    let stack = Stack::new("ci-beside-fails", sleeps("fine", ""));
    let script = "id=$(docker ps --quiet --filter label=com.docker.compose.project=$DEV_STACK); \
                  docker exec $id sh -c 'echo going away > /proc/1/fd/1'; docker kill $id > /dev/null; exit 1";
    stack
        .dev(["ci", "--", "sh", "-c", script])
        .exits(1)
        .says_on_stderr("ended while it ran: fine")
        .says_on_stderr("going away");
    leaves_nothing(&stack);
}

#[test]
fn an_interrupted_one_ends_its_command_and_removes_its_stack() {
    let stack = Stack::new("ci-int", sleeps("fine", ""));
    let mut ci = stack.start(["ci", "--", "sh", "-c", "echo begun; sleep 1000000 & wait"]);
    ci.says("begun");
    ci.signal(Signal::TERM);
    ci.ends().exits(130);
    leaves_nothing(&stack);
}

#[test]
fn what_a_killed_one_left_goes_with_the_next() {
    let built = "[services.app]\nbuild = \".\"\ncommand = [\"sleep\", \"1000000\"]\nstop = { signal = \"KILL\" }\n";
    let stack = Stack::new(
        "ci-kill",
        format!("{}{built}", sleeps("fine", "volumes = [\"data:/data\"]\n")),
    );
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nRUN echo built > /built\n"),
    );
    let volume = |name: &str| volumes_of(name).len() + networks_of(name).len();
    let mut ci = stack.start([
        "ci",
        "--",
        "sh",
        "-c",
        "echo begun; while test -d .dev/$DEV_STACK; do sleep 0.1; done",
    ]);
    ci.says("begun");
    let left = kept(&stack);
    assert_eq!((left.len(), volume(&left[0])), (1, 2));
    ci.signal(Signal::KILL);
    eventually(SOON, "it is dead", || {
        if ci.has_ended() {
            Ok(())
        } else {
            Err("it lives".to_owned())
        }
    });
    stack
        .dev(["ci", "--", "true"])
        .succeeds()
        .says_on_stderr(&left[0]);
    leaves_nothing(&stack);
}

#[test]
fn what_is_not_ready_in_time_is_told_with_why_and_removed() {
    let never = format!(
        "[services.never]\nimage = \"{BUSYBOX}\"\ncommand = \"echo still loading; exec sleep 1000000\"\n\
         ready = {{ tcp = 81 }}\nstop = {{ signal = \"KILL\" }}\n"
    );
    // It is between two lives most of the time.
    let crash = format!(
        "[services.crash]\nimage = \"{BUSYBOX}\"\ncommand = \"echo no config file; exit 3\"\nrestart = \"always\"\n"
    );
    let waits = sleeps("waits", "needs = [\"never\"]\n");
    let stack = Stack::new(
        "ci-late",
        format!("{never}{crash}{waits}{}", sleeps("fine", "")),
    );
    let ci = stack
        .dev(["ci", "--wait-timeout", "12s", "--", "sh", "-c", "echo ran"])
        .exits(125)
        .says_on_stderr("waits waits for never")
        .says_on_stderr("tcp 81: connection refused")
        .says_on_stderr("still loading")
        .says_on_stderr("no config file")
        .does_not_say("ran\n")
        .within(SOON);
    let why = ci
        .stderr
        .lines()
        .filter(|line| line.contains("never is starting for"));
    assert_eq!(why.count(), 1, "{}", ci.story());
    // Whichever it is just then.
    let crashed = ["crash crashed", "crash is starting for"];
    let is_told = |word: &&str| ci.stderr.contains(*word);
    assert!(crashed.iter().any(is_told), "{}", ci.story());
    leaves_nothing(&stack);
}

#[test]
fn what_ignores_its_signal_is_waited_for_once_and_not_for_long() {
    let ignores = |name: &str, more: &str| {
        format!(
            "[services.{name}]\nimage = \"{BUSYBOX}\"\n\
             command = \"trap '' TERM; while :; do sleep 1; done\"\n{more}\n"
        )
    };
    let (db, api) = (ignores("db", ""), ignores("api", "needs = [\"db\"]"));
    let web = ignores("web", "needs = [\"api\"]\nstop = { grace = \"1m\" }");
    let stack = Stack::new("ci-ignores", format!("{db}{api}{web}"));
    // One after the other, with what each may take, these are 80 seconds.
    stack
        .dev(["ci", "--", "true"])
        .succeeds()
        .within(Duration::from_secs(40));
    leaves_nothing(&stack);
}

#[test]
fn what_needs_time_to_stop_gets_it_where_that_is_said() {
    let flushes = format!(
        "[services.app]\nimage = \"{BUSYBOX}\"\nvolumes = [\"./out:/out\"]\n\
         command = \"trap 'sleep 3; echo 87 >/out/coverage; exit 0' TERM; while :; do sleep 0.1; done\"\n"
    );
    let stack = Stack::new("ci-flush", flushes);
    fs::create_dir(stack.path("out")).unwrap();
    stack
        .dev(["ci", "--timeout", "30s", "--", "true"])
        .succeeds();
    assert_eq!(
        fs::read_to_string(stack.path("out/coverage")).unwrap(),
        "87\n"
    );
    leaves_nothing(&stack);
}

#[test]
fn what_the_command_left_in_the_background_ends_with_it() {
    let services = "[services.app]\nrun = \"exec sleep 1000000\"\n";
    let stack = Stack::without_engine("ci-left", services);
    let script = "sleep 1000000 & echo $! >beside; trap '' TERM
                  setsid sh -c 'echo $$ >aside; exec sleep 1000000' &
                  until test -s aside; do sleep 0.1; done; exit 7";
    stack.dev(["ci", "--", "sh", "-c", script]).exits(7);
    for file in ["beside", "aside"] {
        let pid = fs::read_to_string(stack.path(file)).unwrap();
        // Whoever is first on the machine has yet to take note of its end.
        eventually(SOON, "it is gone", || {
            match fs::exists(format!("/proc/{}", pid.trim())) {
                Ok(false) => Ok(()),
                other => Err(format!("{file}: {other:?}")),
            }
        });
    }
    assert_eq!(stack.processes(), Vec::<String>::new());
}

#[test]
fn processes_of_a_killed_one_end_with_the_next() {
    let services = "[services.app]\nrun = \"echo $$ >pid; exec sleep 1000000\"\n";
    let stack = Stack::without_engine("ci-hosted", services);
    let script =
        "trap '' HUP; echo $$ >command; setsid sh -c 'echo $$ >aside; exec sleep 1000000' &
                  until test -s aside; do sleep 0.1; done; echo begun; wait";
    let mut ci = stack.start(["ci", "--", "sh", "-c", script]);
    ci.says("begun");
    let pid = |file: &str| fs::read_to_string(stack.path(file)).unwrap();
    let lives = |pid: &str| fs::exists(format!("/proc/{}", pid.trim())).unwrap();
    let (app, command, aside) = (pid("pid"), pid("command"), pid("aside"));
    let runs = || lives(&app);
    ci.kill_after(Duration::ZERO);
    eventually(SOON, "its command ends with it", || {
        if lives(&command) || lives(&aside) {
            Err(format!("{:?}", stack.processes()))
        } else {
            Ok(())
        }
    });
    assert!(runs());
    assert_eq!(kept(&stack).len(), 1);
    stack.write(
        "dev.toml",
        format!(
            "name = \"{}\"\n[services.app]\nrun = \"exec sleep 1000000\"\n",
            stack.name()
        ),
    );
    stack.dev(["ci", "--", "true"]).succeeds();
    assert!(!runs());
    assert_eq!(kept(&stack), Vec::<String>::new());
    assert_eq!(stack.processes(), Vec::<String>::new());
}

#[test]
fn a_secret_that_is_missing_keeps_nothing() {
    let secret = "[secrets]\nTOKEN = { env = \"NOT_SET_FOR_THIS_TEST\" }\n";
    let env = "env = { TOKEN = \"${secret:TOKEN}\" }\n";
    let stack = Stack::new("ci-secret", format!("{secret}{}", sleeps("fine", env)));
    let ci = stack.dev(["ci", "--", "true"]).exits(125);
    ci.says_on_stderr("NOT_SET_FOR_THIS_TEST");
    leaves_nothing(&stack);
}

#[test]
fn fixed_ports_that_are_taken_do_not_matter() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let stack = Stack::new("ci-port", web("free", &format!("\"{port}:80\"")));
    let ci = stack
        .dev(["ci", "--", "sh", "-c", "wget -qO- $WEB_URL"])
        .succeeds();
    assert_eq!(ci.stdout, "free\n");
    leaves_nothing(&stack);
}

#[test]
fn without_an_engine_nothing_is_kept() {
    let toml = format!("runtime = \"docker\"\n{}", sleeps("box", ""));
    let mut stack = Stack::without_engine("cinone", toml);
    stack.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    stack
        .dev(["ci", "--", "true"])
        .exits(125)
        .says_on_stderr("dev::engine");
    assert_eq!(kept(&stack), Vec::<String>::new());
}

/// Everything of one stack on the engine.
fn things_of(name: &str) -> usize {
    let filter = format!("label=com.docker.compose.project={name}");
    let containers = docker(["ps", "--all", "--quiet", "--filter", &filter]);
    containers.lines().count() + volumes_of(name).len() + networks_of(name).len()
}

#[test]
fn what_a_killed_one_left_goes_with_the_next_also_where_nothing_is_remembered_of_it() {
    let services = sleeps("fine", "volumes = [\"data:/data\"]\n");
    let stack = Stack::new("ci-wiped", &services);
    let waits = ["ci", "--", "sh", "-c", "echo begun; exec sleep 1000000"];
    let mut killed = stack.start(waits);
    killed.says("begun");
    let left = kept(&stack).remove(0);
    // One that goes on, of which as little is remembered.
    let mut lives = stack.start(waits);
    lives.says("begun");
    let living = kept(&stack).into_iter().find(|name| *name != left);
    let living = living.unwrap();
    killed.kill_after(Duration::ZERO);
    fs::remove_dir_all(stack.path(".dev")).unwrap();

    stack
        .dev(["ci", "--", "true"])
        .succeeds()
        .says_on_stderr(&left);
    assert_eq!(things_of(&left), 0);
    assert_eq!(things_of(&living), 3);
    lives.signal(Signal::TERM);
    lives.ends();
    stack.dev(["ci", "--", "true"]).succeeds();
    leaves_nothing(&stack);
}
