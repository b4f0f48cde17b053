//! `[services.NAME]`

use std::collections::BTreeMap;

use super::Code;
use super::ports::{self, Ports};
use super::reader::{Mentioned, Reader};
use super::service_shape::{CONTAINER_ONLY, PRESET_ONLY};
use super::sink::Finding;
use super::tree::{Entry, Node, Span, Table, Value};
use super::{
    build, env, kubernetes, needs, preset, probe, process, promote, run, update, upon, volumes,
    watch,
};
use crate::stack::presets::PresetService;
use crate::stack::{Kubernetes, Output, Probe, Service, Source, Template};

/// A service, and where what it says about others is written.
pub(super) struct Read {
    pub service: Service,
    pub port_spans: BTreeMap<String, Span>,
    pub need_spans: BTreeMap<String, Span>,
}

/// `None`: not even its source is clear, which is then reported.
pub(super) fn service(reader: &mut Reader<'_>, entry: &Entry, project: &str) -> Option<Read> {
    entry.node.table()?;
    reader.service.clone_from(&entry.key);
    let node = &entry.node;
    let preset = preset::preset(reader, node, project);
    let unclear = node.get("preset").is_some() && preset.is_none();
    let base = reader.beneath(&entry.key).cloned();
    let says = |key: &&str| node.get(key).is_some();
    let source = match &base {
        Some(base) if !["image", "build", "preset", "run"].iter().any(says) => {
            Some(base.source.clone())
        }
        _ => source(reader, entry, preset.as_ref()).filter(|_| !unclear),
    };
    conflicts(reader, node);
    // Everything else is read although the source is unclear, so that all errors show at once.
    let read = rest(
        reader,
        entry,
        source.as_ref(),
        preset.unwrap_or_else(no_preset),
    );
    source.map(|source| {
        let service = Service {
            source,
            ..read.service
        };
        let mut service = match base {
            Some(base) => upon::lay(base, service, node),
            None => service,
        };
        update::check(reader, entry, &mut service);
        Read { service, ..read }
    })
}

/// All but the source, laid over what the preset gives.
fn rest(
    reader: &mut Reader<'_>,
    entry: &Entry,
    source: Option<&Source>,
    base: PresetService,
) -> Read {
    let node = &entry.node;
    let telling = ["ports", "outputs", "databases", "options", "preset"];
    if telling.iter().any(|key| reader.is_wrong_at(node, key)) {
        reader.unclear.insert(entry.key.clone());
    }
    let ports = ports::ports(reader, node, &base.ports);
    let needs = needs::needs(reader, node.get("needs"));
    let role = process::role(node.get("job"));
    let host_network = node.get("network").and_then(Node::text) == Some("host");
    let env = env::env(reader, node, base.env);
    let kubernetes = kubernetes::service(reader, node.get("kubernetes"), &ports);
    let service = Service {
        name: entry.key.clone(),
        preset: node.text_of("preset"),
        command: node
            .get("command")
            .map(|command| reader.command(command))
            .or(base.command),
        entrypoint: node
            .get("entrypoint")
            .map(|entrypoint| reader.command(entrypoint)),
        env,
        user: user(node).or(base.user),
        workdir: node.text_of("workdir"),
        needs: needs
            .iter()
            .map(|(name, (need, _))| (name.clone(), *need))
            .collect(),
        ready: ready(reader, node.get("ready"), base.ready, &ports),
        alive: node
            .get("alive")
            .and_then(|alive| probe::probe(reader, alive, &ports)),
        provision: base.provision,
        outputs: outputs(reader, node.get("outputs"), base.outputs),
        databases: node.texts_of("databases"),
        watch: watch::watch(reader, node.get("watch"), source),
        mounts: volumes::mounts(reader, node.get("volumes"), base.mounts),
        networks: networks(reader, node, host_network, source),
        host_network,
        host_pid: node.get("pid").and_then(Node::text) == Some("host"),
        restart: process::restart(node.get("restart"), &role),
        stop: process::stop(node.get("stop"), base.stop),
        limits: process::limits(node.get("limits")),
        replicas: replicas(reader, node, &ports),
        profiles: node.texts_of("profiles"),
        labels: labels(node.get("labels")),
        metrics: metrics(node.get("metrics")),
        promote: promote::promote(reader, node.get("promote")),
        kubernetes: Kubernetes {
            storage: kubernetes.storage.or(base.storage),
            env: base.cluster_env,
            uid: base.uid,
            ..kubernetes
        },
        role,
        source: Source::Image(String::new()),
        main_port: ports.main,
        ports: ports.by_name,
        container: crate::stack::ContainerOptions::default(),
        may_end: false,
        pull: crate::stack::Pull::Missing,
        update: update::update(node),
    };
    Read {
        service,
        port_spans: ports.spans,
        need_spans: needs
            .into_iter()
            .map(|(name, (_, span))| (name, span))
            .collect(),
    }
}

