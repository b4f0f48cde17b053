//! The engine of one stack: everything live has this one owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
#[cfg(not(test))]
use std::time::{SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::appended::Appended;
use super::brake::Brake;
use super::bus::Bus;
use super::event::{Event, Failure, Level, ServiceInfo};
use super::execute::{Ticket, Walk};
use super::files::Files;
use super::goal::{Goal, Outcome, Until};
use super::input::Input;
use super::inquire::{Inquiries, Origin};
use super::instances::Instances;
use super::jobs::Jobs;
use super::refused::Refused;
use super::round::able_services;
use super::state::{ServiceState, State};
use super::store::Store;
use super::supervise::Supervisor;
use super::sync::Syncing;
use super::wishes::Abort;
use crate::plan::allocate::{Allocations, PortKey};
use crate::plan::demands::{Demands, Wishes};
use crate::plan::desired::{Desired, SourceHashes};
use crate::plan::hold::Gate;
use crate::plan::observed::{BuildRecord, Generation, Home, Observed};
use crate::runtime::world::World;
use crate::secret::Redactor;
use crate::stack::resolve::Facts;
use crate::stack::{Role, Stack};

/// Inputs that may wait for the loop; a full queue slows their senders down.
const QUEUE: usize = 1024;

/// A stack with everything that was read from outside for it.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub stack: Stack,
    /// Environment, secrets and git facts; host ports are the engine's.
    pub facts: Facts,
    /// Further files that it was read from.
    pub env_files: BTreeSet<camino::Utf8PathBuf>,
    pub warnings: Vec<Warning>,
}

/// What is odd about a stack file, and no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// `dev.toml:4:3`; empty where it is about none.
    pub place: String,
    pub message: String,
}

/// Reads the stack again, as it is meant by whoever brings it up. The error is plain text for people.
pub type Reload = Arc<
    dyn Fn(Origin) -> futures_util::future::BoxFuture<'static, Result<Loaded, String>>
        + Send
        + Sync,
>;

/// What an engine starts with.
pub struct Setup {
    pub world: Arc<dyn World>,
    pub store: Store,
    pub loaded: Loaded,
    pub reload: Reload,
    /// What `loaded` was read with.
    pub origin: Origin,
    pub goal: Goal,
    pub until: Until,
    /// Follow logs and files; a one-off look needs neither.
    pub watch: bool,
}

/// All that is live of one stack.
pub struct Engine {
    pub(super) world: Arc<dyn World>,
    pub(super) store: Store,
    pub(super) reload: Reload,
    pub(super) origin: Origin,
    pub(super) inquiries: Inquiries,
    pub(super) stack: Arc<Stack>,
    pub(super) facts: Facts,
    /// Every secret that was one since the engine began: what runs may still say an old one.
    pub(super) secrets: Vec<SecretString>,
    /// Of these; who follows a log sees each new one.
    pub(super) redactor: watch::Sender<Redactor>,
    pub(super) goal: Goal,
    pub(super) until: Until,
    pub(super) watching: bool,
    /// It may change something, if only what is kept in the state folder.
    pub(super) acts: bool,
    /// Milliseconds since 1970.
    pub(super) begun: u64,

    pub(super) state: State,
    pub(super) bus: Bus,
    pub(super) supervisors: BTreeMap<String, Supervisor>,
    pub(super) instances: Instances,

    pub(super) observed: Observed,
    pub(super) desired: Desired,
    pub(super) allocations: Allocations,
    /// Host ports that the engine refused to bind, by what they were for.
    pub(super) refused_ports: BTreeSet<u16>,
    pub(super) sources: SourceHashes,
    pub(super) bounce: BTreeMap<Generation, crate::plan::Cause>,
    /// Restarts that were asked for before anything was seen.
    pub(super) bounce_first: Vec<super::commands::Bounce>,
    pub(super) rerun: BTreeSet<String>,
    pub(super) demands: Demands,
    /// Asked for, and for which services, before a look has seen what there is.
    pub(super) wishes: Vec<(Vec<String>, Wishes)>,
    pub(super) abort: Option<Abort>,
    /// What came of it, while what runs is stopped because of that.
    pub(super) ends_with: Option<Outcome>,
    /// The log of the container whose end that was is still being read.
    pub(super) reads_last_words: bool,
    /// Spent on logs of what has ended, before leaving.
    pub(super) pauses: u32,
    pub(super) jobs: Jobs,
    /// What each image was made from, by tag.
    pub(super) builds: BTreeMap<String, BuildRecord>,
    /// What failed and nobody supervises.
    pub(super) refused: Refused,
    /// What is written down of failures.
    pub(super) kept_failures: BTreeMap<String, super::store::KeptFailure>,
    pub(super) freed: super::freed::Freed,
    /// Services with files synced since their image was built.
    pub(super) seed: BTreeSet<String>,

