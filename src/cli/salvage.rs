//! A stack whose file has errors: what runs of it is known by its name, its engine and its containers.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::args::GlobalArgs;
use super::error::CliError;
use super::meet;
use super::output::to_stderr;
use super::session::{Session, request, socket_of};
use crate::engine::feed::Feed;
use crate::engine::state::State;
use crate::engine::store::Store;
use crate::plan::hold::Gate;
use crate::runtime::Environment;
use crate::runtime::docker::{Docker, Look};
use crate::runtime::process::ProcessWorld;
use crate::stack::file::{LoadError, LoadRequest, salvage};
use crate::stack::{Need, Service, Source, Stack, StackKubernetes};

/// Why the stack file counts no more, and what is known without it.
#[derive(Debug)]
pub struct Broken {
    pub errors: LoadError,
    /// Where the stack may have secrets that nobody knows: then only what was redacted before may be shown.
    pub secretive: bool,
}

impl Session {
    /// As [`Session::open_as_up`]; where the stack file has errors, a session with what runs: its services have names, needs and
    /// replicas, and nothing else. Says so in one line, and where not all of the stack can run on the host it is to run on, too.
    ///
    /// # Errors
    /// Those of the stack file, where nothing tells which stack it is.
    pub async fn open_anyway(global: &GlobalArgs) -> Result<Self, CliError> {
        let errors = match Self::open_as_up(global) {
            Err(CliError::Stack(errors)) => errors,
            Ok(session) => {
                let mut session = session.by_old_name(global).await?;
                session.stay_on_host();
                session.tell_off_host(global);
                return Ok(session);
            }
            Err(error) => return Err(error),
        };
        let environment = Environment::of_process();
        let request = request(global, &environment)?;
        let Some(found) = find(&request, &environment).await else {
            return Err(CliError::Stack(errors));
        };
        if !global.json {
            to_stderr(match found.feed {
                Some(_) => {
                    "the stack file has errors (`dev plan` shows them); the running `dev` goes on without it"
                }
                None => "the stack file has errors (`dev plan` shows them); going by what is there",
            });
        }
        let mut services = match found.feed {
            Some(feed) => of_state(&feed.state),
            None => of_containers(&environment, &found.name).await,
        };
        for process in ProcessWorld::new(&found.store.dir(), &found.dir).look() {
            let name = process.service;
            let service = services.entry(name.clone());
            service
                .or_insert_with(|| Service::known_by_name(&name, 1))
                .source = Source::Run(String::new());
        }
        let secrets = found.secrets;
        let stack = Stack {
            runtime: found.store.remembered().unwrap_or_default().runtime,
            named: true,
            dir: found.dir,
            layers: Vec::new(),
            services,
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            secrets: secrets.clone().unwrap_or_default(),
            kubernetes: StackKubernetes::default(),
            off_host: BTreeMap::new(),
            name: found.name,
        };
        Ok(Self {
            environment,
            stack,
            store: found.store,
            request,
            env_files: BTreeSet::new(),
            docker: tokio::sync::OnceCell::new(),
            owner: None,
            outside: Vec::new(),
            variables: BTreeSet::new(),
            keeps_reading: true,
            document: crate::stack::file::Document::default(),
            warnings: Vec::new(),
            adjust: crate::stack::Adjustments::default(),
            broken: Some(Broken {
                errors,
                secretive: secrets.is_none(),
            }),
        })
    }

    /// Where nothing is known under the name that the file has by now, and a `dev` runs here that refused it: the stack as
    /// that has it.
    async fn by_old_name(self, global: &GlobalArgs) -> Result<Self, CliError> {
        let socket = self.socket()?;
        if global.name.is_some()
            || self.store.remembered().is_some()
            || meet::running(&socket).await.is_some()
        {
            return Ok(self);
        }
        for name in kept(&self.stack.dir) {
            if name == self.stack.name {
                continue;
            }
            let Ok(store) = Store::open(&self.stack.dir, &name) else {
                continue;
            };
            let feed = meet::running(&socket_of(&store, &self.environment)?).await;
            if feed.is_some_and(|feed| feed.state.rejected.is_some()) {
                if !global.json {
                    let new = &self.stack.name;
                    to_stderr(&format!(
                        "the stack file has the name `{new}` by now; going by the `dev` that runs here as `{name}`"
                    ));
                }
                let global = GlobalArgs {
                    name: Some(name),
                    ..global.clone()
                };
                return Self::open(&global);
            }
        }
        Ok(self)
    }

