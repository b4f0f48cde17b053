//! A file that cannot be read leaves what runs as it is.

use crate::engine::{containers, text};
use crate::tool::{Project, Tool, eventually};

const GOOD: &str = "services:\n  web: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}\n";

/// Each kind of bad input, by what is in place of the good file, and beside it.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let levels: String = (0..1_000)
        .map(|n| format!("{}a:\n", " ".repeat(n)))
        .collect();
    let mut anchors = "x-0: &a0 [l, l, l, l, l, l, l, l, l, l]\n".to_owned();
    for level in 1..40 {
        let below = [format!("*a{}", level - 1).as_str(); 10].join(", ");
        anchors.push_str(&format!("x-{level}: &a{level} [{below}]\n"));
    }
    let service =
        |line: &str| format!("services:\n  web:\n    image: a\n    {line}\n").into_bytes();
    vec![
        ("anchors that explode", anchors.into_bytes()),
        (
            "10 MB",
            format!("{GOOD}{}", "# comment\n".repeat(1 << 20)).into_bytes(),
        ),
        ("1,000 levels", levels.into_bytes()),
        (
            "cycle of extends",
            b"services:\n  a: {image: x, extends: b}\n  b: {extends: a}\n".to_vec(),
        ),
        ("cycle of include", b"include: [compose.yaml]\n".to_vec()),
        (
            "cycle of needs",
            b"services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n"
                .to_vec(),
        ),
        ("anchor of itself", b"services: &a\n  web: *a\n".to_vec()),
        ("key twice", service("image: b")),
        ("tab", b"services:\n\tweb:\n\t\timage: a\n".to_vec()),
        ("wrong type", service("hostname: [a]")),
        ("unknown key", service("enviroment: {A: b}")),
        (
            "remote include",
            [
                b"include: ['https://example.test/a.yaml']\n".to_vec(),
                GOOD.into(),
            ]
            .concat(),
        ),
        (
            "env_file that is missing",
            service("env_file: not-there.env"),
        ),
        ("env_file that is a folder", service("env_file: .")),
        ("variable that never closes", service("hostname: ${A")),
        (
            "path outside of the project",
            service("env_file: ../../../../../../not-there/x.env"),
        ),
        (
            "no text",
            b"services:\n  web:\n    image: \xff\xfe\n".to_vec(),
        ),
        ("nothing", Vec::new()),
        ("no YAML", b"services: [\n".to_vec()),
        ("what cannot be had", service("provider: {type: x}")),
    ]
}

fn life(project: &Project) -> Vec<(String, String)> {
    let found = containers(&project.name);
    let of = |c: &serde_json::Value| {
        (
            text(&c["Id"]).to_owned(),
            text(&c["State"]["StartedAt"]).to_owned(),
        )
    };
    found.iter().map(of).collect()
}

#[test]
fn what_runs_is_left_alone_by_what_cannot_be_read() {
    let project = Project::new(GOOD);
    project.up(Tool::Dev);
    let before = life(&project);
    assert_eq!(before.len(), 1);
    for (what, bytes) in bad() {
        fs_err::write(project.dir.join("compose.yaml"), bytes).expect("a file");
        let ended = project.run(Tool::Dev, &["up", "--wait"]);
        assert_eq!(ended.code, 2, "{what}: {ended:?}");
        assert!(ended.said.contains("compose.yaml"), "{what}: {ended:?}");
        assert_eq!(life(&project), before, "{what}");
    }
    project.write("compose.yaml".as_ref(), GOOD);
    project.up(Tool::Dev);
    assert_eq!(life(&project), before);
}

#[test]
fn whoever_watches_goes_on_with_what_it_read_last() {
    let project = Project::new(GOOD);
    let _watching = project.watch(Tool::Dev);
    let before = life(&project);
    for (what, bytes) in bad() {
        fs_err::write(project.dir.join("compose.yaml"), bytes).expect("a file");
        let plan = project.run(Tool::Dev, &["plan"]);
        assert_ne!(plan.code, 0, "{what}");
        let status = project.done(Tool::Dev, &["status"]);
        assert!(status.contains("ready"), "{what}: {status}");
        assert_eq!(life(&project), before, "{what}");
    }
    // And takes up the next that can be read.
    project.write("compose.yaml".as_ref(), &GOOD.replace("1000", "1001"));
    eventually("the new one", || {
        let now = life(&project);
        (now.len() == 1 && now != before).then_some(())
    });
}
