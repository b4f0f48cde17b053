//! The canonical file, as JSON values: what is empty is left out, and a `$` is doubled, so that it can be read again.

use serde_json::{Map as Object, Value as Json};

use super::attributes::PROJECT;
use super::form::{Attribute, Dict, Form, Table};
use super::node::{Node, Value};

/// Tables that stand in a canonical file though they are empty.
const ALWAYS: &[(&str, &str)] = &[
    ("network", "ipam"),
    ("`deploy`", "resources"),
    ("`deploy`", "placement"),
    ("rule of `develop.watch`", "exec"),
];

pub(super) fn project(project: &Node) -> Json {
    let mut object = Object::new();
    for (key, entry) in project.as_map().into_iter().flatten() {
        let value = match PROJECT.attribute(key) {
            Some(Attribute { form, .. }) => print(&entry.node, form),
            None => Some(raw(&entry.node)),
        };
        if let Some(value) = value.filter(|_| key != "version") {
            object.insert(doubled(key), value);
        }
    }
    let services = || Json::Object(Object::new());
    object.entry("services").or_insert_with(services);
    Json::Object(object)
}

fn doubled(text: &str) -> String {
    text.replace('$', "$$")
}

fn text(text: &str) -> Json {
    Json::String(doubled(text))
}

/// `None`: left out.
fn print(node: &Node, form: &'static Form) -> Option<Json> {
    let printed = match (form, &node.value) {
        (Form::Command, Value::Null) => Json::Null,
        (_, Value::Null) => return None,
        (Form::Bool | Form::External, Value::Bool(false))
        | (Form::OptOut, Value::Bool(true))
        | (Form::Int(..) | Form::Bytes | Form::DeviceCount, Value::Int(0)) => return None,
        (Form::Bytes, Value::Int(bytes)) => Json::String(bytes.to_string()),
        (Form::FileMode, Value::Int(mode)) => Json::String(format!("0{mode:o}")),
        (Form::Number, Value::Float(number)) => number_json(*number)?,
        (Form::Ulimit, _) => ulimit(node),
        (Form::Table(what), Value::Map(_)) => table(node, what),
        (Form::Named(named), Value::Map(map)) => {
            let items = map.iter().map(|(name, entry)| {
                let item = print(&entry.node, &named.item).unwrap_or(Json::Null);
                (doubled(name), item)
            });
            not_empty(items.collect())?
        }
        (Form::List(list), Value::List(items)) => {
            let items = items.iter().filter_map(|item| print(item, &list.item));
            not_empty_list(items.collect())?
        }
        (Form::Hosts, Value::List(_)) => {
            let mut lines: Vec<&str> = node.items().iter().filter_map(Node::as_text).collect();
            lines.sort_unstable();
            not_empty_list(lines.into_iter().map(text).collect())?
        }
        (Form::Ssh, Value::Map(map)) => {
            let keys = map.iter().map(|(id, entry)| match entry.node.as_text() {
                Some(path) => text(&format!("{id}={path}")),
                None => text(id),
            });
            not_empty_list(keys.collect())?
        }
        (Form::Dict(kind), Value::Map(map)) => {
            let kept = map
                .iter()
                .filter(|(_, entry)| *kind == Dict::Environment || !entry.node.is_null());
            let values = kept.map(|(key, entry)| (doubled(key), raw(&entry.node)));
            not_empty(values.collect())?
        }
        (Form::Options | Form::MultiOptions, Value::Map(map)) => {
            let values = map
                .iter()
                .map(|(key, entry)| (doubled(key), raw(&entry.node)));
            not_empty(values.collect())?
        }
        (Form::Command | Form::HealthTest, _) => raw(node),
        (_, Value::Text(empty)) if empty.is_empty() => return None,
        _ => raw(node),
    };
    Some(printed)
}

fn not_empty(object: Object<String, Json>) -> Option<Json> {
    (!object.is_empty()).then_some(Json::Object(object))
}

fn not_empty_list(items: Vec<Json>) -> Option<Json> {
    (!items.is_empty()).then_some(Json::Array(items))
}

fn table(node: &Node, table: &'static Table) -> Json {
    let mut object = Object::new();
    for Attribute { key, form, .. } in table.attributes {
        let value = match node.get(key) {
            Some(value) => print(value, form),
            None => missing(table, key, form),
        };
        if let Some(value) = value {
            object.insert((*key).to_owned(), value);
        }
    }
    Json::Object(object)
}

fn missing(of: &Table, key: &str, form: &'static Form) -> Option<Json> {
    match form {
        Form::Command => Some(Json::Null),
        Form::Table(inner) if ALWAYS.contains(&(of.name, key)) => {
            let nowhere = super::include::empty();
            Some(table(&nowhere, inner))
        }
        _ => None,
    }
}

fn ulimit(node: &Node) -> Json {
    let mut object = Object::new();
    match &node.value {
        Value::Int(limit) if *limit != 0 => return Json::from(*limit),
        Value::Map(map) => {
            for key in ["soft", "hard"] {
                if let Some(Value::Int(limit)) = map.get(key).map(|entry| &entry.node.value)
                    && *limit != 0
                {
                    object.insert(key.to_owned(), Json::from(*limit));
                }
            }
        }
        _ => {}
    }
    Json::Object(object)
}

fn number_json(number: f64) -> Option<Json> {
    let whole = (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64);
    match whole {
        Some(0) => None,
        Some(whole) => Some(Json::from(whole)),
        None => Some(Json::from(number)),
    }
}

/// As it is.
fn raw(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::Text(value) => text(value),
        Value::List(items) => Json::Array(items.iter().map(raw).collect()),
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(key, entry)| (doubled(key), raw(&entry.node)));
            Json::Object(entries.collect())
        }
    }
}
