//! What has to hold of each value when all files are merged: nothing is missing, nothing is empty, nothing stands twice.
//! And what is said of attributes that `dev` does nothing with.

use std::collections::BTreeSet;

use super::canonical::joined;
use super::form::{Attribute, Form, Support, Table, Unique};
use super::node::Node;
use crate::stack::file::{Code, Finding, Sink};

/// What a project is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Print,
    /// Then what cannot be had is an error.
    Run,
}

/// `disabled`: services that do not run, of which nothing is said that only matters when they do. Those of them that
/// cannot be run are returned.
pub(super) fn complete(
    node: &Node,
    form: &'static Form,
    (purpose, disabled): (Purpose, &BTreeSet<String>),
    sink: &mut Sink,
) -> BTreeSet<String> {
    let mut complete = Complete {
        purpose,
        disabled,
        unfit: BTreeSet::new(),
        sink,
    };
    complete.value(node, form, "");
    complete.unfit
}

struct Complete<'a> {
    purpose: Purpose,
    disabled: &'a BTreeSet<String>,
    unfit: BTreeSet<String>,
    sink: &'a mut Sink,
}

impl Complete<'_> {
    fn value(&mut self, node: &Node, form: &'static Form, path: &str) {
        match form {
            Form::Table(what) => self.table(node, what, path),
            Form::List(list) => {
                if node.is_null() {
                    return missing_value(node, path, self.sink);
                }
                for (index, item) in node.items().iter().enumerate() {
                    self.value(item, &list.item, &format!("{path}[{index}]"));
                }
                if list.unique == Unique::Strict {
                    strict(node, path, self.sink);
                }
            }
            Form::Named(named) => {
                if node.is_null() && path.contains('.') {
                    return missing_value(node, path, self.sink);
                }
                for (name, entry) in node.as_map().into_iter().flatten() {
                    if !(entry.node.is_null() && named.empty) {
                        self.value(&entry.node, &named.item, &joined(path, name));
                    }
                }
            }
            Form::Command | Form::TextOrNull | Form::Any => {}
            _ if node.is_null() => missing_value(node, path, self.sink),
            _ => {}
        }
    }

    fn table(&mut self, node: &Node, table: &'static Table, path: &str) {
        let Some(map) = node.as_map() else {
            if table.short != super::form::Short::Null {
                missing_value(node, path, self.sink);
            }
            return;
        };
        for key in table.required {
            if !map.contains_key(*key) {
                let message = format!("`{path}` needs `{key}`");
                self.sink
                    .push(Finding::new(Code::MissingKey, message).at(node.span, "here"));
            }
        }
        for (key, entry) in map {
            let Some(attribute) = table.attribute(key) else {
                continue;
            };
            let Attribute { form, support, .. } = attribute;
            let is_silent = attribute
                .silent
                .is_some_and(|text| entry.node.as_text() == Some(text));
            let path = joined(path, key);
            let off = self.disabled.iter().find(|name| is_of(&path, name));
            let finding = match support {
                Support::Honoured | Support::Partly(_) => None,
                Support::Warned(_) if off.is_some() || is_silent => None,
                Support::Refused(_) if off.is_some() => {
                    self.unfit.extend(off.cloned());
                    None
                }
                Support::Warned(why) => {
                    let message = format!("`{path}` has no effect: {why}");
                    Some(Finding::new(Code::NoEffect, message).warning())
                }
                Support::Refused(why) => {
                    let message = format!("`{path}` cannot be honoured: {why}");
                    Some(match self.purpose {
                        Purpose::Print => Finding::new(Code::NoEffect, message).warning(),
                        Purpose::Run => Finding::new(Code::ComposeUnsupported, message),
                    })
                }
            };
            if let Some(finding) = finding {
                self.sink.push(finding.at(entry.key_span, "this attribute"));
            }
            self.value(&entry.node, form, &path);
        }
    }
}

/// `services.web.build` is of `web`.
fn is_of(path: &str, service: &str) -> bool {
    let rest = path.strip_prefix("services.");
    let rest = rest.and_then(|rest| rest.strip_prefix(service));
    rest.is_some_and(|rest| rest.starts_with('.'))
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
