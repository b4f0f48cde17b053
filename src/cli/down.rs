//! `dev down`, `dev stop`, `dev start`, `dev restart`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use camino::Utf8Path;
use tokio::time::Instant;

use super::args::{DownArgs, GlobalArgs, RestartArgs, StartArgs, StopArgs, UpArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::Output;
use super::session::Session;
use super::show::{Ended, Follow, Interrupts};
use crate::engine::core::Engine;
use crate::engine::feed::{Feed, request};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;
use crate::engine::wire::Request;
use crate::plan::reconcile::Removal;

/// A restart that is not through after this long is reported as late.
const RESTART: Duration = Duration::from_secs(180);

/// # Errors
/// The stack cannot be read, no container engine answers, or the person did not agree.
pub async fn down(global: &GlobalArgs, arguments: &DownArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    if arguments.volumes && !arguments.yes {
        agree(&session)?;
    }
    let removal = Removal {
        volumes: arguments.volumes,
        images: false,
    };
    let code = end(
        &session,
        global,
        Goal::Down(removal),
        &Request::Down {
            volumes: removal.volumes,
        },
        arguments.timeout,
    )
    .await?;
    if code == ExitCode::Done {
        session.store.remember(None).map_err(CliError::state)?;
    }
    Ok(code)
}

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn stop(global: &GlobalArgs, arguments: &StopArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let all: BTreeSet<String> = session.stack.services.keys().cloned().collect();
    let named: BTreeSet<String> = arguments.services.iter().cloned().collect();
    if named.is_empty() {
        return end(
            &session,
            global,
            Goal::Stop(all),
            &Request::StopAndLeave,
            arguments.timeout,
        )
        .await;
    }
    let ask = Request::Stop {
        services: arguments.services.clone(),
    };
    if session.store.lock().map_err(CliError::state)?.is_some() {
        return end(&session, global, Goal::Stop(named), &ask, arguments.timeout).await;
    }
    let stopped = |state: &State| {
        let running = named
            .iter()
            .filter_map(|name| state.service(name))
            .any(|service| service.has_started() || service.work.is_some());
        (!running).then_some(Outcome::Done)
    };
    through_engine(&session, global, &ask, arguments.timeout, stopped).await
}

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn start(global: &GlobalArgs, arguments: &StartArgs) -> Result<ExitCode, CliError> {
    let up = UpArgs {
        services: arguments.services.clone(),
        wait: true,
        ..UpArgs::default()
    };
    super::up::run(global, &up).await
}

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn restart(global: &GlobalArgs, arguments: &RestartArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let lock = session.store.lock().map_err(CliError::state)?;
    if lock.is_none() {
        let services = arguments.services.clone();
        let socket = session.socket()?;
        let feed = Feed::attach(&socket).await.map_err(CliError::state)?;
        let before = feed.state;
        let names: Vec<String> = if services.is_empty() {
            before
                .services
                .iter()
                .filter(|s| s.info.wanted)
                .map(|s| s.info.name.clone())
                .collect()
        } else {
            services.clone()
        };
        let renewed = |state: &State| renewed(state, &before, &names);
        return through_engine(
            &session,
            global,
            &Request::Restart { services },
            arguments.timeout,
            renewed,
        )
        .await;
    }
    drop(lock);
    let all: BTreeSet<String> = session.stack.services.keys().cloned().collect();
    let named: BTreeSet<String> = arguments.services.iter().cloned().collect();
    let stopping = if named.is_empty() { all } else { named };
    let code = end(
        &session,
        global,
        Goal::Stop(stopping),
        &Request::StopAndLeave,
        arguments.timeout,
    )
    .await?;
    if code != ExitCode::Done {
        return Ok(code);
    }
    start(
        global,
        &StartArgs {
            services: arguments.services.clone(),
        },
    )
    .await
}

/// Done once each of `names` lives a new life and is ready in it, or has given up.
fn renewed(state: &State, before: &State, names: &[String]) -> Option<Outcome> {
    let lives = |state: &State, name: &str| -> Vec<_> {
        let instances = state.service(name).map(|service| &service.instances);
        instances
            .into_iter()
            .flatten()
            .filter_map(|(_, i)| i.found.as_ref().map(|f| f.generation.clone()))
            .collect()
    };
    let mut failures = Vec::new();
    for name in names {
        let service = state.service(name)?;
        if service.gave_up {
            failures.push((name.clone(), service.failure.clone()?));
        } else if lives(state, name) == lives(before, name) || !service.is_ready() {
            return None;
        }
    }
    Some(if failures.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed(failures)
    })
}

