//! `dev status`.

use super::args::{GlobalArgs, StatusArgs, StatusFormat};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{columns, look, to_stderr, to_stdout};
use super::session::Session;
use super::show::now;
use crate::engine::event::Found;
use crate::engine::state::State;
use crate::plan::desired::PROCESS_ID;
use crate::plan::observed::Status;
use crate::view::status;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &StatusArgs) -> Result<ExitCode, CliError> {
    let state = super::observe::state_at(
        global,
        &arguments.place,
        &arguments.services,
        "dev status --on kubernetes",
    )
    .await?;
    let state = status::only(state, &arguments.services);
    if arguments.quiet || arguments.names {
        tell_names(&state, arguments);
        return Ok(ExitCode::Done);
    }
    if global.json || arguments.format == Some(StatusFormat::Json) {
        let text = serde_json::to_string(&status::report(&state, now()));
        to_stdout(&text.map_err(|error| CliError::state(error.into()))?);
        return Ok(ExitCode::Done);
    }
    let look = look();
    for line in status::table(&state, now(), columns(), look) {
        to_stdout(&line.render(look));
    }
    for note in status::notes(&state) {
        to_stderr(&note);
    }
    if arguments.place.on.is_none()
        && let Some(note) = unwatched(global, &state).await
    {
        to_stderr(&note);
    }
    Ok(ExitCode::Done)
}

/// Where saves reach nothing that runs, because no `dev up` does.
async fn unwatched(global: &GlobalArgs, state: &State) -> Option<String> {
    let session = Session::open_anyway(global).await.ok()?;
    if session.broken.is_some() || super::observe::told(&session).await.is_some() {
        return None;
    }
    let services = state.services.iter().filter(|service| {
        let spec = session.stack.services.get(&service.info.name);
        let watches = spec.is_some_and(|spec| !spec.watch.is_empty());
        let mut found = service
            .instances
            .values()
            .filter_map(|one| one.found.as_ref());
        watches && found.any(|found| found.status.is_up())
    });
    let names: Vec<&str> = services.map(|service| service.info.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "nobody watches the sources of {}: what is saved gets there once `dev up` runs",
            names.join(", ")
        )
    })
}

/// One name a line: of services, or the ids of containers.
fn tell_names(state: &State, arguments: &StatusArgs) {
    for service in &state.services {
        let there = service
            .instances
            .values()
            .filter_map(|instance| instance.found.as_ref());
        let runs = |found: &&Found| {
            arguments.all || matches!(found.status, Status::Running | Status::Paused)
        };
        let ids: Vec<&str> = there
            .filter(runs)
            .map(|found| found.generation.id.as_str())
            .collect();
        if arguments.names && (arguments.all || !ids.is_empty()) {
            to_stdout(&service.info.name);
        }
        if arguments.quiet {
            for id in ids.iter().filter(|id| !id.starts_with(PROCESS_ID)) {
                to_stdout(id);
            }
        }
    }
}