    pub(super) files: Files,
    pub(super) brake: Brake,
    /// Of what is built from.
    pub(super) appended: Appended,
    pub(super) syncing: Syncing,
    /// Files that services take variables from: the stack is read again when one changes.
    pub(super) env_files: BTreeSet<camino::Utf8PathBuf>,
    /// Of the stack file as it was read last.
    pub(super) warnings: Vec<Warning>,

    pub(super) walk: Walk,
    pub(super) cancels: BTreeMap<Ticket, CancellationToken>,
    pub(super) look: LookState,
    pub(super) outside: super::outside::Outside,
    pub(super) outdated: super::outdated::Outdated,
    pub(super) outcome: Option<Outcome>,
    /// Everything is as it will be left: from now on the engine restarts, as the stack file says.
    pub(super) handed_over: bool,
    /// Told to leave what runs to the container engine: nothing else is begun.
    pub(super) leaving: bool,
    /// Stopping has no patience.
    pub(super) at_once: bool,
    /// Instead of what the stack file says, until what was asked for with it is through.
    pub(super) grace: Option<Duration>,

    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) queue: mpsc::Receiver<Input>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// When to look again, and whether a look under way is still worth something.
#[derive(Debug, Default)]
pub(super) struct LookState {
    pub wanted: bool,
    /// Operations ended: wanted as soon as none flies and none can begin.
    pub owed: bool,
    pub under_way: bool,
    /// Counts operations that ended: a look that began before one of them is stale.
    pub epoch: u64,
    /// Images whose names a `down` has taken away, or has left to others that use them: it asks for them no more.
    pub let_go: BTreeSet<String>,
    /// Services that began from an image which no look has seen: it may have a HEALTHCHECK of its own.
    pub unseen: BTreeSet<String>,
    /// Counts changes of files: hashes that were read before one of them are stale.
    pub files_epoch: u64,
    pub last: Option<tokio::time::Instant>,
    pub failures: u32,
    /// The container engine had been away before the newest look.
    pub after_outage: bool,
    /// At least one look has succeeded.
    pub seen: bool,
    /// Looks begun so far.
    pub begun: u64,
    /// The number of the one under way, or the last.
    pub number: u64,
    /// What is asked of host processes alone.
    pub on_host: super::on_host::OnHost,
    /// Services of which something ended that no look has seen yet, with the looks begun by then: nothing starts on them.
    doubtful: BTreeMap<String, u64>,
}

impl LookState {
    pub fn doubt(&mut self, service: String) {
        self.doubtful.insert(service, self.begun);
    }

    pub fn is_doubtful(&self, service: &str) -> bool {
        self.doubtful.contains_key(service)
    }

    /// The look of this number is taken in, as far as it covers a service; what happened after it began is for the next.
    pub fn believe(&mut self, number: u64, covers: impl Fn(&str) -> bool) {
        self.doubtful
            .retain(|service, at| *at >= number || !covers(service));
    }
}

