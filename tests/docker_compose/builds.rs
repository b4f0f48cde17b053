//! Images that are built, beside `docker compose` with its builder.

use std::path::Path;
use std::process::Command;

use crate::engine::text;
use crate::tool::{BOTH, Project, Tool};

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

#[test]
fn further_contexts_of_a_build() {
    let file = r#"
services:
  web:
    build:
      context: ./web
      additional_contexts:
        shared: ./shared
        tools: docker-image://dev.local/busybox
    init: true
    command: python -m http.server 8000 --directory /srv
    ports: ["${PORT}:8000"]
#### web/Dockerfile
FROM dev.local/python:3.11
COPY --from=shared index.html /srv/
COPY --from=tools /bin/busybox /srv/tool
#### shared/index.html
hello
"#;
    let version = crate::engine::ask("/version");
    let api = text(&version["ApiVersion"]).to_owned();
    let minor = api
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse::<u32>().ok());
    let project = Project::new(file);
    if minor.is_none_or(|minor| minor < 42) {
        // Engines before 23 have no such thing, and that is said.
        let ended = project.run(Tool::Dev, &["up", "--wait"]);
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(format!("{ended:?}").contains("Engine 23"), "{ended:?}");
        return;
    }
    for tool in BOTH {
        let project = Project::new(file).with("DOCKER_CONFIG", &config());
        project.up(tool);
        assert_eq!(project.get("/index.html"), "hello\n", "{tool:?}");
    }
    project.up(Tool::Dev);
    assert!(project.done(Tool::Dev, &["plan"]).contains("nothing to do"));
    project.write("shared/index.html".as_ref(), "changed\n");
    assert!(project.done(Tool::Dev, &["plan"]).contains("sources"));
    project.up(Tool::Dev);
    assert_eq!(project.get("/index.html"), "changed\n");
}
