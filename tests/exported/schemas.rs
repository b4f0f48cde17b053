//! JSON Schemas of Kubernetes' kinds out of its own API description, strict: what it does not name is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::tools::{charts, run};

/// Checks objects with kubeconform.
#[track_caller]
pub fn valid(objects: &[Value]) {
    let list: Vec<String> = objects.iter().map(Value::to_string).collect();
    let file = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    fs_err::write(file.path(), list.join("\n---\n")).expect("written");
    let schemas = format!(
        "{}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json",
        schemas().path().display()
    );
    let mut kubeconform = Command::new(charts().join("kubeconform"));
    kubeconform.args(["-strict", "-summary", "-schema-location", &schemas]);
    let said = run(kubeconform.arg(file.path())).expect();
    let all = format!(
        "Valid: {}, Invalid: 0, Errors: 0, Skipped: 0",
        objects.len()
    );
    assert!(said.contains(&all), "{said}");
}

fn schemas() -> &'static tempfile::TempDir {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path());
        folder
    })
}

/// In the Kubernetes that the tests' cluster is built from.
fn description() -> Value {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/kubernetes");
    let mut go = Command::new("go");
    go.args(["mod", "download", "-json", "k8s.io/kubernetes"]);
    let said = run(go.current_dir(module)).expect();
    let said: Value = serde_json::from_str(&said).expect("JSON");
    let folder = PathBuf::from(said["Dir"].as_str().expect("a folder"));
    let text = fs_err::read_to_string(folder.join("api/openapi-spec/swagger.json"));
    serde_json::from_str(&text.expect("it is there")).expect("JSON")
}

fn write(folder: &Path) {
    let all = description();
    let mut definitions: BTreeMap<&str, Value> = BTreeMap::new();
    for (name, definition) in all["definitions"].as_object().expect("definitions") {
        definitions.insert(name, strict(name, definition));
    }
    for (name, definition) in all["definitions"].as_object().expect("definitions") {
        let kinds = definition["x-kubernetes-group-version-kind"].as_array();
        let Some([kind]) = kinds.map(Vec::as_slice) else {
            continue;
        };
        let word = |key: &str| kind[key].as_str().unwrap_or_default().to_lowercase();
        let group = word("group");
        let group = match group
            .split_once('.')
            .map_or(group.as_str(), |(first, _)| first)
        {
            "" => String::new(),
            group => format!("-{group}"),
        };
        let mut needed = Map::new();
        need(name, &definitions, &mut needed);
        let schema = json!({ "$ref": format!("#/definitions/{name}"), "definitions": needed });
        let file = folder.join(format!("{}{group}-{}.json", word("kind"), word("version")));
        fs_err::write(file, schema.to_string()).expect("written");
    }
}

fn strict(name: &str, definition: &Value) -> Value {
    if name.ends_with(".IntOrString") || name.ends_with(".Quantity") {
        return json!({ "type": ["string", "number"] });
    }
    let mut definition = definition.clone();
    // Formats of numbers and times are no business of these.
    if definition.get("properties").is_some() {
        definition["additionalProperties"] = json!(false);
    }
    definition
}

fn need(name: &str, all: &BTreeMap<&str, Value>, needed: &mut Map<String, Value>) {
    let Some(definition) = all.get(name).filter(|_| !needed.contains_key(name)) else {
        return;
    };
    needed.insert(name.to_owned(), definition.clone());
    let text = definition.to_string();
    for reference in text.split("\"#/definitions/").skip(1) {
        let other = reference.split('"').next().unwrap_or_default();
        need(other, all, needed);
    }
}
