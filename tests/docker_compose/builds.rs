//! Images that are built, beside `docker compose` with its builder.

use std::path::Path;
use std::process::Command;

use crate::runs::BOTH;
use crate::tool::{Project, Tool};

/// Where `docker compose` finds the builder that it asks for.
fn config() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engines/peers");
    let output = Command::new(&script).output().expect("tests/engines/peers");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("a path")
        .trim()
        .to_owned()
}

#[test]
fn a_dockerfile_may_stand_in_the_file() {
    let file = r#"
services:
  web:
    build:
      context: .
      dockerfile_inline: |
        FROM dev.local/python:3.11
        COPY index.html /srv/
        RUN echo built >> /srv/index.html
    init: true
    command: python -m http.server 8000 --directory /srv
    ports: ["${PORT}:8000"]
#### index.html
hello
"#;
    for tool in BOTH {
        let project = Project::new(file).with("DOCKER_CONFIG", &config());
        project.up(tool);
        assert_eq!(project.get("/index.html"), "hello\nbuilt\n", "{tool:?}");
    }
    let project = Project::new(file);
    project.up(Tool::Dev);
    // What is built is known by its text, too.
    assert!(project.done(Tool::Dev, &["plan"]).contains("nothing to do"));
    let (compose, _) = file.split_once("####").expect("a second file");
    let compose = compose.replace("echo built", "echo anew");
    project.write("compose.yaml".as_ref(), &compose);
    project.up(Tool::Dev);
    assert_eq!(project.get("/index.html"), "hello\nanew\n");
}
