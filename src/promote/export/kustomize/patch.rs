//! What makes one value another, as a JSON patch. <https://www.rfc-editor.org/rfc/rfc6902>

use serde_json::{Value, json};

/// The operations, none where both are the same. Lists are replaced as a whole: what is in them has no name.
pub fn patch(old: &Value, new: &Value) -> Vec<Value> {
    let mut operations = Vec::new();
    between("", old, new, &mut operations);
    operations
}

fn between(path: &str, old: &Value, new: &Value, operations: &mut Vec<Value>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let path = below(path, key);
                match new.get(key) {
                    Some(other) => between(&path, value, other, operations),
                    None => operations.push(json!({ "op": "remove", "path": path })),
                }
            }
            for (key, value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
                let path = below(path, key);
                operations.push(json!({ "op": "add", "path": path, "value": value }));
            }
        }
        // Containers stay where they are: one that changes its image is no other list.
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() && all_named(old, new) => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                between(&format!("{path}/{at}"), old, new, operations);
            }
        }
        _ if old == new => {}
        _ => operations.push(json!({ "op": "replace", "path": path, "value": new })),
    }
}

fn all_named(old: &[Value], new: &[Value]) -> bool {
    let name = |value: &Value| value.get("name").cloned();
    old.iter()
        .zip(new)
        .all(|(old, new)| name(old).is_some() && name(old) == name(new))
}

/// RFC 6901.
fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_named() {
        let old = json!({ "same": 1, "gone": [1], "a/b~": { "x": 1 }, "list": [1, 2],
            "containers": [{ "name": "a", "image": "1", "args": [] }] });
        let new = json!({ "same": 1, "a/b~": { "x": 2 }, "list": [1], "new": {},
            "containers": [{ "name": "a", "image": "2", "args": [] }] });
        let paths: Vec<String> = patch(&old, &new)
            .iter()
            .map(|one| {
                format!(
                    "{} {}",
                    one["op"].as_str().unwrap(),
                    one["path"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(
            paths,
            [
                "replace /a~1b~0/x",
                "replace /containers/0/image",
                "remove /gone",
                "replace /list",
                "add /new"
            ]
        );
        assert!(patch(&new, &new).is_empty());
    }
}
