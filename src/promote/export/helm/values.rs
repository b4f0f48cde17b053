//! What people change: the values of a chart, each with its schema. <https://helm.sh/docs/topics/charts/#schema-files>

use serde_json::{Map, Value, json};

/// Values and their schema, side by side.
#[derive(Debug, Clone, Default)]
pub struct Values {
    values: Map<String, Value>,
    schema: Map<String, Value>,
}

impl Values {
    pub fn add(&mut self, name: &str, value: impl Into<Value>, schema: Value) {
        self.values.insert(name.to_owned(), value.into());
        self.schema.insert(name.to_owned(), schema);
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn value(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// Of an object with these and nothing else.
    pub fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": self.schema,
            "additionalProperties": false,
        })
    }

    /// The same as a file.
    pub fn schema_file(&self) -> String {
        let mut schema = json!({ "$schema": "http://json-schema.org/draft-07/schema#" });
        if let (Some(all), Value::Object(own)) = (schema.as_object_mut(), self.schema()) {
            all.extend(own);
        }
        serde_json::to_string_pretty(&schema).unwrap_or_default() + "\n"
    }
}

/// `registry:5000/name:tag@sha256:…`, in its parts.
pub fn image(reference: &str) -> Value {
    let (name, digest) = reference.split_once('@').unwrap_or((reference, ""));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    };
    json!({ "repository": repository, "tag": tag, "digest": digest })
}

pub fn image_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "repository": { "type": "string", "minLength": 1 },
            "tag": { "type": ["string", "integer"] },
            "digest": { "type": "string", "pattern": "^($|[a-z0-9]+:[0-9a-f]+$)" },
        },
        "required": ["repository"],
        "additionalProperties": false,
    })
}

pub fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub fn percent() -> Value {
    json!({ "type": "integer", "minimum": 1 })
}

pub fn text() -> Value {
    json!({ "type": "string" })
}

/// Of what a Kubernetes quantity is, `64Mi` or `0.5`.
fn quantity() -> Value {
    json!({ "type": ["string", "number"], "pattern": "^[0-9.]+([numkKMGTPE]i?|e[0-9]+)?$" })
}

pub fn resources() -> Value {
    let quantities = json!({ "type": "object", "additionalProperties": quantity() });
    json!({
        "type": "object",
        "properties": { "limits": quantities, "requests": quantities },
        "additionalProperties": false,
    })
}

pub fn storage() -> Value {
    let claim = json!({
        "type": "object",
        "properties": { "size": quantity(), "className": text() },
        "required": ["size"],
        "additionalProperties": false,
    });
    json!({ "type": "object", "additionalProperties": claim })
}

pub fn texts() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

pub fn pull_secrets() -> Value {
    let one = json!({ "type": "object", "properties": { "name": text() }, "required": ["name"] });
    json!({ "type": "array", "items": one })
}

pub fn tls() -> Value {
    let hosts = json!({ "type": "array", "items": text() });
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": { "hosts": hosts, "secretName": text() },
            "additionalProperties": false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_in_its_parts() {
        let parts = |reference| {
            let image = image(reference);
            ["repository", "tag", "digest"].map(|part| image[part].as_str().unwrap().to_owned())
        };
        assert_eq!(parts("nginx"), ["nginx", "", ""]);
        assert_eq!(parts("r:5000/a/b"), ["r:5000/a/b", "", ""]);
        assert_eq!(
            parts("r:5000/a:1@sha256:ab"),
            ["r:5000/a", "1", "sha256:ab"]
        );
    }
}
