//! What there should be on the engine, one type for each kind of thing.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::options::OptionsSpec;
use crate::stack::resolve::Value;
use crate::stack::{BuildOptions, Endpoint, Mount, Protocol, Restart};

/// One container as it should be. Two with the same `hash` are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    pub service: String,
    /// From 1.
    pub index: u32,
    /// `gold-api-1`
    pub name: String,
    /// How the engine knows the image: `postgres:15`.
    pub image: String,
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
    pub options: OptionsSpec,
    /// Hex; of everything above, but not of what tells instances apart, `restart` and
    /// labels that are only information; with automatic host ports as `auto` and secret parts keyed.
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
    /// On every address, of either kind.
    pub everywhere: bool,
}

impl ContainerSpec {
    /// The images whose files are mounted into it.
    pub fn mounted_images(&self) -> impl Iterator<Item = &str> {
        self.mounts.iter().filter_map(|mount| mount.mount.image())
    }

    /// Whether it is attached to one of the networks of these names.
    pub fn is_on_any(&self, networks: &BTreeSet<String>) -> bool {
        let mut attached = self.networks.iter();
        attached.any(|attached| networks.contains(&attached.network))
    }
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
    /// `CONTAINER:ALIAS`.
    pub links: Vec<String>,
    pub endpoint: Endpoint,
}

/// One image to build as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// Tag that it gets: `gold-api`.
    pub tag: String,
    /// The services of the scope that use it. The tag comes from the first of the whole stack, so that a narrower scope
    /// does not build it again under another name.
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
    pub options: BuildOptions,
    /// Tags of the images that it is built from and that are built, too: first.
    pub bases: Vec<String>,
    /// Label values that the image gets beside [`super::LABEL_BUILD`].
    pub labels: Vec<(String, String)>,
    /// Hex; of the definition and everything in the context. `None` where `hash` leaves nothing out.
    pub files: Option<String>,
    /// Hex; of the definition and the context's content, without what sync rules bring: only this is a reason to build.
    pub hash: String,
}

impl BuildSpec {
    /// Whether the two differ at most in what sync rules bring.
    pub fn is_same_build(&self, other: &Self) -> bool {
        let bare = |spec: &Self| Self {
            files: None,
            ..spec.clone()
        };
        bare(self) == bare(other)
    }
}

/// One host process as it should be. Two with the same `hash` are interchangeable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSpec {
    pub service: String,
    /// From 1.
    pub index: u32,
    /// `gold-web-1`
    pub name: String,
    pub job: bool,
    /// For `sh -c`.
    pub command: String,
    /// Laid over the environment of `dev`.
    pub env: Vec<(String, Value)>,
    /// Absolute.
    pub workdir: Utf8PathBuf,
    /// Names of the volumes that hold its data: `gold_db-data`.
    pub volumes: Vec<String>,
    /// `host` is where it listens.
    pub ports: Vec<PortSpec>,
    /// Its `env` tells it its own address, so that another port may be chosen for it where the file fixes none.
    pub movable: bool,
    /// What happens when it ends while `dev` is not there.
    pub restart: Restart,
    /// TERM where there is none.
    pub stop_signal: Option<String>,
    pub stop_grace: Duration,
    /// Bytes kept of its log.
    pub log_limit: Option<u64>,
    /// Every secret of the stack: what its log must not say.
    pub secrets: Vec<Value>,
    /// Hex; of everything above but what tells instances apart, `restart` and `secrets`; with automatic ports as `auto`
    /// and secret parts keyed.
    pub hash: String,
}

/// What the ids of host processes begin with; no container engine gives such an id.
pub const PROCESS_ID: &str = "process/";

impl ProcessSpec {
    /// Names the instance within its stack, whichever life it lives: `process/web-1`.
    pub fn id(&self) -> String {
        format!("{PROCESS_ID}{}-{}", self.service, self.index)
    }
}
