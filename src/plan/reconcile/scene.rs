//! Stacks and worlds for tests of planning, said briefly, and a world that does what a plan says.

use std::collections::{BTreeMap, BTreeSet};

use super::{RestartOwner, Standing, Wanted, job_hash, job_hash_from, reconcile};
use crate::plan::allocate::{Allocations, Taken, allocate};
use crate::plan::demands::Demands;
use crate::plan::desired::{
    Desired, NetworkAttachment, ProcessSpec, SourceHashes, desire, image_tags,
};
use crate::plan::observed::{
    Generation, Has, JobRecord, Observed, ObservedContainer, ObservedImage, ObservedNetwork,
    ObservedVolume, RanFrom, Status,
};
use crate::plan::operation::{Action, Cause, Input, OpId, Operation, Plan};
use crate::stack::resolve::Facts;
use crate::stack::resolve::fixture::{service, stack};
use crate::stack::{Build, Condition, Mount, Need, Restart, Service, Source, Stack, Volume};

/// Everything that planning compares, with a world that can be changed in both directions.
#[derive(Debug, Clone)]
pub struct Scene {
    pub stack: Stack,
    pub scope: BTreeSet<String>,
    pub allocations: Allocations,
    pub sources: SourceHashes,
    pub observed: Observed,
    pub standing: BTreeMap<String, Standing>,
    pub bounce: BTreeMap<Generation, Cause>,
    pub refusing: BTreeSet<Generation>,
    pub rerun: BTreeSet<String>,
    pub seed: BTreeSet<String>,
    pub demands: Demands,
    pub left: BTreeSet<(String, u32)>,
    pub held: BTreeSet<String>,
    pub held_networks: BTreeSet<String>,
    pub restarts: RestartOwner,
    /// The id of what each build comes out as, whatever it is from.
    pub comes_out_as: Option<String>,
    /// Seconds since 1970; every start is later than the one before.
    pub clock: i64,
    created: u64,
}

