//! The content of a simulated world, and what each call does to it. As an engine would: names are taken, a container
//! cannot run twice, a port is bound at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use tokio::time::Instant;

use super::clock;
use super::fault::{Fault, How};
use super::life::{Behaviour, Life};
use crate::engine::event::FailureClass;
use crate::plan::Action;
use crate::plan::desired::{
    ContainerSpec, LABEL_CHECKOUT, LABEL_DIR, LABEL_PROJECT, MountSpec, NetworkAttachment,
    PortSpec, ProcessSpec,
};
use crate::plan::observed::{
    Observed, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Status,
};
use crate::plan::reconcile::scene::aliases;
use crate::runtime::RuntimeError;
use crate::runtime::world::{Call, LogLine, Look, Output};
use crate::stack::resolve::Value;
use crate::stack::{Condition, Stack};

#[derive(Debug)]
pub struct SimContainer {
    pub seen: ObservedContainer,
    pub project: String,
    pub user: Option<String>,
    pub env: Vec<(String, Value)>,
    ports: Vec<PortSpec>,
    mounts: Vec<MountSpec>,
    networks: Vec<NetworkAttachment>,
    /// When it was attached to its networks anew.
    attached: Option<Instant>,
    pub began: Option<Instant>,
    pub ended: Option<Instant>,
    /// The engine that started it.
    pub begun_by: u32,
    /// Which run of it this is.
    pub run: u64,
    pub log: Vec<LogLine>,
}

/// One call, as it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: u64,
    /// `start gold-api-1`
    pub what: String,
    pub ok: bool,
}

#[derive(Debug, Default)]
pub struct Model {
    pub containers: BTreeMap<String, SimContainer>,
    pub networks: BTreeMap<String, ObservedNetwork>,
    pub volumes: BTreeMap<String, ObservedVolume>,
    pub images: BTreeMap<String, ObservedImage>,
    /// The id of what each build comes out as, whatever it is from.
    pub comes_out_as: Option<String>,
    pub behaviours: BTreeMap<String, Behaviour>,
    pub faults: Vec<Fault>,
    pub journal: Vec<Entry>,
    pub violations: Vec<String>,
    /// Services that somebody calls by name all the while.
    pub called: BTreeSet<String>,
    /// Host ports that others have.
    pub foreign_ports: BTreeSet<u16>,
    /// Needs of each service, for the world's own check of gates.
    pub needs: BTreeMap<String, Vec<(String, Condition)>>,
    pub jobs: BTreeSet<String>,
    /// Jobs whose last run ended well; its container may be gone.
    done: BTreeSet<String>,
    /// Names at work, by engine.
    pub busy: BTreeSet<(u32, String)>,
    pub down: bool,
    pub looks: u32,
    /// How many looks get no answer.
    pub hang_looks: u32,
    /// So many archives are refused.
    pub refuse_files: u32,
    counter: u64,
}

/// An engine is told of an end a moment later than it happens.
const LAG: std::time::Duration = std::time::Duration::from_millis(2);

impl Model {
    pub fn learn(&mut self, stack: &Stack) {
        for service in stack.services.values() {
            let needs = service
                .needs
                .iter()
                .map(|(name, need)| (name.clone(), need.condition))
                .collect();
            self.needs.insert(service.name.clone(), needs);
            if service.ready.is_none() {
                // Nobody asks it: to run is to be ready.
                let ready = Behaviour {
                    ready_after: std::time::Duration::ZERO,
                    ..Behaviour::default()
                };
                self.behaviours.entry(service.name.clone()).or_insert(ready);
            }
            self.behaviours.entry(service.name.clone()).or_default();
            if service.is_job() {
                self.jobs.insert(service.name.clone());
            }
        }
    }

