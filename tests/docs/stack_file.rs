use std::collections::{BTreeMap, BTreeSet};

use dev::stack::file::{CODES, schema};
use serde_json::Value;

use crate::readme::load;
use crate::{file, markdown};

const PAGE: &str = "docs/reference/stack-file.md";

/// Headings of the tables, and the table of the schema that each describes.
const TABLES: &[(&str, &str)] = &[
    ("key of `cache`", "build_cache"),
    ("key of a need", "need"),
    ("key of a port", "port"),
    ("key of a probe", "probe"),
    ("key of a job", "job"),
    ("key of a rule", "watch"),
    ("key of `then`", "after_sync"),
    ("key of a mount", "mount"),
    ("key of `stop`", "stop"),
    ("key of `limits`", "limits"),
    ("key of an output", "output"),
    ("key of a secret", "secret"),
    ("key of a network", "network"),
    ("key of a volume", "volume"),
    ("key of `promote`", "promote"),
    ("key of `promote.build`", "promote_build"),
    ("key of the stack's `kubernetes`", "kubernetes_stack"),
    ("key of a service's `kubernetes`", "kubernetes"),
    ("key of `scale`", "scale"),
    ("key of `expose`", "expose"),
    ("key of `resources`", "resources"),
];
/// Sections whose tables are headed `key` alone.
const SECTIONS: &[(&str, &str)] = &[("Stack", ""), ("Service", "service"), ("Build", "build")];

/// No example can have it: it is an error, or warned of, until it is read.
const WITHOUT_EXAMPLE: &[&str] = &["compose", "build_cache.to"];

/// The keys of a table of the schema; without a name of the whole file.
fn keys(schema: &Value, name: &str) -> BTreeSet<String> {
    let table = match name {
        "" => schema,
        _ => &schema["definitions"][name],
    };
    let properties = table["properties"].as_object();
    properties
        .map(|p| p.keys().cloned().collect())
        .unwrap_or_default()
}

/// What the first column of a table names; each once.
fn named(text: &str, heading: &str) -> BTreeSet<String> {
    let rows = markdown::rows(text, heading);
    let names: BTreeSet<String> = rows
        .iter()
        .flat_map(|row| markdown::code(&row[0]))
        .collect();
    assert_eq!(names.len(), rows.len(), "{heading}: a key stands twice");
    names
}

#[test]
fn every_key_of_every_table() {
    let schema = schema();
    let page = file(PAGE);
    let sections: BTreeMap<String, String> = markdown::sections(&page).into_iter().collect();
    for (section, table) in SECTIONS {
        assert_eq!(
            named(&sections[*section], "key"),
            keys(&schema, table),
            "{section}"
        );
    }
    for (heading, table) in TABLES {
        assert_eq!(named(&page, heading), keys(&schema, table), "{heading}");
    }
    let described: BTreeSet<&str> = TABLES
        .iter()
        .chain(SECTIONS)
        .map(|(_, table)| *table)
        .collect();
    let all: BTreeSet<&str> = schema["definitions"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let missing: Vec<&&str> = all.difference(&described).collect();
    assert!(missing.is_empty(), "no table describes {missing:?}");
}

#[test]
fn every_example_loads_without_a_warning() {
    for example in markdown::blocks(&file(PAGE), "toml") {
        let loaded = load(&example).unwrap_or_else(|errors| panic!("{example}\n{errors}"));
        assert!(
            loaded.warnings.is_empty(),
            "{example}\n{:?}",
            loaded.warnings
        );
    }
}

#[test]
fn every_key_has_an_example() {
    let schema = schema();
    let mut used = BTreeSet::new();
    for example in markdown::blocks(&file(PAGE), "toml") {
        let table: toml::Table = example.parse().unwrap();
        note(
            &schema,
            "",
            &schema,
            &serde_json::to_value(table).unwrap(),
            &mut used,
        );
    }
    let tables = TABLES.iter().chain(SECTIONS).map(|(_, table)| *table);
    let without: Vec<(&str, String)> = tables
        .flat_map(|table| {
            keys(&schema, table)
                .into_iter()
                .map(move |key| (table, key))
        })
        .filter(|(table, key)| !used.contains(&((*table).to_owned(), key.clone())))
        .filter(|(table, key)| {
            let whole = format!("{table}.{key}");
            !WITHOUT_EXAMPLE.contains(&key.as_str()) && !WITHOUT_EXAMPLE.contains(&whole.as_str())
        })
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

/// Notes which key of which table `value` uses, following what the schema says of it.
fn note(
    root: &Value,
    table: &str,
    schema: &Value,
    value: &Value,
    used: &mut BTreeSet<(String, String)>,
) {
    let reference = schema["$ref"]
        .as_str()
        .and_then(|r| r.strip_prefix("#/definitions/"));
    if let Some(name) = reference {
        return note(root, name, &root["definitions"][name], value, used);
    }
    for alternative in schema["anyOf"].as_array().into_iter().flatten() {
        note(root, table, alternative, value, used);
    }
    for item in value.as_array().into_iter().flatten() {
        note(root, table, &schema["items"], item, used);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(key) {
            Some(schema) => {
                used.insert((table.to_owned(), key.clone()));
                note(root, table, schema, value, used);
            }
            None => note(root, table, &schema["additionalProperties"], value, used),
        }
    }
}

#[test]
fn every_code_of_an_error() {
    let documented = markdown::rows(&file(PAGE), "code");
    let of_code: Vec<Vec<String>> = CODES
        .iter()
        .map(|(_, code, meaning)| vec![format!("`{code}`"), (*meaning).to_owned()])
        .collect();
    assert_eq!(documented, of_code);
}
