//! Processes on the host: started, gated, probed, logged and ended like containers, and left to nobody.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::support::{BUSYBOX, POSTGRES, SOON, Stack, eventually, free_port, get};

/// A web server of the host that tells its pid and a word. `more`: further keys of its table.
pub(super) fn web(port: u16, more: &str) -> String {
    format!(
        r#"
        [services.web]
        run = "mkdir -p www; echo $$ >pid; echo $WORD >www/index.html; exec python3 -u -m http.server $PORT --bind 0.0.0.0 --directory www"
        ports = {{ http = {port} }}
        env = {{ PORT = "${{self.http.port}}", WORD = "first" }}
        ready = {{ http = "/" }}
        {more}
        "#
    )
}

pub(super) fn pid(stack: &Stack, file: &str) -> i32 {
    eventually(SOON, &format!("{file} is written"), || {
        let text = fs::read_to_string(stack.path(file)).map_err(|error| error.to_string())?;
        text.trim()
            .parse::<i32>()
            .map_err(|error| error.to_string())
    })
}

pub(super) fn runs(pid: i32) -> bool {
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

pub(super) fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        kill_process(pid, Signal::KILL).unwrap();
    }
}

pub(super) fn ends(pid: i32) {
    eventually(SOON, "the process has ended", || {
        if runs(pid) { Err(pid) } else { Ok(()) }
    });
}

