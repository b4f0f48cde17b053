//! Every short form in its long one, every value of the type that its attribute has. What an attribute cannot hold is an
//! error; what is missing is not, yet: another file may have it.

use super::attributes::SERVICE;
use super::form::{Attribute, Form, Listed, Named, Short, Table};
use super::node::{Entry, Map, Mark, Node, Value};
use super::typed::scalar;
use super::{dict, short};
use crate::stack::file::{Code, Finding, Sink, nearest};

/// Names that Compose takes for services, volumes and the like.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Rewrites `node`, which stands at `path`, as `form` asks for.
pub(super) fn canonical(node: &mut Node, form: &'static Form, path: &str, sink: &mut Sink) {
    if node.mark == Mark::Reset {
        return;
    }
    match form {
        Form::Any => {}
        Form::Table(what) => table(node, what, path, sink),
        Form::List(what) => list(node, what, path, sink),
        Form::Named(what) => named(node, what, path, sink),
        Form::Dict(kind) => dict::pairs(node, *kind, path, sink),
        Form::Hosts => dict::hosts(node, path, sink),
        Form::Ssh => dict::ssh(node, path, sink),
        Form::Options => dict::options(node, path, sink),
        Form::MultiOptions => dict::multi_options(node, path, sink),
        _ => scalar(node, form, path, sink),
    }
}

fn table(node: &mut Node, table: &'static Table, path: &str, sink: &mut Sink) {
    match (&node.value, table.short) {
        (Value::Map(_) | Value::Null, _) => {}
        (Value::Text(_), Short::Key(key)) => {
            let value = std::mem::replace(&mut node.value, Value::Map(Map::new()));
            node.set(key, value);
        }
        _ => return wrong_type(node, path, "a mapping", sink),
    }
    let Some(map) = node.as_map_mut() else {
        return;
    };
    for (key, entry) in map.iter_mut() {
        if key.starts_with("x-") && table.extensions {
            continue;
        }
        let path = joined(path, key);
        match table.attribute(key) {
            Some(Attribute { form, .. }) => canonical(&mut entry.node, form, &path, sink),
            None => unknown(key, entry, table, &path, sink),
        }
    }
    old_external(node, path, sink);
}

fn unknown(key: &str, entry: &Entry, table: &Table, path: &str, sink: &mut Sink) {
    let finding = Finding::new(Code::UnknownKey, format!("there is no `{path}`"))
        .at(entry.key_span, "this key");
    if sink.is_full() {
        return sink.push(finding);
    }
    let near = nearest(key, table.attributes.iter().map(|attribute| attribute.key));
    sink.push(match near {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(format!(
            "a {} has: {}",
            table.name,
            table
                .attributes
                .iter()
                .map(|attribute| attribute.key)
                .collect::<Vec<_>>()
                .join(", ")
        )),
    });
}

/// `external: { name: x }` is `external: true` with `name: x`.
fn old_external(node: &mut Node, path: &str, sink: &mut Sink) {
    let Some(external) = node.get_mut("external") else {
        return;
    };
    let span = external.span;
    let Value::Map(map) = &external.value else {
        return;
    };
    let map = map.clone();
    external.value = Value::Bool(true);
    let Some(name) = map.get("name").and_then(|entry| entry.node.as_text()) else {
        return;
    };
    match node.text_at("name") {
        Some(other) if other != name => {
            let message = format!("`{path}` has two names");
            sink.push(
                Finding::new(Code::Conflict, message)
                    .at(span, "the name within `external` is the old way")
                    .help("write `external: true` and `name: …` beside it"),
            );
        }
        Some(_) => {}
        None => node.set("name", Value::Text(name.to_owned())),
    }
}