impl Engine {
    /// # Errors
    /// Never fails by itself; what is wrong with the world shows in [`Engine::run`].
    pub fn new(setup: Setup) -> Self {
        let (inputs, queue) = mpsc::channel(QUEUE);
        let secrets: Vec<SecretString> = setup.loaded.facts.secrets.values().cloned().collect();
        let redactor = watch::channel(Redactor::new(&secrets)).0;
        let allocations = setup.store.ports();
        let jobs = Jobs::read(&setup.store);
        let builds = setup.store.builds();
        let kept_failures = setup.store.failures();
        let mut engine = Self {
            world: setup.world,
            store: setup.store,
            reload: setup.reload,
            origin: setup.origin,
            inquiries: Inquiries::begun(),
            stack: Arc::new(setup.loaded.stack),
            facts: setup.loaded.facts,
            secrets,
            redactor,
            acts: setup.goal != Goal::Observe,
            goal: setup.goal,
            until: setup.until,
            watching: setup.watch,
            begun: now(),
            state: State::default(),
            bus: Bus::default(),
            supervisors: BTreeMap::new(),
            instances: Instances::default(),
            observed: Observed::default(),
            desired: Desired::default(),
            allocations,
            refused_ports: BTreeSet::new(),
            sources: SourceHashes::default(),
            bounce: BTreeMap::new(),
            bounce_first: Vec::new(),
            rerun: BTreeSet::new(),
            demands: Demands::default(),
            wishes: Vec::new(),
            abort: None,
            ends_with: None,
            reads_last_words: false,
            pauses: 0,
            jobs,
            builds,
            freed: super::freed::Freed::default(),
            refused: Refused::default(),
            kept_failures,
            seed: BTreeSet::new(),
            files: Files::default(),
            brake: Brake::default(),
            appended: Appended::default(),
            syncing: Syncing::default(),
            env_files: setup.loaded.env_files,
            warnings: setup.loaded.warnings,
            walk: Walk::default(),
            cancels: BTreeMap::new(),
            look: LookState {
                wanted: true,
                ..LookState::default()
            },
            outside: super::outside::Outside::default(),
            outdated: super::outdated::Outdated::default(),
            outcome: None,
            handed_over: false,
            leaving: false,
            at_once: false,
            grace: None,
            inputs,
            queue,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        engine.run_again();
        engine.state.runtime_up = true;
        engine.tell_goal();
        engine
    }

    /// Jobs that run for each `up`.
    fn run_again(&mut self) {
        if !matches!(self.goal, Goal::Up { .. }) {
            return;
        }
        let scope = self.scope();
        let services = scope
            .iter()
            .filter_map(|name| self.stack.services.get(name));
        let again = services.filter(|service| match &service.role {
            Role::Job(job) => job.again,
            Role::Service => false,
        });
        self.rerun = again.map(|service| service.name.clone()).collect();
    }

    /// For a view that is there from the beginning.
    pub fn subscribe(&self) -> super::bus::Subscription {
        self.bus.subscribe(&self.state)
    }

    /// What is asked of it stops within this time, whatever the stack file says.
    #[must_use]
    pub fn within(mut self, grace: Option<Duration>) -> Self {
        self.grace = grace;
        self
    }

    /// Where commands go.
    pub fn inputs(&self) -> mpsc::Sender<Input> {
        self.inputs.clone()
    }

    /// Takes an event into the state and sends it to every view. The only way in which state changes.
    pub(super) fn emit(&mut self, event: Event) {
        self.emit_at(now(), event);
        self.keep_failures();
    }

    /// The same for what happened at another time, milliseconds since 1970.
    pub(super) fn emit_at(&mut self, at: u64, event: Event) {
        let event = redact(event, &self.redactor.borrow());
        let stamped = self.bus.event(at, event);
        self.state.apply(&stamped);
    }

    pub(super) fn notice(&mut self, level: Level, text: impl Into<String>) {
        self.emit(Event::Notice {
            level,
            text: text.into(),
        });
    }

    /// The services that are to run now; empty unless the goal is `Up`.
    pub(super) fn scope(&self) -> BTreeSet<String> {
        let mut scope = match &self.goal {
            Goal::Up { services, stopped } => {
                let mut scope = self.stack.closure(services.iter().map(String::as_str));
                scope.retain(|name| !stopped.contains(name));
                scope
            }
            // What `up` would mean, and what of the rest is there.
            Goal::Observe => {
                let meant = able_services(&self.stack);
                let there = self.observed.containers.iter().map(|c| c.service.as_str());
                self.stack
                    .closure(meant.iter().map(String::as_str).chain(there))
            }
            Goal::Stop(_) | Goal::Down(_) => BTreeSet::new(),
        };
        scope.retain(|name| !self.stack.off_host.contains_key(name));
        scope
    }

    /// Tells the views what the stack is, where that differs from what they know.
    pub(super) fn announce(&mut self) {
        let services = self.service_infos();
        let same = self.state.name == self.stack.name
            && self.state.services.len() == services.len()
            && self
                .state
                .services
                .iter()
                .zip(&services)
                .all(|(known, info)| known.info == *info);
        if !same {
            self.announce_anyway();
        }
    }

    /// Also clears the error of a stack file that is right again.
    pub(super) fn announce_anyway(&mut self) {
        let services = self.service_infos();
        let layers = self.stack.layers.iter().map(ToString::to_string).collect();
        self.emit(Event::Stack {
            name: self.stack.name.clone(),
            layers,
            services,
        });
    }

    /// What is done now, where that is the end of it, and with which services.
    pub(super) fn tell_goal(&mut self) {
        let removes = matches!(self.goal, Goal::Down(_));
        let known = self.state.ending && self.state.removing == removes;
        if self.is_ending() && !known {
            self.emit(Event::Ending { removes });
        }
        self.announce();
    }

    /// The services that the goal is about: those that are to run, or to stop.
    fn concerned(&self) -> BTreeSet<String> {
        match &self.goal {
            Goal::Up { .. } | Goal::Observe => self.scope(),
            Goal::Stop(services) => services.clone(),
            Goal::Down(_) => {
                let there =
                    |service: &&ServiceState| service.info.wanted || !service.instances.is_empty();
                let services = self.state.services.iter().filter(there);
                services.map(|service| service.info.name.clone()).collect()
            }
        }
    }

    /// Stopped by hand beside an `up` that goes on.
    fn is_stopped(&self, service: &str) -> bool {
        matches!(&self.goal, Goal::Up { stopped, .. } if stopped.contains(service))
    }

    fn service_infos(&self) -> Vec<ServiceInfo> {
        let scope = self.concerned();
        let order = self.stack.in_order();
        let service = |name: &String| self.stack.services.get(name);
        let mut infos: Vec<ServiceInfo> = order
            .iter()
            .filter_map(service)
            .map(|service| ServiceInfo {
                name: service.name.clone(),
                wanted: scope.contains(&service.name),
                stopped: self.is_stopped(&service.name),
                leaving: false,
                job: service.is_job(),
                source: service.source_text(),
                needs: gates(service),
                optional: optional(service),
                addresses: self.addresses(service),
                open_ports: self.open_ports(service),
                on_host: matches!(service.source, crate::stack::Source::Run(_)),
                on_cluster: false,
                off_host: self.stack.off_host.get(&service.name).cloned(),
                probed: self.readiness_probe(&service.name).is_some()
                    || self.look.unseen.contains(&service.name),
                provisions: !service.provision.is_empty(),
                replicas: service.replicas - self.outside.missing(&service.name),
            })
            .collect();
        infos.extend(self.leaving());
        infos
    }

    /// Containers of ours whose service the stack file no longer has, where they are on their way out.
    fn leaving(&self) -> Vec<ServiceInfo> {
        if !matches!(self.goal, Goal::Up { .. } | Goal::Down(_)) {
            return Vec::new();
        }
        let checkout = self.store.checkout();
        let home = Home {
            dir: self.stack.dir.as_str(),
            checkout: &checkout,
        };
        let ours = self.observed.containers.iter().filter(|container| {
            home.made(container.dir.as_deref(), container.checkout.as_deref())
                && !self.stack.services.contains_key(&container.service)
        });
        let mut replicas: BTreeMap<&str, u32> = BTreeMap::new();
        for container in ours {
            *replicas.entry(&container.service).or_default() += 1;
        }
        let info = |(name, replicas): (&str, u32)| ServiceInfo {
            name: name.to_owned(),
            wanted: false,
            stopped: false,
            leaving: true,
            job: false,
            source: String::new(),
            needs: Vec::new(),
            optional: Vec::new(),
            addresses: Vec::new(),
            open_ports: Vec::new(),
            on_host: false,
            on_cluster: false,
            off_host: None,
            probed: false,
            provisions: false,
            replicas,
        };
        replicas.into_iter().map(info).collect()
    }

    /// A process listens where it wants to, whatever is said of its ports.
    fn open_ports(&self, service: &crate::stack::Service) -> Vec<u16> {
        if service.host_network || matches!(service.source, crate::stack::Source::Run(_)) {
            return Vec::new();
        }
        let is_open = |key: &PortKey| {
            let port = service.ports.get(&key.port);
            key.service == service.name && port.is_some_and(crate::stack::Port::is_open)
        };
        let chosen = self.allocations.iter().filter(|(key, _)| is_open(key));
        let numbers: BTreeSet<u16> = chosen.map(|(_, number)| *number).collect();
        numbers.into_iter().collect()
    }

    fn addresses(&self, service: &crate::stack::Service) -> Vec<String> {
        let published = service.ports.iter().filter(|(_, port)| port.publish);
        let of_all = published
            .flat_map(|published| (1..=service.replicas).map(move |index| (published, index)));
        let mut found: Vec<(bool, u32, String)> = of_all
            .filter_map(|((name, port), index)| {
                let key = PortKey {
                    service: service.name.clone(),
                    port: name.clone(),
                    index,
                };
                let number = self.allocations.get(&key)?;
                let host = if port.bind.is_unspecified() {
                    "127.0.0.1".to_owned()
                } else {
                    port.bind.to_string()
                };
                let plain = format!("{host}:{number}");
                let text = if port.scheme.starts_with("http") {
                    format!("{}://{plain}", port.scheme)
                } else {
                    plain
                };
                Some((service.main_port.as_ref() != Some(name), index, text))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, _, text)| text).collect()
    }

    /// Hands a future's result to the loop as an input.
    pub(super) fn spawn(&self, future: impl Future<Output = Input> + Send + 'static) {
        let inputs = self.inputs.clone();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                input = future => {
                    // The loop has ended when nobody receives; then there is nothing to tell.
                    let _ended = inputs.send(input).await;
                }
                () = stop.cancelled() => {}
            }
        });
    }
}

