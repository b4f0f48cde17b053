//! `${…}` in every value of a tree; keys stay as they are.

use super::node::{Node, Value};
use super::substitute::{Lookup, Problem, ProblemKind, substitute};
use crate::stack::file::{Code, Finding, Sink, Span};

/// Bytes of the text of a project's files that has variables in it, filled in.
const MAX_TEXT: usize = 8 << 20;

/// `filled`: bytes so far, in all files of the project.
pub(super) fn interpolate(
    node: &mut Node,
    lookup: Lookup<'_>,
    filled: &mut usize,
    sink: &mut Sink,
) {
    match &mut node.value {
        Value::Text(text) if text.contains('$') => {
            if *filled > MAX_TEXT {
                return;
            }
            let mut unset = Vec::new();
            match substitute(text, lookup, &mut unset) {
                Ok(result) => *text = result,
                Err(problem) => {
                    let span = inside(node.span, text.len(), &problem);
                    sink.push(finding(&problem.kind, span));
                }
            }
            *filled += text.len();
            if *filled > MAX_TEXT {
                let message = "the values of variables make this more than 8 MiB";
                sink.push(Finding::new(Code::TooLarge, message).at(node.span, "too much here"));
            }
            for name in unset {
                sink.push(not_set(&name, node.span));
            }
        }
        Value::List(items) => {
            for item in items {
                interpolate(item, lookup, filled, sink);
            }
        }
        Value::Map(map) => {
            for entry in map.values_mut() {
                interpolate(&mut entry.node, lookup, filled, sink);
            }
        }
        _ => {}
    }
}

fn not_set(name: &str, span: Span) -> Finding {
    let message = format!("the variable {name} is not set, and counts as empty");
    Finding::new(Code::NotSet, message)
        .warning()
        .at(span, "used here")
        .help(format!(
            "set it in the environment or in .env, or give it a default: `${{{name}:-}}`"
        ))
}

/// Where in the file: exact where the text is written as it is, plain or between quotes.
fn inside(span: Span, len: usize, problem: &Problem) -> Span {
    let written = span.end.saturating_sub(span.start);
    let before = match written.checked_sub(len) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return span,
    };
    Span {
        start: span.start + before + problem.at.start,
        end: span.start + before + problem.at.end.min(len),
        ..span
    }
}

fn finding(kind: &ProblemKind, span: Span) -> Finding {
    let escape = "`$$` is a literal `$`";
    match kind {
        ProblemKind::Open => Finding::new(Code::BadTemplate, "this `${` has no `}`")
            .at(span, "begins here")
            .help(escape),
        ProblemKind::Form => Finding::new(Code::BadTemplate, "this is no reference to a variable")
            .at(span, "this")
            .help(format!(
                "`${{NAME}}`, `${{NAME:-default}}`, `${{NAME:?why}}` and `${{NAME:+other}}` are; {escape}"
            )),
        ProblemKind::TooLong => Finding::new(Code::TooLarge, "this becomes longer than 1 MiB")
            .at(span, "with the value of this"),
        ProblemKind::TooDeep => {
            Finding::new(Code::BadTemplate, "these defaults hold defaults, too many of them")
                .at(span, "this one is too deep")
        }
        ProblemKind::Required { name, why } => {
            let message = match why.as_str() {
                "" => format!("the variable {name} has to be set"),
                _ => format!("the variable {name} has to be set: {why}"),
            };
            Finding::new(Code::NotSet, message)
                .at(span, "asked for here")
                .help("set it in the environment or in .env")
        }
    }
}
