//! Field by field: what is, and what the API server says would be.

use serde_json::Value;

use crate::promote::REVISION;

/// What the API server keeps for itself.
const ITS_OWN: [&str; 5] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "uid",
];
const MASK: &str = "***";

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// `spec.template.spec.containers[api].image`
    pub path: String,
    /// `None`: not there.
    pub old: Option<String>,
    pub new: Option<String>,
}

/// The fields that differ. Values of a Secret are not told.
pub fn difference(old: &Value, new: &Value) -> Vec<Field> {
    let secret = new["kind"] == "Secret";
    let mut fields = Vec::new();
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().into_iter().flatten();
        object.map(|(key, _)| key.clone()).collect()
    };
    let mut all = [keys(old), keys(new)].concat();
    all.sort();
    all.dedup();
    for key in all.iter().filter(|key| *key != "status") {
        walk(key, old.get(key), new.get(key), &mut fields);
    }
    for field in fields
        .iter_mut()
        .filter(|field| secret && field.path.starts_with("data"))
    {
        field.old = field.old.as_ref().map(|_| MASK.to_owned());
        field.new = field.new.as_ref().map(|_| MASK.to_owned());
    }
    fields
}

fn walk(path: &str, old: Option<&Value>, new: Option<&Value>, fields: &mut Vec<Field>) {
    if old == new || is_ours(path) {
        return;
    }
    match (old, new) {
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            let mut keys: Vec<&String> = was.keys().chain(is.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let dotted = match key.contains(['.', '/']) {
                    true => format!("{path}[{key}]"),
                    false => format!("{path}.{key}"),
                };
                walk(&dotted, was.get(key), is.get(key), fields);
            }
        }
        (Some(Value::Array(was)), Some(Value::Array(is))) if are_named(was) && are_named(is) => {
            let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
            let mut names: Vec<String> = was.iter().chain(is).map(name).collect();
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            for wanted in names {
                let find =
                    |list: &'_ [Value]| list.iter().find(|value| name(value) == wanted).cloned();
                let (was, is) = (find(was), find(is));
                walk(
                    &format!("{path}[{wanted}]"),
                    was.as_ref(),
                    is.as_ref(),
                    fields,
                );
            }
        }
        _ => fields.push(Field {
            path: path.to_owned(),
            old: old.map(short),
            new: new.map(short),
        }),
    }
}

fn is_ours(path: &str) -> bool {
    let kept = path
        .strip_prefix("metadata.")
        .is_some_and(|key| ITS_OWN.contains(&key));
    kept || path == format!("metadata.labels[{REVISION}]")
}

fn are_named(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(|value| value["name"].is_string())
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: Value, new: Value) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        let fields = difference(&old, &new).into_iter();
        fields
            .map(|field| format!("{} {} {}", field.path, text(field.old), text(field.new)))
            .collect()
    }

    #[test]
    fn containers_go_by_their_names() {
        let pod = |image: &str| json!({ "spec": { "containers": [{ "name": "a", "image": "x" }, { "name": "b", "image": image }] } });
        assert_eq!(told(pod("1"), pod("2")), ["spec.containers[b].image 1 2"]);
    }

    #[test]
    fn what_the_server_keeps_and_the_revision_are_no_change() {
        let object = |number: &str| json!({ "metadata": { "resourceVersion": number, "generation": number, "labels": { "dev.revision": number } }, "status": number });
        assert!(told(object("1"), object("2")).is_empty());
    }

    #[test]
    fn a_secret_is_not_told() {
        let secret = |value: &str| json!({ "kind": "Secret", "data": { "A": value } });
        assert_eq!(told(secret("b25l"), secret("dHdv")), ["data.A *** ***"]);
    }
}
