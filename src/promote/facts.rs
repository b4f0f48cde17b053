use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// What promotion depends on beside the stack.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// By service.
    pub images: BTreeMap<String, Image>,
    /// What lies at the sources of bind mounts.
    pub mounted: BTreeMap<Utf8PathBuf, Mounted>,
    /// The environment that `${env:…}` reads.
    pub environment: BTreeMap<String, String>,
    /// `sha`, `branch`
    pub git: BTreeMap<String, String>,
    /// A keyed hash of each secret's value, so that pods are replaced when it changes. A secret without one changes unseen.
    pub secret_digests: BTreeMap<String, String>,
    /// Whoever applies the objects keeps no order: pods wait themselves for what they need.
    pub gates: bool,
}

/// An image as the cluster gets it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub reference: String,
    pub user: ImageUser,
}

/// As whom an image runs when nobody says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ImageUser {
    /// Nobody has looked.
    #[default]
    Unknown,
    Root,
    Number(u32),
    /// A cluster cannot tell whether that is root.
    Named(String),
}

/// What lies at the source of a bind mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mounted {
    Missing,
    File(Vec<u8>),
    /// A folder with files alone, none too large, by name.
    Files(BTreeMap<String, Vec<u8>>),
    /// Folders in it, too large, or something else.
    Other(&'static str),
}

impl ImageUser {
    /// From the `User` of an image's configuration: `1000:1000`, `app`, nothing.
    pub fn parse(text: &str) -> Self {
        let user = text.split(':').next().unwrap_or_default();
        match (user, user.parse()) {
            ("" | "root", _) | (_, Ok(0)) => Self::Root,
            (_, Ok(number)) => Self::Number(number),
            (name, Err(_)) => Self::Named(name.to_owned()),
        }
    }
}
