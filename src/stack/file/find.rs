//! Finds and reads the layers of a stack.

use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};

use super::diagnostic::Diagnostic;
use super::sink::nearest;
use super::{Code, Layer, LoadError, LoadRequest};
use crate::stack::compose;

const FILE: &str = "dev.toml";
/// Names that `docker compose` looks for.
pub(super) const COMPOSE: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];
/// A thousand services take a third of this, and the worst text of this size is still told within a second.
const MAX_BYTES: u64 = 1 << 20;

/// The folder of the stack and its layers, the lowest first.
///
/// # Errors
/// No file, or files that cannot be read; each once.
pub(super) fn layers(request: &LoadRequest) -> Result<(Utf8PathBuf, Vec<Layer>), LoadError> {
    let file = match request.files.first() {
        Some(file) => named(&request.start_dir.join(file))?,
        None => search(&request.search_dir())?,
    };
    let file = canonical(&file)?;
    let dir = file
        .parent()
        .map_or_else(|| Utf8PathBuf::from("/"), Utf8Path::to_owned);
    let own =
        |own: &Utf8PathBuf| canonical(&request.start_dir.join(own)).is_ok_and(|own| own == dir);
    if !request.project_dir.as_ref().is_none_or(own) {
        return Err(LoadError::one(elsewhere(&file)));
    }
    let stem = file
        .file_name()
        .map_or("dev", |name| name.strip_suffix(".toml").unwrap_or(name))
        .to_owned();

    let mut paths = vec![file];
    let mut problems = Vec::new();
    for env in &request.envs {
        match overlay(&dir, &stem, env) {
            Ok(path) if paths.contains(&path) => {}
            Ok(path) => paths.push(path),
            Err(problem) => problems.push(problem),
        }
    }
    let local = dir.join(format!("{stem}.local.toml"));
    if is_there(&local) && !paths.contains(&local) {
        paths.push(local);
    }
    let mut layers = Vec::new();
    for path in paths {
        match read_text(&path) {
            Ok(text) => layers.push(Layer { path, text }),
            Err(problem) => problems.push(*problem),
        }
    }
    match problems.is_empty() {
        true => Ok((dir, layers)),
        false => Err(LoadError {
            diagnostics: problems,
            hidden: 0,
        }),
    }
}

/// Whether Compose files are meant, and no dev.toml.
pub(super) fn is_compose(request: &LoadRequest) -> bool {
    let is_yaml = |path: &Utf8PathBuf| matches!(path.extension(), Some("yaml" | "yml"));
    if !request.files.is_empty() {
        let is_compose = |path: &Utf8PathBuf| is_yaml(path) || compose::is_stdin(path);
        return request.files.iter().any(is_compose) || request.files.len() > 1;
    }
    let start = request.search_dir();
    let mut dirs = start.ancestors();
    if dirs.any(|dir| is_there(&dir.join(FILE))) {
        return false;
    }
    let named = request.environment.get("COMPOSE_FILE");
    let mut dirs = start.ancestors();
    named.is_some_and(|files| !files.is_empty())
        || dirs.any(|dir| COMPOSE.iter().any(|name| is_there(&dir.join(name))))
}

/// The folder of a dev.toml is that of its stack.
fn elsewhere(file: &Utf8Path) -> Diagnostic {
    let message =
        format!("`--project-directory` is about Compose files, and the stack file is {file}");
    Diagnostic::error(Code::NotFound, message).with_help(
        "leave it out: paths of a dev.toml start at its folder; `-C DIR` looks for a stack file elsewhere",
    )
}

/// # Errors
/// The folder that the project is to have is not there. Its state is kept there, so it will not do for a path alone.
pub(super) fn project_dir(request: &LoadRequest) -> Result<(), LoadError> {
    let dir = request.search_dir();
    if request.project_dir.is_none() || dir.is_dir() {
        return Ok(());
    }
    let diagnostic = Diagnostic::error(Code::NotFound, format!("there is no folder {dir}"));
    Err(LoadError::one(diagnostic.with_help(
        "`--project-directory` takes the folder that paths of a Compose file start at",
    )))
}

/// What `--file` names.
fn named(path: &Utf8Path) -> Result<Utf8PathBuf, LoadError> {
    if !is_there(path) {
        let diagnostic = Diagnostic::error(Code::NotFound, format!("there is no file {path}"));
        return Err(LoadError::one(diagnostic.with_help(
            "`--file` takes the path of a stack file such as dev.toml",
        )));
    }
    Ok(path.to_owned())
}

/// `dev.toml` in `start` or above.
fn search(start: &Utf8Path) -> Result<Utf8PathBuf, LoadError> {
    if let Some(found) = start
        .ancestors()
        .map(|dir| dir.join(FILE))
        .find(|path| is_there(path))
    {
        return Ok(found);
    }
    let message = format!("there is no {FILE} and no Compose file in {start} or above it");
    Err(LoadError::one(
        Diagnostic::error(Code::NotFound, message).with_help(
            "change to the folder of a stack, name one with `-C DIR` or `--file PATH`, or write a dev.toml",
        ),
    ))
}

