//! What the readers of all tables share: where they are, what they found, and who mentioned what.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::Code;
use super::outside::{Outside, is_outside};
use super::sink::{Finding, Sink, nearest};
use super::tree::{Entry, Node, Span, Value};
use super::watched::Watched;
use crate::stack::path::clean;
use crate::stack::{Part, Reference, Service, Stack, Template};

/// How `parse` gets the text of an `env_file`: the outside stays outside.
pub type ReadText<'a> = &'a dyn Fn(&Utf8Path) -> io::Result<String>;

pub(super) struct Reader<'a> {
    /// Absolute.
    pub dir: &'a Utf8Path,
    pub read_text: ReadText<'a>,
    pub sink: Sink,
    pub mentions: Vec<Mention>,
    pub outside: Vec<Outside>,
    pub watched: Vec<Watched>,
    /// Every service of the file, whether it can be read or not.
    pub services: BTreeSet<String>,
    /// Every secret of the file, likewise.
    pub secrets: BTreeSet<String>,
    /// Whose table is being read.
    pub service: String,
    /// What is being read keeps the service from starting.
    pub gates: bool,
    /// Services whose ports or outputs are told to be wrong: what else they have nobody knows.
    pub unclear: BTreeSet<String>,
    /// What the Compose files underneath say.
    pub base: Option<Stack>,
}

/// Something that has to exist elsewhere in the stack.
#[derive(Debug)]
pub(super) struct Mention {
    pub from: String,
    pub span: Span,
    /// The service waits for it.
    pub gates: bool,
    pub what: Mentioned,
}

#[derive(Debug)]
pub(super) enum Mentioned {
    /// By `needs`.
    Service(String),
    /// By a reference; `None`: the service's own.
    Output {
        service: Option<String>,
        path: Vec<String>,
        reference: String,
    },
    Secret(String),
    /// Something that is in no file of the stack.
    Outside(Reference),
    Network(String),
}

