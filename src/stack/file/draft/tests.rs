use std::collections::BTreeMap;
use std::io;

use camino::Utf8Path;

use super::*;
use crate::stack::file::{Code, Diagnostic};

struct Memory(BTreeMap<&'static str, String>);

impl Files for Memory {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        self.env(path)
            .map_err(|_| Box::new(Diagnostic::error(Code::NotFound, "not there")))
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        let text = self.0.get(path.as_str()).cloned();
        text.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

const SHOP: &str = r#"
name: shop
services:
  app:
    build: {context: ., target: production, args: {MODE: fast, TOKEN: "${TOKEN:-none}"}}
    restart: unless-stopped
    ports: ["127.0.0.1:8000:8000", "127.0.0.1:${METRICS:-9100}:9100"]
    environment:
      MODE: production
      DATABASE: postgres://app:${PASSWORD:?say it}@db:5432/app
      PORT: ${PORT:-8000}
      PRICE: 5$$
    depends_on:
      db: {condition: service_healthy, restart: true}
      cache: {condition: service_started}
    healthcheck: {test: "curl -f localhost:8000", interval: 10s, start_period: 20s}
    develop:
      watch:
        - {path: ./app, target: /app/app, action: sync+restart}
    sysctls: {net.core.somaxconn: 1024}
  db:
    image: "postgres:15"
    env_file: db.env
    volumes: ["data:/var/lib/postgresql/data", "./init:/docker-entrypoint-initdb.d:ro"]
    healthcheck: {test: [CMD, pg_isready], interval: 2s, retries: 20}
  cache:
    image: redis:${REDIS:-7}
    user: "999"
    expose: ["6379"]
    command: redis-server --appendonly yes
    ports: ["6379:6379"]
volumes: {data: {}}
"#;

fn drafted(text: &str) -> Result<Draft, DraftError> {
    let files = [
        ("/src/shop/compose.yaml", text.to_owned()),
        (
            "/src/shop/db.env",
            "POSTGRES_PASSWORD=production\n".to_owned(),
        ),
    ];
    let request = Request {
        start_dir: "/src/shop".into(),
        files: vec!["/src/shop/compose.yaml".into()],
        environment: [("PASSWORD".to_owned(), "hunter2".to_owned())].into(),
        ..Request::default()
    };
    draft_of(&request, &Memory(files.into()))
}

#[test]
fn a_dev_toml_says_what_it_can_and_stands_on_the_rest() {
    let draft = drafted(SHOP).unwrap();
    assert_eq!(draft.path, "/src/shop/dev.toml");
    insta::assert_snapshot!(draft.text);
}

#[test]
fn what_variables_and_other_files_give_is_not_written() {
    let text = drafted(SHOP).unwrap().text;
    for secret in [
        "hunter2",
        "POSTGRES_PASSWORD",
        "TOKEN",
        "DATABASE",
        "PORT =",
        "redis:7",
    ] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn paths_are_written_as_people_write_them() {
    let dir = Utf8Path::new("/src/shop");
    for (path, written) in [
        ("/src/shop", "."),
        ("/src/shop/site", "./site"),
        ("/src/data", "../data"),
        ("/etc/shop", "/etc/shop"),
    ] {
        assert_eq!(said::relative(path.into(), dir), written);
    }
    assert_eq!(
        said::file("/src/shop/compose.yaml".into(), dir),
        "compose.yaml"
    );
}

#[test]
fn a_file_that_is_wrong_is_told() {
    let error = drafted("services: {a: {imagee: x}}").unwrap_err();
    assert!(matches!(error, DraftError::Load(_)), "{error:?}");
}

#[test]
fn where_two_stacks_differ_is_named_and_no_value() {
    let run = |image: &str| {
        let text = format!("services: {{a: {{image: {image}}}}}");
        let files = Memory([("/p/compose.yaml", text)].into());
        let request = Request {
            start_dir: "/p".into(),
            files: vec!["/p/compose.yaml".into()],
            ..Request::default()
        };
        compose::load_stack(&request, &files).unwrap().stack
    };
    assert_eq!(differences(&run("x"), &run("x")), None);
    let places = differences(&run("x"), &run("y")).unwrap();
    assert_eq!(places, ["services.a.source.image"]);
}
