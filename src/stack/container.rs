//! What a container gets that only a Compose file can say. It goes to the engine as it is, and into the container's hash.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Template;

/// Options of a service's containers beyond what every service has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerOptions {
    /// Instead of `STACK-SERVICE-N`: then there is one container only.
    pub name: Option<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub mac_address: Option<String>,
    pub platform: Option<String>,
    pub runtime: Option<String>,
    /// `None`: as the engine is set up.
    pub init: Option<bool>,
    pub tty: bool,
    pub stdin_open: bool,
    pub privileged: bool,
    pub read_only: bool,
    pub health: Option<Healthcheck>,
    pub namespaces: Namespaces,
    /// How it is on each of its networks, by the network's key.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// `SERVICE:ALIAS`.
    pub links: Vec<(String, String)>,
    /// `CONTAINER:ALIAS`, of containers made elsewhere.
    pub external_links: Vec<String>,
    pub dns: Vec<String>,
    pub dns_options: Vec<String>,
    pub dns_search: Vec<String>,
    /// `NAME:ADDRESS`.
    pub extra_hosts: Vec<String>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub group_add: Vec<String>,
    pub security_options: Vec<String>,
    pub sysctls: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub storage_options: BTreeMap<String, String>,
    pub logging: Option<Logging>,
    pub devices: Vec<Device>,
    pub device_rules: Vec<String>,
    pub device_requests: Vec<DeviceRequest>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub resources: ContainerResources,
    /// What a mount has beside its source and target, by target.
    pub mounts: BTreeMap<String, MountOptions>,
    /// Whose mounts it has, too: with `:ro` behind, for reading only.
    pub volumes_from: Vec<VolumesFrom>,
    /// Files that are put into it before it starts.
    pub files: Vec<ContainerFile>,
    /// Containers of their own, each to its end before the next, and all before it starts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pre_start: Vec<PreStart>,
    /// Commands inside, once it has started.
    pub post_start: Vec<Hook>,
    /// Commands inside, before it is stopped.
    pub pre_stop: Vec<Hook>,
    /// The engine's socket is mounted, and the credentials of registries are beside it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub api_socket: bool,
    /// Volumes without a name outlive the container that is replaced.
    pub keeps_anonymous_volumes: bool,
}

/// What the engine asks a container to know its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Healthcheck {
    /// Not even what the image says.
    Disabled,
    /// Times in nanoseconds; what is left out is the image's, or the engine's default.
    Asked {
        /// `["CMD", …]` or `["CMD-SHELL", …]`.
        test: Option<Vec<String>>,
        interval: Option<i64>,
        timeout: Option<i64>,
        retries: Option<i64>,
        start_period: Option<i64>,
        start_interval: Option<i64>,
    },
}

/// Which namespaces are not its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Namespaces {
    /// Instead of networks.
    pub network: Option<Namespace>,
    pub ipc: Option<Namespace>,
    pub pid: Option<Namespace>,
    pub uts: Option<String>,
    pub user: Option<String>,
    /// `host` or `private`.
    pub cgroup: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// In the engine's words: `none`, `host`, `shareable`, `container:NAME`.
    Mode(String),
    /// That of another service's first container.
    Service(String),
}