#[test]
fn a_stack_of_processes_needs_no_engine_and_down_leaves_none() {
    let stack = Stack::without_engine("alone", web(free_port(), ""));
    stack.dev(["up", "--wait"]).succeeds().says("up in");
    let pid = pid(&stack, "pid");
    assert!(stack.status().is("web", "ready"));
    assert_eq!(stack.get("web", "").unwrap().body.trim(), "first");
    stack
        .dev(["exec", "web", "sh", "-c", "echo $WORD in $PWD"])
        .succeeds()
        .says("first in");
    stack.dev(["logs", "web"]).succeeds().says("GET / HTTP");
    // Nothing to do is nothing done.
    stack.dev(["plan"]).succeeds().says("nothing to do");

    stack.dev(["down"]).succeeds();
    assert!(!runs(pid));
    eventually(SOON, "no process is left", || match stack.processes() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn an_app_on_the_host_waits_for_its_database_in_a_container() {
    let stack = Stack::new(
        "mixed",
        format!(
            r#"
            [services.db]
            preset = "postgres:15"
            image = "{POSTGRES}"

            [services.app]
            run = "echo url=$URL; exec sleep 1000000"
            env = {{ URL = "${{db.url}}" }}
            ready = {{ log = "url=postgres" }}
            "#
        ),
    );
    stack.dev(["plan"]).succeeds().says("once db is ready");
    let mut up = stack.up();
    up.says("url=postgres");
    let said = stack.dev(["logs", "app"]).succeeds().stdout;
    assert!(said.contains("@127.0.0.1:"), "{said}");
    up.signal(Signal::INT);
    up.ends();
    eventually(SOON, "it is stopped", || match stack.status() {
        status if status.is("app", "ready") => Err(status),
        _ => Ok(()),
    });
}

#[test]
fn a_container_reaches_a_process_on_the_host_and_that_a_container() {
    let port = free_port();
    let stack = Stack::new(
        "reach",
        format!(
            r#"
            {}
            [services.caller]
            image = "{BUSYBOX}"
            command = "until wget -q -O - $WEB; do sleep 0.1; done; mkdir /www; echo $WEB >/www/index.html; exec httpd -f -h /www -p 80"
            env = {{ WEB = "${{web.http.url}}" }}
            ports = {{ http = 80 }}
            ready = {{ http = "/" }}
            stop = {{ signal = "KILL" }}

            [services.app]
            run = "exec python3 -u -c 'import os, time, urllib.request as r; print(r.urlopen(os.environ[\"CALLER\"]).read().decode()); time.sleep(1000000)'"
            env = {{ CALLER = "${{caller.url}}" }}
            ready = {{ log = "host.docker.internal" }}
            "#,
            web(port, "")
        ),
    );
    stack.dev(["up", "--wait"]).succeeds();
    // What the container was told, by way of the process that asked it.
    let said = stack.dev(["logs", "app"]).succeeds().stdout;
    assert!(said.contains("http://host.docker.internal:"), "{said}");
    stack.dev(["logs", "caller"]).succeeds().says("first");
}

#[test]
fn a_process_that_a_container_asks_has_to_listen_where_that_reaches_it() {
    let port = free_port();
    let web = web(port, "").replace("--bind 0.0.0.0", "--bind $(cat bind)");
    let caller = format!(
        r#"
        [services.caller]
        image = "{BUSYBOX}"
        command = "wget -q -O - $WEB && exec sleep 1000000"
        env = {{ WEB = "${{web.http.url}}" }}
        ready = {{ log = "first" }}
        stop = {{ signal = "KILL" }}
        "#
    );
    let stack = Stack::new("loopback", format!("{web}{caller}"));
    stack.write("bind", "127.0.0.1");
    let mut up = stack.start(["up"]);
    stack.until_with(
        &mut up,
        "it is said that it listens on loopback only",
        |status| status.is("web", "starting") && status.is("caller", "waiting"),
    );
    eventually(SOON, "why says where", || {
        let why = stack.dev(["why", "caller"]).succeeds();
        let said = why.stdout.contains("loopback only") && why.stdout.contains("0.0.0.0");
        if said { Ok(()) } else { Err(why.story()) }
    });
    stack.write("bind", "0.0.0.0");
    stack.dev(["restart", "web"]).succeeds();
    stack.until_with(&mut up, "both are ready", |status| status.ready);

    // Where nobody asks from a container, loopback will do.
    stack.write("bind", "127.0.0.1");
    stack.edit(&web);
    stack.dev(["restart", "web"]).succeeds();
    stack.until_with(&mut up, "it is ready alone", |status| {
        status.is("web", "ready") && !status.has("caller")
    });
    up.signal(Signal::INT);
    up.ends();
}

#[test]
fn a_killed_dev_leaves_it_running_and_the_next_one_takes_it_over() {
    let stack = Stack::without_engine("adopt", web(free_port(), ""));
    let up = stack.up();
    let first = pid(&stack, "pid");
    up.kill_after(Duration::ZERO);
    assert!(runs(first));
    let again = stack.up();
    assert_eq!(pid(&stack, "pid"), first);
    assert!(runs(first));

    // Changed while nobody was there, it is replaced.
    again.kill_after(Duration::ZERO);
    let text = fs::read_to_string(stack.path("dev.toml")).unwrap();
    fs::write(
        stack.path("dev.toml"),
        text.replace("\"first\"", "\"second\""),
    )
    .unwrap();
    stack.dev(["up", "--wait"]).succeeds();
    ends(first);
    stack.serves("web", "second");
    stack.dev(["down"]).succeeds();
}

#[test]
fn an_edit_of_the_stack_file_and_a_watched_file_restart_it() {
    let stack = Stack::without_engine(
        "edit",
        web(
            free_port(),
            "watch = [{ paths = [\"src\"], then = \"restart\" }]",
        ),
    );
    stack.write("src/main", "1");
    let mut up = stack.up();
    let first = pid(&stack, "pid");
    let text = fs::read_to_string(stack.path("dev.toml")).unwrap();
    stack.write("dev.toml", text.replace("\"first\"", "\"second\""));
    stack.serves("web", "second");
    ends(first);

    let second = pid(&stack, "pid");
    stack.write("src/main", "2");
    ends(second);
    stack.serves("web", "second");
    up.signal(Signal::INT);
    up.ends();
    assert!(!runs(pid(&stack, "pid")));
    stack.dev(["down"]).succeeds();
}

#[test]
fn a_port_that_is_taken_moves_it_where_it_can_be_told_and_names_the_owner_where_not() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let stack = Stack::without_engine("port", web(port, ""));
    stack.dev(["up", "--wait"]).succeeds();
    let address = stack.status().service("web").addresses[0].clone();
    assert!(!address.ends_with(&format!(":{port}")), "{address}");
    assert_eq!(get(&format!("{address}/")).unwrap().body.trim(), "first");
    stack.dev(["down"]).succeeds();

    stack.edit(format!(
        "[services.web]\nrun = \"exec python3 -m http.server {port}\"\nports = {{ http = {port} }}"
    ));
    stack
        .dev(["up", "--wait"])
        .exits(1)
        .says(&format!("{port} is taken by"))
        .says("self.http.port");
    stack.dev(["down"]).succeeds();
}

#[test]
fn a_job_on_the_host_runs_once_and_its_secret_is_in_no_file() {
    let mut stack = Stack::without_engine(
        "job",
        r#"
        [secrets]
        TOKEN = { env = "TOKEN" }

        [services.seed]
        run = "echo $TOKEN; echo ran >>runs"
        env = { TOKEN = "${secret:TOKEN}" }
        job = true

        [services.app]
        run = "exec sleep 1000000"
        needs = ["seed"]
        "#,
    );
    stack.set("TOKEN", "a-very-secret-word");
    for _ in 0..2 {
        stack.dev(["up", "--wait"]).succeeds();
        assert_eq!(fs::read_to_string(stack.path("runs")).unwrap(), "ran\n");
    }
    stack.dev(["logs", "seed"]).succeeds().says("***");
    for file in walk(&stack.path(".dev")) {
        let text = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains("a-very-secret-word"), "{}", file.display());
    }
    stack.dev(["down"]).succeeds();
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        match entry.path() {
            path if path.is_dir() => found.extend(walk(&path)),
            path => found.push(path),
        }
    }
    found
}

