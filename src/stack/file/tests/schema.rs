//! The published schema is the code's, and people's files fit it.

use std::path::Path;

use crate::stack::file::schema;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Written anew with `UPDATE_SCHEMA=1`.
#[test]
fn the_committed_schema_is_the_codes() {
    let path = root().join("schema/dev.schema.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "run `UPDATE_SCHEMA=1 cargo test --lib schema` and look at the difference"
    );
}

fn toml_files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() {
            toml_files(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "toml") {
            found.push(entry);
        }
    }
}

#[test]
fn every_fixture_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut files = Vec::new();
    toml_files(&root().join("tests/fixtures/stacks"), &mut files);
    files.extend(
        ["dev.toml", "dev.offline.toml"]
            .map(|name| root().join("examples/gold-platform").join(name)),
    );
    assert!(files.len() >= 10);
    for file in files {
        let value: toml::Value = toml::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let value = serde_json::to_value(value).unwrap();
        let problems: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", file.display());
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for text in [
        "services.a.imag = \"x\"",
        "services.a.image = 7",
        "services.Aa.image = \"x\"",
        "services.a.replicas = -1",
        "services.a.stop.grace = \"soon\"",
        "services.a.ports = [8000]",
        "services.a.ports.x = 70000",
        "services.a.watch = [{ paths = 1 }]",
        "service = {}",
    ] {
        let value: toml::Value = toml::from_str(text).unwrap();
        assert!(
            !validator.is_valid(&serde_json::to_value(value).unwrap()),
            "{text}"
        );
        assert!(super::read(&[("dev.toml", text)]).is_err(), "{text}");
    }
}

#[test]
fn every_key_is_described() {
    let schema = schema();
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        for (key, value) in definition["properties"].as_object().unwrap() {
            assert!(
                value["description"]
                    .as_str()
                    .is_some_and(|text| text.ends_with('.')),
                "{name}.{key}"
            );
        }
    }
}
