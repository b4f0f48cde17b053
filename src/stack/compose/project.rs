//! One project, from its files and its environment.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;
use serde_json::Value as Json;

use super::attributes::PROJECT;
use super::complete::{Purpose, complete};
use super::defaults::normalize;
use super::form::Form;
use super::load::{Files, Loader, Noting, Scope};
use super::name::name;
use super::node::{Map, Node};
use super::surroundings::{Surroundings, surroundings};
use super::variables::Environment;
use super::{consistent, env_file, model, print, yaml};
use crate::stack::Stack;
use crate::stack::file::{Code, Diagnostic, Finding, LoadError, Sink};

static A_PROJECT: Form = Form::Table(&PROJECT);

/// Which project to read.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Where relative paths start, and where a Compose file is looked for, here and above. Absolute.
    pub start_dir: Utf8PathBuf,
    /// These files, the lowest first, instead of what is found. `-` is standard input.
    pub files: Vec<Utf8PathBuf>,
    /// The project's folder, from `start_dir`, instead of that of the first file.
    pub project_dir: Option<Utf8PathBuf>,
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

/// A project as the stack that it means.
#[derive(Debug, Clone)]
pub struct Run {
    pub stack: Stack,
    pub warnings: Vec<Diagnostic>,
    /// What it was read from beside its layers, missing files included. Absolute.
    pub further_files: BTreeSet<Utf8PathBuf>,
    /// Variables that it was read with, set or not.
    pub variables: BTreeSet<String>,
}

/// Finds the files of a project and resolves them to one.
///
/// # Errors
/// Everything that is wrong, as far as it can be told at once.
pub fn load(request: &Request, source: &dyn Files) -> Result<Project, LoadError> {
    let resolved = resolved(request, source, Purpose::Print)?;
    let (warnings, _) = resolved.sink.finish();
    Ok(Project {
        name: resolved.name,
        files: resolved.files,
        canonical: print::project(&resolved.project),
        warnings,
    })
}

/// Finds the files of a project and makes a stack of them.
///
/// # Errors
/// As [`load`], and everything that `dev` cannot do.
pub fn load_stack(request: &Request, source: &dyn Files) -> Result<Run, LoadError> {
    let noting = Noting::new(source);
    let mut resolved = resolved(request, &noting, Purpose::Run)?;
    let stack = model::stack(
        &resolved.project,
        (&resolved.name, &resolved.dir, &resolved.files),
        (&noting, &resolved.environment, &resolved.disabled),
        &mut resolved.sink,
    );
    if resolved.sink.has_errors() {
        return Err(failed(resolved.sink, Vec::new()));
    }
    let (warnings, _) = resolved.sink.finish();
    let mut further_files = noting.read.into_inner();
    further_files.retain(|path| !stack.layers.contains(path));
    Ok(Run {
        stack,
        warnings,
        further_files,
        variables: resolved.environment.asked(),
    })
}

/// A project in its canonical form, with places.
struct Resolved {
    project: Node,
    name: String,
    dir: Utf8PathBuf,
    files: Vec<Utf8PathBuf>,
    environment: Environment,
    /// Services of the project that no chosen profile has.
    disabled: BTreeSet<String>,
    sink: Sink,
}

fn resolved(
    request: &Request,
    source: &dyn Files,
    purpose: Purpose,
) -> Result<Resolved, LoadError> {
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
        ports: 0,
    };
    let scope = Scope {
        dir: dir.clone(),
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
    let mut disabled = BTreeSet::new();
    if !sink.has_errors() {
        let whole = Whole {
            name: &name,
            files: &files,
            profiles: &profiles,
            purpose,
            environment: &scope.environment,
        };
        disabled = whole.resolve(&mut project, source, &mut sink);
    }
    if sink.has_errors() {
        return Err(failed(sink, unread));
    }
    Ok(Resolved {
        project,
        name,
        dir,
        files,
        environment: scope.environment,
        disabled,
        sink,
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
    purpose: Purpose,
    environment: &'a Environment,
}

impl Whole<'_> {
    /// From the merged files to what runs of them, and what may run of them: those services are named.
    fn resolve(&self, project: &mut Node, source: &dyn Files, sink: &mut Sink) -> BTreeSet<String> {
        let none = BTreeSet::new();
        let Self {
            name,
            files,
            profiles,
            purpose,
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
            sink.push(Finding::new(Code::Empty, message).help("a Compose file has `services`"));
            return none;
        }
        let off = match purpose {
            Purpose::Print => BTreeSet::new(),
            Purpose::Run => unchosen(project, profiles),
        };
        let unfit = complete(project, &A_PROJECT, (*purpose, &off), sink);
        if sink.has_errors() {
            return none;
        }
        normalize(project, name, environment);
        let mut disabled = choose(project, profiles);
        let names: Vec<String> = disabled.keys().cloned().collect();
        consistent::check(project, &names, sink);
        if sink.has_errors() {
            return none;
        }
        let mut lines = env_file::Lines::new(source);
        for (_, service) in project.section_mut("services") {
            lines.environment(service, environment, sink);
            lines.labels(service, sink);
        }
        match purpose {
            Purpose::Print => {
                prune(project);
                none
            }
            Purpose::Run => {
                disabled.retain(|name, _| !unfit.contains(name));
                self.keep(disabled, project, lines)
            }
        }
    }

    /// Services that may be asked for by name, though no chosen profile has them; those with errors are not there.
    fn keep(
        &self,
        disabled: Map,
        project: &mut Node,
        mut lines: env_file::Lines<'_>,
    ) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        for (name, mut entry) in disabled {
            let mut sink = Sink::new(&[]);
            lines.environment(&mut entry.node, self.environment, &mut sink);
            lines.labels(&mut entry.node, &mut sink);
            let services = project.get_mut("services").and_then(Node::as_map_mut);
            if let Some(services) = services.filter(|_| !sink.has_errors()) {
                kept.insert(name.clone());
                services.insert(name, entry);
            }
        }
        kept
    }
}

/// Services that no profile chooses.
fn unchosen(project: &Node, profiles: &[String]) -> BTreeSet<String> {
    let services = project.section("services");
    services
        .filter(|(_, service)| !is_chosen(service, profiles))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn is_chosen(service: &Node, profiles: &[String]) -> bool {
    let own = service.get("profiles").map(Node::items).unwrap_or_default();
    own.is_empty()
        || profiles
            .iter()
            .any(|profile| profile == "*" || own.iter().any(|node| node.as_text() == Some(profile)))
}

/// Takes away the services that no profile chooses.
fn choose(project: &mut Node, profiles: &[String]) -> Map {
    let services = project.get_mut("services").and_then(Node::as_map_mut);
    let Some(services) = services else {
        return Map::new();
    };
    let (chosen, disabled) = std::mem::take(services)
        .into_iter()
        .partition(|(_, entry)| is_chosen(&entry.node, profiles));
    *services = chosen;
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
