//! What every command begins with: the stack file, its state folder, the container engine.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::sync::OnceCell;

use super::args::{ChangeArgs, GlobalArgs, PullWhen, Scale};
use super::error::CliError;
use super::output::to_stderr;
use super::reread::{read_facts, short};
use crate::engine::core::{Loaded, Setup};
use crate::engine::goal::{Goal, Until};
use crate::engine::store::{Remembered, Store};
use crate::plan::observed::{Home, Observed};
use crate::runtime::docker::Docker;
use crate::runtime::process::ProcessWorld;
use crate::runtime::{Both, Environment};
use crate::stack::file::{Diagnostic, Document, LoadRequest, Outside, check_outside, load};
use crate::stack::{Adjustments, Runtime, Source, Stack};

/// How long a stack without containers waits for an engine that may hold some from before.
const PATIENCE: Duration = Duration::from_millis(500);

/// A stack that was found and read, with the place where it keeps its state.
pub struct Session {
    pub environment: Environment,
    pub stack: Stack,
    pub store: Store,
    /// What the stack file was asked for with.
    pub request: LoadRequest,
    pub(super) env_files: BTreeSet<Utf8PathBuf>,
    /// The stack file has errors; this is what runs.
    pub broken: Option<super::salvage::Broken>,
    pub(super) docker: OnceCell<Docker>,
    /// What is made on the container engine carries this name.
    pub(super) owner: Option<String>,
    pub(super) outside: Vec<Outside>,
    /// Variables that Compose files were read with.
    pub(super) variables: BTreeSet<String>,
    /// An engine that runs goes on reading as it does.
    pub keeps_reading: bool,
    /// The layers merged.
    pub document: Document,
    /// What is odd about the stack file.
    pub(super) warnings: Vec<Diagnostic>,
    /// What the command line changes of the stack.
    pub(super) adjust: Adjustments,
}

impl Session {
    /// Reads the stack that `global` means, with the layers of the running one where none are named.
    ///
    /// # Errors
    /// Everything that is wrong with the stack file, or with the state folder.
    pub fn open(global: &GlobalArgs) -> Result<Self, CliError> {
        let environment = Environment::of_process();
        let mut request = request(global, &environment)?;
        let mut loaded = load(&request)?;
        let mut store = open_store(&loaded.stack)?;
        if request.envs.is_empty()
            && let Some(Remembered { envs, .. }) = store.remembered()
            && !envs.is_empty()
        {
            request.envs.clone_from(&envs);
            loaded = load(&request)?;
            store = open_store(&loaded.stack)?;
            let options: Vec<String> = envs.iter().map(|env| format!("--env {env}")).collect();
            if !global.json {
                to_stderr(&format!("as the running stack: {}", options.join(" ")));
            }
        }
        let mut session = Self {
            environment,
            stack: loaded.stack,
            store,
            request,
            env_files: loaded.env_files,
            broken: None,
            docker: OnceCell::new(),
            owner: None,
            outside: loaded.outside,
            variables: loaded.variables,
            keeps_reading: false,
            document: loaded.document,
            warnings: loaded.warnings,
            adjust: Adjustments::default(),
        };
        session.keep_runtime();
        Ok(session)
    }

    /// Tells what is odd about the stack file: for commands that go by what it says. Others would only repeat it.
    pub fn warn(&self, global: &GlobalArgs) {
        if global.json {
            return;
        }
        for warning in &self.warnings {
            to_stderr(warning.render(false, super::run::width()).trim_end());
        }
    }

