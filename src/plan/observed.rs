//! What one look at the world found.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::desired::{BuildSpec, DesiredNetwork, DesiredVolume, PROCESS_ID};
use crate::stack::{Healthcheck, Protocol};

/// Everything that planning compares with; file hashes and job records included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Containers that carry the project's label, one-off ones left out.
    pub containers: Vec<ObservedContainer>,
    /// The one-off ones among them that run before a start, by id: their service.
    pub steps: BTreeMap<String, String>,
    /// Networks of the project by the engine's name, and external ones that were asked for.
    pub networks: BTreeMap<String, ObservedNetwork>,
    /// Volumes of the project by the engine's name, and external ones that were asked for.
    pub volumes: BTreeMap<String, ObservedVolume>,
    /// The images that were asked for and exist, by the reference that was asked.
    pub images: BTreeMap<String, ObservedImage>,
    /// Hash of the inputs of each job that has some, by service.
    pub inputs: BTreeMap<String, String>,
    /// What each job's last success was made from, by service; kept in the state folder.
    pub jobs: BTreeMap<String, JobRecord>,
    /// What containers have of the files that sync rules cover, by id; kept in the state folder. Of one that is missing
    /// nothing is known.
    pub synced: BTreeMap<String, Has>,
}

/// What a container has of the files that its service's sync rules cover now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Has {
    Everything,
    /// `restarts`: a rule wants a restart once it has what it lacks.
    Lacks {
        restarts: bool,
    },
}

/// An instance: a container, or a host process, whose id begins with [`PROCESS_ID`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedContainer {
    pub id: String,
    pub name: String,
    pub service: String,
    pub index: u32,
    /// [`super::desired::LABEL_CONFIG`]; `None` when another tool made it.
    pub config: Option<String>,
    /// [`super::desired::LABEL_DIR`], else compose's working folder.
    pub dir: Option<String>,
    /// [`super::desired::LABEL_CHECKOUT`]
    pub checkout: Option<String>,
    pub image_id: String,
    pub status: Status,
    /// As the engine writes it; with the id it names the generation.
    pub started_at: String,
    /// Published ports that are bound now: (container port, protocol, host address, host port).
    pub ports: Vec<(u16, Protocol, IpAddr, u16)>,
    /// Its address on each network.
    pub addresses: BTreeMap<String, IpAddr>,
    /// By which names others on each network find it, beside its own.
    pub aliases: BTreeMap<String, BTreeSet<String>>,
    /// As the engine writes it; empty where it has not ended.
    pub finished_at: String,
    /// Name of the engine's restart policy: `no`, `always`, …
    pub restart_policy: String,
    /// How long a stop waits before it kills, as it was made. Its signal the engine knows itself.
    pub stop_grace: Option<std::time::Duration>,
    /// It has volumes without a name.
    pub anonymous_volumes: bool,
    /// The images whose files are mounted into it, by reference: their ids when it was made.
    pub mounted: BTreeMap<String, String>,
    /// The engine's own health check, where the last one of this life went well.
    pub healthy: Option<Healthy>,
}

/// A health check that the engine has carried out by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthy {
    /// `["CMD", …]` or `["CMD-SHELL", …]`
    pub test: Vec<String>,
    /// When it ended, from where on the engine counts the interval: milliseconds since 1970, by its clock.
    pub at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Created,
    Running,
    Paused,
    Restarting,
    Exited {
        code: i64,
        out_of_memory: bool,
    },
    /// Being removed, or beyond repair.
    Dead,
}

impl Status {
    /// It runs, is held, or is about to run again by its engine's own doing.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedNetwork {
    pub id: String,
    /// Ids of further ones of that name, which nothing uses: a call that outlived who made it, on an engine that allows
    /// two. As long as they are there, the name alone means nothing.
    pub twins: Vec<String>,
    /// Carries this project's label.
    pub ours: bool,
    pub dir: Option<String>,
    /// [`DesiredNetwork::hash`] of what it was made with; `None`: not known.
    pub config: Option<String>,
}

