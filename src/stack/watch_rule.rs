use serde::Serialize;

use super::Hook;

/// What a saved file leads to. The first rule of a service that covers a path
/// decides, but for a rebuild that names it as closely as a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchRule {
    /// Files, folders or globs, relative to the stack's folder.
    pub paths: Vec<String>,
    /// Globs under `paths` that do not count, beside .gitignore and .dockerignore.
    pub ignore: Vec<String>,
    /// What counts alone; empty: all. Written as `ignore` in a Compose file is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// `ignore` is read as a .dockerignore in each of `paths`, as Compose has it, and not as a .gitignore.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub as_dockerignore: bool,
    pub action: WatchAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchAction {
    /// The content of each of `paths` appears under `target` in the container, deletions too.
    Sync {
        target: String,
        then: AfterSync,
    },
    Restart,
    /// Build, replace, gate again.
    Rebuild,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterSync {
    Nothing,
    Restart,
    /// A signal to the container's first process: `HUP`.
    Signal(String),
    /// A command inside the container.
    Exec(Vec<String>),
    /// The same, as whom and where it says.
    Hook(Box<Hook>),
}
