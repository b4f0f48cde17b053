//! `preset = "postgres:14"`: the parts of a service that come from data.

use std::collections::BTreeMap;

use super::Code;
use super::formats::{Format, KEY};
use super::reader::Reader;
use super::shape::{Kind, TEXT, TEXTS};
use super::sink::Finding;
use super::tree::{Node, Value};
use crate::stack::presets::{self, PresetError, PresetService, PresetUse};

pub(super) static FORMAT: Format = Format {
    expected: "a preset such as \"postgres:16\"",
    code: Code::BadValue,
    pattern: "^[a-z][a-z0-9_-]*(:.+)?$",
    check: |text| match text
        .split_once(':')
        .map_or(text, |(name, _)| name)
        .is_empty()
        || text.ends_with(':')
    {
        true => Err("write NAME or NAME:VERSION, such as \"postgres:16\"".to_owned()),
        false => Ok(()),
    },
};

const NUMBER: Kind = Kind::Integer {
    min: 0,
    max: i64::MAX,
};
pub(super) const OPTIONS: Kind = Kind::Map {
    keys: &KEY,
    noun: "option",
    value: &Kind::Either(&[TEXT, NUMBER, Kind::Boolean, TEXTS]),
};

/// `None` when there is no preset, or none that can be used like this, which is then reported.
pub(super) fn preset(
    reader: &mut Reader<'_>,
    service: &Node,
    project: &str,
) -> Option<PresetService> {
    let node = service.get("preset")?;
    let text = node.text()?;
    (FORMAT.check)(text).ok()?;
    let (name, version) = match text.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let databases = service.texts_of("databases");
    let options = options(service.get("options"));
    let usage = PresetUse {
        name,
        version,
        project,
        service: &reader.service,
        databases: &databases,
        volume: service
            .get("volume")
            .and_then(Node::boolean)
            .unwrap_or(true),
        options: &options,
    };
    match presets::expand(&usage) {
        Ok(expanded) => Some(expanded),
        Err(error) => {
            report(reader, service, node, &error);
            None
        }
    }
}

fn report(reader: &mut Reader<'_>, service: &Node, preset: &Node, error: &PresetError) {
    let (code, span) = match error {
        PresetError::Unknown { .. } => (Code::UnknownPreset, preset.span),
        PresetError::NoDatabases { .. } => (
            Code::Conflict,
            service.get("databases").unwrap_or(preset).span,
        ),
        PresetError::UnknownOption { option, .. } => {
            let entry = service
                .get("options")
                .and_then(Node::table)
                .and_then(|options| options.entry(option));
            (
                Code::UnknownKey,
                entry.map_or(preset.span, |entry| entry.key_span),
            )
        }
        PresetError::Name { what, name } => {
            let lists = ["databases", "options"]
                .into_iter()
                .filter_map(|key| service.get(key));
            let items = lists.flat_map(|list| {
                list.entries()
                    .iter()
                    .map(|e| &e.node)
                    .chain(std::iter::once(list))
            });
            let found = items
                .flat_map(Node::items)
                .find(|item| item.text() == Some(name));
            (
                if *what == "version" {
                    Code::BadValue
                } else {
                    Code::BadName
                },
                found.unwrap_or(preset).span,
            )
        }
        _ => (Code::BadValue, preset.span),
    };
    let finding = Finding::new(code, error.to_string()).at(span, "here");
    reader.report(match error.help() {
        Some(help) => finding.help(help),
        None => finding,
    });
}

/// Options as presets read them: lists with commas between.
fn options(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default().iter();
    let text = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Array(_) => Some(node.texts().join(",")),
        _ => None,
    };
    entries
        .filter_map(|entry| Some((entry.key.clone(), text(&entry.node)?)))
        .collect()
}
