//! A container that gets ready beside the one that it replaces, while a neighbour calls the service by its name.

use std::process::Command;
use std::time::Duration;

use super::support::{BUSYBOX, Background, SOON, Stack, docker, eventually, networks_of};

/// Calls `site` from three threads, 20 ms after each answer, at the first address that its name has, and says what came: an
/// answer, or what went wrong.
const CALLS: &str = r#"
import socket, threading, time

def call():
    with socket.create_connection((socket.gethostbyname("site"), 8080), 5) as line:
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        got = b""
        while part := line.recv(4096):
            got += part
        return got.split(b"\r\n\r\n")[1].decode().strip() or "nothing"

def calls():
    while True:
        try:
            answer = "said " + call()
        except Exception as problem:
            answer = f"refused {problem!r}"
        print(answer, flush=True)
        time.sleep(0.02)

for _ in range(3):
    threading.Thread(target=calls).start()
"#;

const FIRST: &str = "update = \"start-first\"";

const PYTHON: &str = "dev.local/python:3.11";

/// A server that takes two seconds to start and to no port of the host, and a neighbour that calls it all the while. `more`:
/// further keys of the server.
fn called(topic: &str, more: &str) -> Stack {
    let stack = Stack::new(
        topic,
        format!(
            r#"
            [services.site]
            build = "."
            stop = {{ signal = "TERM" }}
            ports = {{ http = {{ port = 8080, publish = false }} }}
            ready = {{ http = "/", within = "8s" }}
            {more}

            [services.caller]
            image = "{PYTHON}"
            command = ["python3", "/calls.py"]
            volumes = ["./calls.py:/calls.py:ro"]
            needs = ["site"]
            stop = {{ signal = "KILL" }}
            "#
        ),
    );
    stack.write("calls.py", CALLS);
    stack.write(
        "Dockerfile",
        format!("FROM {BUSYBOX}\nCOPY run /run.sh\nCMD [\"sh\", \"/run.sh\"]\n"),
    );
    stack.write("run", serving("one"));
    stack
}

/// It ends as soon as it is told to, its listener first.
fn serving(text: &str) -> String {
    format!(
        "sleep 2\nmkdir /www\necho {text} >/www/index.html\nhttpd -f -p 8080 -h /www &\n\
         trap 'kill $!; exit 0' TERM\nwait\n"
    )
}

const ENDS: &str = "sleep 1\necho no such module\nexit 3\n";
const NEVER_READY: &str = "exec sleep 1000\n";

/// All that the neighbour was told so far.
fn answers(stack: &Stack) -> Vec<String> {
    let said = docker(["logs", &stack.container("caller").id]);
    said.lines().map(str::to_owned).collect()
}

/// Waits until the neighbour heard `text`, and ten times nothing else.
fn is_told(stack: &Stack, text: &str) {
    let wanted = format!("said {text}");
    eventually(SOON, &format!("the caller is told `{text}`"), || {
        let answers = answers(stack);
        let last = answers.len().saturating_sub(30);
        if answers.len() >= 30 && answers[last..].iter().all(|answer| *answer == wanted) {
            Ok(())
        } else {
            Err(format!("{:?}", &answers[last..]))
        }
    });
}

/// Each call was answered by one of these.
fn was_always_told(stack: &Stack, texts: &[&str]) {
    let answers = answers(stack);
    let known = |answer: &&String| texts.iter().any(|text| **answer == format!("said {text}"));
    let others: Vec<&String> = answers.iter().filter(|answer| !known(answer)).collect();
    assert!(others.is_empty(), "of {} calls: {others:?}", answers.len());
}

fn is_alone(stack: &Stack) {
    eventually(SOON, "one container is left, under its own name", || {
        let mut names: Vec<String> = stack.containers().into_iter().map(|c| c.name).collect();
        names.sort();
        let wanted = ["caller-1", "site-1"].map(|name| format!("{}-{name}", stack.name()));
        if names == wanted {
            Ok(())
        } else {
            Err(format!("{names:?}"))
        }
    });
}

fn all_is_well(stack: &Stack, up: &mut Background) {
    stack.until_with(up, "all is well", |status| {
        status.ready && status.service("site").failure.is_none()
    });
}

#[test]
fn a_neighbour_that_calls_all_the_while_is_never_refused() {
    let stack = called("overlap", FIRST);
    let mut up = stack.up();
    let before = stack.container("site").id;
    let caller = stack.container("caller");
    is_told(&stack, "one");
    for text in ["two", "three"] {
        stack.write("run", serving(text));
        is_told(&stack, text);
        is_alone(&stack);
        all_is_well(&stack, &mut up);
    }
    is_told(&stack, "three");
    was_always_told(&stack, &["one", "two", "three"]);
    assert_ne!(stack.container("site").id, before);
    let now = stack.container("caller");
    assert_eq!((now.id, now.started), (caller.id, caller.started));
}

#[test]
fn where_nothing_is_said_one_that_does_not_want_to_end_makes_no_gap() {
    let stack = called("overlap-unsaid", "");
    let stubborn = |text| serving(text).replace("kill $!; exit 0", "");
    stack.write(
        "run",
        stubborn("one").replace("wait\n", "while :; do sleep 1; done\n"),
    );
    let mut up = stack.up();
    is_told(&stack, "one");
    stack.write("run", serving("two"));
    is_told(&stack, "two");
    is_alone(&stack);
    all_is_well(&stack, &mut up);
    // By hand and by an edit, too.
    stack
        .dev(["up", "--wait", "--force-recreate", "site"])
        .succeeds();
    let text = std::fs::read_to_string(stack.path("dev.toml")).unwrap();
    let before = stack.container("site").id;
    stack.write(
        "dev.toml",
        text.replace(
            "[services.caller]",
            "env = { MORE = \"1\" }\n[services.caller]",
        ),
    );
    eventually(SOON, "another container", || {
        match stack.container("site").id {
            id if id == before => Err(id),
            _ => Ok(()),
        }
    });
    is_alone(&stack);
    all_is_well(&stack, &mut up);
    is_told(&stack, "two");
    was_always_told(&stack, &["one", "two"]);
}

