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
mod draft;
mod env;
mod find;
mod fitted;
mod formats;
mod glob;
mod kubernetes;
mod mounted;
mod needs;
mod outside;
mod parse;
mod ports;
mod preset;
mod probe;
mod process;
mod promote;
mod reader;
mod reading;
mod references;
mod run;
mod salvage;
mod schema;
mod secrets;
mod service;
mod service_shape;
mod shape;
mod sink;
mod stack_shape;
mod tree;
mod update;
mod upon;
mod volumes;
mod watch;
mod watched;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::{Stack, compose};

pub use code::{CODES, Code};
pub use diagnostic::{Diagnostic, LoadError, Location, render, reporter};
pub use document::Document;
pub use draft::{Draft, DraftError, draft};
pub use outside::{Outside, check_outside, variables_of};
pub use parse::{Layer, parse};
pub use reader::ReadText;
pub use reading::Reading;
pub use salvage::{Salvaged, salvage};
pub use schema::schema;

pub(in crate::stack) use find::{absence, env_text, is_there, read_from, read_text, utf8};
pub(in crate::stack) use sink::{Finding, Sink, nearest};
pub(in crate::stack) use tree::{Source, Span};
pub(in crate::stack) use watched::message as not_watched;

/// Which stack to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadRequest {
    /// Where to look for `dev.toml`, here and above. Absolute.
    pub start_dir: Utf8PathBuf,
    /// `--file`: this file instead, from `start_dir`, or these Compose files, the lowest first.
    pub files: Vec<Utf8PathBuf>,
    /// `--project-directory`: the folder of Compose files, from `start_dir`, instead of the first one's.
    pub project_dir: Option<Utf8PathBuf>,
    /// `--env`: layers to lay on top, in this order.
    pub envs: Vec<String>,
    /// `--name`: wins over the file's.
    pub name: Option<String>,
    /// `--profile`: services with these are meant, too; for Compose files instead of those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// `--env-file`: for Compose files, instead of `.env`.
    pub env_files: Vec<Utf8PathBuf>,
    /// Of the process, for Compose files.
    pub environment: BTreeMap<String, String>,
}

impl LoadRequest {
    /// Where a stack file is looked for, here and above.
    pub fn search_dir(&self) -> Utf8PathBuf {
        match &self.project_dir {
            Some(dir) => self.start_dir.join(dir),
            None => self.start_dir.clone(),
        }
    }

    /// The same for Compose files alone.
    pub fn compose(&self) -> compose::Request {
        compose::Request {
            start_dir: self.start_dir.clone(),
            files: self.files.clone(),
            project_dir: self.project_dir.clone(),
            name: self.name.clone(),
            profiles: self.profiles.clone(),
            env_files: self.env_files.clone(),
            environment: self.environment.clone(),
        }
    }
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
    /// Variables that Compose files were read with, set or not.
    pub variables: BTreeSet<String>,
    /// What its `watch` rules name.
    watched: Vec<watched::Watched>,
}

/// Finds the stack file and reads it in its layers: itself, `dev.ENV.toml` for each environment, and `dev.local.toml`
/// if there is one. Where there is none, Compose files are the stack file. Reads files, also those of `env_file`, and
/// changes nothing. What is watched and is not there is a warning.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn load(request: &LoadRequest) -> Result<Loaded, LoadError> {
    if find::is_compose(request) {
        return of_compose(request);
    }
    let (dir, layers) = find::layers(request)?;
    let read = RefCell::new(BTreeSet::new());
    let variables = RefCell::new(BTreeSet::new());
    let read_text = |path: &Utf8Path| {
        read.borrow_mut().insert(path.to_owned());
        find::env_text(path)
    };
    let beneath = |files: Vec<Utf8PathBuf>, name: Option<&str>| {
        let request = compose::Request {
            start_dir: dir.clone(),
            files,
            project_dir: None,
            name: name.map(str::to_owned),
            ..request.compose()
        };
        let run = compose::load_stack(&request, &compose::Disk)?;
        variables.borrow_mut().extend(run.variables.clone());
        Ok(run)
    };
    let mut loaded = parse::upon(&dir, layers, request.name.as_deref(), &read_text, &beneath)?;
    loaded.env_files.extend(read.into_inner());
    loaded.variables = variables.into_inner();
    let absent = loaded.watched.iter().filter_map(watched::Watched::absent);
    loaded.warnings.extend(absent);
    loaded.stack.choose(&request.profiles);
    loaded
        .warnings
        .extend(mounted::leave_out(&mut loaded.stack));
    Ok(loaded)
}

fn of_compose(request: &LoadRequest) -> Result<Loaded, LoadError> {
    if let Some(env) = request.envs.first() {
        let message =
            format!("`--env {env}` lays a dev.{env}.toml over a dev.toml, and there is none");
        let help = "Compose files are laid over each other by `-f FILE -f FILE`";
        return Err(LoadError::one(
            Diagnostic::error(Code::MissingLayer, message).with_help(help),
        ));
    }
    find::project_dir(request)?;
    let mut run = compose::load_stack(&request.compose(), &compose::Disk)?;
    run.warnings.extend(mounted::leave_out(&mut run.stack));
    Ok(Loaded {
        stack: run.stack,
        warnings: run.warnings,
        env_files: run.further_files,
        document: Document::default(),
        outside: Vec::new(),
        variables: run.variables,
        watched: Vec::new(),
    })
}