/// How a container is on one network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// Beside the service's name.
    pub aliases: Vec<String>,
    pub ipv4: Option<String>,
    pub ipv6: Option<String>,
    pub link_local: Vec<String>,
    pub mac_address: Option<String>,
    pub driver_options: BTreeMap<String, String>,
    /// How the device is called inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    pub gateway_priority: Option<i64>,
    /// The network with the highest is the first.
    pub priority: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Logging {
    pub driver: Option<String>,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Device {
    pub source: String,
    pub target: String,
    pub permissions: String,
}

/// Devices that the engine chooses, such as GPUs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DeviceRequest {
    pub driver: Option<String>,
    /// -1: all.
    pub count: Option<i64>,
    pub ids: Vec<String>,
    pub capabilities: Vec<String>,
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Ulimit {
    pub soft: i64,
    pub hard: i64,
}

/// Beside the limits that every service may have. Sizes in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ContainerResources {
    pub memory_reservation: Option<i64>,
    /// Memory and swap together; -1: no limit.
    pub memory_swap: Option<i64>,
    pub memory_swappiness: Option<i64>,
    pub shm_size: Option<i64>,
    pub oom_kill_disable: Option<bool>,
    pub oom_score_adj: Option<i64>,
    pub cpu_shares: Option<i64>,
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpu_rt_period: Option<i64>,
    pub cpu_rt_runtime: Option<i64>,
    pub cpuset: Option<String>,
    pub cgroup_parent: Option<String>,
    /// -1: no limit.
    pub pids: Option<i64>,
    pub blkio: Blkio,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Blkio {
    pub weight: Option<u16>,
    pub weight_devices: Vec<(String, i64)>,
    pub read_bps: Vec<(String, i64)>,
    pub write_bps: Vec<(String, i64)>,
    pub read_iops: Vec<(String, i64)>,
    pub write_iops: Vec<(String, i64)>,
}

/// Each kind of mount has some of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MountOptions {
    /// Of a bind: `rprivate`, `rshared`, …
    pub propagation: Option<String>,
    /// Of a bind: what is mounted below does not come along.
    pub non_recursive: bool,
    /// Of a bind that is read-only: what is mounted below is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub writable_below: bool,
    /// Of a bind that is read-only: it is an error where what is mounted below cannot be read-only, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only_below: bool,
    /// Of a bind or volume: `z` or `Z`, how the host labels what is in it for SELinux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selinux: Option<String>,
    /// Of a bind: the folder has to be there.
    pub must_exist: bool,
    /// Of a volume: nothing of the image is copied into it.
    pub no_copy: bool,
    /// Of a volume or an image: only this folder of it.
    pub subpath: Option<String>,
    /// Of a volume without a name.
    pub labels: BTreeMap<String, String>,
    /// Of a tmpfs: bytes.
    pub size: Option<i64>,
    /// Of a tmpfs: permissions.
    pub mode: Option<i64>,
    /// Of a tmpfs: nothing can be written there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// Of a tmpfs: as `mount` takes them, `size=64m,mode=1777`.
    pub raw: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumesFrom {
    pub from: Namespace,
    pub read_only: bool,
}

/// A file with the content of a secret or a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerFile {
    pub target: String,
    pub content: Template,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

/// A command inside a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Hook {
    pub command: Vec<String>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    pub env: BTreeMap<String, String>,
    pub privileged: bool,
}

impl From<Vec<String>> for Hook {
    /// As the container's own user, where that begins.
    fn from(command: Vec<String>) -> Self {
        Self {
            command,
            ..Self::default()
        }
    }
}

/// A command in a container of its own, which has the volumes of the one that it comes before and is on its networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PreStart {
    /// `None`: the service's.
    pub image: Option<String>,
    /// `None`: the image's.
    pub command: Option<Vec<String>>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    /// Laid over the service's.
    pub env: BTreeMap<String, String>,
    pub privileged: bool,
    /// Before each replica, and not only before the first that starts.
    pub per_replica: bool,
}

/// How a network is made, beside what every network has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NetworkOptions {
    pub driver: Option<String>,
    pub driver_options: BTreeMap<String, String>,
    pub attachable: bool,
    pub enable_ipv4: Option<bool>,
    pub enable_ipv6: Option<bool>,
    pub ipam_driver: Option<String>,
    pub ipam_options: BTreeMap<String, String>,
    pub pools: Vec<Pool>,
    pub labels: BTreeMap<String, String>,
}

/// A range of addresses of a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pool {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    pub ip_range: Option<String>,
    pub aux_addresses: BTreeMap<String, String>,
}

/// How a volume is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VolumeOptions {
    pub driver: Option<String>,
    pub driver_options: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
}