/// Asks the running engine, and shows what follows until `enough`.
async fn through_engine(
    session: &Session,
    global: &GlobalArgs,
    ask: &Request,
    timeout: Option<Duration>,
    enough: impl Fn(&State) -> Option<Outcome>,
) -> Result<ExitCode, CliError> {
    let socket = session.socket()?;
    let mut feed = Feed::attach(&socket).await.map_err(CliError::state)?;
    ask_engine(&socket, ask, timeout).await?;
    let mut screen = Output::open(global.json, "", false);
    let mut interrupts = Interrupts::listen()?;
    let deadline = Some(Instant::now() + RESTART);
    let ended = Follow {
        feed: &mut feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(enough)
    .await;
    screen.close(&feed.state);
    Ok(match ended {
        Ended::Verdict(Outcome::Failed(_)) => ExitCode::ServiceFailed,
        Ended::Verdict(_) | Ended::Bye => ExitCode::Done,
        Ended::Interrupted => ExitCode::Interrupted,
        Ended::Deadline => ExitCode::NotReady,
    })
}

/// Asks the running engine, after telling it how long stops may take where a person said so.
async fn ask_engine(
    socket: &Utf8Path,
    ask: &Request,
    timeout: Option<Duration>,
) -> Result<(), CliError> {
    let refused = |error: std::io::Error| CliError::Own {
        message: error.to_string(),
        help: None,
    };
    if let Some(timeout) = timeout {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        request(socket, &Request::Grace { millis })
            .await
            .map_err(refused)?;
    }
    request(socket, ask).await.map_err(refused)
}

/// Through the running engine, which ends with it; else with one of our own.
async fn end(
    session: &Session,
    global: &GlobalArgs,
    goal: Goal,
    ask: &Request,
    timeout: Option<Duration>,
) -> Result<ExitCode, CliError> {
    let mut screen = Output::open(global.json, "", false);
    let mut interrupts = Interrupts::listen()?;
    let lock = session.store.lock().map_err(CliError::state)?;
    if lock.is_none() {
        let socket = session.socket()?;
        let mut feed = Feed::attach(&socket).await.map_err(CliError::state)?;
        ask_engine(&socket, ask, timeout).await?;
        let ended = Follow {
            feed: &mut feed,
            screen: &mut screen,
            interrupts: &mut interrupts,
            deadline: None,
        }
        .until(|_| None)
        .await;
        screen.close(&feed.state);
        return Ok(if ended == Ended::Interrupted {
            ExitCode::Interrupted
        } else {
            ExitCode::Done
        });
    }
    let engine = Engine::new(session.setup(goal, Until::Told, false).await?).within(timeout);
    let mut feed = Feed::inside(engine.subscribe(), engine.inputs());
    let running = tokio::spawn(engine.run());
    let ended = Follow {
        feed: &mut feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline: None,
    }
    .until(|_| None)
    .await;
    if ended == Ended::Interrupted {
        running.abort();
        screen.close(&feed.state);
        return Ok(ExitCode::Interrupted);
    }
    let outcome = running.await.unwrap_or(Outcome::Left);
    screen.close(&feed.state);
    match outcome {
        Outcome::OtherCheckout { dir } => Err(CliError::OtherCheckout {
            dir,
            name: session.stack.name.clone(),
        }),
        Outcome::Failed(failures) => match failures.into_iter().next() {
            Some((_, failure)) => Err(CliError::Runtime(failure)),
            None => Ok(ExitCode::ServiceFailed),
        },
        Outcome::Done | Outcome::Left => Ok(ExitCode::Done),
    }
}

/// Volumes hold people's data: they go only when a person says so.
fn agree(session: &Session) -> Result<(), CliError> {
    let volumes: Vec<String> = session
        .stack
        .volumes
        .iter()
        .filter(|(_, volume)| volume.external.is_none())
        .map(|(key, _)| session.stack.volume_name(key))
        .collect();
    if volumes.is_empty() {
        return Ok(());
    }
    let list = volumes.join(", ");
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage {
            message: format!("this removes the volumes {list} with all data in them"),
            help: Some("say `--yes` where nobody can be asked".to_owned()),
        });
    }
    if super::output::ask(&format!("Remove {list} with all data in them?")) {
        Ok(())
    } else {
        Err(CliError::Usage {
            message: "nothing was removed".to_owned(),
            help: None,
        })
    }
}