fn no_preset() -> PresetService {
    PresetService {
        image: String::new(),
        command: None,
        env: BTreeMap::new(),
        ports: Vec::new(),
        ready: None,
        provision: Vec::new(),
        outputs: BTreeMap::new(),
        mounts: Vec::new(),
        volumes: Vec::new(),
        stop: None,
        user: None,
        storage: None,
        cluster_env: BTreeMap::new(),
        uid: None,
    }
}

/// One of `image`, `build`, `preset`, `run`; beside `preset`, `image` or `build` replaces only the preset's image.
fn source(
    reader: &mut Reader<'_>,
    entry: &Entry,
    preset: Option<&PresetService>,
) -> Option<Source> {
    let node = &entry.node;
    let given: Vec<&Entry> = ["image", "build", "preset", "run"]
        .iter()
        .filter_map(|key| node.table()?.entry(key))
        .collect();
    let names: Vec<&str> = given.iter().map(|entry| entry.key.as_str()).collect();
    match names.as_slice() {
        [] => {
            let message = format!("service `{}` does not say what it is made from", entry.key);
            let help = match reader.misnamed(&entry.key) {
                Some(meant) => format!("did you mean `{meant}`, which the Compose file has?"),
                None => "write one of `image = \"…\"`, `build = \".\"`, `preset = \"…\"` or `run = \"…\"`"
                    .to_owned(),
            };
            reader.report(
                Finding::new(Code::NoSource, message)
                    .at(entry.key_span, "made from what?")
                    .help(help),
            );
            None
        }
        ["image"] | ["image", "preset"] => Some(Source::Image(given[0].node.text()?.to_owned())),
        ["build"] | ["build", "preset"] => {
            Some(Source::Build(build::build(reader, &given[0].node)))
        }
        ["preset"] => Some(Source::Image(preset?.image.clone())),
        [_] => Some(Source::Run(run::command_line(reader, &given[0].node)?)),
        [first, second, ..] => {
            let message = format!(
                "service `{}` is made from `{first}` and `{second}`",
                entry.key
            );
            let mut finding = Finding::new(Code::TwoSources, message);
            for entry in given.iter().rev() {
                finding = finding.at(entry.key_span, format!("`{}`", entry.key));
            }
            let layered = given.iter().any(|entry| entry.key_span.layer > 0);
            let lower = given
                .iter()
                .min_by_key(|entry| entry.key_span.layer)
                .map_or(*first, |entry| entry.key.as_str());
            reader.report(match layered {
                true => finding.help(format!("take the lower one away in the layer above: `{lower} = false`")),
                false if names[..2] == ["image", "build"] => {
                    finding.help("keep one of them; to name the image that is built: build = { image = \"…\" }")
                }
                false => finding.help("keep one of them; only beside `preset`, `image` or `build` replaces the preset's image"),
            });
            None
        }
    }
}

/// Keys that the source has no use for.
fn conflicts(reader: &mut Reader<'_>, node: &Node) {
    let Some(table) = node.table() else { return };
    let on_host = table.get("run").is_some();
    let refused = match (on_host, table.get("preset")) {
        (true, _) => CONTAINER_ONLY,
        (false, None) => PRESET_ONLY,
        (false, Some(_)) => &[],
    };
    for entry in table
        .entries
        .iter()
        .filter(|entry| refused.contains(&entry.key.as_str()))
    {
        let (message, help) = match on_host {
            true => (
                format!("`{}` means nothing for a process on the host", entry.key),
                "leave it out; `run` is the whole command line",
            ),
            false => (
                format!("`{}` means nothing without a `preset`", entry.key),
                "leave it out, or write `preset = \"…\"`",
            ),
        };
        reader.report(
            Finding::new(Code::Conflict, message)
                .at(entry.key_span, "no use for it")
                .help(help),
        );
    }
    if on_host {
        without_effect(reader, table);
    }
    if let (Some(mode), Some(networks)) = (table.get("network"), table.get("networks")) {
        let message = "a service on the host's network is on no other";
        let finding = Finding::new(Code::Conflict, message)
            .at(mode.span, "this")
            .at(networks.span, "or this");
        reader.report(finding.help("keep one of `network` and `networks`"));
    }
}

