//! Mappings that may also be written as lists of `NAME=value`.

use super::canonical::{joined, wrong_type};
use super::form::Dict;
use super::node::{Entry, Map, Node, Value};
use super::units::float_text;
use crate::stack::file::{Code, Finding, Sink};

/// Text, numbers and booleans as text.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(float_text(*number)),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

pub(super) fn pairs(node: &mut Node, kind: Dict, path: &str, sink: &mut Sink) {
    match &mut node.value {
        Value::Null => {}
        Value::Map(map) => {
            for (key, entry) in map.iter_mut() {
                value(&mut entry.node, kind, &joined(path, key), sink);
            }
        }
        Value::List(items) => {
            let mut map = Map::new();
            for (index, item) in std::mem::take(items).into_iter().enumerate() {
                let path = format!("{path}[{index}]");
                line(item, kind, &path, &mut map, sink);
            }
            node.value = Value::Map(map);
        }
        _ => wrong_type(node, path, "a mapping or a list of `NAME=value`", sink),
    }
}

fn value(node: &mut Node, kind: Dict, path: &str, sink: &mut Sink) {
    match (scalar_text(&node.value), kind) {
        (Some(text), _) => node.value = Value::Text(text),
        (None, Dict::Labels) if node.is_null() => node.value = Value::Text(String::new()),
        (None, Dict::Environment | Dict::Arguments) if node.is_null() => {}
        _ => wrong_type(node, path, "text, a number or a boolean", sink),
    }
}

fn line(item: Node, kind: Dict, path: &str, map: &mut Map, sink: &mut Sink) {
    let Some(text) = item.as_text() else {
        return wrong_type(&item, path, "text", sink);
    };
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Value::Text(value.to_owned())),
        None if kind == Dict::Labels => (text, Value::Text(String::new())),
        None if kind == Dict::Pairs => {
            let message = format!("`{path}` has no `=`");
            return sink.push(Finding::new(Code::BadValue, message).at(item.span, "this"));
        }
        None => (text, Value::Null),
    };
    if kind == Dict::Environment && name.ends_with(char::is_whitespace) {
        let message = format!("`{path}` has a space before its `=`");
        return sink.push(Finding::new(Code::BadName, message).at(item.span, "this"));
    }
    let node = Node::new(value, item.span);
    map.insert(name.to_owned(), Entry::new(node));
}

/// As lines of `HOST=address`.
pub(super) fn hosts(node: &mut Node, path: &str, sink: &mut Sink) {
    let mut found = Vec::new();
    match &node.value {
        Value::Null => return,
        Value::Map(map) => {
            for (host, entry) in map {
                let addresses = match &entry.node.value {
                    Value::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(&entry.node),
                };
                for address in addresses {
                    match address.as_text() {
                        Some(text) => found.push((host.as_str(), text, address.span)),
                        None => wrong_type(address, &joined(path, host), "an address", sink),
                    }
                }
            }
        }
        Value::List(items) => {
            for item in items {
                let text = item.as_text().unwrap_or_default();
                match text.split_once('=').or_else(|| text.split_once(':')) {
                    Some((host, addresses)) => {
                        let each = addresses.split(',');
                        found.extend(each.map(|address| (host, address, item.span)));
                    }
                    None => sink.push(
                        Finding::new(
                            Code::BadValue,
                            format!("`{path}` has a host without address"),
                        )
                        .at(item.span, "this")
                        .help("write `host=address`"),
                    ),
                }
            }
        }
        _ => return wrong_type(node, path, "a mapping or a list of `host=address`", sink),
    }
    let mut lines: Vec<Node> = Vec::new();
    for (host, address, span) in found {
        if host.is_empty() || host.contains([':', '=']) {
            let message = format!("`{path}`: `{host}` is no host name");
            sink.push(Finding::new(Code::BadName, message).at(span, "this"));
        }
        let bare = address
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'));
        let line = Node::text(format!("{host}={}", bare.unwrap_or(address)), span);
        lines.push(line);
    }
    node.value = Value::List(lines);
}

/// Paths of keys by their id; `default` needs none.
pub(super) fn ssh(node: &mut Node, path: &str, sink: &mut Sink) {
    let Value::List(items) = &node.value else {
        return pairs(node, Dict::Arguments, path, sink);
    };
    for item in items {
        if item
            .as_text()
            .is_some_and(|text| !text.contains('=') && text != "default")
        {
            let message = format!("`{path}`: only the key `default` needs no path");
            sink.push(
                Finding::new(Code::BadValue, message)
                    .at(item.span, "this")
                    .help("write `id=path`"),
            );
        }
    }
    pairs(node, Dict::Arguments, path, sink);
}

/// Text by name; nothing is empty text.
pub(super) fn options(node: &mut Node, path: &str, sink: &mut Sink) {
    let is_null = node.is_null();
    let Some(map) = node.as_map_mut() else {
        if !is_null {
            wrong_type(node, path, "a mapping", sink);
        }
        return;
    };
    for (key, entry) in map.iter_mut() {
        match (scalar_text(&entry.node.value), entry.node.is_null()) {
            (Some(text), _) => entry.node.value = Value::Text(text),
            (None, true) => entry.node.value = Value::Text(String::new()),
            _ => wrong_type(&entry.node, &joined(path, key), "text or a number", sink),
        }
    }
}

/// One or several texts by name.
pub(super) fn multi_options(node: &mut Node, path: &str, sink: &mut Sink) {
    let Some(map) = node.as_map_mut() else {
        return wrong_type(node, path, "a mapping", sink);
    };
    for (key, entry) in map.iter_mut() {
        let span = entry.node.span;
        let items = match &entry.node.value {
            Value::List(items) => items.clone(),
            _ => vec![entry.node.clone()],
        };
        let texts: Option<Vec<Node>> = items
            .iter()
            .map(|item| Some(Node::text(scalar_text(&item.value)?, span)))
            .collect();
        match texts {
            Some(texts) => entry.node.value = Value::List(texts),
            None => wrong_type(
                &entry.node,
                &joined(path, key),
                "text or a list of it",
                sink,
            ),
        }
    }
}
