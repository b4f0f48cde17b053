//! `promote = false` or `promote = { … }`: what changes on a cluster.

use super::reader::Reader;
use super::shape::{COMMAND, ENVIRONMENT, Kind, Shape, TEXT, key};
use super::tree::{Node, Value};
use crate::stack::Promote;

static BUILD: Shape = Shape {
    name: "promote_build",
    keys: &[
        key("target", TEXT, "Stage to build instead."),
        key(
            "args",
            ENVIRONMENT,
            "Build arguments, laid over those of `build`.",
        ),
    ],
};

static PROMOTE: Shape = Shape {
    name: "promote",
    keys: &[
        key("build", Kind::Table(&BUILD), "What to build instead."),
        key("command", COMMAND, "Instead of the command of development."),
        key(
            "env",
            ENVIRONMENT,
            "Laid over the environment of development.",
        )
        .or(&["environment"]),
    ],
};

pub(super) const KIND: Kind = Kind::Either(&[Kind::Boolean, Kind::Table(&PROMOTE)]);

pub(super) fn promote(reader: &mut Reader<'_>, node: Option<&Node>) -> Promote {
    let Some(node) = node else {
        return Promote::Same;
    };
    match &node.value {
        Value::Boolean(false) => Promote::No,
        Value::Table(_) => {
            // Nothing at home waits for what only a cluster uses.
            reader.gates = false;
            let build = node.get("build");
            let changes = Promote::With {
                target: build.and_then(|build| build.text_of("target")),
                args: reader.map(build.and_then(|build| build.get("args"))),
                command: node.get("command").map(|command| reader.command(command)),
                env: reader.map(node.get("env")),
            };
            reader.gates = true;
            changes
        }
        _ => Promote::Same,
    }
}
