//! A stack as a page of text: what was said, without defaults and without what presets' data says.

use serde_json::Value;

use crate::stack::{Service, Stack, Template};

pub(super) fn summary(stack: &Stack) -> String {
    let mut lines = vec![format!("stack {} of {}", stack.name, stack.layers.len())];
    let top = serde_json::to_value(stack).unwrap();
    for part in ["networks", "volumes", "secrets", "kubernetes"] {
        lines.push(format!("  {part}: {}", compact(&top[part])));
    }
    for service in stack.services.values() {
        describe(service, &mut lines);
    }
    let text = lines.join("\n");
    text.replace(&format!("{}/", stack.dir), "./")
        .replace(stack.dir.as_str(), ".")
}

fn describe(service: &Service, lines: &mut Vec<String>) {
    lines.push(format!("\n{}", service.name));
    let Value::Object(parts) = serde_json::to_value(service).unwrap() else {
        unreachable!()
    };
    for (name, value) in parts {
        let of_preset = service.preset.is_some()
            && ["provision", "outputs", "env", "stop", "ready"].contains(&name.as_str());
        let default = match name.as_str() {
            "name" => true,
            "replicas" => value == 1,
            "role" => value == "service",
            "promote" => value == "same",
            "networks" => value == serde_json::json!(["default"]),
            "restart" => value == serde_json::json!({ "on_failure": { "max": null } }),
            "stop" => {
                value == serde_json::json!({ "signal": null, "grace": { "secs": 10, "nanos": 0 } })
            }
            _ => false,
        };
        let text = compact(&value);
        if !of_preset && !default && !["", "{}", "[]", "null", "false"].contains(&text.as_str()) {
            lines.push(format!("  {name}: {text}"));
        }
    }
}

/// One line, without what is empty; templates as they are written.
fn compact(value: &Value) -> String {
    match value {
        Value::Object(entries) if entries.contains_key("parts") => template(value),
        Value::Object(entries) if entries.contains_key("nanos") => {
            format!(
                "{}s",
                entries["secs"].as_f64().unwrap() + entries["nanos"].as_f64().unwrap() / 1e9
            )
        }
        Value::Object(entries) => {
            let shown = entries
                .iter()
                .map(|(name, value)| (name, value, compact(value)));
            let shown = shown
                .filter(|(_, value, text)| !value.is_null() && text != "[]" && !is_empty(value));
            format!(
                "{{{}}}",
                shown
                    .map(|(name, _, text)| format!("{name}: {text}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            )
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(compact).collect::<Vec<_>>().join(", ")
        ),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A table without a key; one whose keys are all null says something by being there, such as a volume.
fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn template(value: &Value) -> String {
    use crate::stack::{Part, Reference};
    let texts = |path: &Value| {
        path.as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_str().unwrap().to_owned())
            .collect()
    };
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let part = |part: &Value| match (&part["text"], &part["reference"]) {
        (Value::String(text), _) => Part::Text(text.clone()),
        (_, Value::Object(kind)) => Part::Reference(match kind.iter().next().unwrap() {
            (kind, inner) if kind == "service" => Reference::Service {
                service: text(&inner["service"]),
                path: texts(&inner["path"]),
            },
            (kind, inner) if kind == "own" => Reference::Own {
                path: texts(&inner["path"]),
            },
            (kind, inner) if kind == "env" => Reference::Env {
                name: text(&inner["name"]),
                default: inner["default"].as_str().map(str::to_owned),
            },
            (kind, inner) if kind == "secret" => Reference::Secret {
                name: text(&inner["name"]),
            },
            (_, inner) => Reference::Git {
                what: text(&inner["what"]),
                default: inner["default"].as_str().map(str::to_owned),
            },
        }),
        _ => unreachable!(),
    };
    Template {
        parts: value["parts"]
            .as_array()
            .unwrap()
            .iter()
            .map(part)
            .collect(),
    }
    .to_string()
}
