//! Beside an engine that runs already, in another terminal or in the background.

use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Child;
use tokio::time::{Instant, timeout};

use super::args::UpArgs;
use super::asked::Asked;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{Output, to_stderr};
use super::session::Session;
use super::show::{Ended, Follow, Interrupts};
use super::up::conclude;
use crate::engine::feed::{Feed, inquire, request};
use crate::engine::state::State;
use crate::engine::wire::{ENDING, Request};

/// How long an engine of ours may take from its last word to its end.
const FAREWELL: Duration = Duration::from_secs(10);

/// What is waited for beside an engine.
pub struct Attach {
    pub asked: Asked,
    /// Return when what is asked for is ready, or cannot get there.
    pub until_ready: bool,
    pub deadline: Option<Instant>,
    pub begun: std::time::Instant,
    /// The engine, where this command started it.
    pub child: Option<Child>,
}

/// Tells the running engine what else is to be up, and attaches to it; `None`: it ends, and takes nothing up any more.
///
/// # Errors
/// There is no folder for its socket.
pub async fn join(
    session: &Session,
    arguments: &UpArgs,
    attach: &mut Attach,
) -> Result<Option<Feed>, CliError> {
    let socket = session.socket()?;
    let ask = Request::Up {
        services: arguments.services.clone(),
        origin: Box::new(session.origin_beside()),
        wishes: arguments.changes.wishes(),
    };
    if let Some(timeout) = arguments.timeout {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        // One that does not listen any more takes nothing else up either.
        let _ended = request(&socket, &Request::Grace { millis }).await;
    }
    let number = match inquire(&socket, &ask).await {
        Ok(number) => number,
        Err(error) if is_refusal(&error) => {
            return Err(CliError::Own {
                message: format!("the running `dev` does not take this up: {error}"),
                help: Some(
                    "it may be of another version: `dev stop` first, then the same again"
                        .to_owned(),
                ),
            });
        }
        Err(_) => return Ok(None),
    };
    attach.asked.since = Some(number);
    let feed = Feed::attach(&socket).await.ok();
    Ok(feed.filter(|feed| !feed.state.ending))
}

/// It refuses what is asked, and not only because it ends.
fn is_refusal(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::Other && error.to_string() != ENDING
}

/// Follows the engine; `None`: it has left, nobody stopped the services, and somebody else has to look after them.
///
/// # Errors
/// What became of it is an error.
pub async fn follow(
    session: &Session,
    mut feed: Feed,
    attach: &mut Attach,
    screen: &mut Output,
) -> Result<Option<ExitCode>, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let (asked, until_ready) = (attach.asked.clone(), attach.until_ready);
    if !until_ready {
        interrupts = interrupts.or_unread();
    }
    let verdict = |state: &State| {
        asked
            .verdict(state)
            .filter(|_| until_ready && !state.ending)
    };
    let ended = Follow {
        feed: &mut feed,
        screen,
        interrupts: &mut interrupts,
        deadline: attach.deadline,
    }
    .until(verdict)
    .await;
    let state = feed.state;
    Ok(Some(match ended {
        Ended::Verdict(_) if state.rejected.is_some() => {
            screen.close(&state);
            return Err(CliError::Own {
                message: "the running `dev` cannot take this stack".to_owned(),
                help: state.rejected,
            });
        }
        Ended::Verdict(outcome) => {
            conclude(
                session,
                &outcome,
                screen,
                &state,
                &asked,
                attach.begun,
                true,
            )
            .await?
        }
        Ended::Deadline => {
            screen.conclude_late(&asked, &state, attach.begun.elapsed());
            ExitCode::NotReady
        }
        Ended::Bye(_) if until_ready => {
            screen.close(&state);
            return match attach.child.take() {
                Some(child) => failed(session, child).await.map(Some),
                None => Err(CliError::Own {
                    message: "the running `dev` ended before everything was ready".to_owned(),
                    help: Some("`dev status` shows how far it came".to_owned()),
                }),
            };
        }
        Ended::Bye(_) if state.ending => {
            screen.close(&state);
            ExitCode::Done
        }
        // It left because of that.
        Ended::Bye(_) if session.is_of_compose() && asked.have_ended(&state) => {
            screen.close(&state);
            ExitCode::Done
        }
        Ended::Bye(_) => return Ok(None),
        Ended::Interrupted => {
            screen.remark("detached; the stack goes on running");
            screen.close(&state);
            match until_ready {
                true => ExitCode::Interrupted,
                false => ExitCode::Done,
            }
        }
    }))
}

/// The engine in the background is no more: what it said, and its exit code.
///
/// # Errors
/// It did not say anything.
pub async fn failed(session: &Session, mut child: Child) -> Result<ExitCode, CliError> {
    let status = timeout(FAREWELL, child.wait()).await;
    let code = status
        .ok()
        .and_then(Result::ok)
        .as_ref()
        .and_then(ExitStatus::code);
    let said = fs_err::read_to_string(session.store.engine_log()).unwrap_or_default();
    match code.and_then(|code| u8::try_from(code).ok()) {
        Some(code) if code != 0 && !said.trim().is_empty() => {
            to_stderr(said.trim_end());
            Ok(ExitCode::Command(code))
        }
        _ => Err(CliError::Own {
            message: "the engine in the background ended before everything was ready".to_owned(),
            help: Some(said.trim().to_owned()).filter(|said| !said.is_empty()),
        }),
    }
}
