//! What a build context or a job's inputs hold, and its hash.
//!
//! The rules are those of BuildKit's client: the patterns of `.dockerignore` in their order, folders that are ignored
//! are not entered unless a negation could bring something beneath them back.

mod glob;
mod hash;
mod ignore_file;
mod index;
mod pattern;
mod walk;

pub use glob::hash_globs;
pub use hash::{ContextHash, Weight, hash_context, hash_context_by};
pub use ignore_file::{IgnoreRules, read_ignore_rules};
pub use index::Index;
pub use pattern::{PatternError, Patterns};
pub use walk::{Entry, Filter, Kind, Walked, walk};

/// Folders of this name hold the state of a stack: logs, the lock, generated secrets. They are never part of a build
/// context, whatever `.dockerignore` says: a secret must not get into an image, and a log must not change its hash.
pub const STATE_FOLDER: &str = ".dev";
