//! What has to hold of each value when all files are merged: nothing is missing, nothing is empty, nothing stands twice.
//! And what is said of attributes that `dev` does nothing with.

use super::canonical::joined;
use super::form::{Attribute, Form, Support, Table, Unique};
use super::node::Node;
use crate::stack::file::{Code, Finding, Sink};

pub(super) fn complete(node: &Node, form: &'static Form, path: &str, sink: &mut Sink) {
    match form {
        Form::Table(what) => table(node, what, path, sink),
        Form::List(list) => {
            if node.is_null() {
                return missing_value(node, path, sink);
            }
            for (index, item) in node.items().iter().enumerate() {
                complete(item, &list.item, &format!("{path}[{index}]"), sink);
            }
            if list.unique == Unique::Strict {
                strict(node, path, sink);
            }
        }
        Form::Named(named) => {
            if node.is_null() && path.contains('.') {
                return missing_value(node, path, sink);
            }
            for (name, entry) in node.as_map().into_iter().flatten() {
                if !(entry.node.is_null() && named.empty) {
                    complete(&entry.node, &named.item, &joined(path, name), sink);
                }
            }
        }
        Form::Command | Form::TextOrNull | Form::Any => {}
        _ if node.is_null() => missing_value(node, path, sink),
        _ => {}
    }
}

fn table(node: &Node, table: &'static Table, path: &str, sink: &mut Sink) {
    let Some(map) = node.as_map() else {
        if table.short != super::form::Short::Null {
            missing_value(node, path, sink);
        }
        return;
    };
    for key in table.required {
        if !map.contains_key(*key) {
            let message = format!("`{path}` needs `{key}`");
            sink.push(Finding::new(Code::MissingKey, message).at(node.span, "here"));
        }
    }
    for (key, entry) in map {
        let Some(Attribute { form, support, .. }) = table.attribute(key) else {
            continue;
        };
        let path = joined(path, key);
        let said = match support {
            Support::Honoured => None,
            Support::Warned(why) => Some(("has no effect", why)),
            Support::Refused(why) => Some(("cannot be honoured", why)),
        };
        if let Some((what, why)) = said {
            sink.push(
                Finding::new(Code::NoEffect, format!("`{path}` {what}: {why}"))
                    .warning()
                    .at(entry.key_span, "this attribute"),
            );
        }
        complete(&entry.node, form, &path, sink);
    }
}

fn missing_value(node: &Node, path: &str, sink: &mut Sink) {
    let finding = Finding::new(Code::WrongType, format!("`{path}` has no value"));
    sink.push(finding.at(node.span, "here").help("leave the key out"));
}

fn strict(node: &Node, path: &str, sink: &mut Sink) {
    let mut seen = std::collections::HashMap::new();
    for item in node.items() {
        let Some(text) = item.as_text() else {
            continue;
        };
        if let Some(first) = seen.insert(text, item.span) {
            sink.push(
                Finding::new(Code::Conflict, format!("`{path}` has `{text}` twice"))
                    .at(item.span, "the second one")
                    .at(first, "the first one"),
            );
        }
    }
}