impl Reader<'_> {
    /// The service of that name underneath.
    pub fn beneath(&self, service: &str) -> Option<&Service> {
        self.base.as_ref()?.services.get(service)
    }

    /// The service underneath that was probably meant by a name.
    pub fn misnamed(&self, name: &str) -> Option<&str> {
        nearest(
            name,
            self.base.as_ref()?.services.keys().map(String::as_str),
        )
    }

    pub fn report(&mut self, finding: Finding) {
        self.sink.push(finding);
    }

    /// [`Reader::is_wrong`] of what a table has under `key`, or of the key.
    pub fn is_wrong_at(&self, table: &Node, key: &str) -> bool {
        let entry = table.table().and_then(|table| table.entry(key));
        entry.is_some_and(|e| self.sink.is_wrong(e.key_span) || self.is_wrong(&e.node))
    }

    /// Whether an error is told about a value or about something in it, so that what it lacks says nothing.
    pub fn is_wrong(&self, node: &Node) -> bool {
        let within =
            |entry: &Entry| self.sink.is_wrong(entry.key_span) || self.is_wrong(&entry.node);
        self.sink.is_wrong(node.span)
            || match &node.value {
                Value::Array(items) => items.iter().any(|item| self.is_wrong(item)),
                _ => node.entries().iter().any(within),
            }
    }

    pub fn mention(&mut self, span: Span, what: Mentioned) {
        self.mentions.push(Mention {
            from: self.service.clone(),
            span,
            gates: self.gates,
            what,
        });
    }

    /// An absolute path without `.` and `..`, from one that starts at the stack's folder.
    pub fn path(&self, text: &str) -> Utf8PathBuf {
        clean(&self.dir.join(text))
    }

    /// A text with references, which it takes note of.
    pub fn template(&mut self, node: &Node) -> Template {
        let Some(text) = plain(node) else {
            return Template::default();
        };
        match Template::parse_spans(&text) {
            Ok(mut parts) => {
                for (range, part) in &mut parts {
                    if let Part::Reference(reference) = part {
                        self.replica(reference);
                        let span = self.inside(node, range.start, range.end, text.len());
                        self.reference(span, reference);
                    }
                }
                Template {
                    parts: parts.into_iter().map(|(_, part)| part).collect(),
                }
            }
            Err(error) => {
                let span = self.inside(node, error.offset, error.offset + error.len, text.len());
                let help = "`${service.output}`, `${self.output}`, `${env:NAME:-default}`, `${secret:NAME}` and \
                            `${git:sha}` are references; `$$` is a literal `$`";
                self.report(
                    Finding::new(Code::BadTemplate, error.message)
                        .at(span, "in this reference")
                        .help(help),
                );
                Template::default()
            }
        }
    }

    pub fn templates(&mut self, node: &Node) -> Vec<Template> {
        node.items()
            .iter()
            .map(|item| self.template(item))
            .collect()
    }

    /// A list of words as it is; one text is run by a shell, as people mean it when they write pipes and variables.
    pub fn command(&mut self, node: &Node) -> Vec<Template> {
        match node.value {
            Value::Array(_) => self.templates(node),
            _ => vec![
                Template::text("sh"),
                Template::text("-c"),
                self.template(node),
            ],
        }
    }

    /// As [`Reader::command`], without references.
    pub fn plain_command(&mut self, node: &Node) -> Vec<String> {
        let first = node.text().or_else(|| node.items().first()?.text());
        let is_empty = match &node.value {
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if is_empty || first.is_some_and(|word| word.trim().is_empty()) {
            let finding =
                Finding::new(Code::BadValue, "there is no command in this").at(node.span, "empty");
            self.report(finding.help("write a command, such as [\"./check\", \"--quick\"]"));
        }
        match &node.value {
            Value::Text(text) => vec!["sh".to_owned(), "-c".to_owned(), text.clone()],
            _ => node.items().iter().filter_map(plain).collect(),
        }
    }

    /// Values by name, and the names that `false` takes away from what lies below.
    pub fn variables(&mut self, node: Option<&Node>) -> BTreeMap<String, Option<Template>> {
        let entries = node.map(Node::entries).unwrap_or_default();
        let read = entries.iter().map(|entry| {
            let value = (!entry.node.is_false()).then(|| self.template(&entry.node));
            (entry.key.clone(), value)
        });
        read.collect()
    }

    /// As [`Reader::variables`], where there is nothing below.
    pub fn map(&mut self, node: Option<&Node>) -> BTreeMap<String, Template> {
        self.variables(node)
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// `${db.replica.url}` is `${db-replica.url}`, where there is such a service.
    fn replica(&self, reference: &mut Reference) {
        if let Reference::Service { service, path } = reference
            && path.len() > 1
            && path[0] == "replica"
            && self.services.contains(&format!("{service}-replica"))
        {
            service.push_str("-replica");
            path.remove(0);
        }
    }

    fn reference(&mut self, span: Span, reference: &Reference) {
        let whole = Template {
            parts: vec![Part::Reference(reference.clone())],
        };
        let all = whole.all_references();
        if all.iter().any(is_outside) {
            self.mention(span, Mentioned::Outside(reference.clone()));
        }
        for reference in all {
            let text = reference.to_string();
            match reference {
                Reference::Service { service, path } => {
                    self.mention(
                        span,
                        Mentioned::Output {
                            service: Some(service),
                            path,
                            reference: text,
                        },
                    );
                }
                Reference::Own { path } => {
                    self.mention(
                        span,
                        Mentioned::Output {
                            service: None,
                            path,
                            reference: text,
                        },
                    );
                }
                Reference::Secret { name } => self.mention(span, Mentioned::Secret(name)),
                Reference::Env { .. } | Reference::Git { .. } => {}
            }
        }
    }

    /// Where bytes of a text's value lie in the file: exact if the text is written as it is, between single quotes.
    pub fn inside(&self, node: &Node, start: usize, end: usize, len: usize) -> Span {
        let written = node.span.end.saturating_sub(node.span.start);
        match written == len + 2 {
            true => Span {
                start: node.span.start + 1 + start,
                end: node.span.start + 1 + end,
                ..node.span
            },
            false => node.span,
        }
    }
}

/// A text, or a number as text.
fn plain(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    }
}
