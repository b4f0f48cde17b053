use std::collections::BTreeMap;

use super::*;
use crate::stack::resolve::fixture::{postgres, service, stack};

/// What is installed, and whom it steps down to.
struct Installed(BTreeMap<&'static str, &'static str>, Option<(u32, u32)>);

impl Host for Installed {
    fn path(&self, programs: &[String], _: &[String], _: Option<&str>) -> Option<String> {
        let has = |name: &String| name.split('|').find_map(|name| self.0.get(name));
        let found: Option<Vec<_>> = programs.iter().map(has).collect();
        Some((*found?.first()?).to_string())
    }

    fn servant(&self) -> Option<(u32, u32)> {
        self.1
    }
}

fn installed() -> Installed {
    let programs = ["postgres", "initdb", "psql"].map(|name| (name, "/pg/bin"));
    Installed(programs.into(), None)
}

fn db() -> Service {
    Service {
        preset: Some("postgres:14".to_owned()),
        ..postgres("db", &[])
    }
}

#[test]
fn a_preset_keeps_its_outputs_probe_and_volume_and_becomes_a_process() {
    let stack = stack([db()]);
    let moved = on_host(&stack, &installed(), "/src/gold/.dev/gold".into());
    let (before, after) = (&stack.services["db"], &moved.services["db"]);
    assert_eq!(moved.runtime, Runtime::Process);
    assert_eq!(after.outputs, before.outputs);
    assert_eq!(after.ready, before.ready);
    assert_eq!(after.mounts, before.mounts);
    assert_eq!(after.provision, before.provision);
    assert_eq!(after.env["PATH"], Template::text("/pg/bin"));
    assert_eq!(
        after.env["DEV_DATA"],
        Template::text("/src/gold/.dev/gold/volumes/gold_db-data/data")
    );
    let Source::Run(command) = &after.source else {
        panic!("no process")
    };
    assert!(!command.contains("setpriv"), "{command}");
    assert_eq!(after.source_text(), "postgres:14 on the host");
}

#[test]
fn as_root_it_steps_down_first() {
    let host = Installed(installed().0, Some((65534, 65534)));
    let moved = on_host(&stack([db()]), &host, "/s".into());
    let Source::Run(command) = &moved.services["db"].source else {
        panic!("no process")
    };
    assert!(command.contains("exec setpriv --reuid=65534"), "{command}");
}

#[test]
fn all_that_cannot_run_so_is_named_and_stays_as_it_is() {
    let host = Installed(BTreeMap::new(), None);
    let before = stack([db(), service("api")]);
    let moved = on_host(&before, &host, "/s".into());
    assert_eq!(moved.services, before.services);
    let texts: Vec<String> = moved
        .off_host
        .iter()
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    assert_eq!(
        texts,
        [
            "api: it is the image api:1",
            "db: it needs `postgres`, `initdb`, `psql`, which is not installed",
        ]
    );
}

#[test]
fn those_that_run_on_the_host_listen_where_they_are_told() {
    let with: Vec<_> = crate::stack::presets::names()
        .into_iter()
        .filter_map(|name| Some((name, process_data(name)?)))
        .collect();
    let names: Vec<&str> = with.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["mariadb", "postgres", "redis", "valkey"]);
    for (name, data) in with {
        for word in ["$DEV_PORT", "$DEV_DATA", "127.0.0.1", "exec "] {
            assert!(data.run.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn a_version_is_what_was_asked_for_as_far_as_that_says() {
    for (installed, asked, is) in [
        ("15.8", "15", true),
        ("15.8", "15-alpine", true),
        ("15.8", "15.8", true),
        ("15.8", "15.7", false),
        ("15.8", "1", false),
        ("7.0.15", "8", false),
        ("10.11.6", "11.8", false),
        ("10.11.6", "latest", true),
    ] {
        assert_eq!(is_version(installed, asked), is, "{installed} for {asked}");
    }
    assert_eq!(asked("postgres:15"), Some(("postgres".to_owned(), "15")));
    assert_eq!(asked("postgres"), None);
}