impl ObservedNetwork {
    /// It was made with other options.
    pub fn is_outdated(&self, wanted: &DesiredNetwork) -> bool {
        let known = self.config.as_ref();
        self.ours && !wanted.external && known.is_some_and(|known| *known != wanted.hash())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVolume {
    /// Carries this project's label.
    pub ours: bool,
    /// [`super::desired::LABEL_CREATED`], else the engine's creation time.
    pub created: String,
    pub dir: Option<String>,
    /// [`super::desired::LABEL_CHECKOUT`]
    pub checkout: Option<String>,
    /// [`DesiredVolume::hash`] of what it was made with; `None`: not known.
    pub config: Option<String>,
}

impl ObservedVolume {
    /// It was made with other options.
    pub fn is_outdated(&self, wanted: &DesiredVolume) -> bool {
        let known = self.config.as_ref();
        self.ours && !wanted.external && known.is_some_and(|known| *known != wanted.hash())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedImage {
    pub id: String,
    /// [`BuildRecord::hash`]; `None` where it is not known what it was made from.
    pub build: Option<String>,
    /// [`BuildRecord::files`]
    pub files: Option<String>,
    /// When the engine gave it its name, since 1970: by a pull or a build.
    pub tagged: Option<Duration>,
    /// Whether it has a HEALTHCHECK, and which.
    pub healthcheck: Option<ImageHealthcheck>,
}

impl ObservedImage {
    /// Whether it was made as `spec` says, but for what sync rules bring.
    pub fn is_made_as(&self, spec: &BuildSpec) -> bool {
        self.build.as_ref() == Some(&spec.hash) || !self.is_behind(spec)
    }

    /// Whether it was made from other files than there are, be it only such as sync rules bring.
    pub fn is_behind(&self, spec: &BuildSpec) -> bool {
        // Where nothing is left out, the one is the other: rules may have come or gone since it was built.
        let made_from = self.files.as_ref().or(self.build.as_ref());
        made_from != Some(spec.files.as_ref().unwrap_or(&spec.hash))
    }
}

/// HEALTHCHECK of an image, times in nanoseconds as the engine gives them (0: its default).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageHealthcheck {
    /// `["CMD", …]` or `["CMD-SHELL", …]`
    pub test: Vec<String>,
    pub interval: i64,
    pub timeout: i64,
    pub retries: i64,
    pub start_period: i64,
}

impl ImageHealthcheck {
    /// The same with what a stack file says instead.
    #[must_use]
    pub fn with(&self, given: &Healthcheck) -> Self {
        let Healthcheck::Asked {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval: _,
        } = given
        else {
            return Self::default();
        };
        Self {
            test: test.clone().unwrap_or_else(|| self.test.clone()),
            interval: interval.unwrap_or(self.interval),
            timeout: timeout.unwrap_or(self.timeout),
            retries: retries.unwrap_or(self.retries),
            start_period: start_period.unwrap_or(self.start_period),
        }
    }
}

/// What an image was last made from. The image cannot carry it: the next build may come out as the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRecord {
    /// The image's id.
    pub image: String,
    /// [`BuildSpec::hash`]
    pub hash: String,
    /// [`BuildSpec::files`]
    pub files: Option<String>,
}

impl Observed {
    /// Puts down of each image what it was made from, by the records of this stack, which are by reference.
    pub fn recall_builds(&mut self, records: &BTreeMap<String, BuildRecord>) {
        for (reference, image) in &mut self.images {
            let record = records.get(reference);
            let record = record.filter(|record| record.image == image.id);
            image.build = record.map(|record| record.hash.clone());
            image.files = record.and_then(|record| record.files.clone());
        }
    }
}

/// From what a job last succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Over command, env, inputs or image (what it is built from), and the identity of every volume under what it needs. Empty
    /// where what its image was built from had changed meanwhile.
    pub hash: String,
    /// Where it ran from an image that the stack builds.
    #[serde(default)]
    pub from: Option<RanFrom>,
}

/// The image that a job ran from: other sources that come out as the same one are no reason to run it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanFrom {
    /// The image's id.
    pub image: String,
    /// As [`JobRecord::hash`], over this id instead of what it is built from.
    pub hash: String,
}

/// Names one life of a container: the id and when it was started.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Generation {
    pub id: String,
    pub started_at: String,
}

impl ObservedContainer {
    /// It is a process on the host.
    pub fn is_process(&self) -> bool {
        self.id.starts_with(PROCESS_ID)
    }

    pub fn is_running(&self) -> bool {
        matches!(self.status, Status::Running | Status::Paused)
    }

    pub fn generation(&self) -> Generation {
        Generation {
            id: self.id.clone(),
            started_at: self.started_at.clone(),
        }
    }
}

/// Which checkout a stack belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    /// Absolute path, as seen from here.
    pub dir: &'a str,
    /// The name that it keeps wherever it is mounted or moved to.
    pub checkout: &'a str,
}

impl Home<'_> {
    /// Made by this checkout. A state folder that was lost is no other checkout, and neither is a folder that was moved.
    pub fn made(&self, dir: Option<&str>, checkout: Option<&str>) -> bool {
        dir == Some(self.dir) || checkout == Some(self.checkout)
    }

    /// The folder of another checkout whose stack has this project's name, and things on the engine.
    pub fn other<'o>(&self, observed: &'o Observed) -> Option<&'o str> {
        let containers = observed
            .containers
            .iter()
            .map(|c| (c.dir.as_deref(), c.checkout.as_deref()));
        let volumes = observed.volumes.values().filter(|volume| volume.ours);
        let mut all = containers.chain(volumes.map(|v| (v.dir.as_deref(), v.checkout.as_deref())));
        all.find_map(|(dir, checkout)| dir.filter(|_| !self.made(dir, checkout)))
    }
}
