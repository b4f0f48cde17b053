//! What a project is read in: its environment, its files, its folder and its profiles.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::load::Files;
use super::project::Request;
use super::stdin::is_stdin;
use super::variables::Environment;
use super::{dotenv, find};
use crate::stack::file::{Code, Diagnostic, LoadError};

/// What holds before any Compose file is read.
pub(super) struct Surroundings {
    pub environment: Environment,
    pub files: Vec<Utf8PathBuf>,
    /// The project's folder.
    pub dir: Utf8PathBuf,
    pub profiles: Vec<String>,
}

pub(super) fn surroundings(
    request: &Request,
    source: &dyn Files,
) -> Result<Surroundings, LoadError> {
    let start = &request.start_dir;
    let mut environment = Environment::new(request.environment.clone());
    let listed = |text: &str, separator: &str| -> Vec<Utf8PathBuf> {
        let parts = text
            .split(separator)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(|part| placed(start, part.into())).collect()
    };
    let mut env_files: Vec<Utf8PathBuf> = request
        .env_files
        .iter()
        .map(|path| start.join(path))
        .collect();
    if env_files.is_empty()
        && let Some(text) = environment.get("COMPOSE_ENV_FILES")
    {
        env_files = listed(text, ",");
    }
    let is_named = !env_files.is_empty();
    let switch = environment
        .get("COMPOSE_DISABLE_ENV_FILE")
        .map(String::as_str);
    let no_default = is_named || matches!(switch, Some("1" | "t" | "T" | "true" | "TRUE" | "True"));

    let files = request.files.iter();
    let mut files: Vec<Utf8PathBuf> = files.map(|path| placed(start, path)).collect();
    let own_dir = request.project_dir.as_ref().map(|dir| start.join(dir));
    let project_dir = |files: &[Utf8PathBuf]| {
        let first = files.iter().find(|file| !is_stdin(file));
        let of_first = || first.and_then(|file| file.parent()).unwrap_or(start);
        let dir = own_dir.as_deref().unwrap_or_else(of_first);
        Utf8PathBuf::from(crate::stack::path::clean_text(dir.as_str()))
    };
    if !no_default {
        env_files = vec![project_dir(&files).join(".env")];
    }
    add(&env_files, is_named, source, &mut environment)?;
    if files.is_empty()
        && let Some(text) = environment.get("COMPOSE_FILE")
    {
        let separator = environment
            .get("COMPOSE_PATH_SEPARATOR")
            .filter(|text| !text.is_empty());
        files = listed(text, separator.map_or(":", String::as_str));
    }
    if files.is_empty() {
        files = find::search(own_dir.as_deref().unwrap_or(start))?;
    }
    let files: Vec<_> = files
        .iter()
        .map(|path| Utf8PathBuf::from(crate::stack::path::clean_text(path.as_str())))
        .collect();
    let dir = project_dir(&files);
    if !no_default {
        add(&[dir.join(".env")], false, source, &mut environment)?;
    }
    let mut profiles = request.profiles.clone();
    if profiles.is_empty()
        && let Some(text) = environment.get("COMPOSE_PROFILES")
    {
        profiles = text
            .split(',')
            .map(|profile| profile.trim().to_owned())
            .collect();
    }
    Ok(Surroundings {
        environment,
        files,
        dir,
        profiles,
    })
}

/// Where a file is that was named in `start`.
fn placed(start: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    match is_stdin(path) {
        true => path.to_owned(),
        false => start.join(path),
    }
}

/// Adds what files say and the environment does not.
fn add(
    paths: &[Utf8PathBuf],
    is_named: bool,
    source: &dyn Files,
    environment: &mut Environment,
) -> Result<(), LoadError> {
    let mut found = BTreeMap::new();
    for path in paths {
        let text = match source.env(path) {
            Ok(text) => text,
            Err(error) if !is_named && is_absent(&error) => continue,
            Err(error) => return Err(unreadable(path, &error, is_named)),
        };
        let lookup = |name: &str| environment.get(name).cloned();
        dotenv::read(&text, &lookup, &mut found).map_err(|error| {
            let message = format!("{path}, line {}: {}", error.line, error.problem);
            LoadError::one(Diagnostic::error(Code::EnvFile, message))
        })?;
    }
    environment.fill(found);
    Ok(())
}

/// A `.env` that need not be there; a folder of that name is a virtual environment of Python, and none of ours.
fn is_absent(error: &io::Error) -> bool {
    let kinds = [
        io::ErrorKind::NotFound,
        io::ErrorKind::IsADirectory,
        io::ErrorKind::NotADirectory,
    ];
    kinds.contains(&error.kind())
}

fn unreadable(path: &Utf8Path, error: &io::Error, is_named: bool) -> LoadError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path}"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder"),
        _ => format!("{path} cannot be read: {error}"),
    };
    let help = match is_named {
        true => "it is named by `--env-file` or COMPOSE_ENV_FILES",
        false => {
            "it is read because it lies in the project's folder; COMPOSE_DISABLE_ENV_FILE=1 leaves it out"
        }
    };
    LoadError::one(Diagnostic::error(Code::EnvFile, message).with_help(help))
}