/// What a process on the host cannot have, though its keys are known there.
fn without_effect(reader: &mut Reader<'_>, table: &Table) {
    let replicas = table.entry("replicas");
    if let Some(entry) = replicas.filter(|entry| entry.node.number() != Some(1u32)) {
        let message = "a process on the host runs once";
        let finding = Finding::new(Code::Conflict, message).at(entry.key_span, "not several");
        reader.report(finding.help("leave it out, or run the service in a container"));
    }
    let limits = table.get("limits").map(Node::entries).unwrap_or_default();
    for entry in limits.iter().filter(|entry| entry.key != "log") {
        let message = format!("`{}` limits no process on the host", entry.key);
        let finding = Finding::new(Code::NoEffect, message)
            .at(entry.key_span, "no effect")
            .warning();
        reader.report(finding.help("leave it out; only `log` is kept to there"));
    }
}

fn ready(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    below: Option<Probe>,
    ports: &Ports,
) -> Option<Probe> {
    match node {
        None => below,
        Some(node) => probe::probe(reader, node, ports),
    }
}

fn user(node: &Node) -> Option<String> {
    match &node.get("user")?.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn networks(
    reader: &mut Reader<'_>,
    node: &Node,
    host_network: bool,
    source: Option<&Source>,
) -> Vec<String> {
    if host_network || matches!(source, Some(Source::Run(_))) {
        return Vec::new();
    }
    let Some(list) = node.get("networks") else {
        return vec!["default".to_owned()];
    };
    for item in list.items() {
        if let Some(name) = item.text() {
            reader.mention(item.span, Mentioned::Network(name.to_owned()));
        }
    }
    list.texts()
}

fn replicas(reader: &mut Reader<'_>, node: &Node, ports: &Ports) -> u32 {
    let Some(written) = node.get("replicas") else {
        return 1;
    };
    let replicas = written.number().unwrap_or(1);
    let fixed = ports
        .by_name
        .iter()
        .find(|(_, port)| port.publish && matches!(port.host, crate::stack::HostPort::Fixed(_)));
    if replicas > 1
        && let Some((name, _)) = fixed
    {
        let message = format!("{replicas} replicas cannot share one port of the host");
        let mut finding =
            Finding::new(Code::PortConflict, message).at(written.span, "more than one");
        if let Some(span) = ports.spans.get(name) {
            finding = finding.at(*span, "fixed");
        }
        reader.report(
            finding.help("leave the host's port open: only the number inside the container"),
        );
    }
    replicas
}

fn outputs(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    below: BTreeMap<String, Output>,
) -> BTreeMap<String, Output> {
    let mut outputs = below;
    // An output makes the one wait who asks for it, not the one who has it.
    reader.gates = false;
    for entry in node.map(Node::entries).unwrap_or_default() {
        if entry.node.is_false() {
            outputs.remove(&entry.key);
            continue;
        }
        let value = match entry.node.table() {
            Some(table) => table.get("value"),
            None => Some(&entry.node),
        };
        let value: Template = value
            .map(|value| reader.template(value))
            .unwrap_or_default();
        let secret = entry
            .node
            .get("secret")
            .and_then(Node::boolean)
            .unwrap_or(false);
        outputs.insert(entry.key.clone(), Output { value, secret });
    }
    reader.gates = true;
    outputs
}

fn labels(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default().iter();
    let text = |node: &Node| match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    };
    entries
        .filter_map(|entry| Some((entry.key.clone(), text(&entry.node)?)))
        .collect()
}

fn metrics(node: Option<&Node>) -> Option<String> {
    match &node?.value {
        Value::Boolean(true) => Some("/metrics".to_owned()),
        Value::Text(path) => Some(path.clone()),
        _ => None,
    }
}