/// Also a link that leads nowhere: that is told, and not passed over for a file further up.
pub(in crate::stack) fn is_there(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Of a path that is not there: what to do about that. `None`: it is.
pub(in crate::stack) fn absence(path: &Utf8Path) -> Option<String> {
    let missing = path.ancestors().take_while(|path| !is_there(path)).last()?;
    let folder = missing.parent()?;
    let entries = folder.read_dir_utf8().ok().into_iter().flatten();
    let entries = entries.filter_map(Result::ok);
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    let meant = missing.file_name().and_then(|name| {
        let names = names.iter().map(String::as_str);
        nearest(name, names)
    });
    Some(match meant {
        Some(meant) => format!("in {folder} there is `{meant}`: was that meant?"),
        None => format!("there is no {missing}; what comes there later is watched from then on"),
    })
}

/// With links followed: one checkout is one stack, by whatever path one comes to it.
fn canonical(path: &Utf8Path) -> Result<Utf8PathBuf, LoadError> {
    path.canonicalize_utf8()
        .map_err(|error| LoadError::one(unreadable(path, &error)))
}

fn overlay(dir: &Utf8Path, stem: &str, env: &str) -> Result<Utf8PathBuf, Diagnostic> {
    let path = dir.join(format!("{stem}.{env}.toml"));
    let is_name = !env.is_empty()
        && env
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if is_name && is_there(&path) {
        return Ok(path);
    }
    let known = environments(dir, stem);
    let help = match nearest(env, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `--env {meant}`?"),
        None if known.is_empty() => format!("write it beside {stem}.toml, or leave `--env` out"),
        None => format!("there are: {}", known.join(", ")),
    };
    let shown: String = env.chars().take(60).flat_map(char::escape_debug).collect();
    Err(Diagnostic::error(
        Code::MissingLayer,
        format!("there is no {stem}.{shown}.toml for `--env {shown}`"),
    )
    .with_help(help))
}

/// Names of the layers that lie in `dir`.
fn environments(dir: &Utf8Path, stem: &str) -> Vec<String> {
    let Ok(entries) = dir.read_dir_utf8() else {
        return Vec::new();
    };
    let names = entries.filter_map(Result::ok).filter_map(|entry| {
        let middle = entry
            .file_name()
            .strip_prefix(stem)?
            .strip_prefix('.')?
            .strip_suffix(".toml")?;
        (!middle.is_empty() && middle != "local").then(|| middle.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

pub(in crate::stack) fn read_text(path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
    utf8(read(path)?, path)
}

/// The text of a file, by its bytes.
pub(in crate::stack) fn utf8(bytes: Vec<u8>, path: &Utf8Path) -> Result<String, Box<Diagnostic>> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]);
        let line = before.matches('\n').count() + 1;
        let last = before.rsplit('\n').next().unwrap_or_default();
        let column = last.chars().count() + 1;
        let message = format!("{path} is not UTF-8 text (line {line}, column {column})");
        Box::new(Diagnostic::error(Code::NotUtf8, message).with_help("save it as UTF-8"))
    })
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let failed = |error: io::Error| Box::new(unreadable(path, &error));
    let kind = path.metadata().map_err(failed)?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "no file" };
        let diagnostic = Diagnostic::error(Code::NotAFile, format!("{path} is {what}"));
        return Err(Box::new(diagnostic.with_help(
            "a stack file is a text file; `-C DIR` changes the folder",
        )));
    }
    let mut file = std::fs::File::open(path).map_err(failed)?;
    read_from(&mut file, path, kind.len())
}

/// All of a file, as far as a stack file may be long. `size`: in bytes, as far as that is known.
pub(in crate::stack) fn read_from(
    file: &mut dyn Read,
    path: &Utf8Path,
    size: u64,
) -> Result<Vec<u8>, Box<Diagnostic>> {
    let mut bytes = Vec::new();
    // One byte more than allowed: the file may have grown since the look at it.
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Box::new(unreadable(path, &error)))?;
    if bytes.len() as u64 > MAX_BYTES {
        let has = match size > MAX_BYTES {
            true => format!("{size}"),
            false => format!("more than {MAX_BYTES}"),
        };
        let message =
            format!("{path} has {has} bytes; a stack file has at most {MAX_BYTES} (1 MiB)");
        return Err(Box::new(
            Diagnostic::error(Code::TooLarge, message).with_help("is it the right file?"),
        ));
    }
    Ok(bytes)
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> Diagnostic {
    Diagnostic::error(Code::Unreadable, format!("{path} cannot be read: {error}"))
        .with_help("look at the permissions of the file and of the folders above it")
}

/// The text of an `env_file`.
pub(in crate::stack) fn env_text(path: &Utf8Path) -> io::Result<String> {
    let kind = path.metadata()?;
    if kind.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it has more than 1 MiB"));
    }
    Ok(text)
}
