//! `dev wait`.

use tokio::time::Instant;

use super::args::{GlobalArgs, WaitArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::Output;
use super::session::Session;
use super::show::{Ended, Follow, Interrupts};
use crate::engine::core::Engine;
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &WaitArgs) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let mut interrupts = Interrupts::listen()?;
    let mut output = Output::open(global.json, "", false);
    let deadline = arguments.timeout.map(|timeout| Instant::now() + timeout);
    let attached = match session.store.lock().map_err(CliError::state)? {
        None => Feed::attach(&session.socket()?).await.ok(),
        Some(_) => None,
    };
    let mut feed = match attached {
        Some(feed) => feed,
        None => {
            let engine = Engine::new(session.setup(Goal::Observe, Until::Told, false).await?);
            let feed = Feed::inside(engine.subscribe(), engine.inputs());
            // It ends with the process: an observer has nothing to clean up.
            tokio::spawn(engine.run());
            feed
        }
    };
    let ended = Follow {
        feed: &mut feed,
        screen: &mut output,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(|state| verdict(state, &arguments.services))
    .await;
    output.conclude(
        &crate::view::status::only(feed.state.clone(), &arguments.services),
        begun.elapsed(),
    );
    Ok(match ended {
        Ended::Verdict(Outcome::Done) => ExitCode::Done,
        Ended::Verdict(outcome) if outcome.is_late() => ExitCode::NotReady,
        Ended::Verdict(_) | Ended::Bye => ExitCode::ServiceFailed,
        Ended::Interrupted => ExitCode::Interrupted,
        Ended::Deadline => ExitCode::NotReady,
    })
}

fn verdict(state: &State, services: &[String]) -> Option<Outcome> {
    if services.is_empty() {
        return state.verdict();
    }
    let named = || services.iter().filter_map(|name| state.service(name));
    if named().all(crate::engine::state::ServiceState::is_ready) {
        return Some(Outcome::Done);
    }
    let failed: Vec<_> = named()
        .filter(|service| service.gave_up)
        .filter_map(|service| Some((service.info.name.clone(), service.failure.clone()?)))
        .collect();
    (!failed.is_empty()).then_some(Outcome::Failed(failed))
}
