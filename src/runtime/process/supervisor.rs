//! The supervisor of one process: `dev` that executes itself, outlives the `dev` that did so, and ends with its process.

use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::launch::{Launch, Reply};
use super::output::{Output, now};
use super::record::Record;
use super::{Place, signal, system};

/// The argument that makes `dev` a supervisor.
pub const SUPERVISE: &str = "supervise-process";

/// What is left of a process that ended by itself has this long to end, too.
const REST: Duration = Duration::from_secs(2);
/// A look holds the lock for a moment only.
const LOCK: Duration = Duration::from_secs(2);
/// How often something that is waited for is looked at.
const MOMENT: Duration = Duration::from_millis(10);
/// What was said last is kept within this time after the end.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often it is looked whether the state folder is still there.
const LOST: Duration = Duration::from_secs(1);
/// Pauses between restarts, as the engine's.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A life that was this long has its restarts back.
const STEADY: Duration = Duration::from_secs(10);

/// Starts what comes through stdin, says on stdout how that went, and stays until it has ended. False: nothing was started.
pub fn supervise() -> bool {
    // Away from the terminal of `dev`: its Ctrl-C and its end are not ours.
    let _leads_one_already = rustix::process::setsid();
    system::adopt_orphans();
    let mut text = Vec::new();
    let launch: Launch = match io::stdin()
        .read_to_end(&mut text)
        .map(|_| serde_json::from_slice(&text))
    {
        Ok(Ok(launch)) => launch,
        // `dev` ended before it had said what to start.
        _ => return false,
    };
    drop(text);
    let mut supervisor = match Supervisor::begin(launch) {
        Ok(supervisor) => supervisor,
        Err(why) => {
            reply(&Reply::Failed(why));
            return false;
        }
    };
    supervisor.run();
    true
}

/// `dev` may be gone: then nobody asks.
fn reply(reply: &Reply) {
    if let Ok(mut text) = serde_json::to_vec(reply) {
        text.push(b'\n');
        let mut out = io::stdout();
        let _gone = out.write_all(&text).and_then(|()| out.flush());
    }
}

struct Supervisor {
    launch: Launch,
    place: Place,
    record: Record,
    /// Dropped by the system with this process.
    _lock: File,
}

/// A process that runs.
struct Life {
    pid: i32,
    output: Output,
    begun: Instant,
}

/// Numbers of folders that were removed are given again, at once on some file systems.
fn identity(folder: &Metadata) -> (u64, u64, Option<SystemTime>) {
    (folder.dev(), folder.ino(), folder.created().ok())
}

impl Supervisor {
    /// # Errors
    /// In words: why nothing can be supervised.
    fn begin(launch: Launch) -> Result<Self, String> {
        let place = Place {
            records: launch.records.clone(),
            logs: launch.logs.clone(),
        };
        let late = Instant::now() + LOCK;
        let lock = loop {
            match place.take_lock(&launch.name) {
                Ok(Some(lock)) => break lock,
                Ok(None) if Instant::now() < late => sleep(MOMENT),
                Ok(None) => return Err("it runs already".to_owned()),
                Err(error) => return Err(format!("its lock cannot be had: {error}")),
            }
        };
        let record = launch.record.clone();
        Ok(Self {
            launch,
            place,
            record,
            _lock: lock,
        })
    }

    fn run(&mut self) {
        let mut life = match self.start() {
            Ok(life) => life,
            Err(why) => return reply(&Reply::Failed(why)),
        };
        reply(&Reply::Started(Box::new(self.record.clone())));
        self.end_with_state_folder();
        let mut restarts: u32 = 0;
        loop {
            let begun = life.begun;
            let code = self.until_end(life);
            if begun.elapsed() >= STEADY {
                restarts = 0;
            }
            if !self.may_restart(code, restarts) {
                return self.note_end(code);
            }
            self.record.restarting = true;
            self.note();
            let again = self.pause(
                FIRST_PAUSE
                    .saturating_mul(1 << restarts.min(6))
                    .min(LONGEST_PAUSE),
            );
            restarts += 1;
            // An engine that came back, or a person, may have changed its mind for it.
            if !again || !self.may_restart(code, 0) {
                return self.note_end(code);
            }
            life = match self.start() {
                Ok(life) => life,
                Err(_) => return self.note_end(code),
            };
        }
    }

