//! What goes from `dev` to a supervisor, and back. Through pipes only: it holds secrets.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::record::Record;

/// What is to be started. The record lacks what only its life will tell.
#[derive(Clone, Serialize, Deserialize)]
pub struct Launch {
    pub name: String,
    pub record: Record,
    /// For `sh -c`.
    pub command: String,
    pub env: Vec<(String, String)>,
    pub workdir: Utf8PathBuf,
    pub records: Utf8PathBuf,
    pub logs: Utf8PathBuf,
    /// Bytes of one of the two files of the ring.
    pub log_limit: u64,
    /// What the log must not say.
    pub secrets: Vec<String>,
}

/// How it went, in one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Started(Box<Record>),
    Failed(String),
}
