//! Holds a tree against its shape and reports everything that does not fit.

use super::Code;
use super::formats::COMMAND_LINE;
use super::run::joined;
use super::shape::{Key, Kind, Shape};
use super::sink::{Finding, Sink, is_close, nearest};
use super::tree::{Entry, Node, Table, Value};

/// Takes out what a layer removed with `false`, so that later steps see only what is there. In the first layer `false`
/// has nothing to remove and is left for [`check`] to refuse, except in maps, where it can take away what a preset gave.
pub(super) fn prune(table: &mut Table, shape: &Shape) {
    table.entries.retain_mut(|entry| {
        let Some(key) = shape.key(&entry.key) else {
            return true;
        };
        if entry.node.is_false() && !key.kind.takes_false() && entry.node.span.layer > 0 {
            return false;
        }
        prune_kind(&mut entry.node, &key.kind);
        true
    });
}

fn prune_kind(node: &mut Node, kind: &Kind) {
    match (kind, &mut node.value) {
        (Kind::Table(shape), Value::Table(table)) => prune(table, shape),
        (Kind::Map { value, .. }, Value::Table(table)) => {
            if matches!(value, Kind::Table(_)) {
                table.entries.retain(|entry| !entry.node.is_false());
            }
            table
                .entries
                .iter_mut()
                .for_each(|entry| prune_kind(&mut entry.node, value));
        }
        (Kind::List(item), Value::Array(items)) => {
            items.iter_mut().for_each(|node| prune_kind(node, item))
        }
        (Kind::Either(kinds), value) => {
            if let Some(kind) = kinds.iter().find(|kind| fits(kind, value)) {
                prune_kind(node, kind);
            }
        }
        _ => {}
    }
}

/// `what` is how errors call the table: "service `api`". A misspelt key is told once and then read as the one that was
/// probably meant, so that nothing is told that only follows from it.
pub(super) fn table(table: &mut Table, shape: &Shape, what: &str, sink: &mut Sink) {
    let mut misspelt = Vec::new();
    for at in 0..table.entries.len() {
        let entry = &mut table.entries[at];
        match shape.key(&entry.key) {
            Some(key) => value(&mut entry.node, &key.kind, &entry.key, sink),
            None => {
                let meant = unknown_key(&table.entries[at], table, shape, what, sink);
                misspelt.extend(meant.map(|key| (at, key)));
            }
        }
    }
    for (at, key) in misspelt.into_iter().rev() {
        let entry = &mut table.entries[at];
        key.name.clone_into(&mut entry.key);
        if matches!(entry.node.value, Value::Table(_)) && fits(&key.kind, &entry.node.value) {
            value(&mut entry.node, &key.kind, key.name, sink);
        }
        let found = table.entries.remove(at);
        match table.value_mut(key.name) {
            None => table.entries.insert(at, found),
            Some(Value::Table(there)) => {
                if let Value::Table(more) = found.node.value {
                    there.merge(more);
                }
            }
            Some(_) => {}
        }
    }
}

/// Reports what `shape` requires and `node` does not have.
fn required(node: &Node, shape: &Shape, what: &str, sink: &mut Sink) {
    for Key { name, doc, .. } in shape.keys.iter().filter(|key| key.required) {
        if node.get(name).is_none() {
            let message = format!("`{name}` is missing in {what}");
            sink.push(
                Finding::new(Code::MissingKey, message)
                    .at(node.span, "here")
                    .help(format!("`{name}`: {doc}")),
            );
        }
    }
}

/// The key that was meant, if it is plain enough to read the entry as that.
fn unknown_key<'s>(
    entry: &Entry,
    table: &Table,
    shape: &'s Shape,
    what: &str,
    sink: &mut Sink,
) -> Option<&'s Key> {
    let finding = Finding::new(
        Code::UnknownKey,
        format!("{what} has no key `{}`", entry.key),
    );
    let finding = finding.at(entry.key_span, "unknown key");
    if sink.is_full() {
        sink.push(finding);
        return None;
    }
    let taken = |key: &Key| {
        key.exclusive
            && shape
                .keys
                .iter()
                .any(|other| other.exclusive && table.get(other.name).is_some())
    };
    let aliased = |key: &&Key| key.aliases.contains(&entry.key.as_str());
    let mut aliases = shape.keys.iter().filter(aliased);
    let alias = aliases.clone().find(|key| !taken(key)).or(aliases.next());
    let names = || shape.keys.iter().map(|key| key.name);
    let near = || shape.key(nearest(&entry.key, names())?);
    let Some(meant) = alias.or_else(near) else {
        let known: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        sink.push(finding.help(format!("it knows {}", known.join(", "))));
        return None;
    };
    sink.push(finding.help(match fits(&meant.kind, &entry.node.value) {
        true => format!("did you mean `{}`?", meant.name),
        false => format!("did you mean `{}`: {}?", meant.name, meant.kind.expected()),
    }));
    let plain = alias.is_some() || is_close(&entry.key, meant.name);
    (plain && !taken(meant)).then_some(meant)
}

/// Whether a value has the TOML type that `kind` is about.
fn fits(kind: &Kind, value: &Value) -> bool {
    match (kind, value) {
        (Kind::Text(_) | Kind::OneOf(_), Value::Text(_)) => true,
        (Kind::Template, Value::Text(_) | Value::Integer(_) | Value::Float(_)) => true,
        (Kind::Boolean, Value::Boolean(_)) => true,
        (Kind::True, Value::Boolean(truth)) => *truth,
        (Kind::False, Value::Boolean(truth)) => !*truth,
        (Kind::Integer { .. }, Value::Integer(_)) => true,
        (Kind::Number { .. }, Value::Integer(_) | Value::Float(_)) => true,
        (Kind::List(_), Value::Array(_)) => true,
        (Kind::Table(_) | Kind::Map { .. }, Value::Table(_)) => true,
        (Kind::Either(kinds), value) => kinds.iter().any(|kind| fits(kind, value)),
        _ => false,
    }
}

