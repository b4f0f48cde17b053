//! The stack made concrete for one engine: references resolved, ports chosen, hashes computed.

use std::net::IpAddr;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::stack::resolve::Value;
use crate::stack::{Mount, Protocol, Restart};

/// One container as it should be. Two with the same `hash` are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    pub service: String,
    /// From 1.
    pub index: u32,
    /// `gold-api-1`
    pub name: String,
    pub job: bool,
    pub command: Option<Vec<Value>>,
    pub entrypoint: Option<Vec<Value>>,
    pub env: Vec<(String, Value)>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub ports: Vec<PortSpec>,
    pub mounts: Vec<MountSpec>,
    pub networks: Vec<NetworkAttachment>,
    pub host_network: bool,
    pub host_pid: bool,
    /// All labels, compose's among them, without the hash.
    pub labels: Vec<(String, String)>,
    /// What the engine does when `dev` is not there; while it is attached, the policy on the engine is `no`.
    pub restart: Restart,
    pub stop_signal: Option<String>,
    pub stop_grace: Duration,
    /// Bytes.
    pub memory: Option<u64>,
    pub cpu_millis: Option<u64>,
    pub pids: Option<u64>,
    /// Hex; of everything above but `restart`, with automatic host ports as `auto` and secret parts keyed.
    pub hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSpec {
    /// Name in the stack file.
    pub name: String,
    pub container: u16,
    pub protocol: Protocol,
    /// `None`: not published.
    pub host: Option<u16>,
    /// Chosen by `dev`, so that a conflict leads to another choice instead of an error.
    pub auto: bool,
    pub bind: IpAddr,
}

/// A mount with the engine's own volume name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSpec {
    pub mount: Mount,
    /// `gold_data`, for a volume.
    pub volume: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAttachment {
    /// The engine's name: `gold_default`.
    pub network: String,
    pub aliases: Vec<String>,
}

/// One image to build as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// Tag that it gets: `gold-api`.
    pub tag: String,
    /// The services that use it, the first one gives its name.
    pub services: Vec<String>,
    /// Absolute.
    pub context: Utf8PathBuf,
    /// Absolute.
    pub dockerfile: Utf8PathBuf,
    pub target: Option<String>,
    pub args: Vec<(String, Value)>,
    /// Served to the build through its session; never an argument, never in the image.
    pub secrets: Vec<(String, Value)>,
    pub cache_from: Vec<String>,
    pub platforms: Vec<String>,
    /// Label values that the image gets beside [`LABEL_BUILD`].
    pub labels: Vec<(String, String)>,
    /// Hex; of the definition and the context's content. The image carries it as [`LABEL_BUILD`].
    pub hash: String,
}

/// Label of an image: [`BuildSpec::hash`] of the build that made it.
pub const LABEL_BUILD: &str = "dev.build";
/// Label of a container: [`ContainerSpec::hash`].
pub const LABEL_CONFIG: &str = "dev.config";
/// Label of everything of ours: the absolute path of the checkout it belongs to.
pub const LABEL_DIR: &str = "dev.dir";
/// Label of a volume: a random text given at creation, so that a new one under an old name is seen as new.
pub const LABEL_CREATED: &str = "dev.created";
/// Compose's labels, so that other tools group what belongs together.
pub const LABEL_PROJECT: &str = "com.docker.compose.project";
pub const LABEL_SERVICE: &str = "com.docker.compose.service";
pub const LABEL_NUMBER: &str = "com.docker.compose.container-number";
pub const LABEL_ONEOFF: &str = "com.docker.compose.oneoff";
pub const LABEL_NETWORK: &str = "com.docker.compose.network";
pub const LABEL_VOLUME: &str = "com.docker.compose.volume";
pub const LABEL_WORKING_DIR: &str = "com.docker.compose.project.working_dir";
pub const LABEL_CONFIG_FILES: &str = "com.docker.compose.project.config_files";

use std::collections::BTreeMap;

/// Everything that a scope of the stack wants on one engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    pub containers: Vec<ContainerSpec>,
    pub builds: Vec<BuildSpec>,
    /// Where each service's image comes from.
    pub images: BTreeMap<String, ImageSource>,
    pub networks: Vec<DesiredNetwork>,
    pub volumes: Vec<DesiredVolume>,
    /// Services, what is needed first.
    pub order: Vec<String>,
    pub provision: BTreeMap<String, Vec<Vec<Value>>>,
    /// The part of each job's record that the stack and its files decide.
    pub jobs: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageSource {
    Pull(String),
    /// The tag of one of the builds.
    Build(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredNetwork {
    pub name: String,
    pub key: String,
    pub internal: bool,
    pub external: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredVolume {
    pub name: String,
    pub key: String,
    pub external: bool,
}
