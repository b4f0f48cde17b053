//! `dev up`: in front, in the background, or until ready.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::{GlobalArgs, UpArgs};
use super::asked::Asked;
use super::attached::{self, Attach};
use super::detach::{background, detach};
use super::ends::{check_beside, check_ends, ended_early, told_end};
use super::error::CliError;
use super::exit::ExitCode;
use super::logs::last_words;
use super::meet::{Met, meet_for_more};
use super::output::{Output, to_stderr};
use super::session::Session;
use super::show::{Ended, Follow, Interrupts, now};
use crate::engine::core::Engine;
use crate::engine::default_services;
use crate::engine::event::{Failure, FailureClass};
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::{Command, Input};
use crate::engine::inquire::FIRST;
use crate::engine::serve;
use crate::engine::state::State;
use crate::engine::store::{Lock, Remembered};

/// Lines of log shown of each service that failed.
const LAST_WORDS: usize = 15;
/// How long to go on between an engine that ends and the next one.
const JOINING: Duration = Duration::from_secs(60);

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &UpArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.warn(global);
    run_with(session, global, arguments).await
}

/// # Errors
/// See [`run`].
pub(super) async fn run_with(
    mut session: Session,
    global: &GlobalArgs,
    arguments: &UpArgs,
) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    session.check_names(&arguments.services)?;
    session.adjust(&arguments.changes, &arguments.services)?;
    check_ends(&session, arguments)?;
    session.check_on_host(&wanted(&session, arguments))?;
    let front = !arguments.wait && !arguments.detach && !arguments.changes.no_start;
    let mut screen = Output::open(global.json, if front { "Ctrl-C stops" } else { "" }, front)
        .styled(arguments.style)
        .with_timings(arguments.timings);
    let deadline = arguments
        .wait_timeout
        .map(|timeout| Instant::now() + timeout);
    let asked = Asked {
        named: arguments.services.clone(),
        with_needs: true,
        // An engine that this command starts compares everything by itself; until then nothing is known.
        since: Some(FIRST),
    };
    let mut attach = Attach {
        asked: asked.clone(),
        until_ready: !front,
        deadline,
        begun,
        child: None,
    };
    let late = Instant::now() + JOINING;
    loop {
        match meet_for_more(&session, &mut screen).await? {
            // The one that took the stack meanwhile will do.
            Met::Running(_) if arguments.background => return Ok(ExitCode::Done),
            Met::Nobody(lock) => {
                let goal = goal(&session, arguments);
                session.choose_runtime(&goal, global.json).await?;
                if arguments.background {
                    return background(&session, arguments, lock).await;
                }
                if arguments.detach && !arguments.changes.no_start {
                    drop(lock);
                    return detach(&session, global, arguments, &mut screen, &mut attach).await;
                }
                let own = Own {
                    asked,
                    deadline,
                    begun,
                    first: None,
                };
                let code = own.run(&session, arguments, lock, screen).await?;
                if code == ExitCode::Done && !global.json {
                    tell_left(&session, arguments);
                }
                return Ok(code);
            }
            Met::Running(_) => check_beside(arguments)?,
        }
        if let Some(feed) = attached::join(&session, arguments, &mut attach).await? {
            screen.remark(if front {
                "attached to the running `dev up`; Ctrl-C detaches"
            } else {
                "attached to the running `dev up`"
            });
            screen.footer(if front { "Ctrl-C detaches" } else { "" });
            let code = attached::follow(&session, feed, &mut attach, &mut screen).await?;
            if let Some(code) = code {
                return Ok(code);
            }
            screen.footer(if front { "Ctrl-C stops" } else { "" });
        } else if Instant::now() >= late {
            return Err(CliError::Own {
                message: "the running `dev` takes nothing up any more, and does not end".to_owned(),
                help: Some("end it: `dev stop`, or its process".to_owned()),
            });
        }
    }
}

fn goal(session: &Session, arguments: &UpArgs) -> Goal {
    Goal::Up {
        services: wanted(session, arguments),
        stopped: BTreeSet::new(),
    }
}

pub(super) fn wanted(session: &Session, arguments: &UpArgs) -> BTreeSet<String> {
    if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    }
}

fn remember(session: &Session, arguments: &UpArgs) -> Result<(), CliError> {
    let remembered = Remembered {
        envs: session.request.envs.clone(),
        reading: Some(session.request.reading()),
        scope: arguments.services.clone(),
        runtime: session.stack.runtime,
        scale: session.adjust.scale.clone(),
        loopback: session.adjust.loopback,
    };
    session
        .store
        .remember(Some(&remembered))
        .map_err(CliError::state)
}