    fn tick(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub fn by_name(&self, name: &str) -> Option<&SimContainer> {
        self.containers
            .values()
            .find(|container| container.seen.name == name)
    }

    /// Whether the probe of a container passes now.
    pub fn is_ready(&self, container: &SimContainer) -> bool {
        let behaviour = &self.behaviours[&container.seen.service];
        let up = container
            .began
            .is_some_and(|began| began.elapsed() >= behaviour.ready_after);
        let sick =
            behaviour.sick || (behaviour.sick_as.is_some() && behaviour.sick_as == container.user);
        let settled = container
            .attached
            .is_none_or(|attached| attached.elapsed() >= behaviour.settles);
        container.seen.status == Status::Running && up && settled && !sick
    }

    /// What a start has to wait for and is not so.
    fn closed_gate(&self, service: &str) -> Option<String> {
        let needs = self.needs.get(service)?;
        let closed = needs.iter().find(|(need, condition)| {
            let mut mine = self
                .containers
                .values()
                .filter(|container| container.seen.service == *need);
            let open = |container: &SimContainer| {
                let lately = container.ended.is_some_and(|ended| ended.elapsed() < LAG);
                if self.jobs.contains(need) {
                    return *condition == Condition::Started && container.began.is_some();
                }
                match condition {
                    Condition::Started => container.seen.status == Status::Running || lately,
                    Condition::Ready => self.is_ready(container) || lately,
                }
            };
            !self.done.contains(need) && !mine.any(open)
        });
        closed.map(|(need, _)| need.clone())
    }

    /// Whether this call takes the last one away that who calls its service is sent to.
    fn check_called(&mut self, call: &Call) {
        let id = match &call.action {
            Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. } => Some(id),
            // It is detached for a moment.
            Action::SetAliases { .. } => call.input.as_ref(),
            _ => None,
        };
        let Some(touched) = id.and_then(|id| self.containers.get(id)) else {
            return;
        };
        let service = &touched.seen.service;
        let answers = |container: &SimContainer| {
            let mut names = container.seen.aliases.values();
            container.seen.service == *service
                && container.seen.id != touched.seen.id
                && self.is_ready(container)
                && names.any(|names| names.contains(service))
        };
        if self.called.contains(service) && !self.containers.values().any(answers) {
            let (verb, name) = (call.action.verb_text(), &touched.seen.name);
            let violation = format!("{verb} {name}: nobody is left to be called");
            self.violations.push(violation);
        }
    }

    /// What a call is about, for the check that nothing is done to one thing twice at once.
    pub fn subject(&self, call: &Call) -> String {
        let named = |id: &str| {
            let found = self.containers.get(id);
            found.map_or_else(|| id.to_owned(), |container| container.seen.name.clone())
        };
        match &call.action {
            Action::PullImage { reference, .. } => reference.clone(),
            Action::BuildImage(spec) => spec.tag.clone(),
            Action::CreateNetwork { name, .. } | Action::RemoveNetwork { name } => {
                format!("network {name}")
            }
            Action::CreateVolume { name, .. } | Action::RemoveVolume { name } => {
                format!("volume {name}")
            }
            Action::RemoveImage { reference } => reference.clone(),
            Action::CreateContainer { spec, .. } => spec.name.clone(),
            Action::StartProcess { spec } => spec.name.clone(),
            Action::Seed { .. }
            | Action::Sync { .. }
            | Action::Prepare { .. }
            | Action::StartContainer { .. }
            | Action::RenameContainer { .. }
            | Action::SetAliases { .. } => named(call.input.as_deref().unwrap_or_default()),
            Action::StopContainer { id, .. }
            | Action::RemoveContainer { id, .. }
            | Action::UnpauseContainer { id }
            | Action::SetRestartPolicy { id, .. } => named(id),
        }
    }

    /// The fault that hits a call, if any.
    pub fn strike(&mut self, action: &Action) -> Option<How> {
        let place = self
            .faults
            .iter()
            .position(|fault| fault.times > 0 && (fault.on)(action))?;
        self.faults[place].times -= 1;
        Some(self.faults[place].how.clone())
    }

    /// Whether the start of a container keeps its gates; asked when the call comes in.
    pub fn check_start(&mut self, id: &str, engine: u32) {
        let Some(container) = self.containers.get(id) else {
            return;
        };
        let name = container.seen.name.clone();
        // The last call of an engine that was killed may come between.
        if container.seen.is_running() && container.begun_by == engine {
            self.violations.push(format!("{name} was started twice"));
        }
        if let Some(need) = self.closed_gate(&container.seen.service.clone()) {
            self.violations
                .push(format!("{name} was started before {need} was ready"));
        }
    }

    /// The same for a process, which there may be nothing of yet.
    pub fn check_process(&mut self, spec: &ProcessSpec, engine: u32) {
        self.check_start(&spec.id(), engine);
        if !self.containers.contains_key(&spec.id())
            && let Some(need) = self.closed_gate(&spec.service)
        {
            let name = &spec.name;
            self.violations
                .push(format!("{name} was started before {need} was ready"));
        }
    }

