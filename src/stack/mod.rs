//! The stack as its author means it. Pure: no tokio, no engine, no clock.

mod adjust;
pub mod compose;
pub mod file;
pub mod graph;
pub mod path;
pub mod presets;

mod alike;
mod build;
mod cluster_name;
mod container;
mod given;
mod kubernetes;
mod mount;
mod order;
mod overlap;
mod port;
mod probe;
mod promote;
mod runtime;
mod service;
mod template;
mod update;
mod watch_rule;

pub mod resolve;

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Serialize;

pub use adjust::{Adjustments, ScaleError};
pub use alike::alike;
pub use build::{Build, BuildOptions, BuildSecret};
pub use cluster_name::cluster_name;
pub use container::{
    Blkio, ContainerFile, ContainerOptions, ContainerResources, Device, DeviceRequest, Endpoint,
    Healthcheck, Hook, Logging, MountOptions, Namespace, Namespaces, NetworkOptions, Pool,
    PreStart, Ulimit, VolumeOptions, VolumesFrom,
};
pub use given::Given;
pub use kubernetes::{Expose, Kubernetes, Resources, Scale, StackKubernetes};
pub use mount::Mount;
pub use order::order;
pub use port::{HostPort, Port, Protocol};
pub use probe::{Login, Probe, ProbeKind};
pub use promote::Promote;
pub use runtime::Runtime;
pub use service::{Condition, Job, Limits, Need, Pull, Restart, Role, Service, Source, Stop};
pub use template::{Output, Part, Reference, Template, TemplateError};
pub use update::{Obstacle, UpdateOrder};
pub use watch_rule::{AfterSync, LeftOut, WatchAction, WatchRule};

/// A whole stack, layers merged, presets expanded, references parsed but not resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stack {
    /// The project name: prefix of containers, networks and volumes.
    pub name: String,
    /// True when the file says `name = …`: then it is verbatim, and a second checkout with it is refused.
    pub named: bool,
    /// Folder that relative paths start from: where the stack file lies. Absolute.
    pub dir: Utf8PathBuf,
    /// The files this was read from, in the order in which they were merged. Absolute.
    pub layers: Vec<Utf8PathBuf>,
    /// As the file says it, or as it was found.
    pub runtime: Runtime,
    pub services: BTreeMap<String, Service>,
    /// Networks by key; every service without `networks` is on `default`.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes by key.
    pub volumes: BTreeMap<String, Volume>,
    pub secrets: BTreeMap<String, SecretSource>,
    pub kubernetes: StackKubernetes,
    /// Where all runs on the host: services that cannot run there, each with why. They are as the file says them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub off_host: BTreeMap<String, String>,
}

/// A network of the stack, or one made elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Network {
    /// Made by someone else under this name: never created, never removed.
    pub external: Option<String>,
    /// On the engine, where it is not `STACK_KEY`.
    pub name: Option<String>,
    pub internal: bool,
    pub options: NetworkOptions,
}

/// A named volume of the stack, or one made elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Made by someone else under this name: never created, never removed.
    pub external: Option<String>,
    /// On the engine, where it is not `STACK_KEY`.
    pub name: Option<String>,
    pub options: VolumeOptions,
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// Random text of this many characters, made once and kept in the state folder with mode 0600.
    Generate(usize),
    /// A variable of the environment of `dev`.
    Env(String),
    /// A file's content, without its last newline.
    File(Utf8PathBuf),
    /// A key of a file that `sops` decrypts.
    Sops { file: Utf8PathBuf, key: String },
    /// It came with the stack file's surroundings.
    Given(Given),
}

impl Stack {
    /// A container that is told where `service` listens, and comes from its own network to get there.
    pub fn container_asking(&self, service: &str) -> Option<&Service> {
        let names = |reference: &Reference| match reference {
            Reference::Service {
                service: name,
                path,
            } => name == service && path.last().is_none_or(|output| output != "public"),
            _ => false,
        };
        let mut containers = self
            .services
            .values()
            .filter(|asker| !matches!(asker.source, Source::Run(_)) && !asker.host_network);
        containers.find(|asker| {
            let words = [&asker.command, &asker.entrypoint]
                .into_iter()
                .flatten()
                .flatten();
            let mut templates = asker.env.values().chain(words);
            templates.any(|template| template.all_references().iter().any(names))
        })
    }

    /// The name of an engine object made from a key of this stack: `gold_data`.
    pub fn volume_name(&self, key: &str) -> String {
        let volume = self.volumes.get(key);
        match volume.and_then(|v| v.external.clone().or_else(|| v.name.clone())) {
            Some(name) => name,
            None => format!("{}_{key}", self.name),
        }
    }

    /// The name of a network of this stack on the engine: `gold_default`.
    pub fn network_name(&self, key: &str) -> String {
        let network = self.networks.get(key);
        match network.and_then(|n| n.external.clone().or_else(|| n.name.clone())) {
            Some(name) => name,
            None => format!("{}_{key}", self.name),
        }
    }

    /// Leaves no port of the host to the stack file, so that several of this stack run beside each other.
    pub fn free_ports(&mut self) {
        for service in self.services.values_mut() {
            for port in service.ports.values_mut() {
                port.host = HostPort::Auto;
            }
        }
    }

    /// Services with one of these profiles are as if they had none; `*` is every profile.
    pub fn choose(&mut self, profiles: &[String]) {
        let is_chosen = |own: &String| profiles.contains(own) || profiles.iter().any(|p| p == "*");
        for service in self.services.values_mut() {
            if service.profiles.iter().any(is_chosen) {
                service.profiles.clear();
            }
        }
    }

    /// Publishes to this machine only what is published to every address that it has.
    pub fn close_ports(&mut self) {
        for service in self.services.values_mut() {
            if matches!(service.source, Source::Run(_)) {
                continue;
            }
            for port in service.ports.values_mut() {
                port.close();
            }
        }
    }

    /// The service that `name` means, and which replica of it where it names one: `api`, or `api-2`.
    pub fn instance<'a>(&self, name: &'a str) -> Option<(&'a str, Option<u32>)> {
        if self.services.contains_key(name) {
            return Some((name, None));
        }
        let (service, number) = name.rsplit_once('-')?;
        let index: u32 = number.parse().ok()?;
        let replicas = self.services.get(service)?.replicas.max(1);
        (1..=replicas)
            .contains(&index)
            .then_some((service, Some(index)))
    }

    /// `wanted` and everything that they need, transitively. Names that are no service are left out.
    pub fn closure<'a>(
        &'a self,
        wanted: impl IntoIterator<Item = &'a str>,
    ) -> std::collections::BTreeSet<String> {
        let mut found = std::collections::BTreeSet::new();
        let mut todo: Vec<&str> = wanted.into_iter().collect();
        while let Some(name) = todo.pop() {
            if let Some(service) = self.services.get(name)
                && found.insert(name.to_owned())
            {
                todo.extend(service.needs.keys().map(String::as_str));
            }
        }
        found
    }

    /// What of `wanted` and all that they need cannot run on the host, each with why.
    pub fn off_host_of<'a>(
        &'a self,
        wanted: impl IntoIterator<Item = &'a str>,
    ) -> BTreeMap<String, String> {
        let closure = match self.off_host.is_empty() {
            true => std::collections::BTreeSet::new(),
            false => self.closure(wanted),
        };
        let mut off_host = self.off_host.clone();
        off_host.retain(|name, _| closure.contains(name));
        off_host
    }
}
