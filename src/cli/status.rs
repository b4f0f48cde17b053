//! `dev status`.

use super::args::{GlobalArgs, StatusArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{columns, look, to_stdout};
use super::session::Session;
use super::show::now;
use crate::view::status;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &StatusArgs) -> Result<ExitCode, CliError> {
    let state = match Session::open(global) {
        Ok(session) => {
            session.check_names(&arguments.services)?;
            super::observe::state(&session).await?
        }
        // The engine that runs knows both: the stack as it was, and what is wrong with the file.
        Err(error) => super::observe::beside_a_broken_file(global)
            .await
            .ok_or(error)?,
    };
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
