//! The stack made concrete for one engine: references resolved, ports chosen, hashes computed.

mod before;
mod build;
mod container;
mod error;
mod hash;
mod labels;
mod options;
mod process;
mod spec;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::allocate::{Allocations, host_ports};
use crate::stack::resolve::{Asker, Facts, Value, resolve};
use crate::stack::{Mount, NetworkOptions, Service, Source, Stack, Template, VolumeOptions, order};

pub use build::{image_references, image_tag, image_tags, mounted_images, with_bases};
pub use container::HELPER_VOLUME;
pub use error::DesireError;
pub use labels::*;
pub use options::{FileSpec, OptionsSpec};
pub use spec::{
    BuildSpec, ContainerSpec, MountSpec, NetworkAttachment, PROCESS_ID, PortSpec, ProcessSpec,
};

/// Everything that should be there for the services of one scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// In `order`, then by index.
    pub containers: Vec<ContainerSpec>,
    /// In `order`.
    pub processes: Vec<ProcessSpec>,
    /// By tag.
    pub builds: Vec<BuildSpec>,
    /// By service.
    pub images: BTreeMap<String, ImageSource>,
    /// By key.
    pub networks: Vec<DesiredNetwork>,
    /// By key.
    pub volumes: Vec<DesiredVolume>,
    /// Services, what is needed first.
    pub order: Vec<String>,
    /// Commands to run inside a service's container once its probe passes, by service.
    pub provision: BTreeMap<String, Vec<Vec<Value>>>,
    /// The stack's part of each job's record, by service: command, environment, and what the inputs hold, or that the
    /// image counts instead.
    pub jobs: BTreeMap<String, String>,
}

/// Where the image of a service comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    /// A reference.
    Pull(String),
    /// [`BuildSpec::tag`]
    Build(String),
}

