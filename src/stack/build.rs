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
}

/// A secret served to `RUN --mount=type=secret,id=…`; never an argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct BuildSecret {
    pub id: String,
    /// Key of `Stack::secrets`.
    pub secret: String,
}
