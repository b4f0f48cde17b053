//! `dev ci`: a stack of its own for one command, taken down whatever comes of it.

mod left;
mod told;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use left::{prefix, remove_leftovers};
use told::tell_failed;

use crate::cli::args::{CiArgs, GlobalArgs};
use crate::cli::asked::Asked;
use crate::cli::env::settings;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::logs::last_words_aside;
use crate::cli::output::{Output, to_stderr};
use crate::cli::session::Session;
use crate::cli::show::{Ended, Follow, Interrupts, now};
use crate::engine::core::Engine;
use crate::engine::default_services;
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::{Command, Input};
use crate::engine::store::{Lock, Remembered};
use crate::plan::allocate::{Allocations, PortKey};
use crate::plan::reconcile::{Images, Removal};
use crate::runtime::process::{guarded, owner};
use crate::stack::Stack;

/// Lines of log shown of each service that failed.
const LAST_WORDS: usize = 30;
/// How long an interrupted command may take to end.
const GRACE: Duration = Duration::from_secs(10);
/// What was killed is gone within this time.
const KILLED: Duration = Duration::from_secs(3);
/// Everything that it made goes again.
const EVERYTHING: Removal = Removal {
    volumes: true,
    images: Images::Own,
    side_by_side: true,
};

/// # Errors
/// The stack cannot be read, did not come up, or could not be removed. The command's own exit code is none.
pub async fn run(global: &GlobalArgs, arguments: &CiArgs) -> Result<ExitCode, CliError> {
    let plain = Session::open(global)?;
    plain.warn(global);
    plain.check_names(&arguments.services)?;
    check_command(&arguments.command)?;
    let base = plain.stack.name.clone();
    remove_leftovers(&plain, &base, arguments.timeout).await;
    let (mut session, _lock) = open_apart(&plain, &base)?;
    if let Err(error) = choose_runtime(&mut session, global, arguments).await {
        session.store.discard().map_err(CliError::state)?;
        return Err(error);
    }
    let mut interrupts = Interrupts::listen()?;
    let result = bring_up_and_run(&session, global, arguments, &mut interrupts).await;
    let removed = remove(&session, &mut interrupts, arguments.timeout).await;
    match (result, removed) {
        (Err(error), Err(also)) => {
            to_stderr(&also.to_string());
            Err(error)
        }
        (Ok(_), Err(error)) => Err(error),
        (result, Ok(())) => result,
    }
}

/// Before anything is started for a command that is not there.
fn check_command(command: &[OsString]) -> Result<(), CliError> {
    let program = &command[0];
    which::which(program).map(|_| ()).map_err(|_| {
        let program = program.to_string_lossy();
        CliError::Usage {
            message: format!("there is no command `{program}`"),
            help: Some("what stands after `--` is run as it is, without a shell".to_owned()),
        }
    })
}

/// What runs on the host is remembered, so that it is found there even if this `dev` is killed.
async fn choose_runtime(
    session: &mut Session,
    global: &GlobalArgs,
    arguments: &CiArgs,
) -> Result<(), CliError> {
    let services = if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    };
    let goal = Goal::Up {
        services,
        stopped: BTreeSet::new(),
    };
    session.choose_runtime(&goal, global.json).await?;
    // Where none answers nothing is made, so that nothing has to be kept for who would remove it.
    if session.needs_containers(&goal) {
        session.docker().await?;
    }
    let remembered = Remembered {
        runtime: session.stack.runtime,
        ..Remembered::default()
    };
    session
        .store
        .remember(Some(&remembered))
        .map_err(CliError::state)
}

/// A name that nothing else has, held by its lock.
fn open_apart(plain: &Session, base: &str) -> Result<(Session, Lock), CliError> {
    loop {
        let mut bytes = [0; 3];
        getrandom::fill(&mut bytes).map_err(|error| CliError::state(error.into()))?;
        let number = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]);
        let mut session = plain.apart(format!("{}{number:06x}", prefix(base)))?;
        session.owner = owner::this_process();
        if let Some(lock) = session.store.lock().map_err(CliError::state)? {
            let ports = free_ports(&session.stack);
            session.store.set_ports(&ports).map_err(CliError::state)?;
            return Ok((session, lock));
        }
    }
}

/// Numbers to begin with. Others choose at the same time: those that everybody tries first would only be fought over.
fn free_ports(stack: &Stack) -> Allocations {
    let mut ports = Allocations::new();
    let mut given = BTreeSet::new();
    for service in stack.services.values() {
        for (name, _) in service.ports.iter().filter(|(_, port)| port.publish) {
            for index in 1..=service.replicas {
                let key = PortKey {
                    service: service.name.clone(),
                    port: name.clone(),
                    index,
                };
                let free = std::iter::from_fn(portpicker::pick_unused_port);
                // Where none is free, planning says so.
                if let Some(port) = free.take(100).find(|port| given.insert(*port)) {
                    ports.insert(key, port);
                }
            }
        }
    }
    ports
}

