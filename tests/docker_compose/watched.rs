//! `develop.watch`: what is saved reaches the container by `dev up` as by `docker compose watch`.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool, eventually, same};

/// Every file below a folder of the container, with what is in it.
const TREE: &[&str] = &[
    "sh",
    "-c",
    "cd /app && find . -type f | sort | while read -r f; do echo \"$f=$(cat \"$f\")\"; done",
];

/// What is in /app of `web` once `marker`, which is saved now, is there. What was saved before it is, too.
fn tree(project: &Project, marker: &str) -> String {
    project.write(format!("app/{marker}").as_ref(), "saved\n");
    eventually(marker, || {
        let tree = project.look("web", TREE)?;
        tree.contains(&format!("{marker}=saved")).then_some(tree)
    })
}

fn id(project: &Project) -> String {
    text(&containers(&project.name)[0]["Id"]).to_owned()
}

/// A built service with one rule.
fn web(rule: &str) -> String {
    format!(
        "
services:
  web:
    build: .
    init: true
    stop_grace_period: 1s
    command: [sh, -c, 'echo run >> /runs; cp /app/value /served; exec sleep 1000']
    develop:
      watch:
        - {rule}
#### Dockerfile
FROM dev.local/busybox
COPY app /app
#### app/value
one
#### app/old
old
#### app/sub/deep/er
old
"
    )
}

#[test]
fn a_sync_brings_what_is_saved_and_leaves_out_what_is_ignored() {
    let rule = "{action: sync, path: ./app, target: /app, ignore: [skip/, '*.log', sub/secret]}";
    let seen = same(&web(rule), |project, tool| {
        let _watching = project.watch(tool);
        let write = |path: &str| project.write(path.as_ref(), "new\n");
        for path in [
            "app/value",
            "app/new",
            "app/sub/deep/er",
            "app/sub/secret",
            "app/sub/a.log",
            "app/a.log",
            "app/skip/a",
        ] {
            write(path);
        }
        fs_err::remove_file(project.dir.join("app/old")).expect("it was there");
        tree(project, "first");
        let before = id(project);
        let tree = tree(project, "second");
        assert_eq!(id(project), before);
        let gone = eventually("the removed file is gone", || {
            let tree = project.look("web", TREE)?;
            (!tree.contains("./old")).then_some(tree)
        });
        (tree.replace("./old=old\n", ""), gone)
    });
    let expected = "./first=saved\n./new=new\n./second=saved\n./sub/a.log=new\n./sub/deep/er=new\n./value=new\n";
    assert_eq!(seen, (expected.to_owned(), expected.to_owned()));
}

#[test]
fn a_sync_brings_only_what_is_included() {
    let rule = "{action: sync, path: ./app, target: /app, include: ['*.py', 'sub/**', first, second], ignore: [not.py]}";
    let seen = same(&web(rule), |project, tool| {
        let _watching = project.watch(tool);
        for path in ["a.py", "a.txt", "not.py", "sub/b.txt", "other/c.py"] {
            project.write(format!("app/{path}").as_ref(), "new\n");
        }
        tree(project, "first");
        tree(project, "second")
    });
    let expected = "./a.py=new\n./first=saved\n./old=old\n./second=saved\n./sub/b.txt=new\n./sub/deep/er=old\n./value=one\n";
    assert_eq!(seen, expected);
}

#[test]
fn an_initial_sync_brings_what_the_container_has_not() {
    // docker compose brings what is newer than the image.
    let file = "
services:
  web:
    image: dev.local/busybox
    init: true
    stop_grace_period: 1s
    command: sh -c 'mkdir -p /app; echo old > /app/old; exec sleep 1000'
    develop:
      watch:
        - {action: sync, path: ./more, target: /app, initial_sync: true, ignore: [not]}
#### more/sub/one
first
#### more/not
not
";
    let seen = same(file, |project, tool| {
        let _watching = project.watch(tool);
        eventually("the initial sync", || {
            let tree = project.look("web", TREE)?;
            (tree.contains("./sub/one") && tree.contains("./old")).then_some(tree)
        })
    });
    assert_eq!(seen, "./old=old\n./sub/one=first\n");
}

