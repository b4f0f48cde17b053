use std::collections::BTreeMap;

use dev::stack::presets::{self, PresetService, PresetUse};
use dev::stack::{Mount, ProbeKind};

use crate::readme::load;
use crate::{file, markdown};

const PAGE: &str = "docs/reference/presets.md";

fn expanded(name: &str) -> PresetService {
    let options: BTreeMap<String, String> = presets::options(name)
        .into_iter()
        .map(|option| (option, "files".to_owned()))
        .collect();
    let usage = PresetUse {
        name,
        version: None,
        project: "stack",
        service: "it",
        databases: &[],
        volume: true,
        options: &options,
    };
    presets::expand(&usage).expect("a preset of the catalog")
}

fn takes_databases(name: &str) -> bool {
    let usage = PresetUse {
        name,
        version: None,
        project: "stack",
        service: "it",
        databases: &["one".to_owned()],
        volume: true,
        options: &BTreeMap::new(),
    };
    presets::expand(&usage).is_ok()
}

fn ready(kind: &ProbeKind) -> String {
    match kind {
        ProbeKind::Http { port, path } => format!("`http` on {port}, `{path}`"),
        ProbeKind::Tcp { port } => format!("`tcp` on {port}"),
        ProbeKind::Postgres { port, .. } => format!("`postgres` on {port}"),
        ProbeKind::Redis { port } => format!("`redis` on {port}"),
        ProbeKind::Mysql { port, .. } => format!("`mysql` on {port}"),
        ProbeKind::Exec { .. } => "`exec`".to_owned(),
        ProbeKind::Log { .. } => "`log`".to_owned(),
    }
}

/// One row for each preset, without the column `skipped`.
fn rows(heading: &str, count: usize) -> Vec<Vec<String>> {
    let rows = markdown::rows(&file(PAGE), heading);
    rows.into_iter().filter(|row| row.len() == count).collect()
}

#[test]
fn image_ports_probe_and_volume() {
    let documented: Vec<Vec<String>> = rows("preset", 6)
        .into_iter()
        .map(|mut row| {
            // What it is, in words.
            row.remove(1);
            row
        })
        .collect();
    let of_code: Vec<Vec<String>> = presets::names()
        .into_iter()
        .map(|name| {
            let preset = expanded(name);
            let ports: Vec<String> = preset
                .ports
                .iter()
                .map(|(name, port)| format!("`{name}` {}", port.container))
                .collect();
            let volumes: Vec<String> = preset
                .mounts
                .iter()
                .map(Mount::target)
                .map(|target| format!("`{target}`"))
                .collect();
            vec![
                format!("`{name}`"),
                format!("`{}`", preset.image),
                ports.join(", "),
                ready(&preset.ready.unwrap().kind),
                volumes.join(", "),
            ]
        })
        .collect();
    assert_eq!(documented, of_code);
}

#[test]
fn outputs_databases_and_options() {
    let of_code: Vec<Vec<String>> = presets::names()
        .into_iter()
        .map(|name| {
            let outputs: Vec<String> = expanded(name)
                .outputs
                .iter()
                .map(|(name, output)| format!("`{name}`{}", if output.secret { r"\*" } else { "" }))
                .collect();
            let options: Vec<String> = presets::options(name)
                .iter()
                .map(|option| format!("`{option}`"))
                .collect();
            let databases = if takes_databases(name) { "yes" } else { "" };
            vec![
                format!("`{name}`"),
                outputs.join(", "),
                databases.to_owned(),
                options.join(", "),
            ]
        })
        .collect();
    assert_eq!(rows("preset", 4), of_code);
}

#[test]
fn its_example_loads() {
    for example in markdown::blocks(&file(PAGE), "toml") {
        let loaded = load(&example).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}