/// `name` is the key that the value belongs to.
pub(super) fn value(node: &mut Node, kind: &Kind, name: &str, sink: &mut Sink) {
    if !fits(kind, &node.value) {
        return wrong_type(node, kind, name, sink);
    }
    let whole = kind;
    match (kind, &mut node.value) {
        (Kind::Either(kinds), found) => {
            match kinds.iter().find(|kind| fits(kind, found)) {
                // A word that is none of these may stand for what is no word.
                Some(Kind::OneOf(words)) => one_of(node, words, whole, name, sink),
                Some(kind) => value(node, kind, name, sink),
                None => {}
            }
        }
        (Kind::List(item), Value::Array(items)) => items
            .iter_mut()
            .for_each(|node| value(node, item, name, sink)),
        (Kind::Table(shape), Value::Table(found)) => {
            let what = format!("`{name}`");
            table(found, shape, &what, sink);
            required(node, shape, &what, sink);
        }
        (Kind::Map { keys, noun, value }, Value::Table(found)) => {
            for entry in &mut found.entries {
                map_entry(entry, keys, noun, value, sink);
            }
        }
        _ => scalar(node, kind, name, sink),
    }
}

fn scalar(node: &Node, kind: &Kind, name: &str, sink: &mut Sink) {
    match (kind, &node.value) {
        (Kind::Text(format), Value::Text(text)) => {
            if let Err(help) = (format.check)(text) {
                let message = match text.trim().is_empty() {
                    true => format!("`{name}` is empty"),
                    false => format!("`{name}` cannot be {}", shown(text)),
                };
                let expected = format!("expected {}", format.expected);
                sink.push(
                    Finding::new(format.code, message)
                        .at(node.span, expected)
                        .help(help),
                );
            }
        }
        (Kind::OneOf(words), Value::Text(_)) => one_of(node, words, kind, name, sink),
        (Kind::Integer { min, max }, Value::Integer(number)) if number < min || number > max => {
            out_of_range(node, kind, name, *max == 65_535, sink);
        }
        (Kind::Number { max }, found) => {
            let number = match found {
                Value::Integer(number) => *number as f64,
                Value::Float(number) => *number,
                _ => f64::NAN,
            };
            if !(number > 0.0 && number <= *max) {
                out_of_range(node, kind, name, false, sink);
            }
        }
        _ => {}
    }
}

/// `kind`: all that may stand there.
fn one_of(node: &Node, words: &[&str], kind: &Kind, name: &str, sink: &mut Sink) {
    let Some(text) = node.text().filter(|text| !words.contains(text)) else {
        return;
    };
    let help = match nearest(text, words.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("write {}", kind.expected()),
    };
    let message = format!("`{name}` cannot be {}", shown(text));
    sink.push(
        Finding::new(Code::BadValue, message)
            .at(node.span, "no such value")
            .help(help),
    );
}

fn map_entry(
    entry: &mut Entry,
    keys: &super::formats::Format,
    noun: &str,
    kind: &Kind,
    sink: &mut Sink,
) {
    if let Err(help) = (keys.check)(&entry.key) {
        let message = format!("a {noun} cannot be called {}", shown(&entry.key));
        sink.push(
            Finding::new(keys.code, message)
                .at(entry.key_span, "bad name")
                .help(help),
        );
    }
    match kind {
        _ if entry.node.is_false() && !kind.takes_false() => {}
        Kind::Table(shape) => match &mut entry.node.value {
            Value::Table(found) => {
                let what = format!("{noun} `{}`", entry.key);
                table(found, shape, &what, sink);
                required(&entry.node, shape, &what, sink);
            }
            _ => wrong_type(&entry.node, kind, &entry.key, sink),
        },
        _ => value(&mut entry.node, kind, &entry.key, sink),
    }
}

fn out_of_range(node: &Node, kind: &Kind, name: &str, port: bool, sink: &mut Sink) {
    let code = if port { Code::BadPort } else { Code::BadValue };
    let help = match kind {
        Kind::Number { max } => format!("write a number above 0, at most {max}"),
        _ => format!("write {}", kind.expected()),
    };
    sink.push(
        Finding::new(code, format!("`{name}` is out of range"))
            .at(node.span, "out of range")
            .help(help),
    );
}

fn wrong_type(node: &Node, kind: &Kind, name: &str, sink: &mut Sink) {
    let message = format!("`{name}` cannot be {}", node.type_name());
    let help = match (kind, &node.value) {
        (Kind::Template | Kind::Text(_), Value::Boolean(truth)) => {
            format!("write it in quotes: \"{truth}\"")
        }
        (Kind::Text(_), Value::Integer(number)) => {
            format!("write {}, in quotes; not {number}", kind.expected())
        }
        (Kind::Text(format), Value::Array(items)) => {
            let words: Option<Vec<&str>> = items.iter().map(Node::text).collect();
            match words.filter(|words| !words.is_empty()) {
                Some(words) if std::ptr::eq(*format, &COMMAND_LINE) => {
                    format!("write one text for the shell: {name} = {}", joined(&words))
                }
                _ => format!("write {}, not a list", kind.expected()),
            }
        }
        _ => format!("write {}", kind.expected()),
    };
    sink.push(
        Finding::new(Code::WrongType, message)
            .at(node.span, node.type_name())
            .help(help),
    );
}

/// A text as errors quote it, not longer than a line.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().count() > 40 {
        format!("`{short}…`")
    } else {
        format!("`{short}`")
    }
}
