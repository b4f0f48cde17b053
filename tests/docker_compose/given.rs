//! Where a file comes from, and where its project is.

use crate::engine::{containers, names, text};
use crate::tool::{Project, same};

const FILES: &str = "
services: {}
#### stack.yaml
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    environment: {TAG: $TAG}
    volumes: [./site:/srv]
#### .env
TAG=top
#### site/page
top
#### other/.env
TAG=other
#### other/site/page
other
";

/// What is there of the file: its environment, its mounts and its labels of the project.
fn seen(project: &Project) -> Vec<String> {
    let web = &containers(&project.name)[0];
    let label = |name: &str| {
        let label = format!("com.docker.compose.project.{name}");
        text(&web["Config"]["Labels"][label]).replace(project.dir.to_str().expect("a path"), "DIR")
    };
    let inside = |command: &str| {
        let id = text(&web["Name"]).trim_start_matches('/');
        let arguments = ["exec", id, "sh", "-c", command];
        let output = std::process::Command::new("docker")
            .args(arguments)
            .output();
        String::from_utf8_lossy(&output.expect("docker").stdout).into_owned()
    };
    vec![
        inside("echo $TAG; cat /srv/page"),
        label("config_files"),
        label("working_dir"),
    ]
}

#[test]
fn a_file_from_standard_input() {
    let found = same(FILES, |project, tool| {
        let file = fs_err::read_to_string(project.dir.join("stack.yaml")).expect("a file");
        let run = |arguments: &[&str]| {
            let ended = project.run_with(tool, &file, &[&["-f", "-"], arguments].concat());
            assert_eq!(ended.code, 0, "{ended:?}");
            ended.printed
        };
        run(&["up", "-d"]);
        let first = seen(project);
        let ids = run(&["ps", "-q"]);
        assert_eq!(ids.lines().count(), 1, "{ids}");
        run(&["down", "-t", "0"]);
        (first, names(&project.name))
    });
    assert_eq!(found.0, ["top\ntop\n", "-", "DIR"]);
}

#[test]
fn a_project_directory() {
    let found = same(FILES, |project, tool| {
        let place = [
            "-p",
            &project.name,
            "--project-directory",
            "other",
            "-f",
            "stack.yaml",
        ];
        let run = |arguments: &[&str]| project.done(tool, &[&place, arguments].concat());
        run(&["up", "-d"]);
        let first = seen(project);
        run(&["down", "-t", "0"]);
        (first, names(&project.name))
    });
    assert_eq!(found.0, ["other\nother\n", "DIR/stack.yaml", "DIR/other"]);
}