    /// The same stack under another name, with nothing of the host fixed, for what runs beside it.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn apart(&self, name: String) -> Result<Self, CliError> {
        let request = LoadRequest {
            name: Some(name),
            ..self.request.clone()
        };
        let mut loaded = load(&request)?;
        loaded.stack.free_ports();
        let mut session = Self {
            environment: self.environment.clone(),
            store: open_store(&loaded.stack)?,
            stack: loaded.stack,
            request,
            env_files: loaded.env_files,
            broken: None,
            docker: self.docker.clone(),
            owner: None,
            outside: loaded.outside,
            variables: loaded.variables,
            keeps_reading: false,
            document: loaded.document,
            warnings: loaded.warnings,
            adjust: Adjustments::default(),
        };
        session.keep_runtime();
        Ok(session)
    }

    /// # Errors
    /// No engine answers.
    pub async fn docker(&self) -> Result<Docker, CliError> {
        let connect = || Docker::connect(&self.environment);
        let docker = self.docker.get_or_try_init(connect).await?;
        Ok(docker.owned_by(self.owner.as_deref()))
    }

    /// The same where one answers soon; where none is needed, nobody waits for it.
    pub(super) async fn docker_at_hand(&self) -> Option<Docker> {
        let limited = tokio::time::timeout(PATIENCE, self.docker()).await;
        limited.ok().and_then(Result::ok)
    }

    /// Containers and processes. With `required` a container engine has to answer; else one is used if it is there.
    ///
    /// # Errors
    /// No engine answers.
    pub async fn world(&self, required: bool) -> Result<Both, CliError> {
        let docker = if required {
            Some(self.docker().await?)
        } else {
            self.docker_at_hand().await
        };
        Ok(self.world_on(docker, required))
    }

    fn world_on(&self, docker: Option<Docker>, required: bool) -> Both {
        let hosted = self.stack.runtime == Runtime::Process;
        let processes = self.processes();
        Both::new(&self.environment, docker, processes, hosted, required)
    }

    /// What `goal` is reached on. What is to end ends its processes first, whether a container engine answers or not.
    async fn world_for(&self, goal: &Goal, required: bool) -> Result<Both, CliError> {
        let ends = matches!(goal, Goal::Stop(_) | Goal::Down(_));
        let mut services = self.stack.services.values();
        if ends && required && services.any(|service| matches!(service.source, Source::Run(_))) {
            return Ok(self.world_on(self.docker_at_hand().await, required));
        }
        self.world(required).await
    }

    /// Whether there is no engine, and none is known to have anything of this stack: where the file leaves it open, what was
    /// chosen is remembered as long as it is up.
    pub(super) fn is_on_no_engine(&self, goal: &Goal) -> bool {
        let open = self.stack.runtime == Runtime::Auto && self.broken.is_none();
        let asks = !matches!(goal, Goal::Up { .. }) && self.needs_containers(goal);
        open && asks
            && self.remembered_runtime() == Runtime::Auto
            && Docker::is_absent(&self.environment)
    }

    /// The processes of this stack on the host.
    pub fn processes(&self) -> ProcessWorld {
        ProcessWorld::new(&self.store.dir(), &self.stack.dir)
    }

    /// Whether what is to be done needs a container engine.
    pub fn needs_containers(&self, goal: &Goal) -> bool {
        if self.stack.runtime == Runtime::Process {
            return false;
        }
        let services = match goal {
            Goal::Up { services, .. } => self.stack.closure(services.iter().map(String::as_str)),
            Goal::Stop(services) => services.clone(),
            Goal::Observe | Goal::Down(_) => self.stack.services.keys().cloned().collect(),
        };
        services.iter().any(|name| !self.is_process(name))
    }

    /// Whether a service is a process on the host.
    pub fn is_process(&self, name: &str) -> bool {
        let service = self.stack.services.get(name);
        service.is_some_and(|service| matches!(service.source, Source::Run(_)))
    }

    /// Whether Compose files alone say what the stack is.
    pub fn is_of_compose(&self) -> bool {
        let mut layers = self.stack.layers.iter();
        layers.all(|layer| layer.extension() != Some("toml")) && !self.stack.layers.is_empty()
    }

    /// What an engine on this stack starts with.
    ///
    /// # Errors
    /// No engine answers, a secret cannot be had, or a service that is to come up refers to something that is not there, or
    /// cannot run on the host.
    pub async fn setup(&self, goal: Goal, until: Until, watch: bool) -> Result<Setup, CliError> {
        if let Goal::Up { services, .. } = &goal {
            self.check_on_host(services)?;
        }
        let without = self.is_on_no_engine(&goal);
        let required = self.needs_containers(&goal) && !without;
        let (world, loaded) = tokio::join!(self.world_for(&goal, required), self.facts());
        let world = world?;
        let world = if without {
            world.without_engine()
        } else {
            world
        };
        if let Goal::Up { services, .. } = &goal {
            let scope = loaded.stack.closure(services.iter().map(String::as_str));
            check_outside(&self.outside, &loaded.stack, &scope, &loaded.facts)?;
        }
        Ok(Setup {
            world: Arc::new(world),
            store: self.store.clone(),
            loaded,
            reload: self.reload(),
            origin: self.origin(),
            goal,
            until,
            watch,
        })
    }

    /// The stack with everything that was read from outside for it.
    ///
    pub async fn facts(&self) -> Loaded {
        let facts = read_facts(&self.stack, &self.store, &self.environment.variables).await;
        Loaded {
            stack: self.stack.clone(),
            facts,
            env_files: self.env_files.clone(),
            warnings: self.warnings.iter().map(short).collect(),
        }
    }

    /// Takes in what the command line changes of the stack; `named`: its services.
    ///
    /// # Errors
    /// It names a service that the stack does not have, or asks too many replicas of one.
    pub fn adjust(&mut self, changes: &ChangeArgs, named: &[String]) -> Result<(), CliError> {
        let adjust = changes.adjustments(named);
        self.check_names(&adjust.scale.keys().cloned().collect::<Vec<_>>())?;
        adjust
            .apply(&mut self.stack)
            .map_err(|error| CliError::usage(error.to_string()))?;
        self.adjust = adjust;
        Ok(())
    }

    /// As many of each service as the last `up` asked for, and ports as closed.
    pub fn as_asked(&self) -> ChangeArgs {
        let remembered = self.store.remembered().unwrap_or_default();
        let there = remembered
            .scale
            .into_iter()
            .filter(|(name, _)| self.stack.services.contains_key(name));
        ChangeArgs {
            scale: there
                .map(|(name, replicas)| Scale(name, replicas))
                .collect(),
            loopback: remembered.loopback,
            // What an `up` alone asks for.
            pull: Some(PullWhen::Missing),
            ..ChangeArgs::default()
        }
    }

    /// How many of a service there may be: as the file says, or as the last `up` asked.
    pub fn replicas(&self, service: &str) -> u32 {
        let written = self.stack.services.get(service).map_or(1, |s| s.replicas);
        let asked = self
            .store
            .remembered()
            .and_then(|last| last.scale.get(service).copied());
        written.max(asked.unwrap_or(1)).max(1)
    }

    /// What another checkout made under this stack's name is not this stack's: nobody looks at it or touches it from here.
    ///
    /// # Errors
    /// Some of what there is was made by another checkout.
    pub fn check_checkout(&self, observed: &Observed) -> Result<(), CliError> {
        let checkout = self.store.checkout();
        let home = Home {
            dir: self.stack.dir.as_str(),
            checkout: &checkout,
        };
        match home.other(observed) {
            Some(dir) => Err(self.other_checkout(dir)),
            None => Ok(()),
        }
    }

    /// The error that another checkout in `dir` has the name of this stack.
    pub fn other_checkout(&self, dir: &str) -> CliError {
        CliError::OtherCheckout {
            dir: dir.to_owned(),
            name: self.stack.name.clone(),
        }
    }

    /// The engine's socket of this stack.
    ///
    /// # Errors
    /// The runtime folder cannot be made.
    pub fn socket(&self) -> Result<Utf8PathBuf, CliError> {
        socket_of(&self.store, &self.environment)
    }

    /// Names that the stack does not have are errors, with the nearest one that it has.
    ///
    /// # Errors
    /// The first unknown name.
    pub fn check_names(&self, names: &[String]) -> Result<(), CliError> {
        match names
            .iter()
            .find(|name| !self.stack.services.contains_key(*name))
        {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = self.stack.services.keys().map(String::as_str).collect();
                Err(CliError::unknown_service(name, &known))
            }
        }
    }
}

