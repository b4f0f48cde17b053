use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::Template;

/// How an image is built. Services with equal builds share one image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Build {
    /// Absolute.
    pub context: Utf8PathBuf,
    /// Absolute.
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

/// What only a Compose file says of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct BuildOptions {
    pub labels: BTreeMap<String, String>,
    /// Of `RUN`: `host`, `none`, or a network's name.
    pub network: Option<String>,
    /// `NAME:ADDRESS`.
    pub extra_hosts: Vec<String>,
    pub no_cache: bool,
    /// Base images are pulled even if they are there.
    pub pull: bool,
    /// Beside the image's own.
    pub tags: Vec<String>,
}

/// A secret served to `RUN --mount=type=secret,id=…`; never an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct BuildSecret {
    pub id: String,
    /// Key of `Stack::secrets`.
    pub secret: String,
}
