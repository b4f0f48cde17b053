//! A file as teams run it in production, brought up unchanged by both: the app answers with what Postgres and Redis have.

use serde_json::Value;

use crate::engine::{containers, text, volumes};
use crate::tool::{BOTH, Project, Tool};

/// Built in stages, nothing but the app published, values from the environment. The app speaks both protocols by hand: there
/// is nothing to install its drivers from.
const FILE: &str = r#"
name: ${STACK}
x-logging: &logging
  driver: json-file
  options: {max-size: 1m}
services:
  app:
    build: {context: ., target: production}
    restart: unless-stopped
    logging: *logging
    ports: ["${PORT}:8000"]
    environment:
      DATABASE_HOST: db
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?say it}
      REDIS_HOST: cache
      CORS_ORIGIN: ${CORS_ORIGIN}
    depends_on:
      migrate: {condition: service_completed_successfully}
      cache: {condition: service_healthy}
    healthcheck:
      test: ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health')"]
      interval: 10s
      timeout: 5s
      start_period: 20s
  migrate:
    image: dev.local/postgres:15
    restart: "no"
    environment: {PGPASSWORD: "${POSTGRES_PASSWORD}"}
    entrypoint: [psql, -h, db, -U, app, -v, ON_ERROR_STOP=1, -c]
    command: ["create table if not exists visits (id serial primary key, who text not null)"]
    depends_on: {db: {condition: service_healthy}}
  db:
    image: dev.local/postgres:15
    restart: unless-stopped
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: "${POSTGRES_PASSWORD}", POSTGRES_DB: app, POSTGRES_HOST_AUTH_METHOD: password}
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U app -h 127.0.0.1"], interval: 2s, timeout: 5s, retries: 30}
  cache:
    image: dev.local/redis:7
    restart: unless-stopped
    command: redis-server --appendonly yes
    volumes: ["cache:/data"]
    healthcheck: {test: ["CMD", "redis-cli", "ping"], interval: 2s, timeout: 5s, retries: 30}
volumes: {db: {}, cache: {}}
#### .dockerignore
*.md
#### Dockerfile
FROM dev.local/python:3.11 AS base
WORKDIR /app
COPY . .
FROM base AS test
RUN exit 1
FROM base AS production
RUN ls > built
USER 1000:1000
CMD ["python", "-u", "app.py"]
#### README.md
not in the image
#### app.py
import http.server, os, socket, struct

def rows(statement):
    """The text of each row's first column: PostgreSQL's protocol 3.0."""
    def message(kind, body):
        return kind + struct.pack("!i", len(body) + 4) + body
    s = socket.create_connection((os.environ["DATABASE_HOST"], 5432), 5)
    f = s.makefile("rb")
    s.sendall(message(b"", struct.pack("!i", 196608) + b"user\0app\0database\0app\0\0"))
    s.sendall(message(b"p", os.environ["POSTGRES_PASSWORD"].encode() + b"\0"))
    s.sendall(message(b"Q", statement.encode() + b"\0"))
    found, ready = [], 0
    while ready < 2:
        kind, size = f.read(1), struct.unpack("!i", f.read(4))[0]
        body = f.read(size - 4)
        if kind == b"E":
            raise OSError(body)
        if kind == b"D":
            length = struct.unpack("!i", body[2:6])[0]
            found.append(body[6:6 + length].decode())
        ready += kind == b"Z"
    s.close()
    return found

def redis(*words):
    s = socket.create_connection((os.environ["REDIS_HOST"], 6379), 5)
    s.sendall(b"".join([b"*%d\r\n" % len(words)] + [b"$%d\r\n%s\r\n" % (len(w), w) for w in words]))
    answer = s.makefile("rb").readline()
    s.close()
    return answer.decode().strip()

class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = "ok"
        if self.path.startswith("/visit/"):
            who = self.path.rsplit("/", 1)[1]
            rows(f"insert into visits (who) values ('{who}')")
            redis(b"INCR", b"visits")
        if self.path == "/visits":
            names = rows("select who from visits order by id")
            body = " ".join(names) + " " + redis(b"INCRBY", b"visits", b"0")
        if self.path == "/built":
            body = open("built").read()
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", os.environ["CORS_ORIGIN"])
        self.end_headers()
        self.wfile.write((body + "\n").encode())

http.server.ThreadingHTTPServer(("", 8000), App).serve_forever()
"#;

fn project() -> Project {
    let project = Project::new(FILE);
    let name = project.name.clone();
    project
        .with("STACK", &name)
        .with("POSTGRES_PASSWORD", "pa$$word'; --")
        .with("CORS_ORIGIN", "https://shop.example")
}

/// Name, policy, and how many ports are published, of each container that is to stay.
fn picture(project: &Project) -> Vec<(String, String, usize)> {
    let of = |container: &Value| {
        let host = &container["HostConfig"];
        let published = host["PortBindings"]
            .as_object()
            .map_or(0, |ports| ports.len());
        (
            text(&container["Name"]).replace(&project.name, "P"),
            text(&host["RestartPolicy"]["Name"]).to_owned(),
            published,
        )
    };
    let found = containers(&project.name);
    let stays = found
        .iter()
        .filter(|c| !text(&c["Name"]).contains("-migrate-"));
    stays.map(of).collect()
}

fn up(project: &Project, tool: Tool) {
    match tool {
        Tool::Dev => project.done(tool, &["up", "--wait"]),
        // It takes the end of `migrate` for a failure where it is to wait.
        Tool::Compose => project.done(tool, &["up", "-d"]),
    };
}

#[test]
fn a_production_file_unchanged() {
    let seen = BOTH.map(|tool| {
        let project = project();
        up(&project, tool);
        let head = project.head("/health");
        assert!(
            head.contains("Access-Control-Allow-Origin: https://shop.example"),
            "{head}"
        );
        for who in ["ada", "grace"] {
            assert_eq!(project.get(&format!("/visit/{who}")), "ok\n");
        }
        let first = project.get("/visits");
        // All goes but what is in volumes.
        project.done(tool, &["down", "-t", "5"]);
        assert!(containers(&project.name).is_empty());
        up(&project, tool);
        project.get("/visit/joan");
        let stored = volumes(&project.name).len();
        (
            first,
            project.get("/visits"),
            project.get("/built"),
            stored,
            picture(&project),
        )
    });
    assert_eq!(seen[0], seen[1], "dev, and docker compose");
    let (first, second, built, stored, picture) = &seen[0];
    assert_eq!(first, "ada grace :2\n");
    assert_eq!(second, "ada grace joan :3\n");
    assert!(
        built.contains("app.py") && !built.contains("README"),
        "{built}"
    );
    assert_eq!(*stored, 2);
    let row = |name: &str, ports| (format!("/P-{name}-1"), "unless-stopped".to_owned(), ports);
    assert_eq!(*picture, [row("app", 1), row("cache", 0), row("db", 0)]);
}

#[test]
fn a_production_file_changes_hands_and_keeps_its_rows() {
    let project = project();
    for (number, tool) in [Tool::Compose, Tool::Dev, Tool::Compose]
        .into_iter()
        .enumerate()
    {
        up(&project, tool);
        project.get(&format!("/visit/v{number}"));
    }
    assert_eq!(project.get("/visits"), "v0 v1 v2 :3\n");
}

#[test]
fn without_its_variable_both_refuse_it() {
    for tool in BOTH {
        let project = Project::new(FILE);
        let name = project.name.clone();
        let ended = project.with("STACK", &name).run(tool, &["up", "-d"]);
        assert_ne!(ended.code, 0);
        assert!(ended.said.contains("say it"), "{ended:?}");
    }
}
