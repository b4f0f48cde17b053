//! `dev config --format compose`: a Compose file in its canonical form, with all that it includes and extends.

use super::args::GlobalArgs;
use super::error::CliError;
use super::exit::ExitCode;
use super::init::refused;
use super::output::{to_stderr, to_stdout};
use super::session::request;
use crate::runtime::Environment;
use crate::stack::compose::{Disk, load, yaml};
use crate::stack::file::draft;

/// `json`: as `docker compose config --format json` writes it, instead of YAML.
///
/// # Errors
/// The Compose file cannot be read.
pub fn run(global: &GlobalArgs, json: bool) -> Result<ExitCode, CliError> {
    let request = request(global, &Environment::of_process())?;
    let project = load(&request.compose(), &Disk)?;
    for warning in &project.warnings {
        to_stderr(warning.render(false, super::run::width()).trim_end());
    }
    let text = match json {
        true => serde_json::to_string_pretty(&project.canonical)
            .map_err(|error| CliError::state(error.into()))?,
        false => yaml(&project.canonical),
    };
    to_stdout(text.trim_end());
    Ok(ExitCode::Done)
}

/// As a dev.toml that stands on the Compose file: the one that `dev init` writes.
///
/// # Errors
/// The Compose file cannot be read, or no dev.toml means the same.
pub fn toml(global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let request = request(global, &Environment::of_process())?;
    let draft = draft(&request).map_err(refused)?;
    to_stdout(draft.text.trim_end());
    Ok(ExitCode::Done)
}
