//! (stack, goal, desired, observed) -> plan. What is as it should be yields nothing.

mod down;
mod instance;
mod jobs;
mod mounted;
mod prepare;
mod process;
mod renew;
mod replace;
#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::demands::Demands;
use super::desired::{ContainerSpec, Desired, ImageSource};
use super::observed::{Generation, Home, Observed, ObservedImage};
use super::operation::{Action, Cause, Input, OpId, Operation, Plan, Subject};
use crate::stack::{Namespace, Pull, Service, Stack};

pub use down::{Images, Removal, hand_over, remove, stop};
pub use jobs::{job_hash, job_hash_from, job_is_current};

/// What planning an `up` compares.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub stack: &'a Stack,
    /// Of the services in scope only; what the stack has beside them is left as it is.
    pub desired: &'a Desired,
    pub observed: &'a Observed,
    /// What supervision says of the services that are not simply to be started.
    pub standing: &'a BTreeMap<String, Standing>,
    /// Lives that are to end and begin anew, and why.
    pub bounce: &'a BTreeMap<Generation, Cause>,
    /// Lives that did not take in what they lack: a restart does not wait for that.
    pub refusing: &'a BTreeSet<Generation>,
    /// Jobs to run although nothing changed.
    pub rerun: &'a BTreeSet<String>,
    /// Services whose image has not what their sync rules cover, or an older one, beside those whose image says so itself: a
    /// new container gets the files before it starts.
    pub seed: &'a BTreeSet<String>,
    /// What somebody asked for beside that things are as they should be, and containers whose host port was taken.
    pub demands: &'a Demands,
    /// Replicas that somebody stopped beside `dev`: they stay as they are.
    pub left: &'a BTreeSet<(String, u32)>,
    /// Ids of containers that somebody paused, and that stay so.
    pub held: &'a BTreeSet<String>,
    /// Names of networks that cannot be made anew for now, whatever the stack file says of their options.
    pub held_networks: &'a BTreeSet<String>,
    /// Which restart policy the containers should have on the engine.
    pub restarts: RestartOwner,
    /// Only what this checkout made is an orphan of ours.
    pub home: Home<'a>,
}

/// Who restarts a container that ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartOwner {
    /// `dev`: the engine's policy is `no`, so that no start bypasses a gate.
    Dev,
    /// `dev` until all is ready, then the engine: what starts now is kept from bypassing gates, what runs keeps its policy.
    DevForNow,
    /// The engine, as the stack file says, because `dev` leaves.
    Engine,
}

/// What supervision allows for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It crashed, or an operation on it failed; the next try is not due yet. What runs of it keeps running.
    Backoff,
    /// Not to be tried until something changes. What runs of it keeps running.
    GaveUp,
}

/// Plans the way from what is to what should be.
pub fn reconcile(wanted: &Wanted<'_>) -> Plan {
    let mut builder = Builder {
        wanted: *wanted,
        plan: Plan::default(),
        images: BTreeMap::new(),
        shared: BTreeMap::new(),
        twins: BTreeMap::new(),
    };
    builder.twins();
    builder.orphans();
    let outdated = builder.outdated_networks();
    // Both in one order, what is needed first: a container may need a process, and the other way round.
    let mut containers = wanted.desired.containers.iter().peekable();
    let mut processes = wanted.desired.processes.iter().peekable();
    for service in &wanted.desired.order {
        // Whatever it may be that failed, trying it again is for later.
        let standing = wanted.standing.get(service);
        while let Some(spec) = containers.next_if(|spec| spec.service == *service) {
            if wanted.left.contains(&(spec.service.clone(), spec.index)) {
                continue;
            }
            match standing {
                None if spec.is_on_any(&outdated) => drop(builder.image(&spec.service)),
                None => builder.instance(spec),
                Some(Standing::Backoff) => {}
                Some(Standing::GaveUp) => builder.settle_for(spec),
            }
        }
        while let Some(spec) = processes.next_if(|spec| spec.service == *service) {
            if standing.is_none() {
                builder.process(spec);
            }
        }
    }
    builder.surplus();
    builder.renew_networks(&outdated);
    if wanted.demands.create_only {
        return builder.plan.without_starts();
    }
    builder.plan
}

