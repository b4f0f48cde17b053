//! One project, from its files and its environment.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value as Json;

use super::attributes::PROJECT;
use super::complete::complete;
use super::defaults::normalize;
use super::form::Form;
use super::load::{Environment, Files, Loader, Scope};
use super::node::{Node, Value};
use super::{consistent, dotenv, env_file, find, print, substitute, yaml};
use crate::stack::file::{Code, Diagnostic, Finding, LoadError, Sink};

static A_PROJECT: Form = Form::Table(&PROJECT);

/// Which project to read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Where relative paths start, and where a Compose file is looked for, here and above. Absolute.
    pub start_dir: Utf8PathBuf,
    /// These files, the lowest first, instead of what is found.
    pub files: Vec<Utf8PathBuf>,
    /// Wins over the files' name.
    pub name: Option<String>,
    /// These profiles instead of those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// These files instead of `.env`.
    pub env_files: Vec<Utf8PathBuf>,
    /// Of the process.
    pub environment: BTreeMap<String, String>,
}

/// A project as `docker compose config` would print it.
#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    /// Absolute, the lowest first, without what they include.
    pub files: Vec<Utf8PathBuf>,
    /// The canonical file. A `$` in it is doubled.
    pub canonical: Json,
    pub warnings: Vec<Diagnostic>,
}

/// Finds the files of a project and resolves them to one.
///
/// # Errors
/// Everything that is wrong, as far as it can be told at once.
pub fn load(request: &Request, source: &dyn Files) -> Result<Project, LoadError> {
    let Surroundings {
        environment,
        files,
        dir,
        profiles,
    } = surroundings(request, source)?;
    let name = name(request, source, &environment, &files, &dir)?;
    let mut environment = environment;
    environment.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());

    let mut loader = Loader {
        source,
        sink: Sink::new(&[]),
        home: environment.get("HOME").cloned(),
        layers: Vec::new(),
        unread: Vec::new(),
        size: yaml::Size::default(),
        filled: 0,
    };
    let scope = Scope {
        dir,
        environment,
        including: Vec::new(),
    };
    let named: Vec<_> = files.iter().map(|path| (path.clone(), None)).collect();
    let read = loader.files(&named, scope.clone());
    let Loader {
        mut sink, unread, ..
    } = loader;
    let mut project = match read {
        Ok(project) => project,
        Err(_) if !unread.is_empty() => return Err(failed(sink, unread)),
        Err(finding) => {
            sink.push(finding);
            return Err(failed(sink, unread));
        }
    };
    if !sink.has_errors() {
        let whole = Whole {
            name: &name,
            files: &files,
            profiles: &profiles,
            environment: &scope.environment,
        };
        whole.resolve(&mut project, source, &mut sink);
    }
    if sink.has_errors() {
        return Err(failed(sink, unread));
    }
    let (warnings, _) = sink.finish();
    Ok(Project {
        name,
        files,
        canonical: print::project(&project),
        warnings,
    })
}

fn failed(sink: Sink, mut diagnostics: Vec<Diagnostic>) -> LoadError {
    let (found, hidden) = sink.finish();
    diagnostics.extend(found);
    LoadError {
        diagnostics,
        hidden,
    }
}

/// What a project is resolved with.
struct Whole<'a> {
    name: &'a str,
    files: &'a [Utf8PathBuf],
    profiles: &'a [String],
    environment: &'a Environment,
}

