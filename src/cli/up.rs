//! `dev up`: in front, in the background, or until ready.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::args::{GlobalArgs, UpArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::logs::last_words;
use super::output::Output;
use super::session::Session;
use super::show::{Ended, Follow, Interrupts, now};
use crate::engine::core::Engine;
use crate::engine::default_services;
use crate::engine::event::FailureClass;
use crate::engine::feed::{Feed, request};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::{Command, Input};
use crate::engine::serve;
use crate::engine::store::{Lock, Remembered};
use crate::engine::wire::Request;

/// Lines of log shown of each service that failed.
const LAST_WORDS: usize = 15;
/// How long a background engine may take until it listens.
const BIRTH: Duration = Duration::from_secs(20);
/// How long a lock without a socket may be somebody's short look, or an engine that begins.
const MOMENT: Duration = Duration::from_secs(3);

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &UpArgs) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let front = !arguments.wait && !arguments.detach;
    let screen = Output::open(global.json, if front { "Ctrl-C stops" } else { "" }, front)
        .with_timings(arguments.timings);
    let deadline = arguments
        .wait_timeout
        .map(|timeout| Instant::now() + timeout);
    match lock(&session).await? {
        None => beside(&session, arguments, screen, deadline, begun).await,
        Some(lock) if arguments.background => background(&session, arguments, lock).await,
        Some(lock) if arguments.detach => {
            session.docker().await?;
            drop(lock);
            detach(&session, global, arguments, screen, deadline, begun).await
        }
        Some(lock) => own(&session, arguments, lock, screen, deadline, begun).await,
    }
}

