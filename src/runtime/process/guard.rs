//! A command that must not outlive the `dev` that runs it: it hangs on a small process of its own, which notices when that one is
//! gone, and ends all that the command has started.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Signal, getpid, getppid};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use super::system;

/// The hidden command of `dev`: then the number of the parent, `group` or `terminal`, and the words.
pub const GUARD: &str = "guard-command";
/// A command that cannot be started, as shells say it.
const NOT_STARTED: u8 = 127;
/// How soon the end of the parent is noticed.
const LOOK: Duration = Duration::from_millis(200);
/// What is left of a parent that was killed may take this long to end.
const GRACE: Duration = Duration::from_secs(10);
/// How long what a command left in the background may take.
const LEFT: Duration = Duration::from_secs(2);
/// How soon its end is noticed.
const LEFT_LOOK: Duration = Duration::from_millis(20);

/// How to run `command` so that it ends when this process does, however that ends. `own_group`: the command leads a process group of
/// its own, to which a TERM of the guard goes on; on a terminal it has to stay in the one that reads from it. A second TERM kills
/// everything.
pub fn guarded(command: &[OsString], own_group: bool) -> Command {
    let mut guard = Command::new(system::own_program());
    guard
        .arg0("dev")
        .arg(GUARD)
        .arg(getpid().as_raw_nonzero().to_string())
        .arg(if own_group { "group" } else { "terminal" })
        .args(command);
    if own_group {
        guard.process_group(0);
    }
    guard
}

/// Runs what [`guarded`] has put together; the code that the command ended with, 128 and more for a signal.
pub fn guard(arguments: &[OsString]) -> u8 {
    let [parent, group, program, rest @ ..] = arguments else {
        return NOT_STARTED;
    };
    let parent = parent.to_str().and_then(|text| text.parse().ok());
    system::adopt_orphans();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| {
        let mut command = Command::new(program);
        command.args(rest);
        let own_group = group == "group";
        if own_group {
            command.process_group(0);
        }
        runtime.block_on(run(command, parent, own_group))
    });
    match ended {
        Ok(status) => code(status),
        Err(_) => NOT_STARTED,
    }
}

async fn run(mut command: Command, parent: Option<i32>, own_group: bool) -> io::Result<ExitStatus> {
    // Before there is anything to pass them on to.
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    // A terminal tells the command by itself.
    let _int = signal(SignalKind::interrupt())?;
    let mut child = command.spawn()?;
    let tell = |child: &Child, all: bool, signal| {
        let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        if own_group {
            system::send_group(pid, signal);
        } else {
            system::send(pid, signal);
        }
        if all {
            everything(signal);
        }
    };
    let mut looks = tokio::time::interval(LOOK);
    let mut told = false;
    loop {
        tokio::select! {
            ended = child.wait() => {
                leave_nothing().await;
                return ended;
            }
            _ = term.recv() => {
                tell(&child, told, if told { Signal::KILL } else { Signal::TERM });
                told = true;
            }
            _ = hup.recv() => tell(&child, false, Signal::HUP),
            _ = looks.tick() => if is_alone(parent) { break },
        }
    }
    tell(&child, true, Signal::TERM);
    let ended = tokio::time::timeout(GRACE, child.wait()).await;
    everything(Signal::KILL);
    match ended {
        Ok(ended) => ended,
        Err(_) => child.wait().await,
    }
}

/// Ends what a command that ended itself has left in the background.
async fn leave_nothing() {
    for signal in [Signal::TERM, Signal::KILL] {
        everything(signal);
        let gone = async {
            while !beneath().is_empty() {
                tokio::time::sleep(LEFT_LOOK).await;
            }
        };
        if tokio::time::timeout(LEFT, gone).await.is_ok() {
            return;
        }
    }
}

fn beneath() -> BTreeSet<i32> {
    system::descendants(getpid().as_raw_nonzero().get())
}

/// To all that hangs on this process.
fn everything(signal: Signal) {
    beneath()
        .into_iter()
        .for_each(|pid| system::send(pid, signal));
}

fn is_alone(parent: Option<i32>) -> bool {
    getppid().map(|parent| parent.as_raw_nonzero().get()) != parent
}

fn code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}
