//! `update`: which of two containers goes first.

use super::Code;
use super::reader::Reader;
use super::shape::Kind;
use super::sink::Finding;
use super::tree::{Entry, Node};
use crate::stack::{Service, UpdateOrder};

pub(super) const KIND: Kind = Kind::OneOf(&UpdateOrder::WORDS);

pub(super) fn update(node: &Node) -> UpdateOrder {
    let word = node.get("update").and_then(Node::text);
    word.map_or_else(UpdateOrder::default, UpdateOrder::of_word)
}

/// Where two cannot run at once: an error if this file asks for it; what a Compose file underneath asks for is left out.
pub(super) fn check(reader: &mut Reader<'_>, entry: &Entry, service: &mut Service) {
    if service.update != UpdateOrder::StartFirst {
        return;
    }
    let Some(obstacle) = service.overlap_obstacle() else {
        return;
    };
    service.update = UpdateOrder::StopFirst;
    let message = format!(
        "two containers of `{}` cannot run at once: {}",
        entry.key, obstacle.why
    );
    reader.report(match entry.node.get("update") {
        Some(asked) => Finding::new(Code::Conflict, message)
            .at(asked.span, "asks for that")
            .help(obstacle.help),
        None => Finding::new(Code::NoEffect, message)
            .at(entry.key_span, "it is stopped before the new one starts")
            .help("write `update = \"stop-first\"`")
            .warning(),
    });
}