    /// # Errors
    /// Those of the stack file, for what cannot be done without it.
    pub fn whole(self) -> Result<Self, CliError> {
        match self.broken {
            Some(broken) => Err(CliError::Stack(broken.errors)),
            None => Ok(self),
        }
    }
}

struct Found {
    dir: Utf8PathBuf,
    name: String,
    store: Store,
    secrets: Option<BTreeMap<String, crate::stack::SecretSource>>,
    feed: Option<Feed>,
}

/// The stack that is meant: the one that the file still names, else one of which something runs or was not taken down.
async fn find(request: &LoadRequest, environment: &Environment) -> Option<Found> {
    let remains = salvage(request);
    let dir = match &remains {
        Some(remains) => remains.dir.clone(),
        None => folder(request)?,
    };
    let named = request
        .name
        .clone()
        .or_else(|| remains.as_ref()?.name.clone());
    let kept = kept(&dir);
    let secrets = remains.and_then(|remains| remains.secrets);
    let mut names: Vec<String> = named.iter().cloned().collect();
    if request.name.is_none() {
        names.extend(
            kept.iter()
                .filter(|name| named.as_ref() != Some(name))
                .cloned(),
        );
    }
    // A text that is broken may tell half a name.
    if request.name.is_none() && !kept.is_empty() {
        names.retain(|name| kept.contains(name));
    }
    let mut left = None;
    for name in names {
        let Ok(store) = Store::open(&dir, &name) else {
            continue;
        };
        let socket = socket_of(&store, environment).ok()?;
        let feed = meet::running(&socket).await;
        let counts =
            feed.is_some() || named.as_ref() == Some(&name) || store.remembered().is_some();
        let found = Found {
            dir: dir.clone(),
            name,
            store,
            secrets: secrets.clone(),
            feed,
        };
        if found.feed.is_some() {
            return Some(found);
        }
        if counts && left.is_none() {
            left = Some(found);
        }
    }
    left
}

/// Where a stack file should be: the next folder, here or above, that has one or was the home of one.
fn folder(request: &LoadRequest) -> Option<Utf8PathBuf> {
    let start = match request.files.first() {
        Some(file) if request.project_dir.is_none() => {
            request.start_dir.join(file).parent()?.to_owned()
        }
        _ => request.search_dir(),
    };
    let is_home = |dir: &&Utf8Path| {
        dir.join(".dev").is_dir() || dir.join("dev.toml").symlink_metadata().is_ok()
    };
    let dir = start.ancestors().find(is_home)?;
    dir.canonicalize_utf8().ok()
}

/// Names of the stacks that were up in a folder.
fn kept(dir: &Utf8Path) -> Vec<String> {
    let entries = dir.join(".dev").read_dir_utf8();
    let entries = entries.into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("lock").is_file())
        .map(|entry| entry.file_name().to_owned())
        .collect();
    names.sort();
    names
}

fn of_state(state: &State) -> BTreeMap<String, Service> {
    let service = |info: &crate::engine::event::ServiceInfo| {
        let mut service = Service::known_by_name(&info.name, info.replicas);
        let need = |gate: &Gate| {
            let condition = gate.condition;
            let restart = false;
            (
                gate.service.clone(),
                Need {
                    condition,
                    restart,
                    required: true,
                },
            )
        };
        service.needs = info.needs.iter().map(need).collect();
        (info.name.clone(), service)
    };
    state.services.iter().map(|s| service(&s.info)).collect()
}

/// Without an engine that answers there are none; whoever needs one says so later.
async fn of_containers(environment: &Environment, name: &str) -> BTreeMap<String, Service> {
    let Ok(docker) = Docker::connect(environment).await else {
        return BTreeMap::new();
    };
    let ask = Look {
        project: name.to_owned(),
        ..Look::default()
    };
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    for container in docker.look(&ask).await.unwrap_or_default().containers {
        let service = services
            .entry(container.service.clone())
            .or_insert_with(|| Service::known_by_name(&container.service, 1));
        service.replicas = service.replicas.max(container.index);
    }
    services
}
