//! The state of a stack: from its engine, or by one look of our own where none runs.

use super::args::{GlobalArgs, OnArgs};
use super::error::CliError;
use super::output::to_stderr;
use super::session::Session;
use super::up::outcome_error;
use crate::engine::core::Engine;
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;

/// What a running engine of ours says.
pub(super) async fn told(session: &Session) -> Option<State> {
    let feed = super::meet::running(&session.socket().ok()?).await;
    feed.map(|feed| feed.state)
}

/// What is so now.
///
/// # Errors
/// No engine of ours and no container engine answers.
pub(super) async fn state(session: &Session, quiet: bool) -> Result<State, CliError> {
    if let Some(feed) = super::meet::running(&session.socket()?).await {
        return Ok(feed.state);
    }
    if !quiet && session.is_on_no_engine(&Goal::Observe) {
        to_stderr("this stack is not up, as far as is known here: no container engine answers");
    }
    let engine = Engine::new(session.setup(Goal::Observe, Until::Answered, false).await?);
    let mut feed = Feed::inside(engine.subscribe(), engine.inputs());
    let running = tokio::spawn(engine.run());
    while feed.next().await.is_some() {}
    match outcome_error(session, &running.await.unwrap_or(Outcome::Left)) {
        Some(error) => Err(error),
        None => Ok(feed.state),
    }
}

/// The state of the stack that `global` means, by its running engine where the stack file has errors.
///
/// # Errors
/// Those of the stack file where no engine runs; a name that the stack does not have.
pub async fn state_of(global: &GlobalArgs, names: &[String]) -> Result<State, CliError> {
    let mut session = Session::open_anyway(global).await?;
    session.check_names(names)?;
    if session.as_asked().loopback {
        session.stack.close_ports();
    }
    if session.broken.is_none() {
        return state(&session, global.json).await;
    }
    match super::meet::running(&session.socket()?).await {
        Some(feed) => Ok(feed.state),
        None => session
            .whole()
            .and_then(|_| Err(CliError::usage("the stack file has errors"))),
    }
}

/// The same of the place that is meant; `command` asks for it there.
///
/// # Errors
/// As [`state_of`], and no API server answers.
pub async fn state_at(
    global: &GlobalArgs,
    place: &OnArgs,
    names: &[String],
    command: &str,
) -> Result<State, CliError> {
    match place.on {
        Some(_) => super::cluster::state(global, place, names, command).await,
        None => state_of(global, names).await,
    }
}
