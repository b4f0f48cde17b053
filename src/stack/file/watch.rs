//! `watch = [{ paths = ["app"], sync = "/app/app" }]`

use super::Code;
use super::formats::{SIGNAL, SYNC_TARGET, signal};
use super::reader::Reader;
use super::shape::{COMMAND, GLOBS, Kind, Shape, key};
use super::sink::Finding;
use super::tree::{Node, Value};
use super::watched;
use crate::stack::{AfterSync, Source, WatchAction, WatchRule};

static AFTER: Shape = Shape {
    name: "after_sync",
    keys: &[
        key(
            "signal",
            Kind::Text(&SIGNAL),
            "To the container's first process; of a process on the host, to all of it.",
        ),
        key(
            "exec",
            COMMAND,
            "Inside the container; one text is run by a shell.",
        )
        .or(&["run", "command", "cmd"]),
    ],
};

static RULE: Shape = Shape {
    name: "watch",
    keys: &[
        key(
            "paths",
            GLOBS,
            "Files, folders or globs, from the stack's folder.",
        )
        .or(&["path", "files"])
        .required(),
        key(
            "ignore",
            GLOBS,
            "Globs that do not count, beside .gitignore and .dockerignore.",
        )
        .or(&["exclude"]),
        key(
            "sync",
            Kind::Text(&SYNC_TARGET),
            "Where the content of each path appears in the container.",
        )
        .or(&["target"]),
        key(
            "then",
            Kind::Either(&[Kind::OneOf(&["restart", "rebuild"]), Kind::Table(&AFTER)]),
            "\"restart\", \"rebuild\"; after a sync { signal = \"HUP\" } or { exec = [\"…\"] }; for a process, { signal = \"HUP\" }.",
        )
        .or(&["action"]),
    ],
};

pub(super) const KIND: Kind = Kind::List(&Kind::Table(&RULE));

pub(super) fn watch(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    source: Option<&Source>,
) -> Vec<WatchRule> {
    let Some(Value::Array(items)) = node.map(|node| &node.value) else {
        return Vec::new();
    };
    let mut rules: Vec<WatchRule> = Vec::new();
    for item in items {
        if let Some(rule) = rule(reader, item, source) {
            never_acts(reader, item, &rule, &rules);
            rules.push(rule);
        }
    }
    rules
}

/// The first rule that covers a path decides, so that one behind it may have nothing left.
fn never_acts(reader: &mut Reader<'_>, node: &Node, rule: &WatchRule, earlier: &[WatchRule]) {
    if !rule.is_covered_by(earlier) {
        return;
    }
    let span = node.get("paths").unwrap_or(node).span;
    let finding = Finding::new(
        Code::NoEffect,
        "this rule never acts: one before it covers all of it",
    )
    .at(span, "decided by an earlier rule");
    reader.report(
        finding
            .warning()
            .help("move it before that rule, or leave its paths out there with `ignore`"),
    );
}

fn rule(reader: &mut Reader<'_>, node: &Node, source: Option<&Source>) -> Option<WatchRule> {
    let action = match node.text_of("sync") {
        Some(target) => WatchAction::Sync {
            target,
            then: after(reader, node)?,
        },
        None => without_sync(reader, node, source)?,
    };
    effect(reader, node, &action, source);
    nothing_watched(reader, node);
    watched::collect(reader, node);
    Some(WatchRule {
        paths: node.texts_of("paths"),
        ignore: node.texts_of("ignore"),
        include: Vec::new(),
        as_dockerignore: false,
        initial_sync: false,
        left_out: None,
        action,
    })
}