/// An engine of this process's own.
pub(super) struct Running {
    pub feed: Feed,
    inputs: tokio::sync::mpsc::Sender<Input>,
    engine: JoinHandle<Outcome>,
    server: JoinHandle<()>,
    cancel: CancellationToken,
    socket: camino::Utf8PathBuf,
    _lock: Lock,
}

/// Starts an engine, which is asked for `first` before it looks at anything.
pub(super) async fn begin(
    session: &Session,
    arguments: &UpArgs,
    lock: Lock,
    until: Until,
    first: Option<First>,
) -> Result<Running, CliError> {
    let setup = session.setup(goal(session, arguments), until, true).await?;
    remember(session, arguments)?;
    let grace = first.as_ref().and_then(|first| first.grace);
    let engine = Engine::new(setup)
        .within(grace.or(arguments.timeout))
        .wishing(&arguments.services, arguments.changes.wishes())
        .aborting(arguments.ends.abort());
    let inputs = engine.inputs();
    if let Some(First { command, .. }) = first {
        // Its queue is empty, and it has not ended.
        let _taken = inputs.send(Input::Command(command)).await;
    }
    let feed = Feed::inside(engine.subscribe(), inputs.clone());
    let socket = session.socket()?;
    let listener = serve::listen(&socket).map_err(CliError::state)?;
    let cancel = CancellationToken::new();
    let server = tokio::spawn(serve::serve(listener, inputs.clone(), cancel.clone()));
    let engine = tokio::spawn(engine.run());
    Ok(Running {
        feed,
        inputs,
        engine,
        server,
        cancel,
        socket,
        _lock: lock,
    })
}

impl Running {
    /// Waits for the engine's end, and takes the socket away.
    pub async fn end(self) -> Outcome {
        let outcome = self.engine.await.unwrap_or(Outcome::Left);
        self.cancel.cancel();
        // The server ends by its token; a panic in it changes nothing about the outcome.
        let _ended = self.server.await;
        let _gone = fs_err::remove_file(&self.socket);
        outcome
    }

    pub async fn tell(&self, command: Command) {
        // An engine that has ended needs no telling.
        let _ended = self.inputs.send(Input::Command(command)).await;
    }
}

/// What an engine is asked before it begins.
pub(super) struct First {
    pub command: Command,
    /// How long a stop may take for it, whatever the stack file says.
    pub grace: Option<Duration>,
}

/// In front (`dev up`) or until ready (`dev up --wait`).
pub(super) struct Own {
    pub asked: Asked,
    pub deadline: Option<Instant>,
    pub begun: std::time::Instant,
    pub first: Option<First>,
}

impl Own {
    /// # Errors
    /// No container engine answers, or what became of it is an error.
    pub async fn run(
        self,
        session: &Session,
        arguments: &UpArgs,
        lock: Lock,
        mut screen: Output,
    ) -> Result<ExitCode, CliError> {
        let mut interrupts = Interrupts::listen()?;
        let until = if arguments.wait || arguments.changes.no_start {
            Until::Ready
        } else {
            interrupts = interrupts.or_unread();
            match session.is_of_compose() {
                true => Until::Ended,
                false => Until::Told,
            }
        };
        let mut running = begin(session, arguments, lock, until, self.first).await?;
        let ended = Follow {
            feed: &mut running.feed,
            screen: &mut screen,
            interrupts: &mut interrupts,
            deadline: self.deadline,
        }
        .until(|_| None)
        .await;
        match ended {
            Ended::Interrupted if until == Until::Ready => {
                let state = running.feed.state.clone();
                running.tell(Command::Leave).await;
                running.end().await;
                screen.close(&state);
                Ok(ExitCode::Interrupted)
            }
            Ended::Interrupted => Ok(stop(running, arguments.timeout, screen, interrupts).await),
            Ended::Deadline => {
                let state = running.feed.state.clone();
                running.tell(Command::Leave).await;
                running.end().await;
                screen.conclude_late(&self.asked, &state, self.begun.elapsed());
                Ok(ExitCode::NotReady)
            }
            Ended::Bye(_) | Ended::Verdict(_) => {
                let state = running.feed.state.clone();
                let (outcome, asked, begun) = (running.end().await, &self.asked, self.begun);
                if until == Until::Ready && state.ending && outcome == Outcome::Done {
                    screen.conclude(asked, &state, false, begun.elapsed());
                    return Err(ended_early(&state));
                }
                if let Outcome::Ended { service, code } = &outcome {
                    screen.close(&state);
                    return Ok(told_end(arguments, service, *code));
                }
                if arguments.changes.no_start && outcome == Outcome::Done {
                    screen.close(&state);
                    screen
                        .tell("everything is made, and nothing was started: `dev start` does that");
                    return Ok(ExitCode::Done);
                }
                if until == Until::Ended && outcome == Outcome::Done && !state.ending {
                    screen.close(&state);
                    screen.tell("everything that was asked for has ended");
                    return Ok(ExitCode::Done);
                }
                let wait = until == Until::Ready;
                conclude(session, &outcome, &mut screen, &state, asked, begun, wait).await
            }
        }
    }
}

