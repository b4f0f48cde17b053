//! `dev why`.

use super::args::{GlobalArgs, WhyArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{look, to_stdout};
use super::show::now;
use crate::view::why;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &WhyArgs) -> Result<ExitCode, CliError> {
    let state = super::observe::state_at(
        global,
        &arguments.place,
        &arguments.services,
        "dev why --on kubernetes",
    )
    .await?;
    let open: Vec<String> = why::unsettled(&state)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let names = if arguments.services.is_empty() {
        &open
    } else {
        &arguments.services
    };
    if global.json {
        let text = serde_json::to_string(&why::report(&state, names, now()));
        to_stdout(&text.map_err(|error| CliError::state(error.into()))?);
        return Ok(ExitCode::Done);
    }
    if names.is_empty() {
        to_stdout(&format!("everything in {} is ready", state.name));
    }
    let look = look();
    for name in names {
        for line in why::why(&state, name, now(), look).into_iter().flatten() {
            to_stdout(&line.render(look));
        }
    }
    Ok(ExitCode::Done)
}
