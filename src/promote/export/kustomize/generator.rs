use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Files;
use crate::promote::{Going, Object};
use crate::stack::Service;

/// A ConfigMap as kustomize makes it.
pub fn generator(going: &Going, map: &Object, files: &mut Files) -> Value {
    let data = map.value["data"].as_object();
    with(going, map, data.into_iter().flatten(), files)
}

/// The same with these of its keys; each value is a file, because a literal would lose its quotes.
pub fn with<'a>(
    going: &Going,
    map: &Object,
    data: impl IntoIterator<Item = (&'a String, &'a Value)>,
    files: &mut Files,
) -> Value {
    let mut sources = Vec::new();
    for (key, value) in data {
        let file = format!("config/{}/{key}", map.name);
        sources.push(format!("{key}={file}"));
        files.insert(file, value.as_str().unwrap_or_default().to_owned());
    }
    let metadata = &map.value["metadata"];
    let mut options =
        json!({ "labels": metadata["labels"], "annotations": metadata["annotations"] });
    let service = map.service.as_ref();
    let service = service.and_then(|name| going.stack.services.get(name));
    // A job's own name says what it is configured with, and another name of the map would change what cannot be changed.
    if service.is_some_and(Service::is_job) {
        options["disableNameSuffixHash"] = json!(true);
    }
    json!({ "name": map.name, "files": sources, "options": options })
}

/// What an overlay makes of a map of the base: nothing, further values, or others in place of all.
pub fn changed(going: &Going, old: &Object, new: &Object, files: &mut Files) -> Option<Value> {
    if old.value == new.value {
        return None;
    }
    let data = |object: &Object| -> Map<String, Value> {
        object.value["data"]
            .as_object()
            .cloned()
            .unwrap_or_default()
    };
    let (old, all) = (data(old), data(new));
    let is_kept = old.keys().all(|key| all.contains_key(key));
    let (behavior, values): (&str, BTreeMap<&String, &Value>) = match is_kept {
        true => {
            let others = all
                .iter()
                .filter(|(key, value)| old.get(*key) != Some(*value));
            ("merge", others.collect())
        }
        false => ("replace", all.iter().collect()),
    };
    let mut generator = with(going, new, values, files);
    generator["behavior"] = json!(behavior);
    Some(generator)
}
