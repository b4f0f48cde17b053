//! `--on kubernetes`: commands on what was promoted. One stack for most of it, because a promotion takes its time.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;

use crate::support::{Stack, until};

const PAGE: &str = "hello from a pod";

fn text(web: &str) -> String {
    format!(
        r#"
[secrets]
TOKEN = {{ generate = 32 }}

[services.db]
image = "dev.local/busybox"
user = "1000"
command = ["sh", "-c", "if test -e /data/seen; then echo as before; else echo anew; fi; touch /data/seen; exec sleep 1000"]
volumes = ["data:/data"]
stop = {{ grace = "1s" }}

[services.seed]
image = "dev.local/busybox"
user = "1000"
command = ["echo", "sown"]
job = true
needs = ["db"]

[services.web]
image = "dev.local/busybox"
user = "1000"
needs = ["seed"]
command = ["sh", "-c", "{web}"]
env = {{ TOKEN = "${{secret:TOKEN}}", GREETING = "hello" }}
volumes = ["./www:/www:ro"]
ports = {{ http = 8000 }}
ready = {{ http = "/index.html", every = "1s" }}
stop = {{ grace = "1s" }}

[services.home]
run = "sleep 1000"
promote = false

[volumes]
data = {{}}
"#
    )
}

const SERVES: &str = "echo the token is $TOKEN; exec httpd -f -p 8000 -h /www";

fn promoted() -> Stack {
    let stack = Stack::new(&text(SERVES));
    stack.file("www/index.html", PAGE);
    let said = stack.on_cluster(&["status"]).expect(0);
    assert!(
        said.out.contains("not up: `dev promote` brings it up"),
        "{}",
        said.out
    );
    stack.on_cluster(&["wait", "--timeout", "1s"]).expect(4);
    stack.dev(&["promote"]).expect(0);
    stack
}

#[test]
fn a_promoted_stack_is_looked_at_used_and_taken_down() {
    let stack = promoted();
    it_is_ready(&stack);
    its_logs_are_there_without_secrets(&stack);
    commands_run_in_it(&stack);
    it_is_reached_from_here(&stack);
    a_new_version_that_crashes_is_told(&stack);
    it_goes_and_its_data_stays(&stack);
}

#[track_caller]
fn it_is_ready(stack: &Stack) {
    let waited = stack.on_cluster(&["wait", "--timeout", "30s"]).expect(0);
    assert!(waited.out.contains("is up"), "{}", waited.out);
    let status = stack.on_cluster(&["status"]).expect(0).out;
    let state = |service: &str, state: &str| {
        let mut lines = status.lines();
        let is = lines.any(|line| line.contains(service) && line.contains(state));
        assert!(is, "{service} is {state}:\n{status}");
    };
    state("db", "ready");
    state("seed", "done");
    state("web", "ready");
    state("web", &format!("web.{}:8000", stack.name));
    assert!(!status.contains("home"), "{status}");
    let json = stack.on_cluster(&["status", "--json", "web"]).expect(0).out;
    let report: serde_json::Value = serde_json::from_str(&json).expect("an object");
    let web = &report["services"][0];
    assert_eq!(report["ready"], true, "{json}");
    assert_eq!(
        (&web["runtime"], &web["state"]),
        (&"kubernetes".into(), &"ready".into())
    );
    let why = stack.on_cluster(&["why"]).expect(0).out;
    assert!(why.contains("is ready"), "{why}");
    let home = stack.on_cluster(&["why", "home"]).expect(2).err;
    assert!(home.contains("stays here"), "{home}");
}

#[track_caller]
fn its_logs_are_there_without_secrets(stack: &Stack) {
    let logs = stack.on_cluster(&["logs"]).expect(0).out;
    let token = token(stack);
    assert!(logs.contains("the token is ***"), "{logs}");
    assert!(logs.contains("sown") && logs.contains("anew"), "{logs}");
    assert!(!logs.contains(&token), "a secret is shown");
    let status = stack.on_cluster(&["status", "web"]).expect(0).out;
    assert!(!status.contains(&token), "a secret is shown");

    let follow = stack.begin_on_cluster(&["logs", "-f", "-n", "1", "web"]);
    until("what was said before", || {
        follow.said().contains("the token")
    });
    let said = "echo once more > /proc/1/fd/1";
    stack
        .on_cluster(&["exec", "web", "sh", "-c", said])
        .expect(0);
    until("what is said now", || follow.said().contains("once more"));
    stack.kubectl(&["delete", "pod", "--selector", "app.kubernetes.io/name=web"]);
    until("what the next pod says", || {
        follow.said().matches("the token is ***").count() == 2
    });
    follow.interrupt();
    follow.end().expect(130);
    let last = stack
        .on_cluster(&["logs", "--json", "-n", "1", "seed"])
        .expect(0)
        .out;
    let line: serde_json::Value = serde_json::from_str(last.trim()).expect("one line");
    assert_eq!(
        (&line["service"], &line["line"]),
        (&"seed".into(), &"sown".into())
    );
}

