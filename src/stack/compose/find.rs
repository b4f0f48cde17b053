//! Which files a project consists of, and their text: beside `stdin`, the one place of this folder that touches the outside.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::load::Files;
use super::stdin::{self, is_stdin};
use crate::stack::file::{Code, Diagnostic, LoadError, absence, env_text, is_there, read_text};

/// Names that `docker compose` looks for, the preferred first.
const NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
/// What lies on top without being named.
const OVERRIDES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The files of the disk, and standard input.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn compose(&self, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
        match is_stdin(path) {
            true => stdin::text(),
            false => read_text(path),
        }
    }

    fn env(&self, path: &Utf8Path) -> io::Result<String> {
        env_text(path)
    }

    fn absent(&self, path: &Utf8Path) -> Option<String> {
        absence(path)
    }
}

/// The Compose file in `start` or above it, with its override.
///
/// # Errors
/// There is none.
pub(super) fn search(start: &Utf8Path) -> Result<Vec<Utf8PathBuf>, LoadError> {
    let first = |dir: &Utf8Path, names: &[&str]| {
        let mut paths = names.iter().map(|name| dir.join(name));
        paths.find(|path| is_there(path))
    };
    for dir in start.ancestors() {
        if let Some(found) = first(dir, NAMES) {
            let mut files = vec![found];
            files.extend(first(dir, OVERRIDES));
            return Ok(files);
        }
    }
    let message = format!("there is no Compose file in {start} or above it");
    Err(LoadError::one(
        Diagnostic::error(Code::NotFound, message)
            .with_help("change to the folder of one, or name one with `-C DIR` or `--file PATH`"),
    ))
}