impl Scene {
    /// Nothing is there yet.
    pub fn of(services: impl IntoIterator<Item = Service>) -> Self {
        let mut stack = stack(services);
        let mounted = stack.services.values().flat_map(|service| &service.mounts);
        let keys: Vec<String> = mounted
            .filter_map(|mount| match mount {
                Mount::Volume { key, .. } => Some(key.clone()),
                Mount::Bind { .. }
                | Mount::Tmpfs { .. }
                | Mount::Anonymous { .. }
                | Mount::Image { .. } => None,
            })
            .collect();
        for key in keys {
            stack.volumes.insert(key, Volume::default());
        }
        let scope: BTreeSet<String> = stack.services.keys().cloned().collect();
        let tags = image_tags(&stack, &scope);
        let hashes = |syncs: bool| {
            let tags = tags.iter().filter(|(tag, _)| {
                let user = stack
                    .services
                    .keys()
                    .find(|name| format!("gold-{name}") == *tag);
                !syncs || user.is_some_and(|name| stack.services[name].syncs())
            });
            tags.map(|(tag, _)| (tag.clone(), "tree-1".to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        let (contexts, files) = (hashes(false), hashes(true));
        let mut scene = Self {
            stack,
            scope,
            allocations: Allocations::new(),
            sources: SourceHashes {
                contexts,
                files,
                inputs: BTreeMap::new(),
            },
            observed: Observed::default(),
            standing: BTreeMap::new(),
            bounce: BTreeMap::new(),
            refusing: BTreeSet::new(),
            rerun: BTreeSet::new(),
            seed: BTreeSet::new(),
            demands: Demands::default(),
            left: BTreeSet::new(),
            held: BTreeSet::new(),
            held_networks: BTreeSet::new(),
            restarts: RestartOwner::Dev,
            comes_out_as: None,
            clock: 1_700_000_000,
            created: 0,
        };
        scene.choose_ports();
        scene
    }

    /// Everything runs, every job is done.
    pub fn running(services: impl IntoIterator<Item = Service>) -> Self {
        let mut scene = Self::of(services);
        scene.converge();
        scene
    }

    pub fn choose_ports(&mut self) {
        let none = Allocations::new();
        self.allocations = allocate(
            &self.stack,
            &self.scope,
            &self.allocations,
            &none,
            &Taken::new(),
            &mut (40_000..),
        );
    }

    /// Changes a service of the stack file.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut Service)) {
        change(
            self.stack
                .services
                .get_mut(name)
                .expect("a service of the stack"),
        );
        self.choose_ports();
    }

    pub fn container(&mut self, name: &str) -> &mut ObservedContainer {
        let found = self
            .observed
            .containers
            .iter_mut()
            .find(|container| container.name == name);
        found.unwrap_or_else(|| panic!("no container {name}"))
    }

    /// Its state as the engine would tell it.
    pub fn set(&mut self, name: &str, status: Status) {
        self.container(name).status = status;
    }

    pub fn desired(&self) -> Desired {
        desire(
            &self.stack,
            &self.scope,
            &self.allocations,
            &Facts::default(),
            &self.sources,
            &[7; 32],
        )
        .expect("everything resolves")
    }

    pub fn plan(&self) -> Plan {
        let desired = self.desired();
        self.plan_with(&desired)
    }

    pub fn plan_with(&self, desired: &Desired) -> Plan {
        reconcile(&Wanted {
            stack: &self.stack,
            desired,
            observed: &self.observed,
            standing: &self.standing,
            bounce: &self.bounce,
            refusing: &self.refusing,
            rerun: &self.rerun,
            seed: &self.seed,
            demands: &self.demands,
            left: &self.left,
            held: &self.held,
            held_networks: &self.held_networks,
            restarts: self.restarts,
            home: crate::plan::observed::Home {
                dir: self.stack.dir.as_str(),
                checkout: "here",
            },
        })
    }

    /// The plan as a person reads it.
    pub fn text(&self) -> String {
        let plan = self.plan();
        check_order(&plan);
        if plan.is_empty() {
            "nothing to do\n".to_owned()
        } else {
            plan.to_string()
        }
    }

    /// Plans and executes until nothing is left; panics when that does not come to an end. Returns the rounds.
    pub fn converge(&mut self) -> usize {
        for round in 0..12 {
            let plan = self.plan();
            check_order(&plan);
            if plan.is_empty() {
                return round;
            }
            self.execute(&plan);
        }
        panic!("no end in sight:\n{}", self.plan());
    }

    /// Does everything that a plan says, one operation after the other; every gate opens.
    pub fn execute(&mut self, plan: &Plan) {
        let mut outputs: BTreeMap<OpId, String> = BTreeMap::new();
        let mut skipped: BTreeSet<OpId> = BTreeSet::new();
        for operation in &plan.operations {
            if let Some(only_if) = &operation.only_if
                && outputs.get(&only_if.image_of) == Some(&only_if.differs_from)
            {
                skipped.insert(operation.id);
                continue;
            }
            let input = match operation.action.input() {
                Some(Input::Known(value)) => Some(value.clone()),
                Some(Input::From(id)) => Some(
                    outputs
                        .get(id)
                        .expect("the output of an earlier operation")
                        .clone(),
                ),
                None => None,
            };
            if let Some(output) = self.perform(operation, input) {
                outputs.insert(operation.id, output);
            }
        }
    }

    /// Does one operation. Returns what it yields: an image id or a container id. A job runs to its end at once.
    pub fn perform(&mut self, operation: &Operation, input: Option<String>) -> Option<String> {
        let world = &mut self.observed;
        match &operation.action {
            Action::PullImage { reference, .. } => {
                self.demands.pull.clear();
                self.demands.pulled_for_steps(reference);
                let id = format!("sha256:{reference}");
                world.images.insert(
                    reference.clone(),
                    ObservedImage {
                        id: id.clone(),
                        ..ObservedImage::default()
                    },
                );
                return Some(id);
            }
            Action::BuildImage(spec) => {
                let built = |service: &String| spec.services.contains(service);
                self.demands.build.retain(|service| !built(service));
                // Equal content comes out as an equal image.
                let content = spec.files.as_ref().unwrap_or(&spec.hash);
                let same = self.comes_out_as.clone();
                let id = same.unwrap_or_else(|| format!("sha256:{content}"));
                let image = ObservedImage {
                    id: id.clone(),
                    build: Some(spec.hash.clone()),
                    files: spec.files.clone(),
                    ..ObservedImage::default()
                };
                world.images.insert(spec.tag.clone(), image);
                return Some(id);
            }
            Action::CreateNetwork { name, hash, .. } => {
                let made = ObservedNetwork {
                    id: name.clone(),
                    twins: Vec::new(),
                    ours: true,
                    dir: None,
                    config: Some(hash.clone()),
                };
                assert!(
                    world.networks.insert(name.clone(), made).is_none(),
                    "network {name} twice"
                );
            }
            Action::RemoveNetwork { name } => {
                world
                    .networks
                    .remove(name)
                    .expect("a network that is there");
            }
            Action::CreateVolume { name, hash, .. } => {
                self.created += 1;
                let created = format!("made-{}", self.created);
                let made = ObservedVolume {
                    ours: true,
                    created,
                    dir: None,
                    checkout: None,
                    config: Some(hash.clone()),
                };
                assert!(
                    world.volumes.insert(name.clone(), made).is_none(),
                    "volume {name} twice"
                );
            }
            Action::RemoveVolume { name } => {
                world.volumes.remove(name).expect("a volume that is there");
            }
            Action::RemoveImage { reference } => {
                world
                    .images
                    .remove(reference)
                    .expect("an image that is there");
            }
            Action::CreateContainer { spec, .. } => {
                self.created += 1;
                let id = format!("id-{}", self.created);
                assert!(
                    world.containers.iter().all(|other| other.name != spec.name),
                    "{} twice",
                    spec.name
                );
                let mounted = spec.mounted_images().map(|reference| {
                    let image = world.images.get(reference);
                    let image = image.unwrap_or_else(|| panic!("{reference} is not there"));
                    (reference.to_owned(), image.id.clone())
                });
                let mounted = mounted.collect();
                for network in &spec.networks {
                    assert!(
                        world.networks.contains_key(&network.network),
                        "{} without its network",
                        spec.name
                    );
                }
                world.containers.push(ObservedContainer {
                    id: id.clone(),
                    name: spec.name.clone(),
                    service: spec.service.clone(),
                    index: spec.index,
                    config: Some(spec.hash.clone()),
                    dir: Some(self.stack.dir.to_string()),
                    checkout: Some("here".to_owned()),
                    image_id: input.expect("an image"),
                    status: Status::Created,
                    started_at: String::new(),
                    ports: Vec::new(),
                    addresses: BTreeMap::new(),
                    aliases: spec.networks.iter().map(aliases).collect(),
                    finished_at: String::new(),
                    restart_policy: "no".to_owned(),
                    stop_grace: Some(spec.stop_grace),
                    anonymous_volumes: false,
                    healthy: None,
                    mounted,
                });
                return Some(id);
            }
            Action::Seed { .. } => {
                let id = input.expect("a container");
                assert!(!self.by_id(&id).is_running(), "files come before the start");
                self.observed.synced.insert(id, Has::Everything);
            }
            Action::Prepare { .. } => {
                let id = input.expect("a container");
                assert!(!self.by_id(&id).is_running(), "it comes before the start");
            }
            Action::Sync { .. } => {
                let id = input.expect("a container");
                assert!(
                    self.by_id(&id).is_running(),
                    "nobody is there to take files"
                );
                self.observed.synced.insert(id, Has::Everything);
            }
            Action::StartProcess { spec } => {
                self.begin_process(spec);
            }
            Action::StartContainer { .. } => {
                let id = input.expect("a container");
                self.start(&id);
                return Some(id);
            }
            Action::StopContainer { id, .. } => {
                self.by_id(id).status = Status::Exited {
                    code: 143,
                    out_of_memory: false,
                };
            }
            Action::RemoveContainer { id, .. } => {
                assert!(
                    !self.by_id(id).is_running(),
                    "a container is stopped before it is removed"
                );
                self.observed
                    .containers
                    .retain(|container| container.id != *id);
                self.demands.forget(id);
            }
            Action::UnpauseContainer { id } => {
                let container = self.by_id(id);
                assert_eq!(container.status, Status::Paused);
                container.status = Status::Running;
            }
            Action::RenameContainer { name, .. } => {
                let others = &self.observed.containers;
                assert!(
                    others.iter().all(|other| other.name != *name),
                    "{name} twice"
                );
                let id = input.expect("a container");
                self.by_id(&id).name.clone_from(name);
            }
            Action::SetAliases { networks, .. } => {
                let id = input.expect("a container");
                self.by_id(&id).aliases = networks.iter().map(aliases).collect();
            }
            Action::SetRestartPolicy { id, policy } => {
                policy
                    .engine_name()
                    .clone_into(&mut self.by_id(id).restart_policy);
            }
        }
        None
    }

    fn begin_process(&mut self, spec: &ProcessSpec) {
        let id = spec.id();
        self.observed
            .containers
            .retain(|other| other.id != id || other.is_running());
        self.observed.containers.push(ObservedContainer {
            id: id.clone(),
            name: spec.name.clone(),
            service: spec.service.clone(),
            index: spec.index,
            config: Some(spec.hash.clone()),
            dir: Some(self.stack.dir.to_string()),
            checkout: Some("here".to_owned()),
            image_id: String::new(),
            status: Status::Created,
            started_at: String::new(),
            finished_at: String::new(),
            stop_grace: None,
            anonymous_volumes: false,
            healthy: None,
            mounted: BTreeMap::new(),
            ports: Vec::new(),
            addresses: BTreeMap::new(),
            aliases: BTreeMap::new(),
            restart_policy: "no".to_owned(),
        });
        self.start(&id);
    }

    fn by_id(&mut self, id: &str) -> &mut ObservedContainer {
        let found = self
            .observed
            .containers
            .iter_mut()
            .find(|container| container.id == id);
        found.unwrap_or_else(|| panic!("no container {id}"))
    }

    fn start(&mut self, id: &str) {
        self.clock += 1;
        let clock = self.clock;
        let container = self.by_id(id);
        assert!(
            !container.is_running(),
            "{} is started twice",
            container.name
        );
        container.started_at = chrono::DateTime::from_timestamp(clock, 0)
            .expect("a time")
            .to_rfc3339();
        container.status = Status::Running;
        let service = container.service.clone();
        if self
            .stack
            .services
            .get(&service)
            .is_some_and(Service::is_job)
        {
            self.by_id(id).status = Status::Exited {
                code: 0,
                out_of_memory: false,
            };
            self.job_done(&service);
        }
    }

    pub fn job_done(&mut self, service: &str) {
        let hash = job_hash(&self.stack, &self.desired(), &self.observed, service);
        let hash = hash.expect("everything that the record is of");
        let mut containers = self.observed.containers.iter();
        let from = containers.find(|container| container.service == service);
        let from = from.and_then(|container| {
            let image = container.image_id.clone();
            let desired = self.desired();
            let hash = job_hash_from(&self.stack, &desired, &self.observed, service, &image)?;
            Some(RanFrom { image, hash })
        });
        self.observed
            .jobs
            .insert(service.to_owned(), JobRecord { hash, from });
        self.rerun.remove(service);
    }
}

/// A network, and the names by which others find a container there.
pub fn aliases(attached: &NetworkAttachment) -> (String, BTreeSet<String>) {
    let names = attached.aliases.iter().cloned().collect();
    (attached.network.clone(), names)
}

/// Every operation comes after what it waits for and takes its input from.
pub fn check_order(plan: &Plan) {
    for (place, operation) in plan.operations.iter().enumerate() {
        assert_eq!(operation.id, place);
        assert!(
            operation.after.iter().all(|before| *before < place),
            "{operation:?}"
        );
        if let Some(Input::From(id)) = operation.action.input() {
            assert!(*id < place);
        }
        if let Some(only_if) = &operation.only_if {
            assert!(only_if.image_of < place);
        }
    }
}

/// A service that restarts by itself and needs these.
pub fn runs(name: &str, needs: &[&str]) -> Service {
    let mut made = Service {
        restart: Restart::Auto,
        ..service(name)
    };
    for need in needs {
        made = made.with_need(need);
    }
    made
}

/// A host process that needs these.
pub fn process(name: &str, needs: &[&str]) -> Service {
    Service {
        source: Source::Run(format!("run-{name}")),
        ..runs(name, needs)
    }
}

/// A job that needs these.
pub fn job(name: &str, needs: &[&str]) -> Service {
    runs(name, needs).as_job(None)
}

impl Service {
    /// Built from a folder of its own.
    pub fn built(self) -> Self {
        let context = camino::Utf8PathBuf::from(format!("/src/gold/{}", self.name));
        let build = Build {
            dockerfile: context.join("Dockerfile"),
            context,
            target: None,
            args: BTreeMap::new(),
            secrets: Vec::new(),
            image: None,
            platforms: Vec::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            options: Box::default(),
        };
        Self {
            source: Source::Build(build),
            ..self
        }
    }

    /// Its sources are synced.
    pub fn synced(mut self) -> Self {
        self.watch.push(crate::stack::WatchRule {
            paths: vec!["app".to_owned()],
            ignore: Vec::new(),
            include: Vec::new(),
            as_dockerignore: false,
            initial_sync: false,
            left_out: None,
            action: crate::stack::WatchAction::Sync {
                target: "/app".to_owned(),
                then: crate::stack::AfterSync::Nothing,
            },
        });
        self
    }

    /// With a named volume.
    pub fn with_volume(mut self, key: &str) -> Self {
        self.mounts.push(Mount::Volume {
            key: key.to_owned(),
            target: format!("/{key}"),
            read_only: false,
        });
        self
    }

    pub fn with_need_as(mut self, name: &str, condition: Condition, restart: bool) -> Self {
        self.needs.insert(
            name.to_owned(),
            Need {
                condition,
                restart,
                required: true,
            },
        );
        self
    }

    pub fn replicated(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }
}
