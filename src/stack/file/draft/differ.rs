//! Where two stacks differ.

use serde_json::Value;

use crate::stack::Stack;

/// As many as a person reads.
const MOST: usize = 5;

/// `services.web.ports: …`, for each; `None`: the two are one. What no text may show is compared and not named.
pub(super) fn differences(wanted: &Stack, found: &Stack) -> Option<Vec<String>> {
    if wanted == found {
        return None;
    }
    let json = |stack: &Stack| serde_json::to_value(stack).unwrap_or_default();
    let mut places = Vec::new();
    compare(&json(wanted), &json(found), String::new(), &mut places);
    if places.is_empty() {
        places.push("a secret".to_owned());
    }
    places.truncate(MOST);
    Some(places)
}

fn compare(wanted: &Value, found: &Value, path: String, places: &mut Vec<String>) {
    match (wanted, found) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let below = match path.as_str() {
                    "" => key.clone(),
                    above => format!("{above}.{key}"),
                };
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or_default()
                };
                compare(&of(a), &of(b), below, places);
            }
        }
        (a, b) if a != b => places.push(path),
        _ => {}
    }
}