/// The lock; `None`: another engine has it. One that has only just got it does not listen yet, and a command that looks has
/// it for a moment.
async fn lock(session: &Session) -> Result<Option<Lock>, CliError> {
    let late = Instant::now() + MOMENT;
    loop {
        if let Some(lock) = session.store.lock().map_err(CliError::state)? {
            return Ok(Some(lock));
        }
        let listens = tokio::net::UnixStream::connect(session.socket()?)
            .await
            .is_ok();
        if listens || Instant::now() >= late {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn wanted(session: &Session, arguments: &UpArgs) -> BTreeSet<String> {
    if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    }
}

fn remember(session: &Session, arguments: &UpArgs) -> Result<(), CliError> {
    let remembered = Remembered {
        envs: session.request.envs.clone(),
        scope: arguments.services.clone(),
    };
    session
        .store
        .remember(Some(&remembered))
        .map_err(CliError::state)
}

/// An engine of this process's own.
struct Running {
    feed: Feed,
    inputs: tokio::sync::mpsc::Sender<Input>,
    engine: JoinHandle<Outcome>,
    server: JoinHandle<()>,
    cancel: CancellationToken,
    socket: camino::Utf8PathBuf,
    _lock: Lock,
}

async fn begin(
    session: &Session,
    arguments: &UpArgs,
    lock: Lock,
    until: Until,
) -> Result<Running, CliError> {
    let goal = Goal::Up {
        services: wanted(session, arguments),
        stopped: BTreeSet::new(),
    };
    let setup = session.setup(goal, until, true).await?;
    remember(session, arguments)?;
    let engine = Engine::new(setup);
    let inputs = engine.inputs();
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
    async fn end(self) -> Outcome {
        let outcome = self.engine.await.unwrap_or(Outcome::Left);
        self.cancel.cancel();
        // The server ends by its token; a panic in it changes nothing about the outcome.
        let _ended = self.server.await;
        let _gone = fs_err::remove_file(&self.socket);
        outcome
    }

    async fn tell(&self, command: Command) {
        // An engine that has ended needs no telling.
        let _ended = self.inputs.send(Input::Command(command)).await;
    }
}

/// In front (`dev up`) or until ready (`dev up --wait`).
async fn own(
    session: &Session,
    arguments: &UpArgs,
    lock: Lock,
    mut screen: Output,
    deadline: Option<Instant>,
    begun: std::time::Instant,
) -> Result<ExitCode, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let until = if arguments.wait {
        Until::Ready
    } else {
        Until::Told
    };
    let mut running = begin(session, arguments, lock, until).await?;
    let ended = Follow {
        feed: &mut running.feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(|_| None)
    .await;
    match ended {
        Ended::Interrupted => {
            if arguments.wait {
                let state = running.feed.state.clone();
                running.tell(Command::Leave).await;
                running.end().await;
                screen.close(&state);
                return Ok(ExitCode::Interrupted);
            }
            screen.remark("stopping; once more stops at once");
            // Where not even killing comes to an end, a third one leaves.
            for command in [Command::StopAndLeave, Command::StopAtOnce, Command::Leave] {
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
            Ok(ExitCode::Interrupted)
        }
        Ended::Deadline => {
            let state = running.feed.state.clone();
            running.tell(Command::Leave).await;
            running.end().await;
            screen.conclude(&state, begun.elapsed());
            Ok(ExitCode::NotReady)
        }
        Ended::Bye | Ended::Verdict(_) => {
            let state = running.feed.state.clone();
            let outcome = running.end().await;
            conclude(
                session,
                &outcome,
                &mut screen,
                &state,
                begun,
                arguments.wait,
            )
            .await
        }
    }
}

async fn conclude(
    session: &Session,
    outcome: &Outcome,
    screen: &mut Output,
    state: &crate::engine::state::State,
    begun: std::time::Instant,
    summary: bool,
) -> Result<ExitCode, CliError> {
    match outcome {
        Outcome::OtherCheckout { dir } => {
            screen.close(state);
            Err(CliError::OtherCheckout {
                dir: dir.clone(),
                name: session.stack.name.clone(),
            })
        }
        Outcome::Failed(failures) => {
            if let Some((_, failure)) = failures.iter().find(|(service, _)| service.is_empty()) {
                screen.close(state);
                return Err(CliError::Runtime(failure.clone()));
            }
            screen.close(state);
            let spoke = |class| {
                matches!(
                    class,
                    FailureClass::Exited | FailureClass::NotReady | FailureClass::OutOfMemory
                )
            };
            let spoken = failures.iter().filter(|(_, failure)| spoke(failure.class));
            let names: Vec<String> = spoken.map(|(service, _)| service.clone()).collect();
            if summary && !screen.is_json() {
                let elapsed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                let since = i128::from(now().saturating_sub(elapsed)) * 1_000_000;
                last_words(session, &names, LAST_WORDS, since).await;
            }
            screen.closing(state, begun.elapsed());
            Ok(failure_code(outcome, failures))
        }
        Outcome::Done => {
            if summary {
                screen.conclude(state, begun.elapsed());
            } else {
                screen.close(state);
            }
            Ok(ExitCode::Done)
        }
        Outcome::Left => {
            screen.close(state);
            Ok(ExitCode::Done)
        }
    }
}

fn failure_code(
    outcome: &Outcome,
    failures: &[(String, crate::engine::event::Failure)],
) -> ExitCode {
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

/// The process that `-d` leaves behind: an engine without a view.
async fn background(
    session: &Session,
    arguments: &UpArgs,
    lock: Lock,
) -> Result<ExitCode, CliError> {
    // Without a session of its own it would end with the terminal it was started from.
    rustix::process::setsid().map_err(|error| CliError::state(error.into()))?;
    let mut interrupts = Interrupts::listen()?;
    let mut running = begin(session, arguments, lock, Until::Told).await?;
    loop {
        tokio::select! {
            news = running.feed.next() => if news.is_none() { break },
            () = interrupts.next() => running.tell(Command::StopAndLeave).await,
        }
    }
    running.end().await;
    Ok(ExitCode::Done)
}

async fn detach(
    session: &Session,
    global: &GlobalArgs,
    arguments: &UpArgs,
    screen: Output,
    deadline: Option<Instant>,
    begun: std::time::Instant,
) -> Result<ExitCode, CliError> {
    let program = std::env::current_exe().map_err(CliError::state)?;
    let log = session.store.open_engine_log().map_err(CliError::state)?;
    let errors = log.try_clone().map_err(CliError::state)?;
    let mut command = tokio::process::Command::new(program);
    if let Some(directory) = &global.directory {
        command.arg("-C").arg(directory);
    }
    if let Some(file) = &global.file {
        command.arg("--file").arg(file);
    }
    if let Some(name) = &global.name {
        command.arg("--name").arg(name);
    }
    for env in &session.request.envs {
        command.arg("--env").arg(env);
    }
    command
        .arg("up")
        .arg("--background")
        .args(&arguments.services);
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    let mut child = command.spawn().map_err(CliError::state)?;
    let socket = session.socket()?;
    let born = Instant::now() + BIRTH;
    let feed = loop {
        if let Ok(feed) = Feed::attach(&socket).await {
            break feed;
        }
        if child.try_wait().map_err(CliError::state)?.is_some() || Instant::now() > born {
            let said = fs_err::read_to_string(session.store.engine_log()).unwrap_or_default();
            return Err(CliError::Own {
                message: "the engine in the background did not come up".to_owned(),
                help: Some(said),
            });
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    attached(session, feed, true, screen, deadline, begun).await
}

/// Beside an engine that runs already.
async fn beside(
    session: &Session,
    arguments: &UpArgs,
    screen: Output,
    deadline: Option<Instant>,
    begun: std::time::Instant,
) -> Result<ExitCode, CliError> {
    let socket = session.socket()?;
    let services = arguments.services.clone();
    if let Err(error) = request(&socket, &Request::Up { services }).await {
        return Err(CliError::Own {
            message: format!("another `dev` has this stack, and does not answer: {error}"),
            help: Some(
                "end it, or wait until it has ended; if it runs in a devcontainer or on the host, use it there"
                    .to_owned(),
            ),
        });
    }
    screen.remark("attached to the running `dev up`; Ctrl-C detaches");
    let feed = Feed::attach(&socket).await.map_err(CliError::state)?;
    attached(
        session,
        feed,
        arguments.detach || arguments.wait,
        screen,
        deadline,
        begun,
    )
    .await
}

async fn attached(
    session: &Session,
    mut feed: Feed,
    until_ready: bool,
    mut screen: Output,
    deadline: Option<Instant>,
    begun: std::time::Instant,
) -> Result<ExitCode, CliError> {
    let mut interrupts = Interrupts::listen()?;
    let verdict =
        |state: &crate::engine::state::State| if until_ready { state.verdict() } else { None };
    let ended = Follow {
        feed: &mut feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(verdict)
    .await;
    let state = feed.state.clone();
    match ended {
        Ended::Verdict(outcome) => {
            conclude(session, &outcome, &mut screen, &state, begun, true).await
        }
        Ended::Deadline => {
            screen.conclude(&state, begun.elapsed());
            Ok(ExitCode::NotReady)
        }
        Ended::Bye if until_ready => {
            screen.close(&state);
            let said = fs_err::read_to_string(session.store.engine_log()).unwrap_or_default();
            Err(CliError::Own {
                message: "the engine ended before the stack was ready".to_owned(),
                help: Some(said),
            })
        }
        Ended::Bye => {
            screen.close(&state);
            Ok(ExitCode::Done)
        }
        Ended::Interrupted => {
            screen.remark("detached; the stack goes on running");
            screen.close(&state);
            Ok(if until_ready {
                ExitCode::Interrupted
            } else {
                ExitCode::Done
            })
        }
    }
}