    pub fn look(&mut self, ask: &Look) -> Observed {
        self.looks += 1;
        let mine = self
            .containers
            .values()
            .filter(|container| container.project == ask.project);
        let images = self
            .images
            .iter()
            .filter(|(reference, _)| ask.images.contains(*reference));
        let networks = self
            .networks
            .iter()
            .filter(|(name, network)| network.ours || ask.networks.contains(*name));
        let volumes = self
            .volumes
            .iter()
            .filter(|(name, volume)| volume.ours || ask.volumes.contains(*name));
        Observed {
            containers: mine.map(|container| container.seen.clone()).collect(),
            networks: networks
                .map(|(name, network)| (name.clone(), network.clone()))
                .collect(),
            volumes: volumes
                .map(|(name, volume)| (name.clone(), volume.clone()))
                .collect(),
            images: images
                .map(|(name, image)| (name.clone(), image.clone()))
                .collect(),
            ..Observed::default()
        }
    }

    /// Does what a call says.
    pub fn perform(&mut self, call: &Call) -> Result<Output, RuntimeError> {
        self.check_called(call);
        let label = |name: &str| {
            call.labels
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        match &call.action {
            Action::PullImage { reference, .. } => {
                let id = format!("sha256:{reference}");
                self.images.insert(
                    reference.clone(),
                    ObservedImage {
                        id: id.clone(),
                        ..ObservedImage::default()
                    },
                );
                Ok(Output::Image(id))
            }
            Action::BuildImage(spec) => {
                let id = match &self.comes_out_as {
                    Some(same) => same.clone(),
                    None => format!("sha256:{}", spec.hash),
                };
                self.images.insert(
                    spec.tag.clone(),
                    ObservedImage {
                        id: id.clone(),
                        ..ObservedImage::default()
                    },
                );
                Ok(Output::Image(id))
            }
            Action::CreateNetwork { name, hash, .. } => {
                if self.networks.contains_key(name) {
                    return Err(refused(
                        FailureClass::NameTaken,
                        format!("network with name {name} already exists"),
                    ));
                }
                let id = format!("net-{}", self.tick());
                self.networks.insert(
                    name.clone(),
                    ObservedNetwork {
                        id,
                        twins: Vec::new(),
                        ours: true,
                        dir: label(LABEL_DIR),
                        config: Some(hash.clone()),
                    },
                );
                Ok(Output::Nothing)
            }
            Action::RemoveNetwork { name } => {
                let used = self.containers.values().find(|container| {
                    container.seen.is_running()
                        && container.networks.iter().any(|on| on.network == *name)
                });
                if used.is_some() {
                    return Err(refused(
                        FailureClass::Other,
                        format!("network {name} has active endpoints"),
                    ));
                }
                self.networks.remove(name);
                Ok(Output::Nothing)
            }
            Action::CreateVolume { name, hash, .. } => {
                let created = format!("made-{}", self.tick());
                let made = ObservedVolume {
                    ours: true,
                    created,
                    dir: label(LABEL_DIR),
                    checkout: label(LABEL_CHECKOUT),
                    config: Some(hash.clone()),
                };
                // As engines do it: one that is there stays.
                self.volumes.entry(name.clone()).or_insert(made);
                Ok(Output::Nothing)
            }
            Action::RemoveImage { reference } => {
                self.images.remove(reference);
                Ok(Output::Nothing)
            }
            Action::RemoveVolume { name } => {
                let mounted = self.containers.values().any(|container| {
                    container
                        .mounts
                        .iter()
                        .any(|mount| mount.volume.as_ref() == Some(name))
                });
                if mounted {
                    return Err(refused(
                        FailureClass::Other,
                        format!("volume {name} is in use"),
                    ));
                }
                self.volumes.remove(name);
                Ok(Output::Nothing)
            }
            Action::CreateContainer { spec, .. } => self.create(spec, call),
            Action::Seed { .. } | Action::Sync { .. } | Action::Prepare { .. } => {
                Ok(Output::Nothing)
            }
            Action::StartContainer { .. } => self.start(call.input.as_deref().unwrap_or_default()),
            Action::StartProcess { spec } => self.start_process(spec, call),
            Action::StopContainer { id, .. } => {
                let service = self
                    .containers
                    .get(id)
                    .map(|container| container.seen.service.clone());
                let code = service
                    .and_then(|service| self.behaviours.get(&service))
                    .map_or(143, |b| b.stop_code);
                self.end(id, code, false);
                Ok(Output::Nothing)
            }
            Action::RemoveContainer { id, .. } => {
                self.containers.remove(id);
                Ok(Output::Nothing)
            }
            Action::UnpauseContainer { id } => match self.containers.get_mut(id) {
                Some(container) if container.seen.status == Status::Paused => {
                    container.seen.status = Status::Running;
                    Ok(Output::Nothing)
                }
                _ => Err(refused(FailureClass::Other, "it is not paused".to_owned())),
            },
            Action::RenameContainer { name, .. } => {
                if self.by_name(name).is_some() {
                    let message = format!("the name {name} is already in use");
                    return Err(refused(FailureClass::NameTaken, message));
                }
                let id = call.input.as_deref().unwrap_or_default();
                if let Some(container) = self.containers.get_mut(id) {
                    container.seen.name.clone_from(name);
                }
                Ok(Output::Nothing)
            }
            Action::SetAliases { networks, .. } => {
                let id = call.input.as_deref().unwrap_or_default();
                let address = IpAddr::from(Ipv4Addr::from(self.tick() as u32));
                let Some(container) = self.containers.get_mut(id) else {
                    return Err(refused(
                        FailureClass::Other,
                        format!("no such container: {id}"),
                    ));
                };
                container.seen.aliases = networks.iter().map(aliases).collect();
                if self.behaviours[&container.seen.service].moves {
                    let addresses = networks.iter().map(|on| (on.network.clone(), address));
                    container.seen.addresses = addresses.collect();
                }
                container.attached = Some(Instant::now());
                Ok(Output::Started(Box::new(container.seen.clone())))
            }
            Action::SetRestartPolicy { id, policy } => {
                if let Some(container) = self.containers.get_mut(id) {
                    policy
                        .engine_name()
                        .clone_into(&mut container.seen.restart_policy);
                }
                Ok(Output::Nothing)
            }
        }
    }

    fn create(&mut self, spec: &ContainerSpec, call: &Call) -> Result<Output, RuntimeError> {
        if self.by_name(&spec.name).is_some() {
            return Err(refused(
                FailureClass::NameTaken,
                format!("the name {} is already in use", spec.name),
            ));
        }
        let image = call.input.clone().unwrap_or_default();
        if !self.images.values().any(|known| known.id == image) {
            return Err(refused(
                FailureClass::ImageMissing,
                format!("no such image: {image}"),
            ));
        }
        let mut mounted = BTreeMap::new();
        for reference in spec.mounted_images() {
            let Some(image) = self.images.get(reference) else {
                let message = format!("no such image: {reference}");
                return Err(refused(FailureClass::ImageMissing, message));
            };
            mounted.insert(reference.to_owned(), image.id.clone());
        }
        let label = |name: &str| {
            let found = spec.labels.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let id = format!("id-{}", self.tick());
        let seen = ObservedContainer {
            id: id.clone(),
            name: spec.name.clone(),
            service: spec.service.clone(),
            index: spec.index,
            config: Some(spec.hash.clone()),
            dir: label(LABEL_DIR),
            checkout: label(LABEL_CHECKOUT),
            image_id: image,
            status: Status::Created,
            started_at: "0001-01-01T00:00:00Z".to_owned(),
            ports: Vec::new(),
            addresses: BTreeMap::new(),
            aliases: spec.networks.iter().map(aliases).collect(),
            finished_at: String::new(),
            restart_policy: "no".to_owned(),
            stop_grace: Some(spec.stop_grace),
            anonymous_volumes: false,
            healthy: None,
            mounted,
        };
        let container = SimContainer {
            seen,
            project: label(LABEL_PROJECT).unwrap_or_default(),
            user: spec.user.clone(),
            env: spec.env.clone(),
            ports: spec.ports.clone(),
            mounts: spec.mounts.clone(),
            networks: spec.networks.clone(),
            attached: None,
            began: None,
            ended: None,
            begun_by: 0,
            run: 0,
            log: Vec::new(),
        };
        self.containers.insert(id.clone(), container);
        Ok(Output::Container(id))
    }

    /// A process that ran before begins anew under its id.
    fn start_process(&mut self, spec: &ProcessSpec, call: &Call) -> Result<Output, RuntimeError> {
        let id = spec.id();
        if !self.containers.contains_key(&id) {
            let label = |name: &str| {
                let found = call.labels.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone())
            };
            let seen = ObservedContainer {
                id: id.clone(),
                name: spec.name.clone(),
                service: spec.service.clone(),
                index: spec.index,
                config: None,
                dir: label(LABEL_DIR),
                checkout: label(LABEL_CHECKOUT),
                image_id: String::new(),
                status: Status::Created,
                started_at: "0001-01-01T00:00:00Z".to_owned(),
                finished_at: String::new(),
                stop_grace: None,
                anonymous_volumes: false,
                healthy: None,
                mounted: BTreeMap::new(),
                ports: Vec::new(),
                addresses: BTreeMap::new(),
                aliases: BTreeMap::new(),
                restart_policy: "no".to_owned(),
            };
            let container = SimContainer {
                seen,
                project: label(LABEL_PROJECT).unwrap_or_default(),
                user: None,
                env: spec.env.clone(),
                ports: Vec::new(),
                mounts: Vec::new(),
                networks: Vec::new(),
                attached: None,
                began: None,
                ended: None,
                begun_by: 0,
                run: 0,
                log: Vec::new(),
            };
            self.containers.insert(id.clone(), container);
        }
        if let Some(process) = self.containers.get_mut(&id) {
            process.seen.config = Some(spec.hash.clone());
            process.ports.clone_from(&spec.ports);
        }
        self.start(&id)
    }

    pub fn start(&mut self, id: &str) -> Result<Output, RuntimeError> {
        let Some(container) = self.containers.get(id) else {
            return Err(refused(
                FailureClass::Other,
                format!("no such container: {id}"),
            ));
        };
        if container.seen.is_running() {
            return Ok(Output::Started(Box::new(container.seen.clone())));
        }
        let lost = container
            .networks
            .iter()
            .find(|on| !self.networks.contains_key(&on.network));
        if let Some(lost) = lost {
            return Err(refused(
                FailureClass::Other,
                format!("network {} not found", lost.network),
            ));
        }
        let bound = self
            .containers
            .values()
            .filter(|other| other.seen.is_running())
            .flat_map(|other| &other.seen.ports);
        let bound: BTreeSet<u16> = bound
            .map(|port| port.3)
            .chain(self.foreign_ports.iter().copied())
            .collect();
        let wanted = container
            .ports
            .iter()
            .filter_map(|port| Some((port.container, port.protocol, port.host?)));
        let ports: Vec<_> = wanted
            .map(|(number, protocol, host)| {
                (number, protocol, IpAddr::V4(Ipv4Addr::LOCALHOST), host)
            })
            .collect();
        if let Some(taken) = ports.iter().find(|port| bound.contains(&port.3)) {
            return Err(refused(
                FailureClass::PortTaken,
                format!("the host port 127.0.0.1:{} is taken", taken.3),
            ));
        }
        let service = container.seen.service.clone();
        self.done.remove(&service);
        let tie = self.tick();
        let says = self.behaviours[&service].says.clone();
        let container = self.containers.get_mut(id).expect("it was there");
        container.seen.status = Status::Running;
        container.seen.started_at = clock::stamp(tie);
        container.seen.ports = ports;
        container.began = Some(Instant::now());
        container.attached = None;
        if self.behaviours[&service].moves {
            let address = IpAddr::from(Ipv4Addr::from(tie as u32));
            let networks = container.networks.iter();
            let addresses = networks.map(|on| (on.network.clone(), address));
            container.seen.addresses = addresses.collect();
        }
        container.ended = None;
        container.run += 1;
        let at = i128::from(clock::now()) * 1_000_000 + i128::from(tie % 1000) * 1000;
        let lines = says.into_iter().enumerate().map(|(n, line)| LogLine {
            at: at + i128::try_from(n).unwrap_or(0) + 1,
            error: false,
            line,
        });
        container.log.extend(lines);
        Ok(Output::Started(Box::new(container.seen.clone())))
    }

    /// How the run that has just begun goes.
    pub fn next_life(&mut self, id: &str) -> Option<(u64, Life)> {
        let container = self.containers.get(id)?;
        let behaviour = self.behaviours.get_mut(&container.seen.service)?;
        let life = behaviour.lives.pop_front().unwrap_or(behaviour.then);
        Some((container.run, life))
    }

    /// A run ends; says whether it did run.
    pub fn end(&mut self, id: &str, code: i64, out_of_memory: bool) -> bool {
        let Some(container) = self.containers.get_mut(id) else {
            return false;
        };
        if !container.seen.is_running() {
            return false;
        }
        if code == 0 && self.jobs.contains(&container.seen.service) {
            self.done.insert(container.seen.service.clone());
        }
        container.seen.finished_at = clock::stamp(0);
        container.seen.status = Status::Exited {
            code,
            out_of_memory,
        };
        container.seen.ports.clear();
        container.ended = Some(Instant::now());
        true
    }
}

fn refused(class: FailureClass, message: String) -> RuntimeError {
    RuntimeError::new(class, message)
}
