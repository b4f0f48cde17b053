//! The shape of a data file.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

/// One preset, for one version of its image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Definition {
    /// `{version}` stands for the version.
    pub image: String,
    /// Used instead of `image` when the version is more than a number.
    pub image_variant: Option<String>,
    /// The version when the stack file names none.
    pub version: String,
    pub command: Option<Vec<String>>,
    pub user: Option<String>,
    /// Where its volume goes.
    pub volume: Option<String>,
    /// Size of the volume's claim on a cluster.
    pub storage: Option<String>,
    /// Environment on a cluster, laid over `env`; an empty value is none.
    #[serde(default)]
    pub cluster: BTreeMap<String, String>,
    /// The user that the image of a plain version can run as from the start, for a cluster that lets nobody be root.
    pub uid: Option<u32>,
    /// It may have several databases.
    #[serde(default)]
    pub databases: bool,
    #[serde(default)]
    pub options: Vec<String>,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The first is the main one.
    pub ports: Vec<PortData>,
    pub ready: Option<ReadyData>,
    #[serde(default)]
    pub provision: Vec<ProvisionData>,
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
    /// Outputs that are not shown; what refers to one is not shown either.
    #[serde(default)]
    pub secret: Vec<String>,
    pub stop: Option<StopData>,
    /// How it runs on the host, if it can.
    pub process: Option<ProcessData>,
}

/// A server on the host.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessData {
    /// Programs that have to be installed; of those with `|` between, one.
    pub programs: Vec<String>,
    /// Folders beside `PATH`; `*` is a version.
    #[serde(default)]
    pub folders: Vec<String>,
    /// For `sh`: `$DEV_DATA` is its folder, `$DEV_PORT` its port; `$@` are the words of `command` behind the first.
    pub run: String,
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortData {
    pub name: String,
    pub port: u16,
    /// Without it the port's name.
    pub scheme: Option<String>,
}

/// One of the protocols, each with its port.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadyData {
    pub http: Option<u16>,
    pub path: Option<String>,
    pub tcp: Option<u16>,
    pub exec: Option<Vec<String>>,
    pub log: Option<String>,
    pub postgres: Option<u16>,
    pub user: Option<String>,
    pub database: Option<String>,
    pub redis: Option<u16>,
    pub mysql: Option<u16>,
    /// Variables that hold a user and its password.
    pub login: Option<(String, String)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProvisionData {
    /// An argument that is `{databases}` or another list becomes one argument for each item.
    pub command: Vec<String>,
    /// Only when this list has items.
    pub when: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StopData {
    pub signal: Option<String>,
    /// Seconds.
    pub grace: u64,
}

impl StopData {
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace)
    }
}

impl Definition {
    /// The file without any of its changes for versions or for `volume = false`.
    pub fn plain(file: &Table) -> Result<Self, toml::de::Error> {
        let mut table = file.clone();
        table.remove("from");
        table.remove("ephemeral");
        Value::Table(table).try_into()
    }

    /// The file with the changes of `[from.N]` for every `N` up to `version`, and of `[ephemeral]` if asked for.
    /// A version without a number counts as newer than all.
    pub fn of(
        file: &Table,
        version: Option<&str>,
        ephemeral: bool,
    ) -> Result<Self, toml::de::Error> {
        let mut table = file.clone();
        let overlays = table.remove("from");
        let without_volume = table.remove("ephemeral");
        let version = version
            .or_else(|| file.get("version").and_then(Value::as_str))
            .map_or_else(Vec::new, numbers);
        if let Some(Value::Table(overlays)) = overlays {
            let mut overlays: Vec<_> = overlays
                .into_iter()
                .map(|(from, change)| (numbers(&from), change))
                .collect();
            overlays.sort_by(|a, b| a.0.cmp(&b.0));
            for (from, change) in overlays {
                if version.is_empty() || version >= from {
                    merge(&mut table, change);
                }
            }
        }
        if let (true, Some(change)) = (ephemeral, without_volume) {
            merge(&mut table, change);
        }
        Value::Table(table).try_into()
    }
}

/// The numbers that a version starts with: `14.5-alpine` is 14, 5.
fn numbers(version: &str) -> Vec<u64> {
    let end = version
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(version.len());
    version[..end]
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect()
}

fn merge(table: &mut Table, change: Value) {
    let Value::Table(change) = change else { return };
    for (key, value) in change {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(old)), new @ Value::Table(_)) => merge(old, new),
            (_, new) => {
                table.insert(key, new);
            }
        }
    }
}