#[test]
fn an_initial_sync_brings_what_git_ignores() {
    let file = "
services:
  web:
    image: dev.local/busybox
    init: true
    stop_grace_period: 1s
    command: sh -c 'mkdir -p /app; exec sleep 1000'
    develop:
      watch:
        - {action: sync, path: ./dist, target: /app, initial_sync: true}
#### .gitignore
*.gen
#### .git/HEAD
ref: refs/heads/main
#### dist/made.gen
made
#### dist/sub/made.gen
made
#### dist/main
main
";
    let seen = same(file, |project, tool| {
        let _watching = project.watch(tool);
        eventually("the initial sync", || {
            let tree = project.look("web", TREE)?;
            (tree.lines().count() == 3).then_some(tree)
        })
    });
    assert_eq!(seen, "./made.gen=made\n./main=main\n./sub/made.gen=made\n");
}

/// What `web` serves, and how often it was started, once that is `wanted`.
fn served(project: &Project, wanted: &str) -> String {
    eventually(wanted, || {
        let found = project.look("web", &["sh", "-c", "cat /served /runs"])?;
        (found.replace('\n', " ").trim() == wanted).then_some(found)
    })
}

#[test]
fn a_restart_keeps_the_container() {
    let rule = "{action: restart, path: ./conf}";
    same(&web(rule), |project, tool| {
        project.write("conf/a".as_ref(), "one\n");
        let _watching = project.watch(tool);
        served(project, "one run");
        let before = id(project);
        project.write("conf/a".as_ref(), "two\n");
        served(project, "one run run");
        assert_eq!(id(project), before);
    });
}

#[test]
fn sync_and_restart_serves_what_was_saved() {
    let rule = "{action: sync+restart, path: ./app, target: /app}";
    same(&web(rule), |project, tool| {
        let _watching = project.watch(tool);
        served(project, "one run");
        let before = id(project);
        project.write("app/value".as_ref(), "two\n");
        served(project, "two run run");
        assert_eq!(id(project), before);
    });
}

#[test]
fn sync_and_exec_runs_the_command_as_the_rule_says() {
    let rule = "{action: sync+exec, path: ./app, target: /app, exec: {command: [sh, -c, 'echo $$WHO $$(id -u) $$(pwd) > /tmp/told; cp /app/value /tmp/value'], user: '7', working_dir: /tmp, environment: [WHO=hook]}}";
    let seen = same(&web(rule), |project, tool| {
        let _watching = project.watch(tool);
        let before = id(project);
        project.write("app/value".as_ref(), "two\n");
        let told = eventually("the command ran", || {
            let found = project.look("web", &["cat", "/tmp/value", "/tmp/told"])?;
            found.starts_with("two").then_some(found)
        });
        assert_eq!(id(project), before);
        served(project, "one run");
        told
    });
    assert_eq!(seen, "two\nhook 7 /tmp\n");
}

#[test]
fn a_rebuild_replaces_the_container_by_a_new_one() {
    let rule = "{action: rebuild, path: ./app, ignore: [skip]}";
    same(&web(rule), |project, tool: Tool| {
        let _watching = project.watch(tool);
        served(project, "one run");
        let before = id(project);
        project.write("app/skip".as_ref(), "ignored\n");
        project.write("app/value".as_ref(), "two\n");
        served(project, "two run");
        // For a moment it has the one before beside it.
        let id = eventually("there is one", || {
            match containers(&project.name).as_slice() {
                [one] => Some(text(&one["Id"]).to_owned()),
                _ => None,
            }
        });
        assert_ne!(id, before);
    });
}

#[test]
fn a_sync_leaves_out_what_the_build_leaves_out_and_knows_nothing_of_git() {
    let file = web("{action: sync, path: ./app, target: /app}")
        + "#### .dockerignore\napp/left\n**/*.tmp\n!app/kept.tmp\n#### .gitignore\n*.gen\n#### .git/HEAD\nref: refs/heads/main\n";
    let seen = same(&file, |project, tool| {
        let _watching = project.watch(tool);
        for path in ["left/a", "sub/a.tmp", "kept.tmp", "made.gen"] {
            project.write(format!("app/{path}").as_ref(), "new\n");
        }
        tree(project, "first");
        tree(project, "second")
    });
    let expected = "./first=saved\n./kept.tmp=new\n./made.gen=new\n./old=old\n./second=saved\n./sub/deep/er=old\n./value=one\n";
    assert_eq!(seen, expected);
}
