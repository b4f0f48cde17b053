//! Who waits for whom, and what comes of an end.

use crate::engine::{containers, names, state};
use crate::tool::{Project, Tool, eventually, same};

/// Up as scripts do it; the exit code and what was said.
fn up(project: &Project, tool: Tool) -> (i32, String) {
    let ended = match tool {
        Tool::Dev => project.run(tool, &["up", "--wait"]),
        Tool::Compose => project.run(tool, &["up", "-d"]),
    };
    (ended.code, ended.said + &ended.printed)
}

/// State and exit code.
fn status(project: &Project, service: &str) -> Option<(String, i64)> {
    state(&project.name, service).map(|(status, code, _)| (status, code))
}

#[test]
fn an_optional_dependency_that_fails_keeps_nobody_from_starting() {
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    depends_on:
      job: {condition: service_completed_successfully, required: false}
      not-there: {condition: service_started, required: false}
  job: {image: dev.local/busybox, command: sh -c 'exit 3'}
  not-there: {image: dev.local/busybox, command: sleep 1000, profiles: [never]}
";
    let seen = same(file, |project, tool| {
        let (code, said) = up(project, tool);
        assert!(said.contains("job"), "{said}");
        let states = ["web", "job", "not-there"].map(|name| status(project, name));
        (code, states)
    });
    assert_eq!(seen.0, 0);
    assert_eq!(seen.1[0], Some(("running".to_owned(), 0)));
    assert_eq!(seen.1[1], Some(("exited".to_owned(), 3)));
}

#[test]
fn a_dependency_that_is_needed_and_fails_is_told() {
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    depends_on: {ill: {condition: service_healthy}}
  ill:
    image: dev.local/busybox
    command: sleep 1000
    stop_grace_period: 1s
    healthcheck: {test: ['CMD', 'false'], interval: 200ms, retries: 2}
";
    same(file, |project, tool| {
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait", "--wait-timeout", "20s"]),
            Tool::Compose => project.run(tool, &["up", "-d", "--wait", "--wait-timeout", "20"]),
        };
        let told = format!("{}{}", ended.said, ended.printed);
        assert!(told.contains("ill"), "{told}");
        let runs = status(project, "web").is_some_and(|(status, _)| status == "running");
        (ended.code != 0, runs)
    });
}

#[test]
fn who_asks_for_it_restarts_with_what_it_needs() {
    let file = "
services:
  db: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
  bound:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    depends_on: {db: {condition: service_started, restart: true}}
  free:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    depends_on: {db: {condition: service_started}}
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        let started = |service| state(&project.name, service).expect("it runs").2;
        let before = ["db", "bound", "free"].map(started);
        project.done(tool, &["restart", "db"]);
        eventually("bound restarts", || {
            (started("bound") != before[1] && started("db") != before[0]).then_some(())
        });
        started("free") == before[2]
    });
    assert!(seen, "who does not ask for it runs on");
}

/// An image that asks for its health by itself.
const ILL: &str = "
services:
  disabled:
    build: .
    healthcheck: {disable: true}
    depends_on: {none: {condition: service_started}}
  none:
    build: .
    healthcheck: {test: [NONE]}
    init: true
#### Dockerfile
FROM dev.local/busybox
STOPSIGNAL SIGKILL
HEALTHCHECK --interval=200ms --retries=1 CMD false
CMD [\"sleep\", \"1000\"]
";

#[test]
fn a_health_check_of_the_image_can_be_turned_off() {
    let seen = same(ILL, |project, tool| {
        project.up(tool);
        let found = containers(&project.name);
        let health = |c: &serde_json::Value| {
            let test = c["Config"]["Healthcheck"]["Test"].to_string();
            (test, c["State"]["Health"]["Status"].clone())
        };
        found.iter().map(health).collect::<Vec<_>>()
    });
    assert_eq!(seen[0].0, "[\"NONE\"]");
}

#[test]
fn a_health_check_has_its_start_period_and_its_shell() {
    // Ill for as long as its start takes, which does not count.
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sh -c 'sleep 2; touch /tmp/ready; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    healthcheck: {test: 'test -f /tmp/ready && echo $$HOME | grep -q root', interval: 300ms, timeout: 5s, retries: 1, start_period: 60s}
  after:
    image: dev.local/busybox
    command: sh -c 'echo after; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    depends_on: {web: {condition: service_healthy}}
";
    same(file, |project, tool| {
        project.up(tool);
        let began = state(&project.name, "web").expect("web").2;
        let after = state(&project.name, "after").expect("after").2;
        assert!(project.inside("web", &["ls", "/tmp"]).contains("ready"));
        assert!(began < after);
        names(&project.name)
    });
}

#[test]
fn how_a_service_is_stopped_is_the_files_to_say() {
    let file = "
services:
  asked:
    image: dev.local/busybox
    stop_signal: SIGUSR1
    command: [sh, -c, \"trap 'echo usr1 > /data/asked; exit 7' USR1; trap 'exit 8' TERM; touch /data/up; while :; do sleep 0.1; done\"]
    volumes: ['data:/data']
  deaf:
    image: dev.local/busybox
    stop_grace_period: 300ms
    command: [sh, -c, \"trap '' TERM; touch /data/deaf; while :; do sleep 0.1; done\"]
    volumes: ['data:/data']
  reader:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    volumes: ['data:/data']
volumes: {data: {}}
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        eventually("both have their traps", || {
            let both = ["test", "-f", "/data/up", "-a", "-f", "/data/deaf"];
            project.look("reader", &both)
        });
        project.done(tool, &["stop"]);
        let ends = ["asked", "deaf"].map(|name| status(project, name));
        project.up(tool);
        (ends, project.inside("reader", &["cat", "/data/asked"]))
    });
    assert_eq!(seen.0[0], Some(("exited".to_owned(), 7)));
    assert_eq!(seen.0[1], Some(("exited".to_owned(), 137)));
    assert_eq!(seen.1, "usr1\n");
}

#[test]
fn hooks_run_as_whom_and_where_they_say() {
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 5s
    volumes: ['data:/data']
    post_start:
      - {command: [sh, -c, 'chmod 777 /data'], user: root}
      - {command: [sh, -c, 'echo $$A $$(id -u) $$(pwd) > /data/started'], user: '7', working_dir: /tmp, environment: {A: first}}
    pre_stop:
      - {command: [sh, -c, 'echo $$A $$(id -u) $$(pwd) > /data/stopped'], user: '8', working_dir: /data, environment: [A=last]}
volumes: {data: {}}
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        let started = eventually("the hook ran", || {
            project.look("web", &["cat", "/data/started"])
        });
        project.done(tool, &["stop"]);
        project.up(tool);
        (started, project.inside("web", &["cat", "/data/stopped"]))
    });
    assert_eq!(
        seen,
        ("first 7 /tmp\n".to_owned(), "last 8 /data\n".to_owned())
    );
}

