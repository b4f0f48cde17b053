//! The files of images, mounted into containers.

use std::process::Command;

use crate::engine::{call, containers, minor_version, text};
use crate::registry::Registry;
use crate::tool::{BOTH, Project, Tool, same};

/// The first API that has it.
const KNOWN: u32 = 48;

const PULLED: &str = r#"
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    volumes: [{type: image, source: IMAGE, target: /tool, image: {subpath: bin}}]
"#;

const BUILT: &str = r#"
services:
  assets:
    image: IMAGE
    build:
      context: .
      dockerfile_inline: |
        FROM dev.local/busybox
        COPY files /files
    command: sleep 1000
    init: true
    stop_grace_period: 1s
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    volumes: [{type: image, source: IMAGE, target: /assets, read_only: true}]
#### files/version
1
"#;

/// Goes with the test, whatever becomes of it.
struct Made(String);

impl Drop for Made {
    fn drop(&mut self) {
        call("DELETE", &format!("/images/{}?force=1", self.0), "");
    }
}

fn up(project: &Project, tool: Tool, more: &[&str]) {
    let first: &[&str] = match tool {
        Tool::Dev => &["up", "--wait"],
        Tool::Compose => &["up", "-d", "--wait"],
    };
    project.done(tool, &[first, more].concat());
}

fn id(project: &Project) -> String {
    let found = containers(&project.name);
    let web = found
        .iter()
        .find(|one| text(&one["Name"]).contains("-web-"));
    text(&web.expect("it is there")["Id"]).to_owned()
}

/// What both say to an engine that is too old.
fn refused(file: &str) {
    for tool in BOTH {
        let project = Project::new(file);
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d"]),
        };
        assert_ne!(ended.code, 0, "{tool:?}: {ended:?}");
        if tool == Tool::Dev {
            let said = format!("{}{}", ended.said, ended.printed);
            assert!(said.contains("does not mount images"), "{said}");
            assert!(said.contains("Docker Engine 28"), "{said}");
        }
    }
}

#[test]
fn an_image_that_is_missing_is_pulled_and_a_newer_one_is_another_container() {
    if minor_version() < KNOWN {
        return refused(&PULLED.replace("IMAGE", "dev.local/busybox"));
    }
    for tool in BOTH {
        let registry = Registry::start("1");
        let _pulled = Made(registry.reference.clone());
        let project = Project::new(&PULLED.replace("IMAGE", &registry.reference));
        up(&project, tool, &[]);
        assert!(registry.asked() > 0, "{tool:?}");
        let there = project.inside("web", &["ls", "/tool/busybox"]);
        assert_eq!(there, "/tool/busybox\n", "{tool:?}");
        let first = id(&project);
        // That it is pulled at each `up` is for the service's own image.
        registry.push("2");
        up(&project, tool, &[]);
        assert_eq!(id(&project), first, "{tool:?}");
        assert_eq!(registry.asked(), 0, "{tool:?}");
        let pulled = Command::new("docker")
            .args(["pull", &registry.reference])
            .output();
        assert!(pulled.expect("docker").status.success());
        up(&project, tool, &[]);
        assert_ne!(id(&project), first, "{tool:?}");
        project.done(tool, &["down"]);
    }
}

#[test]
fn the_image_of_another_service_is_built_first_and_its_change_is_seen() {
    if minor_version() < KNOWN {
        return refused(&BUILT.replace("IMAGE", "127.0.0.1:1/assets-of-nobody:1"));
    }
    for tool in BOTH {
        let project = Project::new("");
        // Nobody answers there, so that nobody waits for an answer.
        let image = format!("127.0.0.1:1/{}:1", project.name);
        let _built = Made(image.clone());
        let (compose, version) = BUILT.split_once("#### files/version\n").expect("two files");
        project.write("compose.yaml".as_ref(), &compose.replace("IMAGE", &image));
        project.write("files/version".as_ref(), version);
        let more: &[&str] = match tool {
            Tool::Dev => &[],
            Tool::Compose => &["--build"],
        };
        let version = || project.inside("web", &["cat", "/assets/files/version"]);
        up(&project, tool, more);
        assert_eq!(version(), "1\n", "{tool:?}");
        let first = id(&project);
        project.write("files/version".as_ref(), "2\n");
        up(&project, tool, more);
        assert_eq!(version(), "2\n", "{tool:?}");
        assert_ne!(id(&project), first, "{tool:?}");
        project.done(tool, &["down"]);
    }
}

const FOLDER: &str = r#"
services:
  first:
    image: dev.local/busybox
    command: [sh, -c, "mkdir /data/sub; echo inner > /data/sub/file; echo outer > /data/file"]
    volumes: ["data:/data"]
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    depends_on: {first: {condition: service_completed_successfully}}
    volumes: [{type: volume, source: data, target: /data, volume: {subpath: sub}}]
volumes: {data: {}}
"#;

#[test]
fn a_folder_of_a_volume_is_mounted_or_none_of_it() {
    if minor_version() >= 45 {
        let seen = same(FOLDER, |project, tool| {
            match tool {
                Tool::Dev => project.done(tool, &["up", "--wait"]),
                // To it, one that has ended is none that is ready.
                Tool::Compose => project.done(tool, &["up", "-d"]),
            };
            project.inside("web", &["cat", "/data/file"])
        });
        assert_eq!(seen, "inner\n");
        return;
    }
    let project = Project::new(FOLDER);
    let ended = project.run(Tool::Dev, &["up", "--wait"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    let said = format!("{}{}", ended.said, ended.printed);
    assert!(said.contains("mounts whole volumes"), "{said}");
    assert!(said.contains("Docker Engine 26"), "{said}");
}
