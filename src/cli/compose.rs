//! `dev config --format compose`: a Compose file in its canonical form, with all that it includes and extends.

use super::args::GlobalArgs;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{to_stderr, to_stdout};
use super::session::request;
use crate::runtime::Environment;
use crate::stack::compose::{Disk, load, yaml};

/// # Errors
/// The Compose file cannot be read.
pub fn run(global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let request = request(global, &Environment::of_process())?;
    let project = load(&request.compose(), &Disk)?;
    for warning in &project.warnings {
        to_stderr(warning.render(false, super::run::width()).trim_end());
    }
    let text = match global.json {
        true => serde_json::to_string_pretty(&project.canonical)
            .map_err(|error| CliError::state(error.into()))?,
        false => yaml(&project.canonical),
    };
    to_stdout(text.trim_end());
    Ok(ExitCode::Done)
}