async fn bring_up_and_run(
    session: &Session,
    global: &GlobalArgs,
    arguments: &CiArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, CliError> {
    let begun = now();
    let services = if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    };
    let code = bring_up(session, global, arguments, services.clone(), interrupts).await?;
    if code != ExitCode::Done {
        return Ok(code.beside_a_command());
    }
    let wanted = session.stack.closure(services.iter().map(String::as_str));
    let variables = settings(session, |service| wanted.contains(&service.name)).await?;
    // On a terminal the command has to stay in the group that reads from it; Ctrl-C reaches all of that.
    let own_group = !std::io::stdin().is_terminal();
    let mut command = guarded(&arguments.command, own_group);
    command
        .envs(variables)
        .env("DEV_STACK", &session.stack.name);
    let status = run_command(command, interrupts).await?;
    let Some(status) = status else {
        return Ok(ExitCode::Interrupted);
    };
    if !status.success() {
        tell_failed(session, begun).await;
    }
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(1)))
}

/// The end of the name, by which those that run at once differ.
fn label(session: &Session) -> String {
    let name = &session.stack.name;
    let number = name.rsplit('-').next().unwrap_or(name);
    format!("ci-{number}")
}

async fn bring_up(
    session: &Session,
    global: &GlobalArgs,
    arguments: &CiArgs,
    services: BTreeSet<String>,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    let since = i128::from(now()) * 1_000_000;
    let goal = Goal::Up {
        services,
        stopped: BTreeSet::new(),
    };
    let mut screen = Output::aside(global.json, &label(session));
    let engine = Engine::new(session.setup(goal, Until::Ready, true).await?);
    let inputs = engine.inputs();
    let mut feed = Feed::inside(engine.subscribe(), inputs.clone());
    let running = tokio::spawn(engine.run());
    let ended = Follow {
        feed: &mut feed,
        screen: &mut screen,
        interrupts,
        deadline: Some(Instant::now() + arguments.wait_timeout),
    }
    .until(|_| None)
    .await;
    let state = feed.state.clone();
    if matches!(ended, Ended::Interrupted | Ended::Deadline) {
        // One that has ended needs no telling.
        let _ended = inputs.send(Input::Command(Command::Leave)).await;
    }
    let outcome = running.await.unwrap_or(Outcome::Left);
    screen.close(&state);
    let failed: Vec<String> = match &outcome {
        Outcome::Failed(failures) => {
            if let Some((_, failure)) = failures.iter().find(|(service, _)| service.is_empty()) {
                return Err(CliError::Runtime(failure.clone()));
            }
            failures.iter().map(|(name, _)| name.clone()).collect()
        }
        Outcome::OtherCheckout { dir } => return Err(session.other_checkout(dir)),
        Outcome::Done | Outcome::Ended { .. } => Vec::new(),
        Outcome::Left => {
            let open = state.services.iter();
            let open = open.filter(|s| s.info.wanted && !s.is_ready());
            open.map(|s| s.info.name.clone()).collect()
        }
    };
    if ended == Ended::Interrupted {
        return Ok(ExitCode::Interrupted);
    }
    if ended == Ended::Deadline {
        // Nobody can ask `dev why` of a stack that is about to go.
        screen.explain(&state);
    }
    last_words_aside(session, &failed, LAST_WORDS, since).await;
    let done = outcome == Outcome::Done;
    screen.closing(&Asked::default(), &state, done, begun.elapsed());
    Ok(match outcome {
        Outcome::Done => ExitCode::Done,
        _ if ended == Ended::Deadline => ExitCode::NotReady,
        _ => ExitCode::ServiceFailed,
    })
}

/// Runs it to its end; `None`: a person did not want to wait for that.
async fn run_command(
    mut command: tokio::process::Command,
    interrupts: &mut Interrupts,
) -> Result<Option<ExitStatus>, CliError> {
    let mut child = command.spawn().map_err(|error| CliError::Own {
        message: format!("the command cannot be started: {error}"),
        help: None,
    })?;
    tokio::select! {
        status = child.wait() => return status.map(Some).map_err(CliError::state),
        () = interrupts.next() => {}
    }
    // Its guard passes it on; a second one kills all of it.
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let end = || {
        if let Some(pid) = id.and_then(Pid::from_raw) {
            // What has ended hears no more.
            let _ended = kill_process(pid, Signal::TERM);
        }
    };
    end();
    tokio::select! {
        _ended = tokio::time::timeout(GRACE, child.wait()) => {}
        () = interrupts.next() => {}
    }
    end();
    let _late = tokio::time::timeout(KILLED, child.wait()).await;
    // One that has ended cannot be killed.
    let _ended = child.kill().await;
    Ok(None)
}

/// Removes everything, and what is remembered of it.
async fn remove(
    session: &Session,
    interrupts: &mut Interrupts,
    grace: Duration,
) -> Result<(), CliError> {
    let setup = session.setup(Goal::Down(EVERYTHING), Until::Told, false);
    let engine = Engine::new(setup.await?).within(Some(grace));
    let mut running = tokio::spawn(engine.run());
    let mut warned = false;
    let outcome = loop {
        tokio::select! {
            outcome = &mut running => break outcome.unwrap_or(Outcome::Left),
            () = interrupts.next() => {
                if warned {
                    running.abort();
                    break Outcome::Left;
                }
                warned = true;
                to_stderr("removing the stack; once more leaves the rest of it to the next `dev ci`");
            }
        }
    };
    match outcome {
        Outcome::Done => session.store.discard().map_err(CliError::state),
        Outcome::Failed(failures) => match failures.into_iter().next() {
            Some((_, failure)) => Err(CliError::Runtime(failure)),
            None => Ok(()),
        },
        Outcome::OtherCheckout { .. } | Outcome::Left | Outcome::Ended { .. } => Ok(()),
    }
}
