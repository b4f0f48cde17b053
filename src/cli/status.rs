//! `dev status`.

use super::args::{GlobalArgs, StatusArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{columns, look, to_stdout};
use super::show::now;
use crate::view::status;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &StatusArgs) -> Result<ExitCode, CliError> {
    let state = super::observe::state_of(global, &arguments.services).await?;
    let state = status::only(state, &arguments.services);
    if global.json {
        let text = serde_json::to_string(&status::report(&state, now()));
        to_stdout(&text.map_err(|error| CliError::state(error.into()))?);
        return Ok(ExitCode::Done);
    }
    let look = look();
    for line in status::table(&state, now(), columns(), look) {
        to_stdout(&line.render(look));
    }
    Ok(ExitCode::Done)
}
