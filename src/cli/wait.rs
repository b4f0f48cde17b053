//! `dev wait`.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::args::{GlobalArgs, WaitArgs};
use super::asked::Asked;
use super::error::CliError;
use super::exit::ExitCode;
use super::meet::{appears, running};
use super::output::{Output, to_stderr};
use super::session::Session;
use super::show::{Ended, Follow, Interrupts};
use super::up::outcome_error;
use crate::engine::able_services;
use crate::engine::core::Engine;
use crate::engine::feed::{Feed, inquire};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;
use crate::engine::wire::Request;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &WaitArgs) -> Result<ExitCode, CliError> {
    if arguments.place.on.is_some() {
        return super::cluster::wait(global, arguments).await;
    }
    let begun = std::time::Instant::now();
    let mut session = Session::open_anyway(global).await?;
    session.check_names(&arguments.services)?;
    let named = arguments.services.iter();
    let never = named.filter(|name| session.stack.off_host.contains_key(*name));
    session.check_on_host(&never.cloned().collect())?;
    let socket = session.socket()?;
    let mut interrupts = Interrupts::listen()?;
    let mut output = Output::open(global.json, "", false);
    let deadline = arguments.timeout.map(|timeout| Instant::now() + timeout);
    let mut asked = Asked {
        named: arguments.services.clone(),
        with_needs: false,
        since: None,
    };
    let Some(mut attached) = within(deadline, running(&socket)).await else {
        return Ok(unanswered("the running `dev` has not answered in time"));
    };
    let (ended, feed, observer) = loop {
        let (mut feed, observer) = match attached.take() {
            Some(feed) => {
                // What was saved before this command counts. One that ends does not look again.
                asked.since = inquire(&socket, &Request::Compare).await.ok();
                (feed, None)
            }
            None => {
                session = session.whole()?;
                let Some(observed) = within(deadline, observe(&session)).await else {
                    return Ok(unanswered("the container engine has not answered in time"));
                };
                let (feed, observer) = observed?;
                (feed, Some(observer))
            }
        };
        let own = observer.is_some();
        let everything = able_services(&session.stack);
        let verdict = |state: &State| verdict(state, &asked, &everything, own);
        let mut follow = Follow {
            feed: &mut feed,
            screen: &mut output,
            interrupts: &mut interrupts,
            deadline,
        };
        tokio::select! {
            ended = follow.until(verdict) => break (ended, feed, observer),
            // The one that brings it up knows more than whoever looks on.
            feed = appears(&socket), if own => attached = Some(feed),
        }
    };
    if let (Ended::Bye(_), Some(observer)) = (&ended, observer) {
        let outcome = observer.await.unwrap_or(Outcome::Left);
        if let Some(error) = outcome_error(&session, &outcome) {
            output.close(&feed.state);
            return Err(error);
        }
    }
    conclude(&mut output, &asked, &feed.state, &ended, begun.elapsed());
    Ok(code_of(&ended))
}

pub(super) fn conclude(
    output: &mut Output,
    asked: &Asked,
    state: &State,
    ended: &Ended,
    elapsed: Duration,
) {
    match ended {
        Ended::Deadline => output.conclude_late(asked, state, elapsed),
        _ => {
            let done = *ended == Ended::Verdict(Outcome::Done);
            output.conclude(asked, state, done, elapsed);
        }
    }
}

pub(super) fn code_of(ended: &Ended) -> ExitCode {
    match ended {
        Ended::Verdict(Outcome::Done) => ExitCode::Done,
        Ended::Verdict(outcome) if outcome.is_late() => ExitCode::NotReady,
        Ended::Verdict(_) | Ended::Bye(_) => ExitCode::ServiceFailed,
        Ended::Interrupted => ExitCode::Interrupted,
        Ended::Deadline => ExitCode::NotReady,
    }
}

/// `None`: not within the time that was given.
pub(super) async fn within<T>(
    deadline: Option<Instant>,
    what: impl Future<Output = T>,
) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, what).await.ok(),
        None => Some(what.await),
    }
}

pub(super) fn unanswered(why: &str) -> ExitCode {
    to_stderr(why);
    ExitCode::NotReady
}

/// An engine that only looks. It ends with the process: there is nothing to clean up.
async fn observe(session: &Session) -> Result<(Feed, JoinHandle<Outcome>), CliError> {
    let engine = Engine::new(session.setup(Goal::Observe, Until::Told, false).await?);
    let feed = Feed::inside(engine.subscribe(), engine.inputs());
    Ok((feed, tokio::spawn(engine.run())))
}

/// Without names, everything that is up counts; where nobody brings it up, everything that `dev up` would.
fn verdict(
    state: &State,
    asked: &Asked,
    everything: &BTreeSet<String>,
    own: bool,
) -> Option<Outcome> {
    if own && asked.named.is_empty() {
        state.verdict_of(everything)
    } else {
        asked.verdict(state)
    }
}