fn after(reader: &mut Reader<'_>, node: &Node) -> Option<AfterSync> {
    let Some(then) = node.get("then") else {
        return Some(AfterSync::Nothing);
    };
    if let Some(word) = then.text() {
        if word == "rebuild" {
            let finding = Finding::new(Code::Conflict, "a rebuild replaces what `sync` brought")
                .at(then.span, "conflicts with `sync`");
            reader.report(
                finding.help("leave out `sync`, or make it a rule of its own for other paths"),
            );
            return None;
        }
        return Some(AfterSync::Restart);
    }
    match (then.get("signal").and_then(Node::text), then.get("exec")) {
        (Some(name), None) => Some(AfterSync::Signal(signal(name).ok()?)),
        (None, Some(command)) => Some(AfterSync::Exec(reader.plain_command(command))),
        _ => {
            then.table()?;
            let finding = Finding::new(Code::Conflict, "`then` is one of `signal` and `exec`")
                .at(then.span, "one is needed");
            reader.report(finding.help("write { signal = \"HUP\" } or { exec = [\"…\"] }"));
            None
        }
    }
}

fn without_sync(
    reader: &mut Reader<'_>,
    node: &Node,
    source: Option<&Source>,
) -> Option<WatchAction> {
    node.table()?;
    let on_host = matches!(source, Some(Source::Run(_)));
    let signalled = node.get("then").and_then(|then| then.get("signal"));
    if let Some(name) = signalled.filter(|_| on_host).and_then(Node::text)
        && node
            .get("then")
            .is_some_and(|then| then.get("exec").is_none())
    {
        return Some(WatchAction::Signal(signal(name).ok()?));
    }
    match node.get("then").map(|then| (then, then.text())) {
        Some((_, Some("restart"))) => Some(WatchAction::Restart),
        Some((_, Some("rebuild"))) => Some(WatchAction::Rebuild),
        Some((_, Some(_))) => None,
        Some((then, None)) => {
            let finding = Finding::new(Code::MissingKey, "`then` has nothing to come after")
                .at(then.span, "needs `sync`");
            reader.report(finding.help(match on_host {
                true => "write then = \"restart\" or then = { signal = \"HUP\" }",
                false => "add `sync = \"/path/in/container\"`, or write then = \"restart\"",
            }));
            None
        }
        None => {
            let finding = Finding::new(Code::MissingKey, "this rule does nothing")
                .at(node.span, "what then?");
            reader.report(finding.help(match on_host {
                true => "add then = \"restart\" or then = { signal = \"HUP\" }",
                false => {
                    "add `sync = \"/path/in/container\"`, then = \"restart\" or then = \"rebuild\""
                }
            }));
            None
        }
    }
}

fn nothing_watched(reader: &mut Reader<'_>, node: &Node) {
    let Some(paths) = node
        .get("paths")
        .filter(|_| node.texts_of("paths").is_empty())
    else {
        return;
    };
    if matches!(&paths.value, Value::Array(items) if items.is_empty()) {
        let finding = Finding::new(Code::BadValue, "this rule watches no files")
            .at(paths.span, "names nothing");
        reader.report(finding.help("name files, folders or globs, as in paths = [\"app\"]"));
    }
}

/// What a rule asks for that its service cannot do.
fn effect(reader: &mut Reader<'_>, node: &Node, action: &WatchAction, source: Option<&Source>) {
    let service = reader.service.clone();
    match (action, source) {
        (WatchAction::Sync { .. }, Some(Source::Run(_))) => {
            let span = node.get("sync").unwrap_or(node).span;
            let message = format!("`{service}` runs on the host and reads the files themselves");
            let finding = Finding::new(Code::Conflict, message).at(span, "nothing to sync");
            reader.report(finding.help(
                "leave out `sync`; then = \"restart\" or then = { signal = \"HUP\" } tells it of them",
            ));
        }
        (WatchAction::Rebuild, Some(Source::Image(_) | Source::Run(_))) => {
            let message = format!("`{service}` is not built, so \"rebuild\" does nothing");
            let finding = Finding::new(Code::NoEffect, message)
                .at(node.span, "no effect")
                .warning();
            reader.report(finding.help("write then = \"restart\", or give the service a `build`"));
        }
        _ => {}
    }
}