#[track_caller]
fn commands_run_in_it(stack: &Stack) {
    stack
        .on_cluster(&["wait", "web", "--timeout", "30s"])
        .expect(0);
    let script = "echo $GREETING $A from $PWD; echo aside >&2; exit 7";
    let words = [
        "exec", "-e", "A=b c", "-w", "/www", "web", "sh", "-c", script,
    ];
    let said = stack.on_cluster(&words).expect(7);
    assert_eq!(said.out, "hello b c from /www\n");
    assert_eq!(said.err, "aside\n");
    stack
        .on_cluster(&["exec", "--index", "2", "web", "true"])
        .expect(125);
    stack.on_cluster(&["exec", "seed", "true"]).expect(125);
    let absent = stack.on_cluster(&["exec", "web", "nosuch"]).expect(127);
    assert!(absent.err.contains("nosuch"), "{}", absent.err);
    let large = "head -c 3000000 /dev/zero | tr '\\000' x";
    let said = stack
        .on_cluster(&["exec", "web", "sh", "-c", large])
        .expect(0);
    assert_eq!(said.out.len(), 3_000_000);
}

#[track_caller]
fn it_is_reached_from_here(stack: &Stack) {
    let settings = stack.on_cluster(&["env", "--json"]).expect(0).out;
    let settings: serde_json::Value = serde_json::from_str(&settings).expect("an object");
    assert_eq!(settings["WEB_URL"], "http://web:8000");

    let open = stack.begin_on_cluster(&["open", "--print"]);
    until("an address", || open.said().contains("http://127.0.0.1:"));
    let address = open.said().trim().trim_start_matches("http://").to_owned();
    until("the page", || {
        get(&address).is_some_and(|page| page.contains(PAGE))
    });
    stack.kubectl(&["delete", "pod", "--selector", "app.kubernetes.io/name=web"]);
    stack
        .on_cluster(&["wait", "web", "--timeout", "30s"])
        .expect(0);
    until("the next pod's page", || {
        get(&address).is_some_and(|page| page.contains(PAGE))
    });
    assert!(open.remarked().contains("Ctrl-C"), "{}", open.remarked());
    open.interrupt();
    open.end().expect(130);
}

#[track_caller]
fn a_new_version_that_crashes_is_told(stack: &Stack) {
    stack.write(&text("echo no such table for $TOKEN; exit 3"));
    let said = stack.dev(&["promote", "--timeout", "8s"]).expect(4).err;
    assert!(said.contains("no such table for ***"), "{said}");
    let waited = stack
        .on_cluster(&["wait", "web", "--timeout", "60s"])
        .expect(1);
    let said = "the new one did not get ready: ended with exit code 3";
    assert!(waited.out.contains(said), "{}", waited.out);
    let why = stack.on_cluster(&["why", "web"]).expect(0).out;
    assert!(
        why.contains(said) && why.contains("the one before runs"),
        "{why}"
    );
    stack.write(&text(SERVES));
    stack.dev(&["promote"]).expect(0);
    stack.on_cluster(&["wait", "--timeout", "60s"]).expect(0);
}

