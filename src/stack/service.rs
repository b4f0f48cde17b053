//! One service: a container, a host process, or a job of either kind.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;
use serde::Serialize;

use super::{
    Build, ContainerOptions, Kubernetes, Mount, Output, Port, Probe, Promote, Template,
    UpdateOrder, WatchAction, WatchRule,
};

/// One service with its preset expanded: from here on nobody asks which preset it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    pub name: String,
    pub source: Source,
    /// `postgres:14` as written, for display only.
    pub preset: Option<String>,
    pub role: Role,
    pub command: Option<Vec<Template>>,
    pub entrypoint: Option<Vec<Template>>,
    pub env: BTreeMap<String, Template>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    /// By name; the first in file order is the main one, see [`Service::main_port`].
    pub ports: BTreeMap<String, Port>,
    pub main_port: Option<String>,
    /// What has to hold before this starts, by service. Holds what references imply, too.
    pub needs: BTreeMap<String, Need>,
    /// Ready when this passes. `None`: the image's HEALTHCHECK where it has one, else having run for a moment is ready.
    pub ready: Option<Probe>,
    /// Restarted when this fails.
    pub alive: Option<Probe>,
    /// Commands run inside the container once its probe passes and before it counts as ready; each is idempotent.
    pub provision: Vec<Vec<Template>>,
    /// What other services may refer to as `${service.output}`.
    pub outputs: BTreeMap<String, Output>,
    /// Further databases of a preset; `${db.NAME.url}` refers to one.
    pub databases: Vec<String>,
    pub watch: Vec<WatchRule>,
    pub mounts: Vec<Mount>,
    /// Keys of `Stack::networks`.
    pub networks: Vec<String>,
    pub host_network: bool,
    pub host_pid: bool,
    pub restart: Restart,
    pub stop: Stop,
    pub limits: Limits,
    pub replicas: u32,
    pub profiles: Vec<String>,
    pub labels: BTreeMap<String, String>,
    /// Path that serves Prometheus metrics, if any.
    pub metrics: Option<String>,
    pub promote: Promote,
    pub kubernetes: Kubernetes,
    /// Ending with 0 is no failure, and it is not started again for that.
    pub may_end: bool,
    pub pull: Pull,
    /// Of the container that runs and the one that takes its place.
    #[serde(skip_serializing_if = "UpdateOrder::is_default")]
    pub update: UpdateOrder,
    pub container: ContainerOptions,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pull {
    /// Where it is not there.
    #[default]
    Missing,
    Never,
    /// At each `up`.
    Always,
    /// At an `up`, once it has been there for so long.
    After(Duration),
}

impl Pull {
    /// Whether an image that is there is looked for anew. `tagged`: when it got its name here, where that is known, as `now`
    /// since 1970.
    pub fn is_due(self, tagged: Option<Duration>, now: Duration) -> bool {
        match self {
            Self::Missing | Self::Never => false,
            Self::Always => true,
            Self::After(age) => tagged.is_none_or(|tagged| now.saturating_sub(tagged) > age),
        }
    }
}

/// What a service is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Image(String),
    Build(Build),
    /// A command line for `sh -c` on the host.
    Run(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs until it is told to stop.
    Service,
    /// Runs to its end; exit 0 is done.
    Job(Job),
}

/// How a one-shot decides to run again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Globs relative to the stack's folder. `None`: the image counts instead.
    pub inputs: Option<Vec<String>>,
    /// Cron expression; only on a cluster.
    pub schedule: Option<String>,
    /// It runs for each `up`, whatever it was last made from.
    pub again: bool,
}

/// What a service asks of another before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Need {
    pub condition: Condition,
    /// Restart this service when the other one's generation changes.
    pub restart: bool,
    /// Nothing waits for it for ever: where it has failed, or is not there, this goes on without.
    pub required: bool,
}

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Its probe passes now; for a job: it has ended with 0.
    Ready,
    /// Its process runs.
    Started,
}