/// A plan in the making.
struct Builder<'a> {
    wanted: Wanted<'a>,
    plan: Plan,
    /// Operations that make an image, by its reference.
    images: BTreeMap<String, OpId>,
    /// Operations that make networks and volumes.
    shared: BTreeMap<Subject, OpId>,
    /// Operations that remove the twins of a network, by its name.
    twins: BTreeMap<String, Vec<OpId>>,
}

/// What is known of an image while planning.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Image {
    Present(String),
    /// `operation` yields it.
    Coming {
        operation: OpId,
    },
}

impl Builder<'_> {
    fn push(&mut self, subject: Subject, action: Action, cause: Cause, after: Vec<OpId>) -> OpId {
        let id = self.plan.operations.len();
        self.plan.operations.push(Operation {
            id,
            subject,
            action,
            cause,
            after,
            gates: Vec::new(),
            only_if: None,
            once_ready: None,
        });
        id
    }

    /// Networks of ours that have another's name.
    fn twins(&mut self) {
        let wanted = self.wanted;
        let ours = wanted.observed.networks.iter();
        for (name, network) in ours.filter(|(_, network)| network.ours) {
            for twin in &network.twins {
                let subject = Subject::Network(twin.clone());
                let action = Action::RemoveNetwork { name: twin.clone() };
                let removal = self.push(subject, action, Cause::Twin, Vec::new());
                self.twins.entry(name.clone()).or_default().push(removal);
            }
        }
    }

    /// A job that has ended well with what it would run with now.
    fn has_run(&self, job: &str) -> bool {
        let wanted = self.wanted;
        job_is_current(wanted.stack, wanted.desired, wanted.observed, job)
    }

    /// The image from which a job has ended well, where it need not run again if its image comes out as that.
    fn has_run_from(&self, spec: &ContainerSpec) -> Option<String> {
        let wanted = self.wanted;
        let may_stand = spec.job && !wanted.rerun.contains(&spec.service);
        let (desired, observed) = (wanted.desired, wanted.observed);
        may_stand
            .then(|| jobs::job_may_stand(wanted.stack, desired, observed, &spec.service))
            .flatten()
            .map(str::to_owned)
    }

    /// Containers of ours whose service is gone from the file.
    fn orphans(&mut self) {
        let wanted = self.wanted;
        for container in &wanted.observed.containers {
            let ours = wanted
                .home
                .made(container.dir.as_deref(), container.checkout.as_deref());
            if ours && !wanted.stack.services.contains_key(&container.service) {
                self.remove_container(container, &Cause::Orphan, Vec::new());
            }
        }
    }

    /// Instances above the wanted number of replicas.
    fn surplus(&mut self) {
        let wanted = self.wanted;
        let known: BTreeSet<(&str, u32)> = wanted
            .desired
            .containers
            .iter()
            .map(|spec| (spec.service.as_str(), spec.index))
            .chain(
                wanted
                    .desired
                    .processes
                    .iter()
                    .map(|spec| (spec.service.as_str(), spec.index)),
            )
            .collect();
        let services: BTreeSet<&str> = known.iter().map(|(service, _)| *service).collect();
        for container in &wanted.observed.containers {
            let service = container.service.as_str();
            if services.contains(service) && !known.contains(&(service, container.index)) {
                self.remove_container(container, &Cause::Surplus, Vec::new());
            }
        }
    }

    /// The networks and volumes of a container that are not there yet: made once, and only for something that is made. The
    /// containers, too, whose volumes it has, and the images whose files: the engine reads them while it makes it.
    fn networks_and_volumes(&mut self, spec: &ContainerSpec) -> Vec<OpId> {
        let wanted = self.wanted;
        let networks = spec.networks.iter().filter_map(|attached| {
            let network = wanted
                .desired
                .networks
                .iter()
                .find(|network| network.name == attached.network)?;
            let missing =
                !network.external && !wanted.observed.networks.contains_key(&network.name);
            let action = Action::CreateNetwork {
                name: network.name.clone(),
                key: network.key.clone(),
                internal: network.internal,
                options: Box::new(network.options.clone()),
                hash: network.hash(),
            };
            missing.then(|| (Subject::Network(network.name.clone()), action))
        });
        let networks: Vec<_> = networks.collect();
        let mut made: Vec<OpId> = networks
            .into_iter()
            .map(|(subject, action)| self.shared(subject, action))
            .collect();
        let volumes = spec.mounts.iter();
        made.extend(self.volumes(volumes.filter_map(|mount| mount.volume.as_ref())));
        let attached = spec.networks.iter();
        let twins = attached.filter_map(|attached| self.twins.get(&attached.network));
        made.extend(twins.flatten().copied());
        made.extend(self.lenders(&spec.service));
        made.extend(self.images_mounted(spec));
        made
    }

    /// What makes the containers of `volumes_from`. What is needed is planned before what needs it.
    fn lenders(&self, service: &str) -> Vec<OpId> {
        let service = self.wanted.stack.services.get(service);
        let from = service.map(|service| service.container.volumes_from.as_slice());
        let lends = |name: &str| {
            let mut from = from.into_iter().flatten();
            from.any(|lender| lender.from == Namespace::Service(name.to_owned()))
        };
        let operations = self.plan.operations.iter();
        let making = operations.filter(|operation| {
            matches!(&operation.action, Action::CreateContainer { spec, .. } if lends(&spec.service))
        });
        making.map(|operation| operation.id).collect()
    }

    /// The volumes of these names that are not there yet.
    fn volumes<'v>(&mut self, names: impl Iterator<Item = &'v String>) -> Vec<OpId> {
        let wanted = self.wanted;
        let volumes = names.filter_map(|name| {
            let mut volumes = wanted.desired.volumes.iter();
            let volume = volumes.find(|volume| volume.name == *name)?;
            let missing = !volume.external && !wanted.observed.volumes.contains_key(name);
            let action = Action::CreateVolume {
                name: name.clone(),
                key: volume.key.clone(),
                options: Box::new(volume.options.clone()),
                hash: volume.hash(),
            };
            missing.then(|| (Subject::Volume(name.clone()), action))
        });
        let volumes: Vec<_> = volumes.collect();
        volumes
            .into_iter()
            .map(|(subject, action)| self.shared(subject, action))
            .collect()
    }

    /// An operation that is in the plan once, whoever needs it.
    fn shared(&mut self, subject: Subject, action: Action) -> OpId {
        if let Some(id) = self.shared.get(&subject) {
            return *id;
        }
        let id = self.push(subject.clone(), action, Cause::Missing, Vec::new());
        self.shared.insert(subject, id);
        id
    }

    /// Whether files reach the containers of a service otherwise than in its image. Those of a job it has when it begins.
    fn is_synced(&self, service: &str) -> bool {
        let service = self.wanted.stack.services.get(service);
        service.is_some_and(|service| !service.is_job() && service.syncs())
    }

    /// Whether a container of it loses some of those files with each life.
    fn is_synced_into_memory(&self, service: &str) -> bool {
        let services = &self.wanted.stack.services;
        self.is_synced(service)
            && services
                .get(service)
                .is_some_and(Service::syncs_into_memory)
    }

    /// Whether a new container from the image that there is needs files before it starts.
    fn needs_files(&self, service: &str, image: &Image) -> bool {
        let wanted = self.wanted;
        match (wanted.desired.images.get(service), image) {
            // A build takes everything in.
            (Some(ImageSource::Build(_)), Image::Coming { .. }) => false,
            _ if wanted.seed.contains(service) => true,
            (Some(ImageSource::Build(tag)), Image::Present(_)) => {
                let spec = wanted.desired.builds.iter().find(|build| build.tag == *tag);
                let image = wanted.observed.images.get(tag);
                let behind = spec.zip(image).map(|(spec, image)| image.is_behind(spec));
                self.is_synced(service) && behind.unwrap_or(false)
            }
            _ => false,
        }
    }

    /// The image of a service: there, or made by an operation that this adds once.
    fn image(&mut self, service: &str) -> Option<Image> {
        let wanted = self.wanted;
        let demands = wanted.demands;
        let source = wanted.desired.images.get(service)?;
        let (ImageSource::Pull(reference) | ImageSource::Build(reference)) = source;
        if let Some(operation) = self.images.get(reference) {
            return Some(Image::Coming {
                operation: *operation,
            });
        }
        let present = wanted.observed.images.get(reference);
        let subject = Subject::Image(reference.clone());
        let operation = match source {
            ImageSource::Pull(_) => {
                let cause = match present {
                    Some(_) if demands.pull.contains(service) => Cause::AskedToPull,
                    Some(image) => return Some(Image::Present(image.id.clone())),
                    None if demands.no_pull.contains(service) => return None,
                    None => Cause::For(service.to_owned()),
                };
                let asking = wanted.stack.services.get(service);
                let by_file = !asking.is_some_and(|service| service.pull == Pull::Never);
                let action = Action::PullImage {
                    reference: reference.clone(),
                    platform: asking.and_then(|service| service.container.platform.clone()),
                    allowed: by_file || demands.pull.contains(service),
                };
                self.push(subject, action, cause, Vec::new())
            }
            ImageSource::Build(tag) => return self.built(service, tag),
        };
        self.images.insert(reference.clone(), operation);
        Some(Image::Coming { operation })
    }

    /// The same for one that is built, with what it is built from.
    fn built(&mut self, service: &str, tag: &str) -> Option<Image> {
        let wanted = self.wanted;
        let demands = wanted.demands;
        if let Some(operation) = self.images.get(tag) {
            return Some(Image::Coming {
                operation: *operation,
            });
        }
        let present = wanted.observed.images.get(tag);
        let mut builds = wanted.desired.builds.iter();
        let spec = builds.find(|build| build.tag == *tag)?;
        let is_current = |image: &ObservedImage| {
            !image.is_behind(spec) || (self.is_synced(service) && image.is_made_as(spec))
        };
        let cause = match present {
            Some(image) if demands.no_build.contains(service) => {
                return Some(Image::Present(image.id.clone()));
            }
            None if demands.no_build.contains(service) => return None,
            Some(image) if is_current(image) && !demands.build.contains(service) => {
                return Some(Image::Present(image.id.clone()));
            }
            Some(image) if is_current(image) => Cause::AskedToBuild,
            Some(_) => Cause::SourcesChanged,
            None => Cause::Missing,
        };
        let after = spec.bases.iter().filter_map(|base| {
            let mut builds = wanted.desired.builds.iter();
            let base = builds.find(|build| build.tag == *base)?;
            let service = base.services.first()?;
            self.built(service, &base.tag)?.operation()
        });
        let after = after.collect();
        let action = Action::BuildImage(Box::new(spec.clone()));
        let operation = self.push(Subject::Image(tag.to_owned()), action, cause, after);
        self.images.insert(tag.to_owned(), operation);
        Some(Image::Coming { operation })
    }
}

impl Image {
    fn input(&self) -> Input<String> {
        match self {
            Self::Present(id) => Input::Known(id.clone()),
            Self::Coming { operation } => Input::From(*operation),
        }
    }

    fn operation(&self) -> Option<OpId> {
        match self {
            Self::Present(_) => None,
            Self::Coming { operation } => Some(*operation),
        }
    }
}