fn list(node: &mut Node, list: &'static super::form::List, path: &str, sink: &mut Sink) {
    let span = node.span;
    match &mut node.value {
        Value::List(_) | Value::Null => {}
        Value::Text(_) if list.single => {
            let value = std::mem::replace(&mut node.value, Value::Null);
            node.value = Value::List(vec![Node::new(value, span)]);
        }
        _ => return wrong_type(node, path, "a list", sink),
    }
    let Value::List(items) = &mut node.value else {
        return;
    };
    let mut result = Vec::with_capacity(items.len());
    for (index, item) in std::mem::take(items).into_iter().enumerate() {
        let path = format!("{path}[{index}]");
        let expanded = match &list.item {
            Form::Table(table) => expanded(item, table.short, &path, sink),
            _ => vec![item],
        };
        for mut item in expanded {
            canonical(&mut item, &list.item, &path, sink);
            result.push(item);
        }
    }
    *items = result;
}

/// The tables that a short form in a list means.
fn expanded(item: Node, short: Short, path: &str, sink: &mut Sink) -> Vec<Node> {
    let text = match (&item.value, short) {
        (Value::Text(text), Short::Port | Short::Volume | Short::Device) => text.clone(),
        (Value::Int(number), Short::Port) => number.to_string(),
        _ => return vec![item],
    };
    let (code, result) = match short {
        Short::Port => (Code::BadPort, short::port(&text, item.span)),
        Short::Volume => {
            let mount = short::volume(&text, item.span);
            (Code::BadValue, mount.map(|mount| vec![mount]))
        }
        _ => {
            let device = short::device(&text, item.span);
            (Code::BadValue, device.map(|device| vec![device]))
        }
    };
    result.unwrap_or_else(|problem| {
        sink.push(Finding::new(code, format!("`{path}`: {problem}")).at(item.span, "this"));
        Vec::new()
    })
}

fn named(node: &mut Node, named: &'static Named, path: &str, sink: &mut Sink) {
    if let (Value::List(items), Some(listed)) = (&node.value, named.listed) {
        match names(items, listed, path, sink) {
            Some(map) => node.value = Value::Map(map),
            None => return,
        }
    }
    let is_null = node.is_null();
    let Some(map) = node.as_map_mut() else {
        if !is_null {
            wrong_type(node, path, "a mapping", sink);
        }
        return;
    };
    let is_top = !path.contains('.');
    map.retain(|name, _| !(is_top && name.starts_with("x-")));
    for (name, entry) in map.iter_mut() {
        let path = joined(path, name);
        if !is_name(name) {
            let message = format!("`{name}` is no name");
            sink.push(
                Finding::new(Code::BadName, message)
                    .at(entry.key_span, "this")
                    .help("names have letters, digits, `.`, `_` and `-`"),
            );
        }
        canonical(&mut entry.node, &named.item, &path, sink);
    }
}

fn names(items: &[Node], listed: Listed, path: &str, sink: &mut Sink) -> Option<Map> {
    let mut map = Map::new();
    for (index, item) in items.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let Some(name) = item.as_text() else {
            wrong_type(item, &path, "text", sink);
            return None;
        };
        let node = match listed {
            Listed::Null => Node::new(Value::Null, item.span),
            Listed::Dependency => Node::table(
                [
                    ("condition", Value::Text("service_started".to_owned())),
                    ("required", Value::Bool(true)),
                ],
                item.span,
            ),
        };
        if map.insert(name.to_owned(), Entry::new(node)).is_some() {
            let message = format!("`{path}` stands there twice");
            sink.push(Finding::new(Code::Conflict, message).at(item.span, "the second one"));
        }
    }
    Some(map)
}

pub(super) fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}.{key}"),
    }
}

pub(super) fn wrong_type(node: &Node, path: &str, wanted: &str, sink: &mut Sink) {
    let message = format!("`{path}` has to be {wanted}, and this is {}", node.kind());
    let finding = Finding::new(Code::WrongType, message).at(node.span, "this");
    let could_be_text = !matches!(node.value, Value::List(_) | Value::Map(_) | Value::Null);
    let in_services = path.strip_prefix("services.");
    let attributes = SERVICE.attributes.iter();
    let is_attribute = in_services.is_some_and(|name| attributes.clone().any(|a| a.key == name));
    sink.push(match wanted == "text" && could_be_text {
        true => finding.help("write it between quotes"),
        false if is_attribute => {
            finding.help("if the service above is meant to have it, indent it as the rest of that")
        }
        false => finding,
    });
}
