//! The canonical project as a [`Stack`]: from here on, nobody knows which file it was.

mod build;
mod container;
mod health;
mod limits;
mod mounts;
mod networks;
mod ports;
mod service;
mod sources;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::load::Files;
use super::node::{Node, Value};
use super::variables::Environment;
use crate::stack::file::{Code, Finding, Sink, Span};
use crate::stack::{Runtime, SecretSource, Service, Stack, StackKubernetes};

/// What a stack is made with beside the project itself.
pub(super) struct Making<'a> {
    pub project: &'a Node,
    pub name: &'a str,
    /// The project's folder.
    pub dir: &'a Utf8Path,
    pub files: &'a [Utf8PathBuf],
    /// What `.dockerignore` says is read by it.
    pub source: &'a dyn Files,
    pub environment: &'a Environment,
    /// Services that run only when somebody names them.
    pub disabled: &'a BTreeSet<String>,
    pub sink: &'a mut Sink,
    /// Ports that are exposed, so far.
    exposed: usize,
    /// Services that another one needs to have ended well.
    one_shots: BTreeSet<String>,
    /// Secrets that services are given, by the name that they have in the stack.
    secrets: BTreeMap<String, SecretSource>,
}

/// Whole only if the sink has no errors.
pub(super) fn stack(
    project: &Node,
    (name, dir, files): (&str, &Utf8Path, &[Utf8PathBuf]),
    (source, environment, disabled): (&dyn Files, &Environment, &BTreeSet<String>),
    sink: &mut Sink,
) -> Stack {
    let mut making = Making {
        project,
        name,
        dir,
        files,
        source,
        environment,
        disabled,
        sink,
        exposed: 0,
        one_shots: one_shots(project),
        secrets: BTreeMap::new(),
    };
    let services: BTreeMap<String, Service> = project
        .section("services")
        .filter_map(|(name, node)| Some((name.to_owned(), making.wanted_or_not(name, node)?)))
        .collect();
    let networks = making.networks();
    let volumes = making.volumes();
    Stack {
        name: making.name.to_owned(),
        named: true,
        dir: making.dir.to_owned(),
        layers: making.files.to_vec(),
        runtime: Runtime::Docker,
        services,
        networks,
        volumes,
        secrets: making.secrets,
        kubernetes: StackKubernetes::default(),
        off_host: BTreeMap::new(),
    }
}

fn one_shots(project: &Node) -> BTreeSet<String> {
    let dependencies = project
        .section("services")
        .flat_map(|(_, service)| service.section("depends_on"));
    dependencies
        .filter(|(_, node)| node.text_at("condition") == Some("service_completed_successfully"))
        .map(|(name, _)| name.to_owned())
        .collect()
}

impl Making<'_> {
    /// What is wrong with a service that is not wanted now, is told when it is.
    fn wanted_or_not(&mut self, name: &str, node: &Node) -> Option<Service> {
        if !self.disabled.contains(name) {
            return Some(self.service(name, node));
        }
        let sink = std::mem::replace(self.sink, Sink::new(&[]));
        let service = self.service(name, node);
        let scratch = std::mem::replace(self.sink, sink);
        (!scratch.has_errors()).then_some(service)
    }

    /// What a file says cannot be had.
    fn refuse(&mut self, span: Span, message: impl Into<String>, help: &str) {
        let finding = Finding::new(Code::ComposeUnsupported, message);
        self.sink.push(finding.at(span, "this").help(help));
    }

    /// What a file says means nothing here.
    fn no_effect(&mut self, span: Span, message: impl Into<String>) {
        let finding = Finding::new(Code::NoEffect, message).warning();
        self.sink.push(finding.at(span, "this"));
    }
}

/// Reading what is in canonical form already, where nothing can be of a wrong type.
pub(super) trait Read {
    fn string(&self, key: &str) -> Option<String>;
    fn strings(&self, key: &str) -> Vec<String>;
    fn int(&self, key: &str) -> Option<i64>;
    fn float(&self, key: &str) -> Option<f64>;
    fn flag(&self, key: &str) -> Option<bool>;
    fn is_set(&self, key: &str) -> bool;
    /// Nanoseconds.
    fn duration(&self, key: &str) -> Option<i64>;
    fn pairs(&self, key: &str) -> BTreeMap<String, String>;
    fn list(&self, key: &str) -> &[Node];
}

impl Read for Node {
    /// Empty text says nothing.
    fn string(&self, key: &str) -> Option<String> {
        let text = self.get(key).and_then(|node| text(&node.value));
        text.filter(|text| !text.is_empty())
    }

    fn strings(&self, key: &str) -> Vec<String> {
        let items = self.list(key).iter();
        items.filter_map(|item| text(&item.value)).collect()
    }

    fn int(&self, key: &str) -> Option<i64> {
        match &self.get(key)?.value {
            Value::Int(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn float(&self, key: &str) -> Option<f64> {
        match &self.get(key)?.value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        }
    }

    fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)?.value {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    fn is_set(&self, key: &str) -> bool {
        self.flag(key) == Some(true)
    }

    fn duration(&self, key: &str) -> Option<i64> {
        super::units::duration(self.text_at(key)?)
    }

    fn pairs(&self, key: &str) -> BTreeMap<String, String> {
        let entries = self.section(key);
        entries
            .map(|(name, node)| (name.to_owned(), text(&node.value).unwrap_or_default()))
            .collect()
    }

    fn list(&self, key: &str) -> &[Node] {
        self.get(key).map(Node::items).unwrap_or_default()
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(super::units::float_text(*number)),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}
