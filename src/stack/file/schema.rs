//! The JSON Schema of the file, from the shapes that the reader itself uses.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{Kind, Shape};
use super::stack_shape::STACK;

/// For editors. It describes single layers: a layer may leave anything out, and may write `false` to take away what lies
/// below, so what is required of the whole stack is left to the reader.
pub fn schema() -> Value {
    let mut definitions = BTreeMap::new();
    let Value::Object(mut root) = table(&STACK, &mut definitions) else {
        return Value::Null;
    };
    root.insert(
        "$schema".to_owned(),
        json!("http://json-schema.org/draft-07/schema#"),
    );
    root.insert("title".to_owned(), json!("dev.toml, a stack file of dev"));
    root.insert("definitions".to_owned(), json!(definitions));
    Value::Object(root)
}

fn table(shape: &'static Shape, definitions: &mut BTreeMap<&'static str, Value>) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut value = kind(&key.kind, definitions);
        if !key.kind.takes_false() {
            value = removable(value);
        }
        if let Value::Object(object) = &mut value {
            object.insert("description".to_owned(), json!(key.doc));
        }
        properties.insert(key.name.to_owned(), value);
    }
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A layer may write `false` instead.
fn removable(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.len() == 1 && object.contains_key("anyOf") => {
            if let Some(Value::Array(kinds)) = object.get_mut("anyOf") {
                kinds.push(json!({ "const": false }));
            }
            Value::Object(object)
        }
        value => json!({ "anyOf": [value, { "const": false }] }),
    }
}

fn kind(kind: &'static Kind, definitions: &mut BTreeMap<&'static str, Value>) -> Value {
    match kind {
        Kind::Text(format) if format.pattern.is_empty() => json!({ "type": "string" }),
        Kind::Text(format) => json!({ "type": "string", "pattern": format.pattern }),
        Kind::Template => json!({ "type": ["string", "number"] }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::True => json!({ "const": true }),
        Kind::False => json!({ "const": false }),
        Kind::Integer { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number { max } => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": max }),
        Kind::OneOf(words) => json!({ "enum": words }),
        Kind::List(item) => json!({ "type": "array", "items": self::kind(item, definitions) }),
        Kind::Table(shape) => {
            if !definitions.contains_key(shape.name) {
                definitions.insert(shape.name, Value::Null);
                let definition = table(shape, definitions);
                definitions.insert(shape.name, definition);
            }
            json!({ "$ref": format!("#/definitions/{}", shape.name) })
        }
        Kind::Map { keys, value, .. } => {
            let mut schema = json!({ "type": "object", "additionalProperties": removable(self::kind(value, definitions)) });
            if !keys.pattern.is_empty() {
                schema["propertyNames"] = json!({ "pattern": keys.pattern });
            }
            schema
        }
        Kind::Either(kinds) => {
            let kinds: Vec<Value> = kinds
                .iter()
                .map(|kind| self::kind(kind, definitions))
                .collect();
            json!({ "anyOf": kinds })
        }
    }
}
