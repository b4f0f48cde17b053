//! Values that are no tables and no lists: each of the type that its attribute has.

use super::canonical::{joined, wrong_type};
use super::form::Form;
use super::node::{Node, Value};
use super::{dict, units, words};
use crate::stack::file::{Code, Finding, Sink, nearest};

/// Gives a value the type that its attribute has.
pub(super) fn scalar(node: &mut Node, form: &'static Form, path: &str, sink: &mut Sink) {
    if node.is_null() {
        return;
    }
    match form {
        Form::Text | Form::TextOrNull => expect_text(node, path, sink),
        Form::Choice(choices) => choice(node, choices, path, sink),
        Form::PullPolicy => pull_policy(node, path, sink),
        Form::Bool | Form::Flag | Form::OptOut => boolean(node, path, sink),
        Form::External => external(node, path, sink),
        Form::Int(least, most) => int(node, *least, *most, path, sink),
        Form::Count => int(node, 0, i64::MAX, path, sink),
        Form::Number => number(node, path, sink),
        Form::Bytes => bytes(node, path, sink),
        Form::Duration => duration(node, path, sink),
        Form::FileMode => file_mode(node, path, sink),
        Form::Command => command(node, path, sink),
        Form::HealthTest => health_test(node, path, sink),
        Form::Scalar => match dict::scalar_text(&node.value) {
            Some(text) => node.value = Value::Text(text),
            None => wrong_type(node, path, "text or a number", sink),
        },
        Form::DeviceCount => match node.as_text() {
            Some(text) if text.eq_ignore_ascii_case("all") => node.value = Value::Int(-1),
            _ => int(node, i64::MIN, i64::MAX, path, sink),
        },
        Form::Ulimit => ulimit(node, path, sink),
        _ => {}
    }
}

fn expect_text(node: &Node, path: &str, sink: &mut Sink) {
    if node.as_text().is_none() {
        wrong_type(node, path, "text", sink);
    }
}

fn choice(node: &Node, choices: &[&str], path: &str, sink: &mut Sink) {
    match node.as_text() {
        None => wrong_type(node, path, "text", sink),
        Some(text) if choices.contains(&text) => {}
        Some(text) => {
            let message = format!("`{path}` cannot be `{text}`");
            let help = match nearest(text, choices.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it can be: {}", choices.join(", ")),
            };
            sink.push(
                Finding::new(Code::BadValue, message)
                    .at(node.span, "this")
                    .help(help),
            );
        }
    }
}

fn pull_policy(node: &Node, path: &str, sink: &mut Sink) {
    const WORDS: &[&str] = &[
        "always",
        "never",
        "build",
        "if_not_present",
        "missing",
        "refresh",
        "daily",
        "weekly",
    ];
    let Some(text) = node.as_text() else {
        return wrong_type(node, path, "text", sink);
    };
    let is_every = text
        .strip_prefix("every_")
        .is_some_and(|pause| units::duration(pause).is_some());
    if !is_every {
        choice(node, WORDS, path, sink);
    }
}

fn boolean(node: &mut Node, path: &str, sink: &mut Sink) {
    let value = match &node.value {
        Value::Bool(_) => return,
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            "y" | "yes" | "on" => old_boolean(node, true, sink),
            "n" | "no" | "off" => old_boolean(node, false, sink),
            _ => None,
        },
        _ => None,
    };
    match value {
        Some(value) => node.value = Value::Bool(value),
        None => wrong_type(node, path, "true or false", sink),
    }
}

/// Words that were booleans in YAML 1.1.
fn old_boolean(node: &Node, value: bool, sink: &mut Sink) -> Option<bool> {
    sink.push(
        Finding::new(Code::BadValue, "YAML has dropped this word for a boolean")
            .warning()
            .at(node.span, "this")
            .help(format!("write `{value}`")),
    );
    Some(value)
}

fn external(node: &mut Node, path: &str, sink: &mut Sink) {
    if node.as_map().is_none() {
        boolean(node, path, sink);
    }
}

