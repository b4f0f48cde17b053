//! What an engine reads the stack with, now and again, and what another one hands on to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::args::GlobalArgs;
use super::error::CliError;
use super::output::to_stderr;
use super::runtime::moved;
use super::session::Session;
use crate::engine::able_services;
use crate::engine::core::{Loaded, Reload, Warning};
use crate::engine::inquire::Origin;
use crate::engine::store::Store;
use crate::secret;
use crate::stack::compose::{given, hand_on, is_stdin};
use crate::stack::file::{Diagnostic, check_outside, load, variables_of};
use crate::stack::resolve::{Absent, Facts};
use crate::stack::{Runtime, Stack};

/// Variables that say which Compose files are read, and how.
const SAYING: [&str; 3] = ["COMPOSE_FILE", "COMPOSE_PROFILES", "COMPOSE_ENV_FILES"];

impl Session {
    /// As [`Session::open`], for commands about what is up: where nobody says how to read it, as the last `up` did.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_as_up(global: &GlobalArgs) -> Result<Self, CliError> {
        let session = Self::open(global)?;
        let remembered = session.store.remembered().and_then(|last| last.reading);
        let says = |name: &&str| {
            session
                .environment
                .get(name)
                .is_some_and(|text| !text.is_empty())
        };
        let is_said = session.request.reading().says_more() || SAYING.iter().any(says);
        let Some(reading) = remembered.filter(|last| last.says_more() && !is_said) else {
            return Ok(session);
        };
        if reading.files.iter().any(|path| is_stdin(path)) {
            return Ok(session);
        }
        let options = reading.options();
        let like = GlobalArgs {
            directory: Some(reading.start_dir),
            files: reading.files,
            project_dir: reading.project_dir,
            name: reading.name,
            profiles: reading.profiles,
            env_files: reading.env_files,
            environments: session.request.envs.clone(),
            json: global.json,
        };
        match Self::open(&like) {
            Ok(other) if other.store.dir() == session.store.dir() => {
                if !global.json {
                    to_stderr(&format!("as the running stack: {options}"));
                }
                Ok(other)
            }
            // What it was read from is not there any more.
            _ => Ok(session),
        }
    }

    /// What the stack is read with here.
    pub fn origin(&self) -> Origin {
        let mut variables = variables_of(&self.outside, &self.stack);
        variables.extend(self.variables.iter().cloned());
        let variables = variables.into_iter();
        let value = |name: String| {
            let value = self.environment.variables.get(&name).cloned();
            (name, value)
        };
        let reads_stdin = self.request.files.iter().any(|path| is_stdin(path));
        let stdin = given().filter(|_| reads_stdin);
        Origin {
            reading: Some(self.request.reading()),
            stdin: stdin.and_then(|text| String::from_utf8(text).ok()),
            envs: self.request.envs.clone(),
            variables: variables.map(value).collect(),
            adjust: self.adjust.clone(),
        }
    }

    /// The same for an engine that runs: only an `up` says how the stack is read from now on.
    pub fn origin_beside(&self) -> Origin {
        let mut origin = self.origin();
        if self.keeps_reading {
            let referred = variables_of(&self.outside, &self.stack);
            origin.variables.retain(|name, _| referred.contains(name));
            (origin.reading, origin.stdin) = (None, None);
        }
        origin
    }

    pub(super) fn reload(&self) -> Reload {
        let request = self.request.clone();
        let store = self.store.clone();
        let variables = self.environment.variables.clone();
        let hosted = self.stack.runtime == Runtime::Process;
        Arc::new(move |origin: Origin| {
            let variables = origin.over(&variables);
            let (mut request, store) = (request.clone(), store.clone());
            if let Some(reading) = origin.reading {
                request = request.read_as(reading);
            }
            request.envs = origin.envs;
            let stdin = origin.stdin;
            let adjust = origin.adjust;
            request.environment.clone_from(&variables);
            Box::pin(async move {
                let read = move || {
                    if let Some(text) = stdin {
                        hand_on(text.into_bytes());
                    }
                    load(&request)
                };
                let stack = tokio::task::spawn_blocking(read).await;
                let stack = stack.map_err(|error| error.to_string())?;
                let loaded = stack.map_err(|error| super::error::plain(&error))?;
                let warnings = loaded.warnings.iter().map(short).collect();
                let (mut stack, env_files, outside) =
                    (loaded.stack, loaded.env_files, loaded.outside);
                if hosted {
                    stack = moved(&stack, &store, &variables);
                }
                adjust
                    .apply(&mut stack)
                    .map_err(|error| error.to_string())?;
                let facts = read_facts(&stack, &store, &variables).await;
                // What is not up by default is told when somebody asks for it.
                let scope = able_services(&stack);
                let scope = stack.closure(scope.iter().map(String::as_str));
                check_outside(&outside, &stack, &scope, &facts)
                    .map_err(|error| super::error::plain(&error))?;
                Ok(Loaded {
                    stack,
                    facts,
                    env_files,
                    warnings,
                })
            })
        })
    }
}

pub(super) fn short(warning: &Diagnostic) -> Warning {
    let place = warning.location();
    Warning {
        place: place.map_or_else(String::new, |at| {
            format!("{}:{}:{}", at.file, at.line, at.column)
        }),
        message: warning.message().to_owned(),
    }
}

pub(super) async fn read_facts(
    stack: &Stack,
    store: &Store,
    variables: &BTreeMap<String, String>,
) -> Facts {
    let kept = store.secrets();
    let context = secret::Context {
        dir: &stack.dir,
        kept: &kept,
        environment: variables,
        random: secret::random,
    };
    let (secrets, errors) = secret::load(&stack.secrets, &context).await;
    let absent = errors.into_iter().map(|error| {
        let (why, help) = (error.to_string(), error.help());
        (error.name().to_owned(), Absent { why, help })
    });
    let git = super::git::facts(stack).await;
    Facts {
        environment: variables.clone(),
        secrets,
        absent: absent.collect(),
        git,
        ..Facts::default()
    }
}
