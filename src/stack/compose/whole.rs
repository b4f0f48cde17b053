//! What has to hold of a project as a whole: its resources, its container names, the order of its services.

use std::collections::BTreeMap;

use super::consistent::{Check, within};
use super::node::{Node, Value};
use crate::stack::file::{Code, Finding, Span};
use crate::stack::graph::cycles;

/// Services of a circle that are named.
const SHOWN: usize = 20;

impl Check<'_> {
    pub fn resources(&mut self) {
        const SOURCES: &[(&str, &[&str])] = &[
            ("configs", &["file", "environment", "content"]),
            ("secrets", &["file", "environment"]),
        ];
        for (section, keys) in SOURCES {
            for (name, node) in self.project.section(section) {
                let is_external = node.get("external").is_some();
                let said = keys.iter().filter(|key| node.get(key).is_some()).count();
                if said > 1 {
                    let message = format!(
                        "`{section}.{name}` has more than one of: {}",
                        keys.join(", ")
                    );
                    self.report(Code::Conflict, message, node.span);
                }
                let by_driver = *section == "configs" && node.get("driver").is_some();
                if said == 0 && !is_external && !by_driver {
                    let message = format!("`{section}.{name}` needs one of: {}", keys.join(", "));
                    self.report(Code::MissingKey, message, node.span);
                }
            }
        }
        for (name, node) in self.project.section("volumes") {
            let is_external =
                node.get("external").map(|node| &node.value) == Some(&Value::Bool(true));
            let other = node.as_map().into_iter().flatten().find(|(key, _)| {
                !["name", "external"].contains(&key.as_str()) && !key.starts_with("x-")
            });
            if let Some((key, entry)) = other.filter(|_| is_external) {
                let message =
                    format!("`volumes.{name}` is external, so `{key}` is not for this file to say");
                self.report(Code::Conflict, message, entry.key_span);
            }
        }
    }

    pub fn container_names(&mut self) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for (_, service) in self.project.section("services") {
            let Some(node) = service.get("container_name") else {
                continue;
            };
            let Some(name) = node.as_text() else { continue };
            if let Some(first) = seen.insert(name, node.span) {
                let message = format!("two services have the `container_name` {name}");
                let finding = Finding::new(Code::Conflict, message);
                self.sink.push(
                    finding
                        .at(node.span, "the second one")
                        .at(first, "the first one"),
                );
            }
        }
    }

    /// A circle of `depends_on`, or of images that are built from each other, each shown once.
    pub fn cycles(&mut self) {
        self.cycle("services wait for each other", &["depends_on"], needs);
        let key = ["build", "additional_contexts"];
        self.cycle("images are built from each other", &key, bases);
    }

    fn cycle(&mut self, what: &str, key: &[&str], needs: impl Fn(&Node) -> Vec<&str>) {
        let project = self.project;
        let services = project.section("services");
        let edges = services.map(|(name, node)| (name, needs(node))).collect();
        for ring in cycles(&edges) {
            let path = [&["services", ring[0]], key].concat();
            let span = within(project, &path).map(|node| node.span);
            let finding = Finding::new(Code::Cycle, format!("{what}: {}", trail(&ring)));
            self.sink.push(match span {
                Some(span) => finding.at(span, "this closes the circle"),
                None => finding,
            });
        }
    }
}

/// `a → b → a`; of a long way round its begin.
fn trail(ring: &[&str]) -> String {
    let shown = ring.iter().take(SHOWN).copied();
    let left_out = (ring.len() > SHOWN).then(|| format!("… {} more …", ring.len() - SHOWN));
    let mut words: Vec<&str> = shown.collect();
    words.extend(left_out.as_deref());
    words.push(ring[0]);
    words.join(" → ")
}

fn needs(service: &Node) -> Vec<&str> {
    let needs = service.section("depends_on");
    needs.map(|(name, _)| name).collect()
}

/// The services whose images a service's own is built from.
fn bases(service: &Node) -> Vec<&str> {
    let contexts = service.get("build").into_iter();
    let contexts = contexts.flat_map(|build| build.section("additional_contexts"));
    contexts
        .filter_map(|(_, at)| at.as_text()?.strip_prefix("service:"))
        .collect()
}
