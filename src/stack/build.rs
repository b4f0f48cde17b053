use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::{Template, Ulimit};

/// How an image is built. Services with equal builds share one image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Build {
    /// Absolute; [`Build::NO_FILE`] where the builder fetches it ([`BuildOptions::remote`]).
    pub context: Utf8PathBuf,
    /// Absolute; [`Build::NO_FILE`] where the stack file holds it.
    pub dockerfile: Utf8PathBuf,
    pub target: Option<String>,
    pub args: BTreeMap<String, Template>,
    pub secrets: Vec<BuildSecret>,
    /// Tag to give the image; without it `NAME-SERVICE`.
    pub image: Option<String>,
    pub platforms: Vec<String>,
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
    pub options: Box<BuildOptions>,
}

impl Build {
    /// Where a Dockerfile lies that is no file: nothing is read there, and nothing watched.
    pub const NO_FILE: &str = "/dev/null";

    /// The Dockerfile's path, unless the stack file holds its text, or the builder fetches it.
    pub fn dockerfile_path(&self) -> Option<&Utf8Path> {
        let is_elsewhere = self.options.dockerfile.is_some() || self.options.remote.is_some();
        (!is_elsewhere).then_some(self.dockerfile.as_path())
    }

    /// The folder that is sent to the builder, unless it fetches what it builds from.
    pub fn folder(&self) -> Option<&Utf8Path> {
        let is_elsewhere = self.options.remote.is_some();
        (!is_elsewhere).then_some(self.context.as_path())
    }

    /// Its further folders, each as if it were the context of a build.
    pub fn further(&self) -> impl Iterator<Item = Self> {
        let folders = self.options.folders();
        folders.map(|(_, folder)| Self {
            context: folder.to_owned(),
            dockerfile: Self::NO_FILE.into(),
            options: Box::default(),
            ..self.clone()
        })
    }
}

/// What only a Compose file says of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct BuildOptions {
    /// The Dockerfile's text, instead of a file.
    pub dockerfile: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// Of `RUN`: `host`, `none`, or a network's name.
    pub network: Option<String>,
    /// `NAME:ADDRESS`.
    pub extra_hosts: Vec<String>,
    pub no_cache: bool,
    /// Further contexts by name: folders (absolute), `service:…` for the image of another service, `docker-image://…`, or
    /// addresses that the builder reads.
    pub contexts: BTreeMap<String, String>,
    /// Base images are pulled even if they are there.
    pub pull: bool,
    /// Beside the image's own.
    pub tags: Vec<String>,
    /// SSH agents for `RUN --mount=type=ssh`, by id, with their sockets: that of the environment without one. Nothing of
    /// the image is of them.
    #[serde(skip)]
    pub ssh: BTreeMap<String, Option<Utf8PathBuf>>,
    /// Where the builder fetches the context itself: `https://…/x.git#branch:folder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// Stages that are made anew each time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_cache_filter: Vec<String>,
    /// Of `RUN`, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Of `RUN`, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<i64>,
    /// What the engine has to allow a build: `network.host`, `security.insecure`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entitlements: Vec<String>,
}

impl BuildOptions {
    /// Begins a further context that is the image of a service.
    pub const SERVICE: &str = "service:";

    /// Further contexts that are folders of this machine.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &Utf8Path)> {
        let folders = self.contexts.iter().filter(|(_, at)| at.starts_with('/'));
        folders.map(|(name, at)| (name.as_str(), Utf8Path::new(at)))
    }

    /// Services whose images are further contexts.
    pub fn bases(&self) -> impl Iterator<Item = &str> {
        let contexts = self.contexts.values();
        contexts.filter_map(|at| at.strip_prefix(Self::SERVICE))
    }
}

/// A secret served to `RUN --mount=type=secret,id=…`; never an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct BuildSecret {
    pub id: String,
    /// Key of `Stack::secrets`.
    pub secret: String,
}
