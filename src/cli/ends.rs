//! What `dev up` may be asked of the ends of containers, and what comes of it.

use super::args::UpArgs;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stderr;
use super::session::Session;
use super::up::wanted;
use crate::engine::state::State;

/// # Errors
/// What is asked of the ends of containers, or of the look, is nothing that there is.
pub fn check_ends(session: &Session, arguments: &UpArgs) -> Result<(), CliError> {
    if arguments.style.menu == Some(true) {
        return Err(CliError::Usage {
            message: "`dev up` has no menu: `--menu` is docker compose's".to_owned(),
            help: Some(
                "it watches by itself; `dev status`, `dev why` and `dev open` answer in another terminal"
                    .to_owned(),
            ),
        });
    }
    let Some(service) = &arguments.ends.exit_code_from else {
        return Ok(());
    };
    session.check_names(std::slice::from_ref(service))?;
    let wanted = wanted(session, arguments);
    let scope = session.stack.closure(wanted.iter().map(String::as_str));
    if scope.contains(service) {
        return Ok(());
    }
    Err(CliError::Usage {
        message: format!("`{service}` is not among what comes up, so its exit code never comes"),
        help: Some(format!(
            "name it: `dev up --exit-code-from {service} {service}`"
        )),
    })
}

/// # Errors
/// Only who owns the engine can ask that of it.
pub fn check_beside(arguments: &UpArgs) -> Result<(), CliError> {
    let asked = match (&arguments.ends.abort(), arguments.changes.no_start) {
        (Some(_), _) => "the end of a container would end it for everybody",
        (None, true) => "it starts what is there",
        (None, false) => return Ok(()),
    };
    Err(CliError::Usage {
        message: format!("a `dev up` runs already, and {asked}"),
        help: Some("`dev stop` first".to_owned()),
    })
}

/// The end that was waited for is the command's; another one is not what it was to be.
pub fn told_end(arguments: &UpArgs, service: &str, code: i64) -> ExitCode {
    let awaited = arguments.ends.exit_code_from.as_deref();
    if let Some(awaited) = awaited.filter(|awaited| *awaited != service) {
        to_stderr(&format!(
            "{service} ended with {code} before {awaited} did; everything is stopped"
        ));
        return ExitCode::ServiceFailed;
    }
    to_stderr(&format!(
        "{service} ended with {code}; everything is stopped"
    ));
    ExitCode::Command(u8::try_from(code).unwrap_or(1))
}

/// Somebody else ended it before what was waited for.
pub fn ended_early(state: &State) -> CliError {
    let (what, help) = match state.removing {
        true => ("`dev down` removed everything", None),
        false => ("`dev stop` stopped everything", Some("`dev start` goes on")),
    };
    CliError::Own {
        message: format!("{what} before all was ready"),
        help: help.map(str::to_owned),
    }
}