pub(super) fn socket_of(store: &Store, environment: &Environment) -> Result<Utf8PathBuf, CliError> {
    let runtime = environment
        .get("XDG_RUNTIME_DIR")
        .map(Utf8PathBuf::from)
        .filter(|dir| dir.is_dir());
    store.socket(runtime.as_deref()).map_err(CliError::state)
}

fn open_store(stack: &Stack) -> Result<Store, CliError> {
    Store::open(&stack.dir, &stack.name).map_err(CliError::state)
}

/// What the command line asks for.
///
/// # Errors
/// There is no folder to begin in.
pub(super) fn request(
    global: &GlobalArgs,
    environment: &Environment,
) -> Result<LoadRequest, CliError> {
    Ok(LoadRequest {
        start_dir: start_dir(global)?,
        files: global.files.clone(),
        project_dir: global.project_dir.clone(),
        envs: global.environments.clone(),
        name: global.name.clone(),
        profiles: global.profiles.clone(),
        env_files: global.env_files.clone(),
        environment: environment.variables.clone(),
    })
}

pub(super) fn start_dir(global: &GlobalArgs) -> Result<Utf8PathBuf, CliError> {
    let current = std::env::current_dir().map_err(CliError::state)?;
    let current = Utf8PathBuf::from_path_buf(current).map_err(|path| {
        CliError::usage(format!(
            "the current folder's name is not UTF-8: {}",
            path.display()
        ))
    })?;
    Ok(match &global.directory {
        Some(dir) => current.join(dir),
        None => current,
    })
}