impl Whole<'_> {
    /// From the merged files to what runs of them.
    fn resolve(&self, project: &mut Node, source: &dyn Files, sink: &mut Sink) {
        let Self {
            name,
            files,
            profiles,
            environment,
        } = self;
        if project.as_map().is_none_or(|map| map.is_empty()) {
            let message = format!(
                "there is nothing in {}",
                files
                    .iter()
                    .map(|file| file.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            return sink
                .push(Finding::new(Code::Empty, message).help("a Compose file has `services`"));
        }
        complete(project, &A_PROJECT, "", sink);
        if sink.has_errors() {
            return;
        }
        normalize(project, name, environment);
        let disabled = choose(project, profiles);
        consistent::check(project, &disabled, sink);
        if sink.has_errors() {
            return;
        }
        for (_, service) in project.section_mut("services") {
            env_file::environment(service, environment, source, sink);
            env_file::labels(service, source, sink);
        }
        prune(project);
    }
}

/// Takes away the services that no profile chooses.
fn choose(project: &mut Node, profiles: &[String]) -> Vec<String> {
    let is_chosen = |service: &Node| {
        let own = service.get("profiles").map(Node::items).unwrap_or_default();
        own.is_empty()
            || profiles.iter().any(|profile| {
                profile == "*" || own.iter().any(|node| node.as_text() == Some(profile))
            })
    };
    let mut disabled = Vec::new();
    if let Some(services) = project.get_mut("services").and_then(Node::as_map_mut) {
        services.retain(|name, entry| {
            let chosen = is_chosen(&entry.node);
            if !chosen {
                disabled.push(name.clone());
            }
            chosen
        });
    }
    disabled
}

/// Takes away what no service uses.
fn prune(project: &mut Node) {
    let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let sources = |list: Option<&Node>| -> Vec<String> {
        let items = list.map(Node::items).unwrap_or_default();
        items
            .iter()
            .filter(|item| item.text_at("type").is_none_or(|kind| kind == "volume"))
            .filter_map(|item| Some(item.text_at("source")?.to_owned()))
            .collect()
    };
    for (_, service) in project.section("services") {
        let build_secrets = service.get("build").and_then(|build| build.get("secrets"));
        let networks = service.section("networks").map(|(name, _)| name.to_owned());
        let models = service.section("models").map(|(name, _)| name.to_owned());
        used.entry("networks").or_default().extend(networks);
        used.entry("models").or_default().extend(models);
        for (section, list) in [
            ("volumes", service.get("volumes")),
            ("secrets", service.get("secrets")),
            ("secrets", build_secrets),
            ("configs", service.get("configs")),
        ] {
            used.entry(section).or_default().extend(sources(list));
        }
    }
    for section in ["networks", "volumes", "secrets", "configs", "models"] {
        let of_section = used.remove(section).unwrap_or_default();
        if let Some(map) = project.get_mut(section).and_then(Node::as_map_mut) {
            map.retain(|name, _| of_section.contains(name));
        }
    }
}

/// What holds before any Compose file is read.
struct Surroundings {
    environment: Environment,
    files: Vec<Utf8PathBuf>,
    /// The project's folder.
    dir: Utf8PathBuf,
    profiles: Vec<String>,
}

fn surroundings(request: &Request, source: &dyn Files) -> Result<Surroundings, LoadError> {
    let start = &request.start_dir;
    let mut environment = request.environment.clone();
    let listed = |text: &str, separator: &str| -> Vec<Utf8PathBuf> {
        let parts = text
            .split(separator)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(|part| start.join(part)).collect()
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

    let mut files: Vec<Utf8PathBuf> = request.files.iter().map(|path| start.join(path)).collect();
    let first_dir = |files: &[Utf8PathBuf]| {
        let dir = files.first().and_then(|file| file.parent());
        Utf8PathBuf::from(crate::stack::path::clean_text(
            dir.unwrap_or(start).as_str(),
        ))
    };
    if !no_default {
        env_files = vec![first_dir(&files).join(".env")];
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
        files = find::search(start)?;
    }
    let files: Vec<_> = files
        .iter()
        .map(|path| Utf8PathBuf::from(crate::stack::path::clean_text(path.as_str())))
        .collect();
    let dir = first_dir(&files);
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
            Err(_) if !is_named => continue,
            Err(error) => return Err(unreadable(path, &error)),
        };
        let lookup = |name: &str| environment.get(name).cloned();
        dotenv::read(&text, &lookup, &mut found).map_err(|error| {
            let message = format!("{path}, line {}: {}", error.line, error.problem);
            LoadError::one(Diagnostic::error(Code::EnvFile, message))
        })?;
    }
    for (name, value) in found {
        environment.entry(name).or_insert(value);
    }
    Ok(())
}

fn unreadable(path: &Utf8Path, error: &io::Error) -> LoadError {
    let message = match error.kind() {
        io::ErrorKind::NotFound => format!("there is no file {path}"),
        io::ErrorKind::IsADirectory => format!("{path} is a folder"),
        _ => format!("{path} cannot be read: {error}"),
    };
    let help = "it is named by `--env-file` or COMPOSE_ENV_FILES";
    LoadError::one(Diagnostic::error(Code::EnvFile, message).with_help(help))
}

/// The project's name: as asked for, as the environment says, as the files say, or that of the folder.
fn name(
    request: &Request,
    source: &dyn Files,
    environment: &Environment,
    files: &[Utf8PathBuf],
    dir: &Utf8Path,
) -> Result<String, LoadError> {
    let of_environment = environment
        .get("COMPOSE_PROJECT_NAME")
        .filter(|name| !name.is_empty());
    if let Some(given) = request.name.as_ref().or(of_environment) {
        if normal_name(given) == *given && !given.is_empty() {
            return Ok(given.clone());
        }
        let message = format!("`{given}` is no name of a project");
        let help = "names have lower-case letters, digits, `-` and `_`, and begin with a letter or a digit";
        return Err(LoadError::one(
            Diagnostic::error(Code::BadName, message).with_help(help),
        ));
    }
    let written = files
        .iter()
        .filter_map(|path| written_name(&source.compose(path).ok()?));
    let lookup = |name: &str| environment.get(name).cloned();
    let filled = written
        .last()
        .and_then(|name| substitute::substitute(&name, &lookup, &mut Vec::new()).ok());
    let name = filled
        .map(|name| normal_name(&name))
        .filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| normal_name(dir.file_name().unwrap_or_default()));
    if name.is_empty() {
        let message = "the project has no name";
        let help = "give it one with `name: …` in the Compose file";
        return Err(LoadError::one(
            Diagnostic::error(Code::BadName, message).with_help(help),
        ));
    }
    Ok(name)
}

/// What is wrong with the file is told when it is read as a whole.
fn written_name(text: &str) -> Option<String> {
    let documents = yaml::parse(text, 0, &mut yaml::Size::default()).ok()?;
    let names = documents
        .iter()
        .filter_map(|document| match &document.get("name")?.value {
            Value::Text(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        });
    // The last document wins.
    names.fold(None, |_, name| Some(name))
}

fn normal_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let kept = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c));
    let kept: String = kept.collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}
