//! `env_file` and `label_file`: what their lines add to a service.

use std::collections::BTreeMap;
use std::io;

use camino::Utf8Path;

use super::dotenv::{self, DotenvError};
use super::include::env_file;
use super::load::Files;
use super::node::{Entry, Map, Node, Value};
use super::substitute::Lookup;
use super::variables::Environment;
use crate::stack::file::{Code, Finding, Sink, Span};

type Variables = BTreeMap<String, String>;

/// Bytes that files of lines add to all services of a project together.
const MAX_TEXT: usize = 8 << 20;

/// What files of lines add to a project.
pub(super) struct Lines<'a> {
    source: &'a dyn Files,
    /// Bytes so far.
    added: usize,
}

impl<'a> Lines<'a> {
    pub fn new(source: &'a dyn Files) -> Self {
        Self { source, added: 0 }
    }

    /// Puts the variables of its files into a service's `environment`, which wins.
    pub fn environment(&mut self, service: &mut Node, project: &Environment, sink: &mut Sink) {
        let Some(files) = service.remove("env_file") else {
            return;
        };
        let own: BTreeMap<String, Option<String>> = texts(service.get("environment"));
        let mut found: Variables = own
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect();
        let lookup = |name: &str| {
            let of_project = project.get(name).cloned();
            of_project.or_else(|| own.get(name).cloned().flatten())
        };
        for file in files.items() {
            self.variables(file, &lookup, &mut found, sink);
        }
        for (name, value) in own {
            match value {
                Some(value) => found.insert(name, value),
                None => found.remove(&name).and(None),
            };
        }
        self.add(service, "environment", found, (files.span, sink));
    }

    /// Those of one file.
    fn variables(&self, file: &Node, lookup: Lookup<'_>, found: &mut Variables, sink: &mut Sink) {
        let path = Utf8Path::new(file.text_at("path").unwrap_or_default());
        let is_required = file.get("required").map(|node| &node.value) != Some(&Value::Bool(false));
        let span = file.get("path").map_or(file.span, |node| node.span);
        let text = match self.source.env(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_required => return,
            Err(error) => {
                let finding = env_file(path, &error, span);
                let may_be_missing = error.kind() == io::ErrorKind::NotFound;
                sink.push(match may_be_missing {
                    true => {
                        finding.help("where it may be missing, write `{path: …, required: false}`")
                    }
                    false => finding,
                });
                return;
            }
        };
        let read = match file.text_at("format") {
            None | Some("") => dotenv::read(&text, lookup, found),
            Some("raw") => raw(&text, lookup, found),
            Some(other) => {
                let message = format!("`{other}` is no format of an `env_file`");
                sink.push(
                    Finding::new(Code::BadValue, message)
                        .at(file.get("format").map_or(span, |node| node.span), "this")
                        .help("leave it out, or write `raw`"),
                );
                return;
            }
        };
        report(read, path, span, sink);
    }

    /// Puts the lines of its files into a service's `labels`, which win. The files stay named.
    pub fn labels(&mut self, service: &mut Node, sink: &mut Sink) {
        let mut all = Variables::new();
        let mut at = service.span;
        for file in service
            .get("label_file")
            .map(Node::items)
            .unwrap_or_default()
        {
            at = file.span;
            let path = Utf8Path::new(file.as_text().unwrap_or_default());
            let text = match self.source.env(path) {
                Ok(text) => text,
                Err(error) => {
                    sink.push(env_file(path, &error, file.span));
                    continue;
                }
            };
            let known = all.clone();
            let lookup = |name: &str| known.get(name).cloned();
            let read = dotenv::read(&text, &lookup, &mut all);
            report(read, path, file.span, sink);
        }
        let own: BTreeMap<String, Option<String>> = texts(service.get("labels"));
        all.extend(
            own.into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        self.add(service, "labels", all, (at, sink));
    }

    /// What is there already keeps its place in the file. Nothing is added beyond the bound, which is told once.
    fn add(
        &mut self,
        service: &mut Node,
        key: &str,
        values: Variables,
        (at, sink): (Span, &mut Sink),
    ) {
        if values.is_empty() || self.added > MAX_TEXT {
            return;
        }
        let sizes = values.iter().map(|(name, value)| name.len() + value.len());
        self.added += sizes.sum::<usize>();
        if self.added > MAX_TEXT {
            let message = "what files of variables and labels add to services is more than 8 MiB";
            sink.push(Finding::new(Code::TooLarge, message).at(at, "too much here"));
            return;
        }
        let span = service.span;
        service.default(key, Value::Map(Map::new()));
        let Some(map) = service.get_mut(key).and_then(Node::as_map_mut) else {
            return;
        };
        for (name, value) in values {
            map.entry(name)
                .or_insert_with(|| Entry::new(Node::text(value, span)));
        }
    }
}

fn report(read: Result<(), DotenvError>, path: &Utf8Path, span: Span, sink: &mut Sink) {
    if let Err(DotenvError { line, problem }) = read {
        let message = format!("{path}, line {line}: {problem}");
        sink.push(Finding::new(Code::EnvFile, message).at(span, "named here"));
    }
}

fn texts(node: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let map = node.and_then(Node::as_map);
    let texts = map.into_iter().flatten().map(|(name, entry)| {
        let value = entry.node.as_text().map(ToOwned::to_owned);
        (name.clone(), value)
    });
    texts.collect()
}

/// `NAME=value` lines as they are: no quotes, no `${…}`.
fn raw(text: &str, lookup: Lookup<'_>, found: &mut Variables) -> Result<(), DotenvError> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (line, lookup(line)),
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(DotenvError {
                line: index + 1,
                problem: "what stands before the `=` is no name".to_owned(),
            });
        }
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    }
    Ok(())
}
