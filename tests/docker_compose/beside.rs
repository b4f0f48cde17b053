//! An `up` while another one runs in the background: it says anew which files there are, and with what they are read.

use std::path::Path;

use crate::engine::{containers, names, state, text};
use crate::tool::{Project, Tool, eventually, same};

const FILES: &str = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    environment: {TAG: '${TAG:-none}', OTHER: '${OTHER:-none}'}
  debug:
    extends: web
    profiles: [debug]
#### extra.yaml
services:
  extra:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
  further:
    extends: extra
#### x.env
TAG=file
";

const BOTH_FILES: [&str; 4] = ["-f", "compose.yaml", "-f", "extra.yaml"];

/// A variable in the environment of a service's container.
fn variable(project: &Project, service: &str, name: &str) -> String {
    let found = containers(&project.name);
    let wanted = format!("/{}-{service}-1", project.name);
    let container = found.iter().find(|c| text(&c["Name"]) == wanted);
    let container = container.unwrap_or_else(|| panic!("there is no {service}"));
    let variables = container["Config"]["Env"].as_array().expect("a list");
    let mut values = variables
        .iter()
        .filter_map(|one| text(one).strip_prefix(&format!("{name}=")));
    values.next().unwrap_or_default().to_owned()
}

/// `-f` twice, then the command.
fn with_both(words: &[&'static str]) -> Vec<&'static str> {
    [&BOTH_FILES, words].concat()
}

#[test]
fn files() {
    let seen = same(FILES, |project, tool| {
        project.done(tool, &["up", "-d"]);
        project.done(tool, &with_both(&["up", "-d"]));
        let all = names(&project.name);
        project.done(tool, &with_both(&["down", "-t", "1"]));
        (all, names(&project.name))
    });
    let all = ["/P-extra-1", "/P-further-1", "/P-web-1"].map(str::to_owned);
    assert_eq!(seen, (all.to_vec(), Vec::new()));
}

#[test]
fn one_service_of_further_files() {
    let seen = same(FILES, |project, tool| {
        project.done(tool, &["up", "-d"]);
        project.done(tool, &with_both(&["up", "-d", "extra"]));
        let runs = state(&project.name, "extra").map(|(status, ..)| status);
        (runs, names(&project.name))
    });
    let there = ["/P-extra-1", "/P-web-1"].map(str::to_owned);
    assert_eq!(seen, (Some("running".to_owned()), there.to_vec()));
}

#[test]
fn variables_of_the_environment() {
    let seen = same(FILES, |project, tool| {
        let up = |variables: &[(&str, &str)]| {
            let ended = project.run_in(tool, variables, &["up", "-d"]);
            assert_eq!(ended.code, 0, "{ended:?}");
            let of_web = |name| variable(project, "web", name);
            (of_web("TAG"), of_web("OTHER"))
        };
        let first = up(&[("TAG", "one")]);
        let second = up(&[("TAG", "two"), ("OTHER", "hunter2hunter2")]);
        if tool == Tool::Dev {
            let kept = said_in(&project.dir.join(".dev"));
            assert!(!kept.contains("hunter2hunter2"), "{kept}");
        }
        (first, second, up(&[]))
    });
    let pair = |tag: &str, other: &str| (tag.to_owned(), other.to_owned());
    let values = (
        pair("one", "none"),
        pair("two", "hunter2hunter2"),
        pair("none", "none"),
    );
    assert_eq!(seen, values);
}

/// All that is written down below a folder.
fn said_in(dir: &Path) -> String {
    let entries = fs_err::read_dir(dir).expect("a folder");
    let texts = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => said_in(&path),
            false => String::from_utf8_lossy(&fs_err::read(&path).expect("a file")).into_owned(),
        }
    });
    texts.collect()
}

#[test]
fn profiles_and_files_of_variables() {
    let seen = same(FILES, |project, tool| {
        project.done(tool, &["up", "-d"]);
        let profile = ["--profile", "debug", "--env-file", "x.env", "up", "-d"];
        project.done(tool, &profile);
        let of = |service| variable(project, service, "TAG");
        (names(&project.name), of("web"), of("debug"))
    });
    let there = ["/P-debug-1", "/P-web-1"].map(str::to_owned);
    assert_eq!(seen, (there.to_vec(), "file".to_owned(), "file".to_owned()));
}

#[test]
fn a_file_from_standard_input() {
    let text = |tag: &str| {
        format!(
            "services: {{web: {{image: dev.local/busybox, command: sleep 1000, init: true, \
             stop_grace_period: 1s, environment: {{TAG: {tag}}}}}}}"
        )
    };
    let seen = same(FILES, |project, tool| {
        let up = |tag: &str| {
            let ended = project.run_with(tool, &text(tag), &["-f", "-", "up", "-d"]);
            assert_eq!(ended.code, 0, "{ended:?}");
            variable(project, "web", "TAG")
        };
        (up("one"), up("two"))
    });
    assert_eq!(seen, ("one".to_owned(), "two".to_owned()));
}

#[test]
fn what_was_taken_up_is_read_from_then_on() {
    let project = Project::new(FILES);
    let dev = |arguments: &[&str]| project.done(Tool::Dev, arguments);
    dev(&["up", "-d"]);
    let ended = project.run_in(Tool::Dev, &[("TAG", "two")], &with_both(&["up", "-d"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    // A command that names no files finds the same, and an edit of the further file counts.
    assert!(dev(&["status"]).contains("further"));
    dev(&["stop", "further"]);
    dev(&["start", "further"]);
    assert_eq!(
        variable(&project, "web", "TAG"),
        "two",
        "`start` changes nothing"
    );
    let extra = fs_err::read_to_string(project.dir.join("extra.yaml")).expect("a file");
    let edited = extra.replace(
        "    init: true\n",
        "    init: true\n    environment: {NEW: '1'}\n",
    );
    project.write(Path::new("extra.yaml"), &edited);
    eventually("the edit counts", || {
        let there = state(&project.name, "extra").is_some_and(|(status, ..)| status == "running");
        (there && variable(&project, "extra", "NEW") == "1").then_some(())
    });
    dev(&["down", "-t", "1"]);
    assert_eq!(names(&project.name), Vec::<String>::new());
}

#[test]
fn files_that_cannot_be_read_change_nothing_and_are_told() {
    let project = Project::new(FILES);
    project.done(Tool::Dev, &["up", "-d"]);
    project.write(Path::new("extra.yaml"), "services: {extra: {image: [}}");
    let ended = project.run(Tool::Dev, &with_both(&["up", "-d"]));
    assert_ne!(ended.code, 0);
    assert!(ended.said.contains("extra.yaml"), "{ended:?}");
    assert_eq!(names(&project.name), ["/P-web-1"]);
}
