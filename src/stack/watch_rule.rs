use serde::Serialize;

/// What a saved file leads to. The first rule of a service that covers a path
/// decides, but for a rebuild that names it as closely as a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchRule {
    /// Files, folders or globs, relative to the stack's folder.
    pub paths: Vec<String>,
    /// Globs under `paths` that do not count, beside .gitignore and .dockerignore.
    pub ignore: Vec<String>,
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
}