impl ImageSource {
    /// How the engine knows the image.
    pub fn reference(&self) -> &str {
        match self {
            Self::Pull(reference) | Self::Build(reference) => reference,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredNetwork {
    /// On the engine: `gold_default`.
    pub name: String,
    /// In the stack file: `default`.
    pub key: String,
    pub internal: bool,
    /// Made by someone else: never created, never removed.
    pub external: bool,
    pub options: NetworkOptions,
}

impl DesiredNetwork {
    /// What it is made with, as a hash: hexadecimal.
    pub fn hash(&self) -> String {
        hash::of("network 1", &(self.internal, &self.options))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredVolume {
    /// On the engine: `gold_db-data`.
    pub name: String,
    /// In the stack file: `db-data`.
    pub key: String,
    /// Made by someone else: never created, never removed.
    pub external: bool,
    pub options: VolumeOptions,
}

impl DesiredVolume {
    /// What it is made with, as a hash: hexadecimal.
    pub fn hash(&self) -> String {
        hash::of("volume 1", &self.options)
    }
}

/// What the watcher knows of the sources, as hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceHashes {
    /// Of a build's context, the Dockerfile's content included, by the image's tag: what two builds of one context were
    /// last made from may differ. One that is missing counts as changed. Without what reaches everyone who uses the image
    /// otherwise, by a sync.
    pub contexts: BTreeMap<String, String>,
    /// The same with everything, for those images alone of which something is left out above.
    pub files: BTreeMap<String, String>,
    /// Of a job's input files, by service. One that is missing counts as changed.
    pub inputs: BTreeMap<String, String>,
}

/// Makes the part of `stack` that is in `scope` concrete. `key` keys the hashes of secrets, so that nobody can try
/// values against them. Host ports come from `allocations`, whatever `facts` says of them.
///
/// # Errors
/// Every reference of the scope that has no value.
pub fn desire(
    stack: &Stack,
    scope: &BTreeSet<String>,
    allocations: &Allocations,
    facts: &Facts,
    sources: &SourceHashes,
    key: &[u8; 32],
) -> Result<Desired, Vec<DesireError>> {
    let facts = Facts {
        host_ports: host_ports(allocations),
        ..facts.clone()
    };
    let mut desire = Desire {
        stack,
        allocations,
        facts: &facts,
        sources,
        key,
        errors: Vec::new(),
    };
    let within: Vec<&Service> = stack
        .services
        .values()
        .filter(|service| scope.contains(&service.name))
        .collect();
    let order = order(&within);
    let in_order = order.iter().filter_map(|name| stack.services.get(name));
    let (on_host, on_engine): (Vec<&Service>, Vec<&Service>) =
        in_order.partition(|service| matches!(service.source, Source::Run(_)));

    let tags = build::Tags::new(stack);
    let mut desired = Desired {
        builds: desire.builds(&on_engine, &tags),
        networks: networks(stack, &on_engine),
        volumes: volumes(stack, on_engine.iter().chain(&on_host).copied()),
        order,
        ..Desired::default()
    };
    for service in on_engine {
        let Some(image) = tags.image(service) else {
            continue;
        };
        let containers = desire.containers(service, image.reference());
        if service.is_job()
            && let Some(container) = containers.first()
        {
            desired
                .jobs
                .insert(service.name.clone(), desire.job(service, container));
        }
        desired.containers.extend(containers);
        desired.images.insert(service.name.clone(), image);
        if !service.provision.is_empty() {
            desired
                .provision
                .insert(service.name.clone(), desire.provision(service));
        }
    }
    for service in on_host {
        let Source::Run(command) = &service.source else {
            continue;
        };
        let process = desire.process(service, command);
        if service.is_job() {
            let job = desire.process_job(service, &process);
            desired.jobs.insert(service.name.clone(), job);
        }
        if !service.provision.is_empty() {
            let commands = desire.process_provision(service);
            desired.provision.insert(service.name.clone(), commands);
        }
        desired.processes.push(process);
    }
    if desire.errors.is_empty() {
        Ok(desired)
    } else {
        Err(desire.errors)
    }
}

/// Names a checkout by the key that it keeps.
pub fn checkout_of(key: &[u8; 32]) -> String {
    blake3::keyed_hash(key, b"checkout").to_hex()[..16].to_owned()
}

/// The round at work, with the errors it has met.
struct Desire<'a> {
    stack: &'a Stack,
    allocations: &'a Allocations,
    facts: &'a Facts,
    sources: &'a SourceHashes,
    key: &'a [u8; 32],
    errors: Vec<DesireError>,
}

impl Desire<'_> {
    /// The value of a template as the service's container sees it; an error is kept, and nothing stands in its place.
    fn value(
        &mut self,
        service: &Service,
        field: impl FnOnce() -> String,
        template: &Template,
    ) -> Value {
        let asker = Asker::Container {
            service: &service.name,
        };
        self.value_for(asker, service, field, template)
    }

    /// The same as `asker` sees it.
    fn value_for(
        &mut self,
        asker: Asker<'_>,
        service: &Service,
        field: impl FnOnce() -> String,
        template: &Template,
    ) -> Value {
        match resolve(self.stack, template, asker, self.facts) {
            Ok(value) => value,
            Err(error) => {
                self.errors.push(DesireError {
                    service: service.name.clone(),
                    field: field(),
                    error,
                });
                Value::default()
            }
        }
    }

    fn values(&mut self, service: &Service, field: &str, templates: &[Template]) -> Vec<Value> {
        templates
            .iter()
            .map(|template| self.value(service, || field.to_owned(), template))
            .collect()
    }

    fn provision(&mut self, service: &Service) -> Vec<Vec<Value>> {
        service
            .provision
            .iter()
            .map(|command| self.values(service, "provision", command))
            .collect()
    }
}

/// Keys of the networks that a service is on.
pub fn network_keys(service: &Service) -> Vec<&str> {
    let elsewhere = service.host_network || service.container.namespaces.network.is_some();
    match (elsewhere, service.networks.as_slice()) {
        (true, _) => Vec::new(),
        (false, []) => vec!["default"],
        (false, keys) => keys.iter().map(String::as_str).collect(),
    }
}

fn networks(stack: &Stack, services: &[&Service]) -> Vec<DesiredNetwork> {
    let keys: BTreeSet<&str> = services
        .iter()
        .flat_map(|service| network_keys(service))
        .collect();
    let network = |key: &str| {
        let network = stack.networks.get(key);
        DesiredNetwork {
            name: stack.network_name(key),
            key: key.to_owned(),
            internal: network.is_some_and(|network| network.internal),
            external: network.is_some_and(|network| network.external.is_some()),
            options: network
                .map(|network| network.options.clone())
                .unwrap_or_default(),
        }
    };
    keys.into_iter().map(network).collect()
}

fn volumes<'a>(stack: &Stack, services: impl Iterator<Item = &'a Service>) -> Vec<DesiredVolume> {
    let mounts = services.flat_map(|service| &service.mounts);
    let keys: BTreeSet<&String> = mounts
        .filter_map(|mount| match mount {
            Mount::Volume { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    let volume = |key: &String| DesiredVolume {
        name: stack.volume_name(key),
        key: key.clone(),
        external: stack
            .volumes
            .get(key)
            .is_some_and(|volume| volume.external.is_some()),
        options: stack
            .volumes
            .get(key)
            .map(|volume| volume.options.clone())
            .unwrap_or_default(),
    };
    keys.into_iter().map(volume).collect()
}
