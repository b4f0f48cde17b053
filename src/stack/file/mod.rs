//! `dev.toml`: found, read in layers, checked as a whole, with every error where it stands.
//!
//! [`load`] touches files and nothing else; [`parse`] is pure. What tables may hold is said once, as shapes beside
//! the readers, from which the checks and the JSON Schema follow.

mod assemble;
mod build;
mod check;
mod code;
mod diagnostic;
mod document;
mod dotenv;
mod env;
mod find;
mod fitted;
mod formats;
mod kubernetes;
mod needs;
mod outside;
mod parse;
mod ports;
mod preset;
mod probe;
mod process;
mod promote;
mod reader;
mod references;
mod salvage;
mod schema;
mod secrets;
mod service;
mod service_shape;
mod shape;
mod sink;
mod stack_shape;
mod tree;
mod volumes;
mod watch;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::Stack;

pub use code::{CODES, Code};
pub use diagnostic::{Diagnostic, LoadError, Location, render, reporter};
pub use document::Document;
pub use outside::{Outside, check_outside, variables_of};
pub use parse::{Layer, parse};
pub use reader::ReadText;
pub use salvage::{Salvaged, salvage};
pub use schema::schema;

pub(in crate::stack) use find::{env_text, is_there, read_text};
pub(in crate::stack) use sink::{Finding, Sink, nearest};
pub(in crate::stack) use tree::{Source, Span};

/// Which stack to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadRequest {
    /// Where to look for `dev.toml`, here and above. Absolute.
    pub start_dir: Utf8PathBuf,
    /// `--file`: this file instead, from `start_dir`.
    pub file: Option<Utf8PathBuf>,
    /// `--env`: layers to lay on top, in this order.
    pub envs: Vec<String>,
    /// `--name`: wins over the file's.
    pub name: Option<String>,
}

/// A stack, and what is odd about its file.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub stack: Stack,
    pub warnings: Vec<Diagnostic>,
    /// Further files that values came from (`env_file`), missing ones included. Absolute.
    pub env_files: BTreeSet<Utf8PathBuf>,
    /// The layers merged.
    pub document: Document,
    /// What of the environment and of git its services refer to.
    pub outside: Vec<Outside>,
}

/// Finds the stack file and reads it in its layers: itself, `dev.ENV.toml` for each environment, and `dev.local.toml`
/// if there is one. Reads files, also those of `env_file`, and changes nothing.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(request: &LoadRequest) -> Result<Loaded, LoadError> {
    let (dir, layers) = find::layers(request)?;
    let read = RefCell::new(BTreeSet::new());
    let read_text = |path: &Utf8Path| {
        read.borrow_mut().insert(path.to_owned());
        find::env_text(path)
    };
    let loaded = parse(&dir, layers, request.name.as_deref(), &read_text)?;
    Ok(Loaded {
        env_files: read.into_inner(),
        ..loaded
    })
}
