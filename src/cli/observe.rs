//! The state of a stack: from its engine, or by one look of our own where none runs.

use super::error::CliError;
use super::session::Session;
use crate::engine::core::Engine;
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;

/// What is so now.
///
/// # Errors
/// No engine of ours and no container engine answers.
pub async fn state(session: &Session) -> Result<State, CliError> {
    if session.store.lock().map_err(CliError::state)?.is_none() {
        match Feed::attach(&session.socket()?).await {
            Ok(feed) => return Ok(feed.state),
            // It may be ending just now, or run where its socket is not ours to see: a look of our own is as true.
            Err(error) => super::output::to_stderr(&format!("the running `dev` does not answer ({error}); looking myself")),
        }
    }
    let engine = Engine::new(session.setup(Goal::Observe, Until::Answered, false).await?);
    let mut feed = Feed::inside(engine.subscribe(), engine.inputs());
    let running = tokio::spawn(engine.run());
    while feed.next().await.is_some() {}
    match running.await.unwrap_or(Outcome::Left) {
        Outcome::OtherCheckout { dir } => Err(CliError::OtherCheckout {
            dir,
            name: session.stack.name.clone(),
        }),
        Outcome::Failed(failures) => match failures.into_iter().find(|(service, _)| service.is_empty()) {
            Some((_, failure)) => Err(CliError::Runtime(failure)),
            None => Ok(feed.state),
        },
        Outcome::Done | Outcome::Left => Ok(feed.state),
    }
}
