//! `dev up -d`: an engine in the background, followed until the stack is ready.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::args::{GlobalArgs, UpArgs};
use super::attached::{self, Attach};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::Output;
use super::session::Session;
use super::show::Interrupts;
use super::up::{begin, outcome_error};
use crate::engine::feed::Feed;
use crate::engine::goal::Until;
use crate::engine::input;
use crate::engine::store::Lock;
use crate::stack::compose::given;

/// How long a background engine may take until it listens.
const BIRTH: Duration = Duration::from_secs(20);

/// How long it may take to leave the stack to the container engine: whoever ends everything, as at a shutdown, kills it then.
const LEAVING: Duration = Duration::from_secs(8);

/// The process that `-d` leaves behind: an engine without a view. A signal ends it, and stops nothing: what runs is restarted
/// by the container engine from then on, so that it is there after a reboot, too.
///
/// # Errors
/// The engine could not do its work: whoever started it prints that.
pub async fn background(
    session: &Session,
    arguments: &UpArgs,
    lock: Lock,
) -> Result<ExitCode, CliError> {
    // Without a session of its own it would end with the terminal it was started from.
    rustix::process::setsid().map_err(|error| CliError::state(error.into()))?;
    let mut interrupts = Interrupts::listen()?;
    let mut running = begin(session, arguments, lock, Until::Told, None).await?;
    let mut patience = None;
    loop {
        let late = async {
            match patience {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            news = running.feed.next() => if news.is_none() { break },
            () = late => {
                running.tell(input::Command::Leave).await;
                patience = None;
            }
            () = interrupts.next() => {
                let command = match patience {
                    None => input::Command::HandOver,
                    Some(_) => input::Command::Leave,
                };
                running.tell(command).await;
                patience = Some(Instant::now() + LEAVING);
            }
        }
    }
    match outcome_error(session, &running.end().await) {
        Some(error) => Err(error),
        None => Ok(ExitCode::Done),
    }
}

/// Starts that process, and returns when the stack is ready. It takes the lock, so nobody may have it.
///
/// # Errors
/// It cannot be started, or did not come up.
pub async fn detach(
    session: &Session,
    global: &GlobalArgs,
    arguments: &UpArgs,
    screen: &mut Output,
    attach: &mut Attach,
) -> Result<ExitCode, CliError> {
    let mut child = spawn(session, global, arguments)?;
    hand_stdin(&mut child).await;
    let socket = session.socket()?;
    let born = Instant::now() + BIRTH;
    let feed = loop {
        if let Ok(feed) = Feed::attach(&socket).await {
            break feed;
        }
        // One that ended well left the stack to another engine.
        let status = child.try_wait().map_err(CliError::state)?;
        if status.is_some_and(|status| !status.success()) || Instant::now() > born {
            // Whatever holds it up, nobody waits for it any more.
            let _ended = child.start_kill();
            return attached::failed(session, child).await;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    attach.child = Some(child);
    let code = attached::follow(session, feed, attach, screen).await?;
    Ok(code.unwrap_or(ExitCode::ServiceFailed))
}

fn spawn(session: &Session, global: &GlobalArgs, arguments: &UpArgs) -> Result<Child, CliError> {
    let program = std::env::current_exe().map_err(CliError::state)?;
    let log = session.store.open_engine_log().map_err(CliError::state)?;
    let errors = log.try_clone().map_err(CliError::state)?;
    let mut command = Command::new(program);
    if let Some(directory) = &global.directory {
        command.arg("-C").arg(directory);
    }
    for file in &global.files {
        command.arg("--file").arg(file);
    }
    if let Some(dir) = &global.project_dir {
        command.arg("--project-directory").arg(dir);
    }
    for profile in &global.profiles {
        command.arg("--profile").arg(profile);
    }
    for file in &global.env_files {
        command.arg("--env-file").arg(file);
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
        .args(arguments.changes.words())
        .arg("--")
        .args(&arguments.services);
    let stdin = match given() {
        Some(_) => Stdio::piped(),
        None => Stdio::null(),
    };
    command.stdin(stdin).stdout(log).stderr(errors);
    command.spawn().map_err(CliError::state)
}

/// A stack file that came from standard input has to go the same way again.
async fn hand_stdin(child: &mut Child) {
    if let (Some(text), Some(mut stdin)) = (given(), child.stdin.take()) {
        // Whether it has read it is told by how it goes on.
        let _written = tokio::time::timeout(BIRTH, stdin.write_all(&text)).await;
    }
}