    /// What was removed with the whole state folder would be found by nobody any more: it ends, too. An engine that runs on makes
    /// another folder by that name.
    fn end_with_state_folder(&self) {
        let (folder, own) = (self.place.records.clone(), self.record.supervisor);
        let signal = signal::of_stop(self.record.signal.as_deref());
        let grace = Duration::from_millis(self.record.grace);
        let send = move |signal| {
            let below = system::descendants(own).into_iter();
            below.for_each(|pid| system::send(pid, signal));
        };
        let known = folder.symlink_metadata().as_ref().ok().map(identity);
        std::thread::spawn(move || {
            let is_gone = || match folder.symlink_metadata() {
                Ok(seen) => known.is_some_and(|known| known != identity(&seen)),
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            while !is_gone() {
                sleep(LOST);
            }
            send(signal);
            sleep(grace);
            // Until the supervisor has seen the end of all of it, and ends with this thread.
            loop {
                send(Signal::KILL);
                sleep(LOST);
            }
        });
    }

    fn start(&mut self) -> Result<Life, String> {
        let Launch {
            command,
            env,
            workdir,
            ..
        } = &self.launch;
        let stamp = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(command)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env(system::MARK, mark(&self.record))
            .current_dir(workdir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| format!("`sh` cannot be started in {workdir}: {error}"))?;
        let pid = Pid::from_child(&child).as_raw_nonzero().get();
        let output = Output::read(&self.launch, child.stdout.take(), child.stderr.take());
        self.record.started_at = stamp;
        self.record.supervisor = rustix::process::getpid().as_raw_nonzero().get();
        self.record.pid = pid;
        // One that has ended already has no birth any more, and needs none.
        self.record.born = system::start_time(pid).unwrap_or_default();
        self.record.namespace = system::namespace();
        self.record.restarting = false;
        self.record.exit = None;
        if let Err(error) = self.place.write(&self.launch.name, &self.record) {
            system::send_group(pid, Signal::KILL);
            return Err(format!("it cannot be noted down: {error}"));
        }
        Ok(Life {
            pid,
            output,
            begun: Instant::now(),
        })
    }

    /// Waits until the process and all that it started has ended.
    fn until_end(&mut self, life: Life) -> i64 {
        let code = wait_for(life.pid);
        self.end_rest(life.pid);
        life.output.finish(LAST_WORDS);
        code
    }

    /// Whoever wants the process to end has told all of it so already, and kills what does not; else that is done here.
    fn end_rest(&self, group: i32) {
        let own = self.record.supervisor;
        let asked = self.is_unwanted();
        let patience = if asked {
            Duration::from_millis(self.record.grace) + REST
        } else {
            REST
        };
        if nothing_left(group) {
            return;
        }
        let signal = signal::of_stop(self.record.signal.as_deref());
        if !asked {
            system::send_group(group, signal);
            system::descendants(own)
                .into_iter()
                .for_each(|pid| system::send(pid, signal));
        }
        let end = Instant::now() + patience;
        let last = end + REST;
        while !nothing_left(group) && Instant::now() < last {
            if Instant::now() >= end {
                system::send_group(group, Signal::KILL);
                system::descendants(own)
                    .into_iter()
                    .for_each(|pid| system::send(pid, Signal::KILL));
            }
            sleep(MOMENT);
        }
    }

    fn is_unwanted(&self) -> bool {
        self.place.wish(&self.launch.name).exists()
    }

    fn may_restart(&self, code: i64, restarts: u32) -> bool {
        let policy =
            fs_err::read_to_string(self.place.policy(&self.launch.name)).unwrap_or_default();
        let mut words = policy.split(':');
        let allowed = match words.next() {
            Some("always" | "unless-stopped") => true,
            Some("on-failure") => {
                let most = words.next().and_then(|number| number.trim().parse().ok());
                code != 0 && restarts < most.unwrap_or(u32::MAX)
            }
            _ => false,
        };
        allowed && !self.is_unwanted()
    }

    /// False: it is wanted no more.
    fn pause(&self, pause: Duration) -> bool {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            if self.is_unwanted() {
                return false;
            }
            sleep(MOMENT);
        }
        true
    }

    fn note_end(&mut self, code: i64) {
        self.record.exit = Some(code);
        self.record.restarting = false;
        self.record.ended_at = i64::try_from(now()).unwrap_or(i64::MAX);
        self.note();
    }

    /// What cannot be noted, as on a full disk, is seen from the lock that goes with this process.
    fn note(&self) {
        let _full = self.place.write(&self.launch.name, &self.record);
    }
}

/// Names one life in the environment of all that it starts.
pub fn mark(record: &Record) -> String {
    format!("{} {}", record.name, record.id)
}

/// The exit code, or 128 and the signal. Takes in what else ends meanwhile.
fn wait_for(pid: i32) -> i64 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended.as_raw_nonzero().get() == pid => {
                return code(status);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return 255,
        }
    }
}

fn code(status: WaitStatus) -> i64 {
    let signal = status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or(signal).map_or(255, i64::from)
}

/// Takes in what has ended; says whether nothing of the process is left.
fn nothing_left(group: i32) -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return false,
            Err(_) => break,
        }
    }
    let Some(group) = Pid::from_raw(group) else {
        return true;
    };
    rustix::process::test_kill_process_group(group).is_err()
}
