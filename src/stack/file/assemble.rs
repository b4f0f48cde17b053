//! From merged layers to a stack.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::Code;
use super::formats::{PROJECT, suggest_name};
use super::reader::Reader;
use super::service::{self, Read};
use super::sink::Finding;
use super::tree::{Entry, Node, Table, Value};
use super::{kubernetes, references, secrets, volumes};
use crate::stack::{Mount, Runtime, Service, Stack};

/// A stack that is whole only if the reader's sink has no errors.
pub(super) fn assemble(reader: &mut Reader<'_>, root: &Table, name: Option<&str>) -> Stack {
    let entries = root.get("services").map(Node::entries).unwrap_or_default();
    reader.services = entries.iter().map(|entry| entry.key.clone()).collect();
    if let Some(base) = &reader.base {
        reader.services.extend(base.services.keys().cloned());
    }
    reader.secrets = section(root, "secrets")
        .map(|entry| entry.key.clone())
        .collect();
    if entries.is_empty() && reader.base.is_none() {
        empty(reader, root);
    }
    let project = project(reader, root, name);
    let read: Vec<Read> = entries
        .iter()
        .filter_map(|entry| service::service(reader, entry, &project))
        .collect();
    let mut stack = Stack {
        named: name.is_some() || root.get("name").is_some(),
        dir: reader.dir.to_owned(),
        layers: Vec::new(),
        runtime: match root.get("runtime").and_then(Node::text) {
            Some("docker") => Runtime::Docker,
            Some("process") => Runtime::Process,
            _ => Runtime::Auto,
        },
        services: read
            .iter()
            .map(|read| (read.service.name.clone(), read.service.clone()))
            .collect(),
        networks: section(root, "networks")
            .map(|entry| (entry.key.clone(), volumes::network(&entry.node)))
            .collect(),
        volumes: section(root, "volumes")
            .map(|entry| (entry.key.clone(), volumes::volume(&entry.node)))
            .collect(),
        secrets: section(root, "secrets")
            .filter(|entry| entry.node.table().is_some())
            .filter_map(|entry| Some((entry.key.clone(), secrets::secret(reader, entry)?)))
            .collect(),
        kubernetes: kubernetes::stack(root.get("kubernetes")),
        off_host: std::collections::BTreeMap::new(),
        name: project,
    };
    if let Some(base) = reader.base.take() {
        stand_on(&mut stack, base);
    }
    implied(&mut stack);
    references::check(reader, &mut stack, &read);
    ports(reader, &read);
    stack
}

/// What the stack file does not say, the Compose file does.
fn stand_on(stack: &mut Stack, base: Stack) {
    stack.named |= base.name == stack.name;
    for (name, service) in base.services {
        stack.services.entry(name).or_insert(service);
    }
    for (key, network) in base.networks {
        stack.networks.entry(key).or_insert(network);
    }
    for (key, volume) in base.volumes {
        stack.volumes.entry(key).or_insert(volume);
    }
    for (name, secret) in base.secrets {
        stack.secrets.entry(name).or_insert(secret);
    }
}

fn section<'t>(root: &'t Table, name: &str) -> impl Iterator<Item = &'t Entry> {
    root.get(name).map(Node::entries).unwrap_or_default().iter()
}

fn empty(reader: &mut Reader<'_>, root: &Table) {
    if root
        .get("services")
        .is_some_and(|services| !matches!(services.value, Value::Table(_)))
    {
        return;
    }
    let finding = Finding::new(Code::Empty, "the stack has no service");
    let finding = match root.entry("services").or(root.entries.first()) {
        Some(entry) => finding.at(entry.key_span, "no `[services.NAME]` here"),
        None => finding,
    };
    reader.report(finding.help("write one, such as\n[services.db]\npreset = \"postgres:16\""));
}

/// What `name` says, else the folder's name and a hash of its path, so that two checkouts are two stacks.
fn project(reader: &mut Reader<'_>, root: &Table, given: Option<&str>) -> String {
    if let Some(name) = given {
        if let Err(help) = (PROJECT.check)(name) {
            let shown: String = name.chars().take(40).collect();
            reader.report(
                Finding::new(Code::BadName, format!("a stack cannot be called `{shown}`"))
                    .help(help),
            );
        }
        return name.to_owned();
    }
    match (root.get("name").and_then(Node::text), &reader.base) {
        (Some(name), _) => name.to_owned(),
        (None, Some(base)) => base.name.clone(),
        (None, None) => default_name(reader.dir),
    }
}

pub(super) fn default_name(dir: &Utf8Path) -> String {
    let folder = dir
        .file_name()
        .and_then(suggest_name)
        .unwrap_or_else(|| "stack".to_owned());
    let hash = blake3::hash(dir.as_str().as_bytes()).to_hex();
    format!("{folder}-{}", &hash.as_str()[..6])
}

/// Volumes and the default network need no entry of their own.
fn implied(stack: &mut Stack) {
    for service in stack.services.values() {
        for mount in &service.mounts {
            if let Mount::Volume { key, .. } = mount {
                stack.volumes.entry(key.clone()).or_default();
            }
        }
        if service.networks.iter().any(|network| network == "default") {
            stack.networks.entry("default".to_owned()).or_default();
        }
    }
}

/// Fixed ports of the host that two services want.
fn ports(reader: &mut Reader<'_>, read: &[Read]) {
    let mut taken: BTreeMap<(u16, bool), Vec<(&Read, &str)>> = BTreeMap::new();
    for one in read {
        for (name, port) in &one.service.ports {
            let crate::stack::HostPort::Fixed(host) = port.host else {
                continue;
            };
            if !port.publish {
                continue;
            }
            let others = taken
                .entry((host, port.protocol == crate::stack::Protocol::Udp))
                .or_default();
            let clash = others.iter().find(|(other, other_name)| {
                let bind = other.service.ports[*other_name].bind;
                let same = bind == port.bind || bind.is_unspecified() || port.bind.is_unspecified();
                same && together(&one.service, &other.service)
            });
            if let Some((other, other_name)) = clash {
                let message = format!(
                    "`{}` and `{}` both want port {host} of the host",
                    other.service.name, one.service.name
                );
                let finding = Finding::new(Code::PortConflict, message);
                let places = [(one, name.as_str()), (*other, *other_name)]
                    .map(|(read, name)| read.port_spans.get(name).copied());
                let finding = places
                    .into_iter()
                    .flatten()
                    .fold(finding, |finding, span| finding.at(span, "this port"));
                let help = format!(
                    "leave the host's port open in one of them, as in `{name} = {}`: dev then finds a free one",
                    port.container
                );
                reader.report(finding.help(help));
            }
            others.push((one, name));
        }
    }
}

/// Services of different profiles need not run at once.
fn together(a: &Service, b: &Service) -> bool {
    a.profiles.is_empty()
        || b.profiles.is_empty()
        || a.profiles
            .iter()
            .any(|profile| b.profiles.contains(profile))
}
