//! `needs = ["db"]` or `needs = { db = { restart = true }, cache = "started" }`.

use std::collections::BTreeMap;

use super::formats::SERVICE;
use super::reader::{Mentioned, Reader};
use super::shape::{Kind, Shape, key};
use super::tree::{Entry, Node, Span, Value};
use crate::stack::{Condition, Need};

const CONDITION: Kind = Kind::OneOf(&["ready", "started"]);

static NEED: Shape = Shape {
    name: "need",
    keys: &[
        key(
            "condition",
            CONDITION,
            "\"ready\" (its probe passes; for a job: it ended with 0), or \"started\".",
        ),
        key(
            "restart",
            Kind::Boolean,
            "Restart this service when that one was restarted or replaced.",
        ),
    ],
};

const BY_NAME: Kind = Kind::Map {
    keys: &SERVICE,
    noun: "service",
    value: &Kind::Either(&[Kind::Boolean, CONDITION, Kind::Table(&NEED)]),
};

pub(super) const KIND: Kind = Kind::Either(&[
    Kind::List(&Kind::Either(&[Kind::Text(&SERVICE), BY_NAME])),
    BY_NAME,
]);

/// With the place of each, for cycles.
pub(super) fn needs(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
) -> BTreeMap<String, (Need, Span)> {
    let mut found = BTreeMap::new();
    let Some(node) = node else { return found };
    for item in node.items() {
        match &item.value {
            Value::Text(service) => {
                reader.mention(item.span, Mentioned::Service(service.clone()));
                found.insert(
                    service.clone(),
                    (
                        Need {
                            condition: Condition::Ready,
                            restart: false,
                            required: true,
                        },
                        item.span,
                    ),
                );
            }
            Value::Table(table) => {
                for entry in table.entries.iter().filter(|entry| !entry.node.is_false()) {
                    reader.mention(entry.key_span, Mentioned::Service(entry.key.clone()));
                    found.insert(entry.key.clone(), (need(entry), entry.key_span));
                }
            }
            _ => {}
        }
    }
    found
}

fn need(entry: &Entry) -> Need {
    let condition = entry
        .node
        .text()
        .or_else(|| entry.node.get("condition").and_then(Node::text));
    Need {
        condition: if condition == Some("started") {
            Condition::Started
        } else {
            Condition::Ready
        },
        restart: entry
            .node
            .get("restart")
            .and_then(Node::boolean)
            .unwrap_or(false),
        required: true,
    }
}
