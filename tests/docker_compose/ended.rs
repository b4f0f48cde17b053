//! An `up` in front whose containers have all ended: it ends, too.

use crate::engine::{names, state};
use crate::tool::{Project, Tool, eventually, same};

/// The exit code of `up` in front, and how the first containers of services are then.
fn left(file: &str, words: &[&str], services: &[&str]) -> (bool, Vec<Option<(String, i64)>>) {
    same(file, |project, tool| {
        let code = project.begin(tool, &[&["up"], words].concat()).code();
        let seen = services.iter().map(|service| {
            let found = state(&project.name, service);
            found.map(|(status, code, _)| (status, code))
        });
        (code.expect("it ends") == 0, seen.collect())
    })
}

fn exited(code: i64) -> Option<(String, i64)> {
    Some(("exited".to_owned(), code))
}

#[test]
fn everything_has_ended() {
    let file = "
services:
  one: {image: dev.local/busybox, command: echo hi}
  two: {image: dev.local/busybox, command: sh -c 'sleep 1; exit 3'}
  three: {image: dev.local/busybox, command: sh -c 'exit 4', restart: 'on-failure:1'}
";
    let seen = left(file, &[], &["one", "two", "three"]);
    assert_eq!(seen, (true, vec![exited(0), exited(3), exited(4)]));
}

#[test]
fn what_was_asked_for_has_ended_and_what_it_needs_goes_on() {
    let file = "
services:
  db: {image: dev.local/busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
  tests: {image: dev.local/busybox, command: echo tested, depends_on: [db]}
";
    let seen = left(file, &["tests"], &["db", "tests"]);
    assert_eq!(
        seen,
        (true, vec![Some(("running".to_owned(), 0)), exited(0)])
    );
}

#[test]
fn what_can_never_begin() {
    let file = "
services:
  step: {image: dev.local/busybox, command: sh -c 'exit 3'}
  tests:
    image: dev.local/busybox
    command: echo tested
    depends_on: {step: {condition: service_completed_successfully}}
";
    let seen = left(file, &[], &["step"]);
    assert_eq!(seen, (false, vec![exited(3)]));
}

#[test]
fn it_stays_where_something_runs_or_is_watched() {
    let file = "
services:
  one:
    image: dev.local/busybox
    command: echo hi
    develop: {watch: [{path: ./src, action: sync, target: /src}]}
#### src/a
a
";
    let project = Project::new(file);
    let up = project.begin(Tool::Dev, &["up"]);
    eventually("it has ended", || {
        let (status, ..) = state(&project.name, "one")?;
        (status == "exited").then_some(())
    });
    let waited = project.run(Tool::Dev, &["wait", "--timeout", "1m"]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(project.done(Tool::Dev, &["status"]).contains("one"));
    assert_eq!(names(&project.name), ["/P-one-1"]);
    up.interrupt();
}
