//! Objects of one form of the export beside those of another.

use std::collections::BTreeMap;

use serde_json::Value;

/// Panics where two sets of objects are not the same.
#[track_caller]
pub fn same(what: &str, ours: Vec<Value>, theirs: Vec<Value>) {
    let (ours, theirs) = (by_name(ours), by_name(theirs));
    let names = |objects: &BTreeMap<String, Value>| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs), "{what}");
    for (name, value) in &ours {
        let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
        let (ours, theirs) = (pretty(value), pretty(&theirs[name]));
        let lines = ours.lines().zip(theirs.lines());
        let first = lines.clone().find(|(ours, theirs)| ours != theirs);
        assert!(
            ours == theirs,
            "{what}: {name}: {first:?}\n{ours}\n{theirs}"
        );
    }
}

#[track_caller]
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let mut named = BTreeMap::new();
    for object in objects {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = format!(
            "{} {}",
            text(&object["kind"]),
            text(&object["metadata"]["name"])
        );
        assert!(named.insert(name.clone(), object).is_none(), "{name} twice");
    }
    named
}

/// Without what only Helm says: its labels and hooks, and the names of jobs, which are what they are made of elsewhere.
pub fn without_helm(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        label(object);
        let metadata = object["metadata"].as_object_mut().expect("metadata");
        if let Some(labels) = metadata["labels"].as_object_mut() {
            labels.remove("helm.sh/chart");
        }
        if let Some(annotations) = metadata["annotations"].as_object_mut() {
            annotations.retain(|name, _| !name.starts_with("helm.sh/"));
        }
    }
    named_jobs(objects)
}

/// Jobs under the name of their service.
pub fn named_jobs(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        if object["kind"] == "Job" {
            object["metadata"]["name"] =
                object["metadata"]["labels"]["app.kubernetes.io/name"].clone();
        }
    }
    objects
}

fn label(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(label),
        Value::Object(object) => {
            for (key, value) in object {
                if key == "app.kubernetes.io/managed-by" && *value == "Helm" {
                    *value = "dev".into();
                }
                label(value);
            }
        }
        _ => {}
    }
}

/// Without what only kustomize does: hashes in the names of what it generates, the Secret, and that jobs have one of their own.
pub fn without_kustomize(objects: Vec<Value>) -> Vec<Value> {
    let mut text = serde_json::to_string(&objects).expect("JSON");
    for object in &objects {
        let (kind, name) = (&object["kind"], object["metadata"]["name"].as_str());
        if (kind == "ConfigMap" || kind == "Secret")
            && let Some(name) = name
            && let Some((stem, hash)) = name.rsplit_once('-')
            && hash.len() == 10
        {
            text = text.replace(&format!("\"{name}\""), &format!("\"{stem}\""));
        }
    }
    text = text.replace("-secrets-of-jobs\"", "-secrets\"");
    let objects: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    let own = |object: &Value| object["kind"] == "Secret" || object["kind"] == "Namespace";
    objects.into_iter().filter(|object| !own(object)).collect()
}
