//! Ends a life: the signal, the grace, and then all of it.

use std::collections::BTreeSet;
use std::time::Duration;

use fs_err as fs;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::record::Record;
use super::supervisor::mark;
use super::{ProcessWorld, failed, name_of, signal, system, trouble};
use crate::plan::observed::Status;
use crate::runtime::RuntimeError;
use crate::stack::Restart;

/// What was killed is gone within this time, and noted.
const KILLED: Duration = Duration::from_secs(10);
const FIRST_LOOK: Duration = Duration::from_millis(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

impl ProcessWorld {
    /// Ends a process and everything that it started. One that does not run has ended.
    pub(super) async fn stop(
        &self,
        id: &str,
        wanted: Option<&str>,
        grace: Duration,
    ) -> Result<(), RuntimeError> {
        let name = name_of(id)?;
        let Some(record) = self.place.read(name) else {
            return Ok(());
        };
        if self.is_over(name, &record) {
            return Ok(());
        }
        near(&record)?;
        let what = format!("stop {}", record.name);
        // Before the signal, so that its supervisor knows why it ends.
        fs::write(self.place.wish(name), b"").map_err(|error| failed(&what, &error))?;
        let signal = signal::of_stop(wanted.or(record.signal.as_deref()));
        // Between two lives nothing runs: its supervisor sees the wish.
        if record.is_alive() {
            self.tell(name, &record, signal);
        }
        if self.ends_within(name, &record, grace).await {
            return Ok(());
        }
        let late = Instant::now() + KILLED;
        while Instant::now() < late {
            self.kill(name, &record);
            if self.ends_within(name, &record, LONGEST_PAUSE * 4).await {
                return Ok(());
            }
        }
        Err(trouble(format!(
            "cannot {what}: process {} does not end, not even by KILL",
            record.pid
        )))
    }

    /// Ends it where it runs, and forgets it.
    pub(super) async fn remove(&self, id: &str) -> Result<(), RuntimeError> {
        self.stop(id, None, Duration::ZERO).await?;
        let name = name_of(id)?;
        self.place
            .forget(name)
            .map_err(|error| failed(&format!("forget {name}"), &error))
    }

    /// What its supervisor does by itself while no engine is attached.
    pub(super) fn set_policy(&self, id: &str, policy: Restart) -> Result<(), RuntimeError> {
        let name = name_of(id)?;
        let mut text = policy.engine_name().to_owned();
        if let Restart::OnFailure { max: Some(max) } = policy {
            text.push_str(&format!(":{max}"));
        }
        fs::write(self.place.policy(name), text)
            .map_err(|error| failed(&format!("set the restart policy of {name}"), &error))
    }

    pub(super) fn send_signal(&self, id: &str, wanted: &str) -> Result<(), RuntimeError> {
        let name = name_of(id)?;
        let record = self
            .place
            .read(name)
            .filter(Record::is_alive)
            .ok_or_else(|| trouble(format!("{name} does not run")))?;
        let signal = signal::by_name(wanted)
            .ok_or_else(|| trouble(format!("`{wanted}` is no signal that can be sent")))?;
        system::send_group(record.pid, signal);
        Ok(())
    }

    /// What is below the supervisor. The number of one that has ended may be somebody else's.
    fn below(&self, name: &str, record: &Record) -> BTreeSet<i32> {
        if self.place.is_supervised(name) {
            system::descendants(record.supervisor)
        } else {
            BTreeSet::new()
        }
    }

    /// The group, and what moved out of it.
    fn tell(&self, name: &str, record: &Record, signal: Signal) {
        let below = self.below(name, record);
        system::send_group(record.pid, signal);
        let outside = below
            .into_iter()
            .filter(|pid| system::group(*pid) != Some(record.pid));
        outside.for_each(|pid| system::send(pid, signal));
    }

    /// The process, its group, what is below its supervisor, and what moved away from a supervisor that was killed.
    fn kill(&self, name: &str, record: &Record) {
        let below = self.below(name, record);
        if record.is_alive() {
            system::send(record.pid, Signal::KILL);
        }
        system::send_group(record.pid, Signal::KILL);
        for pid in below.into_iter().chain(system::marked(&mark(record))) {
            if pid != record.supervisor {
                system::send(pid, Signal::KILL);
            }
        }
    }

    /// Whether this life, or what came after it, has ended with all that belongs to it.
    fn is_over(&self, name: &str, life: &Record) -> bool {
        let Some(now) = self.place.read(name) else {
            return true;
        };
        let over = match self.place.status(name, &now) {
            Status::Exited { .. } => true,
            _ => now.started_at != life.started_at && !now.restarting,
        };
        // What a killed supervisor leaves, nobody else ends.
        over && (self.place.is_supervised(name) || system::marked(&mark(life)).is_empty())
    }

    async fn ends_within(&self, name: &str, life: &Record, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut pause = FIRST_LOOK;
        loop {
            if self.is_over(name, life) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(pause.min(end.saturating_duration_since(Instant::now()))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Its numbers are from somewhere else: a devcontainer, or the host around it.
fn near(record: &Record) -> Result<(), RuntimeError> {
    if record.is_near() {
        return Ok(());
    }
    Err(trouble(format!(
        "{} was started on another side of this checkout, in a container or on the host",
        record.name
    ))
    .help("end it there: `dev stop`"))
}
