use crate::support::Stack;

/// Asks the database and the cache at each request, with nothing but sockets.
const SERVER: &str = r#"
import http.server, os, socket, struct
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/health':
            return self.say('up')
        with socket.create_connection((os.environ['CACHE'], 6379), 5) as cache:
            cache.sendall(b'PING\r\n')
            pong = cache.recv(16).decode().strip()
        with socket.create_connection((os.environ['DB'], 5432), 5) as db:
            start = b'user\0postgres\0database\0shop\0\0'
            db.sendall(struct.pack('!ii', len(start) + 8, 196608) + start)
            asked = db.recv(1).decode()
        secret = 'yes' if os.environ['URL'].startswith('postgres://postgres:') and len(os.environ['PASSWORD']) == 32 else 'no'
        self.say(f"{os.environ['GREETING']} cache={pong} db={asked} secret={secret} files={open('/etc/motd.d/motd').read().strip()}")
    def say(self, text):
        self.send_response(200); self.end_headers(); self.wfile.write(text.encode())
http.server.ThreadingHTTPServer(('', 8000), Handler).serve_forever()
"#;

fn text(greeting: &str) -> String {
    format!(
        r#"
[services.db]
preset = "postgres:15"
image = "dev.local/postgres:15"
databases = ["shop", "second"]
kubernetes = {{ storage = "1Gi" }}

[services.cache]
preset = "redis:7"
image = "dev.local/redis:7"
volume = false

[services.migrate]
image = "dev.local/postgres:15"
user = "999"
job = true
needs = ["db"]
env = {{ PGURL = "${{db.second.url}}" }}
entrypoint = ["sh", "-c", 'psql "$PGURL" -c "create table if not exists t ()"']

[services.app]
image = "dev.local/python:3.11"
user = "1000"
needs = ["migrate", "cache"]
command = ["python3", "/srv/app/server.py"]
ports = {{ http = 8000 }}
ready = {{ http = "/health", every = "1s" }}
volumes = ["./server.py:/srv/app/server.py:ro", "./motd:/etc/motd.d:ro"]
env = {{ DB = "${{db.host}}", CACHE = "${{cache.host}}", URL = "${{db.url}}", PASSWORD = "${{db.password}}", GREETING = "{greeting}" }}
"#
    )
}

pub fn stack() -> Stack {
    let stack = Stack::new(&text("hello"));
    stack.file("server.py", SERVER);
    fs_err::create_dir(stack.path("motd")).expect("made");
    stack.file("motd/motd", "welcome\n");
    stack
}

#[test]
fn a_stack_answers_and_the_second_promotion_changes_nothing() {
    let stack = stack();
    let first = stack.dev(&["promote"]).expect(0);
    assert!(first.out.contains("revision 1"), "{}", first.out);
    let answer = stack.get("app", "http", "/");
    assert_eq!(answer, "hello cache=+PONG db=R secret=yes files=welcome");
    let before = stack.kubectl(&[
        "get",
        "deployments,statefulsets,jobs,configmaps,secrets,services",
        "--output",
        "jsonpath={.items[*].metadata.resourceVersion}",
    ]);

    let second = stack.dev(&["promote"]).expect(0);
    assert!(second.out.contains("nothing to do"), "{}", second.out);
    assert_eq!(
        stack.dev(&["promote", "--plan"]).expect(0).out.trim(),
        "nothing to do"
    );
    let after = stack.kubectl(&[
        "get",
        "deployments,statefulsets,jobs,configmaps,secrets,services",
        "--output",
        "jsonpath={.items[*].metadata.resourceVersion}",
    ]);
    assert_eq!(before, after);
}

#[test]
fn a_change_is_planned_made_and_undone() {
    let stack = stack();
    stack.dev(&["promote"]).expect(0);
    stack.write(&text("changed"));
    let plan = stack.dev(&["promote", "--plan"]).expect(0).out;
    assert!(plan.contains("data.GREETING: hello → changed"), "{plan}");
    assert!(
        stack.get("app", "http", "/").starts_with("hello"),
        "a plan does nothing"
    );

    stack.dev(&["promote"]).expect(0);
    assert!(stack.get("app", "http", "/").starts_with("changed"));
    let undone = stack.dev(&["promote", "--undo"]).expect(0);
    assert!(undone.out.contains("revision 3"), "{}", undone.out);
    assert!(stack.get("app", "http", "/").starts_with("hello"));
}

#[test]
fn what_is_no_longer_in_the_stack_goes_and_nothing_else() {
    let web = "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sleep\", \"1000\"]\nstop = { grace = \"1s\" }\n";
    let old = "[services.old]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sleep\", \"1000\"]\nenv = { A = \"1\" }\nvolumes = [\"kept:/data\"]\nstop = { grace = \"1s\" }\n[volumes]\nkept = {}\n";
    let stack = Stack::new(&format!("{web}{old}"));
    stack.dev(&["promote"]).expect(0);
    stack.kubectl(&["create", "configmap", "theirs", "--from-literal=a=b"]);

    stack.write(web);
    let said = stack.dev(&["promote"]).expect(0).out;
    assert!(
        said.contains("StatefulSet old removed") && said.contains("ConfigMap old-env removed"),
        "{said}"
    );
    let left = stack.kubectl(&[
        "get",
        "configmaps,statefulsets,deployments,persistentvolumeclaims",
        "--output",
        "name",
    ]);
    assert!(
        left.contains("configmap/theirs") && left.contains("deployment.apps/web"),
        "{left}"
    );
    assert!(
        left.contains("persistentvolumeclaim/kept-old-0"),
        "its data stays: {left}"
    );
    assert!(!left.contains("statefulset.apps/old"), "{left}");
}