#[test]
fn a_hook_that_fails_is_a_start_that_fails() {
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    post_start: [{command: [sh, -c, 'exit 9']}]
";
    same(file, |project, tool| {
        let (code, said) = up(project, tool);
        assert!(said.contains('9'), "{said}");
        code != 0
    });
}

/// `web` ends with 3 once the other has its volume ready; `db` would stay.
const ENDS: &str = "
services:
  web: {image: dev.local/busybox, command: sh -c 'sleep 1; exit 3', depends_on: [db]}
  db: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
";

#[test]
fn an_end_of_one_is_the_end_of_all_where_it_is_asked_for() {
    for options in [
        &["--abort-on-container-exit"][..],
        &["--abort-on-container-failure"],
        &["--exit-code-from", "web"],
    ] {
        let seen = same(ENDS, |project, tool| {
            let ended = project.run(tool, &[&["up"], options].concat());
            (
                ended.code,
                status(project, "web"),
                names(&project.name),
                status(project, "db").map(|db| db.0),
            )
        });
        assert_eq!(seen.0, 3, "{options:?}");
        assert_eq!(seen.3.as_deref(), Some("exited"));
    }
}

#[test]
fn an_end_without_failure_gives_its_code_too() {
    let file = ENDS.replace("exit 3", "exit 0");
    let seen = same(&file, |project, tool| {
        let ended = project.run(tool, &["up", "--exit-code-from", "web"]);
        (ended.code, status(project, "db").map(|db| db.0))
    });
    assert_eq!(seen, (0, Some("exited".to_owned())));
}

#[test]
fn a_service_that_fails_is_no_success_of_wait() {
    let file = "
services:
  web: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
  once: {image: dev.local/busybox, command: sh -c 'exit 4'}
";
    same(file, |project, tool| {
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait"]),
            Tool::Compose => project.run(tool, &["up", "-d", "--wait"]),
        };
        (
            ended.code != 0,
            status(project, "web"),
            status(project, "once"),
        )
    });
}

#[test]
fn a_one_shot_that_others_need_is_a_success_of_wait() {
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    depends_on: {once: {condition: service_completed_successfully}}
  once: {image: dev.local/busybox, command: 'true'}
";
    let seen = same(file, |project, tool| {
        let (code, _) = up(project, tool);
        (code, status(project, "web"), status(project, "once"))
    });
    assert_eq!(seen.0, 0);
}

#[test]
fn a_health_check_is_asked_often_while_its_service_starts() {
    // The file's interval alone would be too late for `--wait-timeout`.
    let file = "
services:
  web:
    image: dev.local/busybox
    command: sh -c 'sleep 1; touch /tmp/ready; exec sleep 1000'
    init: true
    stop_grace_period: 1s
    healthcheck: {test: 'test -f /tmp/ready', interval: 10m, timeout: 5s, start_period: 5m, start_interval: 200ms}
";
    let knows = |tool| tool == Tool::Dev || crate::engine::minor_version() >= 44;
    for tool in crate::tool::BOTH.into_iter().filter(|tool| knows(*tool)) {
        let project = Project::new(file);
        let ended = match tool {
            Tool::Dev => project.run(tool, &["up", "--wait", "--wait-timeout", "60s"]),
            Tool::Compose => project.run(tool, &["up", "-d", "--wait", "--wait-timeout", "60"]),
        };
        assert_eq!(ended.code, 0, "{tool:?}: {ended:?}");
    }
}
