//! On what a stack runs: what its file says, else what it runs on already, else what there is.

use std::collections::{BTreeMap, BTreeSet};

use super::args::GlobalArgs;
use super::error::CliError;
use super::output::to_stderr;
use super::session::Session;
use crate::engine::able_services;
use crate::engine::goal::Goal;
use crate::engine::store::Store;
use crate::runtime::process::{self, Installed};
use crate::stack::presets::{self, off_host_text, on_host};
use crate::stack::{Part, Runtime, Service, Source, Stack};

const UP_IN_CONTAINERS: &str = "this stack ran in containers last; runtime = \"process\" lets it run on the host, with data of its own";

/// The stack on the host alone.
pub fn moved(stack: &Stack, store: &Store, variables: &BTreeMap<String, String>) -> Stack {
    let host = Installed {
        path: variables.get("PATH").cloned().unwrap_or_default(),
        dir: stack.dir.clone(),
    };
    on_host(stack, &host, &store.dir())
}

impl Session {
    /// On the host, where the file says so, or leaves it open and the stack is up there.
    pub(super) fn keep_runtime(&mut self) {
        let hosted = match self.stack.runtime {
            Runtime::Auto => self.remembered_runtime() == Runtime::Process,
            said => said == Runtime::Process,
        };
        if hosted {
            self.stack = moved(&self.stack, &self.store, &self.environment.variables);
        }
    }

    /// For commands that go by what is there: on the host where the last `up` had it there, whatever the file says by now.
    pub(super) fn stay_on_host(&mut self) {
        if self.stack.runtime == Runtime::Docker && self.remembered_runtime() == Runtime::Process {
            self.stack = moved(&self.stack, &self.store, &self.environment.variables);
        }
    }

    /// For the same: in one line what cannot be there.
    pub fn tell_off_host(&self, global: &GlobalArgs) {
        if !self.stack.off_host.is_empty() && !global.json {
            let text = off_host_text(&self.stack.off_host);
            to_stderr(&format!("{text}; going by what is there"));
        }
    }

    /// # Errors
    /// What of these services and their needs cannot run on the host, where all of the stack is to.
    pub fn check_on_host(&self, services: &BTreeSet<String>) -> Result<(), CliError> {
        let off_host = self.stack.off_host_of(services.iter().map(String::as_str));
        if off_host.is_empty() {
            return Ok(());
        }
        let containers = "where a container engine runs, all of it can be in containers, with data of their own: `dev down`, then \
                          runtime = \"docker\"";
        let help = match what_can(&self.stack) {
            Some(others) => format!("{others}; {containers}"),
            None => containers.to_owned(),
        };
        Err(CliError::Usage {
            message: off_host_text(&off_host),
            help: Some(help),
        })
    }

    pub(super) fn remembered_runtime(&self) -> Runtime {
        let remembered = self.store.remembered();
        remembered.map_or(Runtime::Auto, |known| known.runtime)
    }

    /// Before anything begins to run: where the file leaves it open and no container engine answers, on the host.
    ///
    /// # Errors
    /// No engine answers, and not all can run without one.
    pub async fn choose_runtime(&mut self, goal: &Goal, quiet: bool) -> Result<(), CliError> {
        let wanted = match goal {
            Goal::Up { services, .. } => services.clone(),
            Goal::Observe | Goal::Stop(_) | Goal::Down(_) => BTreeSet::new(),
        };
        if self.stack.runtime == Runtime::Auto && self.needs_containers(goal) {
            let Err(error) = self.docker().await else {
                self.stack.runtime = Runtime::Docker;
                return Ok(());
            };
            if self.remembered_runtime() == Runtime::Docker {
                // With empty databases it would be another stack than the one that people know.
                return Err(with_detail(error, UP_IN_CONTAINERS.to_owned()));
            }
            let stack = moved(&self.stack, &self.store, &self.environment.variables);
            let off_host = stack.off_host_of(wanted.iter().map(String::as_str));
            if !off_host.is_empty() {
                let mut why = vec![off_host_text(&off_host)];
                why.extend(what_can(&stack));
                return Err(with_detail(error, why.join("\n")));
            }
            self.stack = stack;
        }
        self.check_on_host(&wanted)?;
        if self.stack.runtime == Runtime::Process && !quiet {
            let scope = self.stack.closure(wanted.iter().map(String::as_str));
            let mut names = Vec::new();
            for service in scope
                .iter()
                .filter_map(|name| self.stack.services.get(name))
            {
                if let (Some(preset), Source::Run(_)) = (&service.preset, &service.source) {
                    names.push(match other_version(service, preset).await {
                        Some(other) => format!("{} ({other})", service.name),
                        None => service.name.clone(),
                    });
                }
            }
            if !names.is_empty() {
                let names = names.join(", ");
                to_stderr(&format!(
                    "without a container engine, as processes on the host: {names}"
                ));
            }
        }
        Ok(())
    }
}

/// `version 16.4, where the file asks for 15`: on the host there is what is installed.
async fn other_version(service: &Service, preset: &str) -> Option<String> {
    let (server, asked) = presets::asked(preset)?;
    let Some(Part::Text(path)) = service.env.get("PATH")?.parts.first() else {
        return None;
    };
    let installed = process::version(&server, path).await?;
    let differs = !presets::is_version(&installed, asked);
    differs.then(|| format!("version {installed}, where the file asks for {asked}"))
}

/// `` `dev up db cache` brings up what can ``
pub fn what_can(stack: &Stack) -> Option<String> {
    let able = able_services(stack).into_iter().collect::<Vec<_>>();
    (!able.is_empty()).then(|| format!("`dev up {}` brings up what can", able.join(" ")))
}

fn with_detail(error: CliError, why: String) -> CliError {
    let CliError::Runtime(mut failure) = error else {
        return error;
    };
    failure.detail.push(why);
    CliError::Runtime(failure)
}