#[track_caller]
fn it_goes_and_its_data_stays(stack: &Stack) {
    let theirs = "app.kubernetes.io/managed-by=dev";
    let part = format!("app.kubernetes.io/part-of={}", stack.name);
    stack.kubectl(&["create", "configmap", "theirs", "--from-literal=a=b"]);
    stack.kubectl(&["label", "configmap", "theirs", theirs, &part]);
    let token = token(stack);
    let down = stack.on_cluster(&["down"]).expect(0);
    let removed = |service: &str| {
        let lines = down.out.lines().enumerate();
        let of = lines.filter(|(_, line)| line.starts_with(&format!("{service} ")));
        let of: Vec<usize> = of
            .filter(|(_, line)| line.contains("removed"))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(of.len(), 1, "{service} is removed once:\n{}", down.out);
        of[0]
    };
    assert!(removed("web") < removed("seed") && removed("seed") < removed("db"));
    assert!(down.out.contains("is down"), "{}", down.out);
    assert!(
        down.err.contains("data-db-0") && down.err.contains("no revision"),
        "{}",
        down.err
    );
    for kind in ["pods", "deployments", "statefulsets", "jobs", "services"] {
        assert_eq!(stack.count(kind), 0, "{kind}");
    }
    assert_eq!(stack.count("configmap/theirs"), 1);
    assert_eq!(stack.count("persistentvolumeclaims"), 1);
    assert_eq!(self::token(stack), token, "the data was made with it");
    stack.on_cluster(&["down"]).expect(0);

    stack.dev(&["promote"]).expect(0);
    let logs = stack.on_cluster(&["logs", "db"]).expect(0).out;
    assert!(logs.contains("as before"), "{logs}");
    stack
        .on_cluster(&["down", "-v", "--timeout", "0"])
        .expect(0);
    until("the claim goes", || {
        stack.count("persistentvolumeclaims") == 0
    });
    assert_eq!(stack.count("secrets"), 0);
    let status = stack.on_cluster(&["status"]).expect(0).out;
    assert!(status.contains("not up"), "{status}");
}

/// Nobody who may not see the nodes can tell whose cluster it is.
#[test]
fn a_cluster_that_may_be_anybodys_is_named_to_be_seen_and_more_to_be_touched() {
    let text = "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sleep\", \"1000\"]\nstop = { grace = \"1s\" }\n";
    let stack = Stack::new(text);
    stack.dev(&["promote"]).expect(0);
    stack.kubectl(&["create", "serviceaccount", "guest"]);
    let guest = format!("--serviceaccount={}:guest", stack.name);
    stack.kubectl(&[
        "create",
        "rolebinding",
        "guest",
        "--clusterrole=admin",
        &guest,
    ]);
    let token = stack.kubectl(&["create", "token", "guest"]);
    let server = stack.dev_server();
    stack.file(
        "config",
        &format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: staging\nclusters: [{{ name: c, cluster: {{ server: \"{server}\", insecure-skip-tls-verify: true }} }}]\ncontexts: [{{ name: staging, context: {{ cluster: c, user: u }} }}]\nusers: [{{ name: u, user: {{ token: \"{}\" }} }}]\n",
            token.trim()
        ),
    );
    let file = stack.path("config");
    let on = |arguments: &[&str]| {
        let (command, rest) = arguments.split_first().expect("a command");
        let words = [&[*command, "--on", "kubernetes"], rest].concat();
        stack.dev_with(&words, &[("KUBECONFIG", file.to_str().expect("a path"))])
    };
    let refused = on(&["status"]).expect(2).err;
    assert!(
        refused.contains("is no cluster of this machine"),
        "{refused}"
    );
    assert!(
        refused.contains("dev status --on kubernetes --context staging"),
        "{refused}"
    );
    let named = ["--context", "staging"];
    on(&[&["status"], &named[..]].concat()).expect(0);
    on(&[&["wait", "--timeout", "30s"], &named[..]].concat()).expect(0);
    let refused = on(&[&["down"], &named[..]].concat()).expect(2).err;
    assert!(refused.contains("--context staging --yes"), "{refused}");
    on(&[&["exec"], &named[..], &["web", "true"]].concat()).expect(125);
    assert_eq!(stack.count("deployments"), 1);
    let meant = [&["exec"], &named[..], &["--yes", "web", "true"]].concat();
    on(&meant).expect(0);
    on(&[&["down", "--yes"], &named[..]].concat()).expect(0);
    assert_eq!(stack.count("deployments"), 0);
}

#[track_caller]
fn token(stack: &Stack) -> String {
    let name = format!("secret/{}-secrets", stack.name);
    let coded = stack.kubectl(&["get", &name, "--output", "jsonpath={.data.TOKEN}"]);
    let bytes = base64::engine::general_purpose::STANDARD.decode(coded.trim());
    String::from_utf8(bytes.expect("it is coded")).expect("text")
}

fn get(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let request = "GET /index.html HTTP/1.0\r\nHost: pod\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
