//! What `preset = "postgres:14"` stands for. A preset is a data file in `data/`; to add one, write a file and name it
//! in [`catalog`].

mod catalog;
mod definition;
mod error;
mod expand;
mod host;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{Mount, Output, Port, Probe, Stop, Template};

pub use error::PresetError;
pub use expand::expand;
pub use host::{Host, asked, is_version, off_host_text, on_host};

/// A preset as a stack file uses it.
#[derive(Debug, Clone, Copy)]
pub struct PresetUse<'a> {
    /// `postgres`
    pub name: &'a str,
    /// `14`, or any other tag. `None`: the preset's own default.
    pub version: Option<&'a str>,
    pub project: &'a str,
    pub service: &'a str,
    /// Databases to create; the first is the one that `${service.url}` means.
    pub databases: &'a [String],
    /// False: nothing is kept when the container goes.
    pub volume: bool,
    /// Further settings of the preset; lists with commas between their items.
    pub options: &'a BTreeMap<String, String>,
}

/// The parts of a service that a preset fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetService {
    pub image: String,
    pub command: Option<Vec<Template>>,
    pub env: BTreeMap<String, Template>,
    /// By name; the first is the main one.
    pub ports: Vec<(String, Port)>,
    pub ready: Option<Probe>,
    /// Run in the container once the probe passes; each is idempotent.
    pub provision: Vec<Vec<Template>>,
    pub outputs: BTreeMap<String, Output>,
    pub mounts: Vec<Mount>,
    /// Keys of the volumes in `mounts`.
    pub volumes: Vec<String>,
    pub stop: Option<Stop>,
    pub user: Option<String>,
    /// Size of the volume's claim on a cluster.
    pub storage: Option<String>,
    /// Environment on a cluster, laid over `env`.
    pub cluster_env: BTreeMap<String, Template>,
    /// A user that its image can run as from the start.
    pub uid: Option<u32>,
}

/// All presets, in alphabetical order.
pub fn names() -> Vec<&'static str> {
    catalog::FILES.iter().map(|(name, _)| *name).collect()
}

/// Settings that `PresetUse::options` may hold for this preset; empty for one that does not exist.
pub fn options(name: &str) -> Vec<String> {
    catalog::table(name)
        .and_then(|table| definition::Definition::plain(table).ok())
        .map(|d| d.options)
        .unwrap_or_default()
}
