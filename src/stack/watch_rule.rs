use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::Hook;
use super::path::clean_text;

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
    /// When watching begins, what .gitignore names is brought in, too: of Compose's rules, those that ask for that themselves.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub initial_sync: bool,
    /// What the build of the service leaves out, which counts for a rule of a Compose file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    pub action: WatchAction,
}

/// A `.dockerignore`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// What its patterns are relative to. Absolute.
    pub dir: Utf8PathBuf,
    pub patterns: Vec<String>,
}

impl WatchRule {
    /// Whether it can never decide anything beside the rules before it, as far as their texts say: those cover all that it names.
    /// A rebuild may name a file as closely as they do, and is left alone.
    pub fn is_covered_by(&self, earlier: &[Self]) -> bool {
        let mut named = self.paths.iter().filter(|path| !path.starts_with('!'));
        let covered = |path: &String| earlier.iter().any(|rule| rule.covers_all_of(path));
        self.action != WatchAction::Rebuild && named.clone().next().is_some() && named.all(covered)
    }

    /// Nothing beneath `path` is left to a later rule.
    fn covers_all_of(&self, path: &str) -> bool {
        let takes_back = !self.ignore.is_empty()
            || !self.include.is_empty()
            || self.paths.iter().any(|p| p.starts_with('!'));
        let path = clean_text(path.trim());
        let holds = |own: &String| {
            let own = clean_text(own.trim());
            let is_literal = !own.contains(['*', '?', '[', '{', '\\']);
            let is_above = own == "." && !path.starts_with("..") && !path.starts_with('/');
            own == path || is_literal && (is_above || Utf8Path::new(&path).starts_with(&own))
        };
        !takes_back && self.paths.iter().any(holds)
    }
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
    /// To a process on the host, which reads the files itself: `HUP`.
    Signal(String),
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