/// What a service needs, as views are told.
/// Needs that a service does without where they fail.
pub(super) fn optional(service: &crate::stack::Service) -> Vec<String> {
    let needs = service.needs.iter().filter(|(_, need)| !need.required);
    needs.map(|(name, _)| name.clone()).collect()
}

pub(super) fn gates(service: &crate::stack::Service) -> Vec<Gate> {
    let needs = service.needs.iter().map(|(name, need)| Gate {
        service: name.clone(),
        condition: need.condition,
    });
    needs.collect()
}

/// Milliseconds since 1970.
#[cfg(not(test))]
pub(super) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// As tokio's clock goes, which tests may pause.
#[cfg(test)]
pub(super) use super::sim::clock::now;

/// Every text that came from outside passes here before anyone sees it.
fn redact(mut event: Event, redactor: &Redactor) -> Event {
    let text = |text: &mut String| {
        if let std::borrow::Cow::Owned(clean) = redactor.redact(text) {
            *text = clean;
        }
    };
    let failure = |failure: &mut Failure| {
        text(&mut failure.message);
        failure.detail.iter_mut().for_each(text);
        failure.help.iter_mut().for_each(text);
    };
    match &mut event {
        Event::Probe { answer, .. } | Event::NotAlive { answer, .. } => text(answer),
        Event::GaveUp { why, .. }
        | Event::Bye {
            failure: Some(why), ..
        } => failure(why),
        Event::Restarting { failure: why, .. } => failure(why),
        Event::Operation {
            step: super::event::Step::Failed { failure: why },
            ..
        } => failure(why),
        Event::Operation {
            step: super::event::Step::Progress { text: line, .. },
            ..
        } => text(line),
        Event::Notice { text: line, .. }
        | Event::LastLine { line, .. }
        | Event::Runtime { text: line, .. }
        | Event::StackRejected { error: line } => text(line),
        Event::Watched {
            first,
            failure: why,
            ..
        } => {
            text(first);
            why.iter_mut().for_each(failure);
        }
        _ => {}
    }
    event
}