/// That processes of the host outlive this one is nothing that people expect.
fn tell_left(session: &Session, arguments: &UpArgs) {
    if !arguments.wait || arguments.changes.no_start {
        return;
    }
    let wanted = wanted(session, arguments);
    let scope = session.stack.closure(wanted.iter().map(String::as_str));
    let stays = |name: &&String| {
        let service = session.stack.services.get(*name);
        session.is_process(name) && service.is_some_and(|service| !service.is_job())
    };
    let names: Vec<&str> = scope.iter().filter(stays).map(String::as_str).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        to_stderr(&format!(
            "on the host without `dev` from now on: {names}; `dev down` ends that"
        ));
    }
}

/// Stops what was asked for; a second interrupt kills it. Where not even killing comes to an end, a third one leaves.
async fn stop(
    mut running: Running,
    grace: Option<Duration>,
    mut screen: Output,
    mut interrupts: Interrupts,
) -> ExitCode {
    if let Some(grace) = grace {
        running.tell(Command::Grace(grace)).await;
    }
    let commands = [
        (
            Command::StopAndLeave,
            "stopping; Ctrl-C again stops at once",
        ),
        (Command::StopAtOnce, "stopping at once; Ctrl-C again leaves"),
        (Command::Leave, "leaving; some services may go on running"),
    ];
    for (command, remark) in commands {
        screen.remark(remark);
        screen.footer(remark);
        running.tell(command).await;
        let mut again = Follow {
            feed: &mut running.feed,
            screen: &mut screen,
            interrupts: &mut interrupts,
            deadline: None,
        };
        if again.until(|_| None).await != Ended::Interrupted {
            break;
        }
    }
    let state = running.feed.state.clone();
    let _outcome = running.end().await;
    screen.close(&state);
    ExitCode::Interrupted
}

/// The error that an engine's end is, where it is one of the whole engine and not of a service.
pub(super) fn outcome_error(session: &Session, outcome: &Outcome) -> Option<CliError> {
    match outcome {
        Outcome::OtherCheckout { dir } => Some(session.other_checkout(dir)),
        Outcome::Failed(failures) => {
            let whole = failures.iter().find(|(service, _)| service.is_empty());
            whole.map(|(_, failure)| CliError::Runtime(failure.clone()))
        }
        Outcome::Done | Outcome::Left | Outcome::Ended { .. } => None,
    }
}

pub(super) async fn conclude(
    session: &Session,
    outcome: &Outcome,
    screen: &mut Output,
    state: &State,
    asked: &Asked,
    begun: std::time::Instant,
    summary: bool,
) -> Result<ExitCode, CliError> {
    screen.close(state);
    if let Some(error) = outcome_error(session, outcome) {
        return Err(error);
    }
    match outcome {
        Outcome::Failed(failures) => {
            let spoke = |class| {
                matches!(
                    class,
                    FailureClass::Exited
                        | FailureClass::NotReady
                        | FailureClass::OutOfMemory
                        | FailureClass::Replacement
                )
            };
            let spoken = failures.iter().filter(|(_, failure)| spoke(failure.class));
            let names: Vec<String> = spoken.map(|(service, _)| service.clone()).collect();
            if summary && !screen.is_json() {
                let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let since = i128::from(now().saturating_sub(elapsed)) * 1_000_000;
                last_words(session, &names, LAST_WORDS, since).await;
            }
            screen.closing(asked, state, false, begun.elapsed());
            Ok(failure_code(outcome, failures))
        }
        Outcome::Done => {
            if summary {
                screen.closing(asked, state, true, begun.elapsed());
            }
            Ok(ExitCode::Done)
        }
        Outcome::Left | Outcome::OtherCheckout { .. } | Outcome::Ended { .. } => Ok(ExitCode::Done),
    }
}

fn failure_code(outcome: &Outcome, failures: &[(String, Failure)]) -> ExitCode {
    if outcome.is_late() {
        return ExitCode::NotReady;
    }
    let mut worst = failures
        .iter()
        .map(|(_, failure)| ExitCode::from(failure.class));
    worst
        .find(|code| *code != ExitCode::NotReady)
        .unwrap_or(ExitCode::ServiceFailed)
}
