//! A promotion as files, for what applies files. They are the same each time, and hold no secret.

mod gitops;
mod helm;
mod kustomize;
mod plain;
mod yaml;

use std::collections::BTreeMap;

pub use gitops::{Place, argocd, flux};
pub use helm::helm;
pub use kustomize::{Environment, kustomize};
pub use plain::plain;

/// Files by name, below the folder that was asked for.
pub type Files = BTreeMap<String, String>;
