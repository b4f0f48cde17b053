//! The examples as they are, with the images that are made offline. Each is checked from outside by its own `e2e`, which is
//! what is asked of it on a cluster, too (tests/kubernetes/examples.rs).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::support::Stack;

/// Four programs are compiled, with all that they stand on where the engine has none of it.
const BUILD: Duration = Duration::from_secs(900);

/// A copy of the example under a name of its own.
fn example(name: &str) -> Stack {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let text = fs::read_to_string(folder.join("dev.toml")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("name = "));
    let stack = Stack::new(name, lines.collect::<Vec<_>>().join("\n"));
    for file in files_below(&folder) {
        let path = file.strip_prefix(&folder).unwrap();
        if path != Path::new("dev.toml") {
            let to = stack.path(path.to_str().unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&file, to).unwrap();
        }
    }
    stack
}

/// Without what `dev` keeps there.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let own = paths.filter(|path| !path.ends_with(".dev"));
    own.flat_map(|path| match path.is_dir() {
        true => files_below(&path),
        false => vec![path],
    })
    .collect()
}

#[track_caller]
fn checked_from_outside(stack: &Stack, service: &str) {
    let status = stack.status();
    let url = &status.service(service).addresses[0];
    let checked = Command::new(stack.path("e2e")).arg(url).output();
    let checked = checked.expect("python3 runs it");
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn two_people_exchange_a_message_through_the_gateway() {
    let stack = example("secumsg");
    let mut up = stack.start(["--env", "offline", "up", "--wait"]);
    up.ends_within(BUILD).succeeds();
    checked_from_outside(&stack, "gateway");
    for database in ["auth_db", "keys_db", "messages_db"] {
        let applied = stack.sql("db", database, "select count(*) > 0 from migrations");
        assert_eq!(applied, "t", "{database} has its migrations");
    }
}