fn int(node: &mut Node, least: i64, most: i64, path: &str, sink: &mut Sink) {
    let value = match &node.value {
        Value::Int(value) => Some(*value),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    match value {
        None => wrong_type(node, path, "a whole number", sink),
        Some(value) if (least..=most).contains(&value) => node.value = Value::Int(value),
        Some(_) => {
            let message = format!("`{path}` has to be from {least} to {most}");
            sink.push(Finding::new(Code::BadValue, message).at(node.span, "this"));
        }
    }
}

fn number(node: &mut Node, path: &str, sink: &mut Sink) {
    let value = match &node.value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    match value {
        Some(value) if value.is_finite() => node.value = Value::Float(value),
        Some(value) => {
            let what = match value.is_nan() {
                true => "this is not a number (NaN)",
                false => "this is infinite",
            };
            let message = format!("`{path}` has to be a number that can be counted to: {what}");
            let help = "write how many, as 0.5 or 2; without the line there is no limit";
            sink.push(
                Finding::new(Code::BadValue, message)
                    .at(node.span, "this")
                    .help(help),
            );
        }
        None => wrong_type(node, path, "a number", sink),
    }
}

fn bytes(node: &mut Node, path: &str, sink: &mut Sink) {
    match &node.value {
        Value::Int(_) => {}
        Value::Text(text) => match units::bytes(text) {
            Some(bytes) => node.value = Value::Int(bytes),
            None => sink.push(
                Finding::new(Code::BadSize, format!("`{path}` is no size"))
                    .at(node.span, "this")
                    .help("sizes are written as 64m, 1.5g or 1048576"),
            ),
        },
        _ => wrong_type(node, path, "a size", sink),
    }
}

fn duration(node: &mut Node, path: &str, sink: &mut Sink) {
    let Some(text) = node.as_text() else {
        return wrong_type(node, path, "a duration, such as 1m30s", sink);
    };
    match units::duration(text) {
        Some(nanos) => node.value = Value::Text(units::duration_text(nanos)),
        None => sink.push(
            Finding::new(Code::BadDuration, format!("`{path}` is no duration"))
                .at(node.span, "this")
                .help("durations are written as 500ms, 30s or 1m30s"),
        ),
    }
}

fn file_mode(node: &mut Node, path: &str, sink: &mut Sink) {
    match &node.value {
        Value::Int(_) => {}
        Value::Text(text) => match i64::from_str_radix(text, 8) {
            Ok(mode) => node.value = Value::Int(mode),
            Err(_) => wrong_type(node, path, "an octal mode, such as 0440", sink),
        },
        _ => wrong_type(node, path, "an octal mode, such as 0440", sink),
    }
}

fn command(node: &mut Node, path: &str, sink: &mut Sink) {
    match &node.value {
        Value::List(_) => all_text(node, path, sink),
        Value::Text(text) => match words::split(text) {
            Ok(split) => {
                if let Some(dropped) = split.dropped {
                    let message = format!("`{path}`: what begins with `{dropped}` is left out");
                    sink.push(
                        Finding::new(Code::NoEffect, message)
                            .warning()
                            .at(node.span, "no shell reads this")
                            .help("for a shell write: [\"sh\", \"-c\", \"…\"]"),
                    );
                }
                let span = node.span;
                let words = split.words.into_iter().map(|word| Node::text(word, span));
                node.value = Value::List(words.collect());
            }
            Err(problem) => sink.push(
                Finding::new(Code::BadValue, format!("`{path}`: {problem}"))
                    .at(node.span, "this command"),
            ),
        },
        _ => wrong_type(node, path, "text or a list of words", sink),
    }
}

fn health_test(node: &mut Node, path: &str, sink: &mut Sink) {
    match &node.value {
        Value::List(_) => all_text(node, path, sink),
        Value::Text(text) => {
            let words = ["CMD-SHELL", text].map(|word| Node::text(word, node.span));
            node.value = Value::List(words.into());
        }
        _ => wrong_type(node, path, "text or a list of words", sink),
    }
}

fn all_text(node: &Node, path: &str, sink: &mut Sink) {
    for (index, item) in node.items().iter().enumerate() {
        if item.as_text().is_none() {
            wrong_type(item, &format!("{path}[{index}]"), "text", sink);
        }
    }
}

fn ulimit(node: &mut Node, path: &str, sink: &mut Sink) {
    let any = i64::MIN..=i64::MAX;
    let Some(map) = node.as_map_mut() else {
        return int(node, *any.start(), *any.end(), path, sink);
    };
    for (key, entry) in map.iter_mut() {
        let path = joined(path, key);
        match key.as_str() {
            "hard" | "soft" => int(&mut entry.node, *any.start(), *any.end(), &path, sink),
            _ if key.starts_with("x-") => {}
            _ => sink.push(
                Finding::new(Code::UnknownKey, format!("there is no `{path}`"))
                    .at(entry.key_span, "this key")
                    .help("a limit has `soft` and `hard`, or is one number"),
            ),
        }
    }
    let (soft, hard) = (map.contains_key("soft"), map.contains_key("hard"));
    if !(soft && hard) {
        let message = format!("`{path}` needs `soft` and `hard`");
        sink.push(Finding::new(Code::MissingKey, message).at(node.span, "here"));
    }
}
