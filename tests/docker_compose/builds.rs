//! Images that are built, beside `docker compose` with its builder.

use std::path::Path;
use std::process::Command;

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

/// Engines before 23 have no such builds. That has to be said, and is nothing to go on with.
fn is_too_old(file: &str) -> bool {
    if crate::engine::minor_version() >= 42 {
        return false;
    }
    let ended = Project::new(file).run(Tool::Dev, &["up", "--wait"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(format!("{ended:?}").contains("Engine 23"), "{ended:?}");
    true
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
    if is_too_old(file) {
        return;
    }
    let project = Project::new(file);
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

#[test]
fn the_image_of_another_service_is_a_context() {
    let file = r#"
services:
  web:
    build:
      context: ./web
      additional_contexts: {base: "service:base"}
    init: true
    command: python -m http.server 8000 --directory /srv
    ports: ["${PORT}:8000"]
  base:
    build: ./base
    init: true
    command: sleep 1000
#### web/Dockerfile
FROM base
RUN echo web >> /srv/index.html
#### base/Dockerfile
FROM dev.local/python:3.11
COPY index.html /srv/
#### base/index.html
base
"#;
    if is_too_old(file) {
        return;
    }
    for tool in BOTH {
        let project = Project::new(file).with("DOCKER_CONFIG", &config());
        // Nobody asks for the base but the build.
        match tool {
            Tool::Dev => project.done(tool, &["up", "--wait", "web"]),
            Tool::Compose => project.done(tool, &["up", "-d", "--wait", "web"]),
        };
        assert_eq!(project.get("/index.html"), "base\nweb\n", "{tool:?}");
        assert_eq!(
            crate::engine::names(&project.name),
            ["/P-web-1"],
            "{tool:?}"
        );
    }
    let project = Project::new(file);
    project.up(Tool::Dev);
    assert!(project.done(Tool::Dev, &["plan"]).contains("nothing to do"));
    // Who is watched is built again with what it is built from.
    let _watching = project.watch(Tool::Dev);
    project.write("base/index.html".as_ref(), "changed\n");
    crate::tool::eventually("both are built again", || {
        project
            .look("web", &["cat", "/srv/index.html"])
            .filter(|found| found == "changed\nweb\n")
    });
}

#[test]
fn limits_of_a_build_hold_and_stages_can_be_made_anew() {
    let file = r#"
services:
  web:
    build:
      context: .
      shm_size: 96m
      ulimits: {nofile: {soft: 321, hard: 654}}
      network: host
      no_cache_filter: [fresh]
    init: true
    command: sleep 1000
#### Dockerfile
FROM dev.local/busybox AS fresh
RUN cat /proc/sys/kernel/random/uuid > /fresh
FROM dev.local/busybox AS kept
RUN cat /proc/sys/kernel/random/uuid > /kept
FROM dev.local/busybox
COPY --from=fresh /fresh /fresh
COPY --from=kept /kept /kept
RUN ulimit -Sn > /limits; ulimit -Hn >> /limits; df -m /dev/shm | tail -1 | awk '{print $2}' >> /limits
"#;
    if is_too_old(file) {
        return;
    }
    let made_anew = BOTH.map(|tool| {
        let project = Project::new(file).with("DOCKER_CONFIG", &config());
        let up = || match tool {
            Tool::Dev => project.done(tool, &["up", "--wait", "--build"]),
            Tool::Compose => project.done(tool, &["up", "-d", "--wait", "--build"]),
        };
        let look = |file: &str| project.inside("web", &["cat", file]);
        up();
        assert_eq!(look("/limits"), "321\n654\n96\n", "{tool:?}");
        let (fresh, kept) = (look("/fresh"), look("/kept"));
        up();
        assert_eq!(look("/kept"), kept, "{tool:?}");
        look("/fresh") != fresh
    });
    // Not every BuildKit does it, whoever asks.
    assert_eq!(made_anew[0], made_anew[1]);
}

/// What the engine has to allow first is refused by it, and that is told.
#[test]
fn what_the_engine_does_not_allow_a_build_is_told() {
    let file = "
services:
  web:
    build: {context: ., privileged: true}
    command: sleep 1000
#### Dockerfile
FROM dev.local/busybox
RUN true
";
    let project = Project::new(file);
    let ended = project.run(Tool::Dev, &["up", "--wait"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let said = format!("{}{}", ended.said, ended.printed);
    assert!(said.contains("security.insecure"), "{said}");
}