/// What happens when a container ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// The file says nothing: `dev` restarts it with backoff while it is attached; left alone, nobody does.
    Auto,
    No,
    /// On exit codes other than 0, at most `max` times in a row; `None` means the default of the supervisor.
    OnFailure {
        max: Option<u32>,
    },
    Always,
    UnlessStopped,
}

/// How a process is asked to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// `None`: the image's.
    pub signal: Option<String>,
    pub grace: Duration,
}

/// Limits of one instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Bytes.
    pub memory: Option<u64>,
    /// Thousandths of a core.
    pub cpu_millis: Option<u64>,
    pub pids: Option<u64>,
    /// Bytes kept of its log on disk.
    pub log: Option<u64>,
}

impl Service {
    /// The images of what runs before its start, but its own.
    pub fn images_of_steps(&self) -> impl Iterator<Item = &str> {
        let own = match &self.source {
            Source::Image(reference) => Some(reference.as_str()),
            Source::Build(_) | Source::Run(_) => None,
        };
        let steps = self.container.pre_start.iter();
        let images = steps.filter_map(|step| step.image.as_deref());
        images.filter(move |image| Some(*image) != own)
    }

    /// Images that it needs beside its own: of what runs before its start, and those whose files it has.
    pub fn further_images(&self) -> impl Iterator<Item = &str> {
        let mounted = self.mounts.iter().filter_map(Mount::image);
        self.images_of_steps().chain(mounted)
    }

    /// What is known of a service of which only the name is: for what runs of a stack whose file cannot be read.
    pub fn known_by_name(name: &str, replicas: u32) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::Image(String::new()),
            preset: None,
            role: Role::Service,
            command: None,
            entrypoint: None,
            env: BTreeMap::new(),
            user: None,
            workdir: None,
            ports: BTreeMap::new(),
            main_port: None,
            needs: BTreeMap::new(),
            ready: None,
            alive: None,
            provision: Vec::new(),
            outputs: BTreeMap::new(),
            databases: Vec::new(),
            watch: Vec::new(),
            mounts: Vec::new(),
            networks: Vec::new(),
            host_network: false,
            host_pid: false,
            restart: Restart::Auto,
            stop: Stop {
                signal: None,
                grace: Duration::from_secs(10),
            },
            limits: Limits::default(),
            replicas,
            profiles: Vec::new(),
            labels: BTreeMap::new(),
            metrics: None,
            promote: Promote::default(),
            kubernetes: Kubernetes::default(),
            may_end: false,
            pull: Pull::default(),
            update: UpdateOrder::default(),
            container: ContainerOptions::default(),
        }
    }
}

impl Restart {
    /// The engine's name of the policy.
    pub fn engine_name(self) -> &'static str {
        match self {
            Self::Auto | Self::No => "no",
            Self::OnFailure { .. } => "on-failure",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
        }
    }
}

impl Service {
    /// Runs to its end instead of staying.
    pub fn is_job(&self) -> bool {
        matches!(self.role, Role::Job(_))
    }

    /// Has a watch rule that syncs.
    pub fn syncs(&self) -> bool {
        let mut actions = self.watch.iter().map(|rule| &rule.action);
        actions.any(|action| matches!(action, WatchAction::Sync { .. }))
    }

    /// Something that it syncs lies in memory: each start of the same container begins without it.
    pub fn syncs_into_memory(&self) -> bool {
        let is_within = |path: &str, folder: &str| Utf8Path::new(path).starts_with(folder);
        let in_memory: Vec<&str> = self
            .mounts
            .iter()
            .filter(|mount| matches!(mount, Mount::Tmpfs { .. }))
            .map(Mount::target)
            .collect();
        self.watch.iter().any(|rule| match &rule.action {
            WatchAction::Sync { target, .. } => in_memory
                .iter()
                .any(|memory| is_within(target, memory) || is_within(memory, target)),
            _ => false,
        })
    }

    /// The port that `${service.url}` and a probe without `port` mean.
    pub fn main_port(&self) -> Option<(&str, &Port)> {
        let name = self.main_port.as_deref()?;
        self.ports.get(name).map(|port| (name, port))
    }
}
