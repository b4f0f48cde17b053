//! On what a stack runs: what its file says, else what it runs on already, else what there is.

use std::collections::BTreeMap;

use super::error::CliError;
use super::output::to_stderr;
use super::session::Session;
use crate::engine::goal::Goal;
use crate::engine::store::Store;
use crate::runtime::process::{self, Installed};
use crate::stack::presets::{self, on_host};
use crate::stack::{Part, Runtime, Service, Source, Stack};

const UP_IN_CONTAINERS: &str = "this stack ran in containers last; runtime = \"process\" lets it run on the host, with data of its own";

/// Services, each with why it cannot run on the host.
pub type Refused = Vec<(String, String)>;

/// The stack on the host alone.
///
/// # Errors
/// All that cannot run there.
pub fn moved(
    stack: &Stack,
    store: &Store,
    variables: &BTreeMap<String, String>,
) -> Result<Stack, Refused> {
    let host = Installed {
        path: variables.get("PATH").cloned().unwrap_or_default(),
        dir: stack.dir.clone(),
    };
    on_host(stack, &host, &store.dir())
}

/// `api: it is built as an image; cache: …`
pub fn list(refused: &Refused) -> String {
    let one = |(name, why): &(String, String)| format!("{name}: {why}");
    refused.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl Session {
    /// On the host, where the file says so, or leaves it open and the stack is up there.
    ///
    /// # Errors
    /// Not all of it can run there.
    pub(super) fn keep_runtime(&mut self) -> Result<(), CliError> {
        let hosted = match self.stack.runtime {
            Runtime::Auto => self.remembered_runtime() == Runtime::Process,
            said => said == Runtime::Process,
        };
        if !hosted {
            return Ok(());
        }
        match moved(&self.stack, &self.store, &self.environment.variables) {
            Ok(stack) => {
                self.stack = stack;
                Ok(())
            }
            Err(refused) => Err(CliError::Usage {
                message: format!("not all of this stack can run on the host: {}", list(&refused)),
                help: Some(
                    "install what is missing, or let it run in containers: `dev down`, and runtime = \"docker\"".to_owned(),
                ),
            }),
        }
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
        if self.stack.runtime == Runtime::Auto && self.needs_containers(goal) {
            let Err(error) = self.docker().await else {
                self.stack.runtime = Runtime::Docker;
                return Ok(());
            };
            if self.remembered_runtime() == Runtime::Docker {
                // With empty databases it would be another stack than the one that people know.
                return Err(with_detail(error, UP_IN_CONTAINERS.to_owned()));
            }
            match moved(&self.stack, &self.store, &self.environment.variables) {
                Ok(stack) => self.stack = stack,
                Err(refused) => {
                    let why = format!(
                        "without an engine not all can run on the host: {}",
                        list(&refused)
                    );
                    return Err(with_detail(error, why));
                }
            }
        }
        if self.stack.runtime == Runtime::Process && !quiet {
            let mut names = Vec::new();
            for service in self.stack.services.values() {
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

fn with_detail(error: CliError, why: String) -> CliError {
    let CliError::Runtime(mut failure) = error else {
        return error;
    };
    failure.detail.push(why);
    CliError::Runtime(failure)
}