/// Ends as soon as there is no way to `base`; that a busy machine answers late is none of that.
const TOUCHY: &str = r#"
import http.server, os, socket, threading, time
TEXT = b"one"

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(TEXT)

    def log_message(self, *_):
        pass

def watch():
    address = socket.gethostbyname("base")
    while True:
        try:
            socket.create_connection((address, 8080), 0.1).close()
        except TimeoutError:
            pass
        except OSError:
            os._exit(1)
        time.sleep(0.005)

threading.Thread(target=watch).start()
http.server.ThreadingHTTPServer(("", 8080), Answer).serve_forever()
"#;

#[test]
fn one_that_ends_when_it_is_detached_is_started_once_the_one_before_is_stopped() {
    let stack = Stack::new(
        "overlap-touchy",
        format!(
            r#"
            [services.base]
            image = "{BUSYBOX}"
            command = ["httpd", "-f", "-p", "8080"]
            ports = {{ http = {{ port = 8080, publish = false }} }}
            ready = {{ tcp = 8080 }}
            stop = {{ signal = "KILL" }}

            [services.site]
            build = "."
            needs = ["base"]
            stop = {{ signal = "KILL" }}
            ports = {{ http = {{ port = 8080, publish = false }} }}
            ready = {{ http = "/" }}
            "#
        ),
    );
    stack.write(
        "Dockerfile",
        format!("FROM {PYTHON}\nCOPY site.py /\nCMD [\"python3\", \"/site.py\"]\n"),
    );
    stack.write("site.py", TOUCHY);
    let mut up = stack.up();
    let before = stack.container("site").id;
    stack.write("site.py", TOUCHY.replace("one", "two"));
    stack.until_with(&mut up, "the new one alone", |status| {
        let site = stack
            .containers()
            .into_iter()
            .filter(|found| found.name.contains("-site-"));
        let site: Vec<_> = site.collect();
        status.ready
            && status.service("site").failure.is_none()
            && site.len() == 1
            && site[0].name.ends_with("site-1")
            && site[0].id != before
    });
    up.says("lost its connections when it got its names beside the one before");
    eventually(SOON, "the new version answers", || {
        let said = Command::new("docker")
            .args(["exec", &stack.container("base").id])
            .args(["wget", "-qO-", "http://site:8080"])
            .output()
            .unwrap();
        match String::from_utf8_lossy(&said.stdout).trim() {
            "two" => Ok(()),
            _ => Err(format!("{said:?}")),
        }
    });
}

#[test]
fn a_new_one_that_fails_leaves_the_one_before_untouched() {
    let stack = called("overlap-fails", FIRST);
    let mut up = stack.up();
    let before = stack.container("site");
    for (bad, why) in [
        (ENDS, "ended with exit code 3"),
        (NEVER_READY, "not ready within 8 s"),
    ] {
        stack.write("run", bad);
        let why = format!("the new one did not get ready: {why}");
        stack.until_with(&mut up, "the one before runs on, and why", |status| {
            status.is("site", "ready") && status.why("site").contains(&why)
        });
        is_alone(&stack);
        let now = stack.container("site");
        assert_eq!((&now.id, now.started), (&before.id, before.started));
    }
    stack.dev(["logs", "site"]).says("no such module");
    is_told(&stack, "one");
    was_always_told(&stack, &["one"]);

    stack.write("run", serving("two"));
    is_told(&stack, "two");
    all_is_well(&stack, &mut up);
    was_always_told(&stack, &["one", "two"]);
    is_alone(&stack);
}

#[test]
fn killed_while_both_run_the_next_up_converges_and_down_leaves_nothing() {
    let stack = called("overlap-killed", FIRST);
    stack.dev(["up", "--wait"]).succeeds();
    // Before the new one runs, while it gets ready, while names are handed over, and later.
    for (round, after) in [700, 1800, 2600, 3000, 3300, 3600, 4200, 5200]
        .into_iter()
        .enumerate()
    {
        let text = format!("round-{round}");
        stack.write("run", serving(&text));
        stack.start(["up"]).kill_after(Duration::from_millis(after));
        stack.dev(["up", "--wait"]).succeeds();
        is_told(&stack, &text);
        is_alone(&stack);
    }
    for (round, after) in [1500, 3000, 3600].into_iter().enumerate() {
        stack.write("run", serving(&format!("last-{round}")));
        stack.start(["up"]).kill_after(Duration::from_millis(after));
        stack.dev(["down"]).succeeds();
        assert_eq!(stack.containers(), []);
        assert_eq!(networks_of(stack.name()), [""; 0]);
        stack.dev(["up", "--wait"]).succeeds();
    }
}

#[test]
fn a_choice_that_cannot_be_had_is_an_error_at_its_place() {
    let stack = called("overlap-refused", FIRST);
    let text = std::fs::read_to_string(stack.path("dev.toml")).unwrap();
    let published = text.replace(", publish = false", "");
    assert_ne!(text, published);
    stack.write("dev.toml", published);
    stack
        .dev(["up", "--wait"])
        .exits(2)
        .says("two containers of `site` cannot run at once")
        .says("its port `http` is published")
        .says("publish = false");
    stack.write("dev.toml", text);
}