#[test]
fn a_restart_of_its_own_holds_while_no_dev_is_there() {
    let stack = Stack::without_engine("own", web(free_port(), "restart = \"always\""));
    stack
        .dev(["up", "--wait"])
        .succeeds()
        .says("on the host without `dev` from now on: web");
    let first = pid(&stack, "pid");
    kill(first);
    eventually(SOON, "another one serves", || {
        let now = pid(&stack, "pid");
        let answer = stack.get("web", "")?;
        if now != first && answer.body.trim() == "first" {
            Ok(())
        } else {
            Err(format!("{now}"))
        }
    });
    stack.dev(["stop"]).succeeds();
    assert!(!runs(pid(&stack, "pid")));
    stack.dev(["down"]).succeeds();
}

#[test]
fn in_the_background_it_is_watched_and_restarted_until_down() {
    let stack = Stack::without_engine("back", web(free_port(), ""));
    stack.dev(["up", "-d"]).succeeds();
    let first = pid(&stack, "pid");
    kill(first);
    eventually(SOON, "another one is ready", || {
        let status = stack.try_status()?;
        let ready = status.is("web", "ready") && status.service("web").restarts > 0;
        if ready {
            Ok(())
        } else {
            Err(status.to_string())
        }
    });
    stack.dev(["restart", "web"]).succeeds();
    stack.dev(["down"]).succeeds();
    eventually(SOON, "no process is left", || match stack.processes() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

#[test]
fn what_cannot_run_on_the_host_is_named() {
    let services = "[services.api]\nbuild = \".\"\n[services.queue]\npreset = \"rabbitmq:3\"\n";
    let stack = Stack::without_engine("named", services);
    stack.write("Dockerfile", "FROM scratch\n");
    let up = stack.dev(["up", "--wait"]).exits(3);
    up.says("api: it is built as an image")
        .says("knows no server on the host");

    stack.edit(format!("runtime = \"process\"\n{services}"));
    let up = stack.dev(["up", "--wait"]).exits(2);
    up.says("api: it is built as an image")
        .says("knows no server on the host");
}

#[test]
fn what_ran_in_containers_does_not_begin_anew_on_the_host_while_the_engine_is_away() {
    let services = format!("[services.db]\npreset = \"postgres:15\"\nimage = \"{POSTGRES}\"\n");
    let mut stack = Stack::new("away", services);
    stack.dev(["up", "--wait"]).succeeds();
    let engine = std::env::var("DOCKER_HOST").unwrap_or_default();
    stack.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let up = stack.dev(["up", "--wait"]).exits(3);
    up.says("ran in containers last")
        .does_not_say("processes on the host: db");
    stack.set("DOCKER_HOST", &engine);
    stack.dev(["up", "--wait"]).succeeds().says("up in");
}

#[test]
fn what_is_not_up_is_said_without_an_engine_and_what_is_up_in_one_is_not_denied() {
    let services = format!(
        "{}[services.box]\nimage = \"{BUSYBOX}\"\ncommand = [\"sleep\", \"1000000\"]\nstop = {{ signal = \"KILL\" }}\n",
        web(free_port(), "")
    );
    let mut stack = Stack::new("nowhere", services);
    let engine = std::env::var("DOCKER_HOST").unwrap_or_default();
    stack.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let status = stack.status();
    assert!(
        !status.ready
            && status
                .services
                .iter()
                .all(|service| service.state != "ready"),
        "{status}"
    );
    stack.dev(["status"]).succeeds().says_on_stderr("is not up");
    stack.dev(["down"]).succeeds();
    stack.dev(["up", "--wait"]).exits(3);

    stack.set("DOCKER_HOST", &engine);
    stack.dev(["up", "--wait"]).succeeds();
    stack.set("DOCKER_HOST", "unix:///nowhere/docker.sock");
    stack.dev(["status"]).exits(3);
    stack.dev(["down"]).exits(3);
    stack.set("DOCKER_HOST", &engine);
}

#[test]
fn a_signal_tells_a_process_of_the_files_that_it_reads_itself() {
    let stack = Stack::without_engine(
        "told",
        r#"
        [services.app]
        run = "trap 'cat word >seen' HUP; echo $$ >pid; while :; do sleep 0.1; done"
        watch = [{ paths = ["word"], then = { signal = "HUP" } }]
        "#,
    );
    stack.write("word", "first");
    let mut up = stack.up();
    let pid = pid(&stack, "pid");
    stack.write("word", "second");
    eventually(
        SOON,
        "it has read its file again",
        || match fs::read_to_string(stack.path("seen")) {
            Ok(word) if word == "second" => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
    up.says("was sent its signal: word changed");
    assert!(runs(pid));
    assert_eq!(
        fs::read_to_string(stack.path("pid")).unwrap().trim(),
        pid.to_string()
    );
}

#[test]
fn who_only_asks_is_not_warned_of_the_stack_file() {
    let rules =
        r#"watch = [{ paths = ["a"], then = "restart" }, { paths = ["a/b"], then = "restart" }]"#;
    let app = format!("[services.app]\nrun = \"exec sleep 1000000\"\n{rules}\n");
    let stack = Stack::without_engine("warned", app);
    let warning = "this rule never acts";
    stack.dev(["plan"]).succeeds().says_on_stderr(warning);
    stack
        .dev(["up", "--wait"])
        .succeeds()
        .says_on_stderr(warning);
    for command in ["status", "why", "env", "logs", "wait"] {
        stack.dev([command]).succeeds().does_not_say(warning);
    }
}

#[test]
fn doctor_knows_the_stacks_own_processes_without_an_engine() {
    let port = free_port();
    let fixed = web(port, "").replace(
        &format!("http = {port}"),
        &format!("http = \"{port}:{port}\""),
    );
    let stack = Stack::without_engine("doctor-own", fixed);
    stack.dev(["up", "--wait"]).succeeds();
    stack.dev(["doctor"]).does_not_say("is taken by");
    stack.dev(["down"]).succeeds();
    let _stranger = std::net::TcpListener::bind(("0.0.0.0", port)).unwrap();
    stack
        .dev(["doctor"])
        .says(&format!("{port} (web) is taken by another program"));
}

#[test]
fn each_line_of_a_process_that_is_restarted_is_shown_once() {
    let talks = r#"
        [services.app]
        run = "trap 'echo bye-$$; exit 0' TERM; echo hello-$$; echo $$ >pid; while :; do sleep 0.02; done"
    "#;
    let stack = Stack::without_engine("lines-once", talks);
    let mut up = stack.up();
    let mut lives = vec![pid(&stack, "pid")];
    for _ in 0..4 {
        up.says(&format!("hello-{}", lives[lives.len() - 1]));
        fs::remove_file(stack.path("pid")).unwrap();
        stack.dev(["restart", "app"]).succeeds();
        lives.push(pid(&stack, "pid"));
    }
    up.says(&format!("hello-{}", lives[4]));
    // What is said after it comes after all of that.
    stack.dev(["exec", "app", "true"]).succeeds();
    up.signal(Signal::TERM);
    let said = up.ends();
    let lines = said.stdout.lines();
    let words: Vec<&str> = lines.filter_map(|line| line.split("| ").nth(1)).collect();
    let words = words.iter().filter(|word| word.contains('-'));
    let expected = lives
        .iter()
        .flat_map(|life| [format!("hello-{life}"), format!("bye-{life}")]);
    // Nobody waits for what the last one says while all ends.
    let expected: Vec<String> = expected.take(lives.len() * 2 - 1).collect();
    let shown: Vec<&&str> = words.take(expected.len()).collect();
    assert_eq!(
        shown,
        expected.iter().collect::<Vec<_>>(),
        "{}",
        said.story()
    );
}
