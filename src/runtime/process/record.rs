//! What is noted of a process, for whoever looks: beside a lock that its supervisor holds as long as it lives.

use std::fs::File;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;

use camino::Utf8PathBuf;
use fs_err as fs;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::supervisor::mark;
use super::{Place, system};
use crate::plan::observed::Status;
use crate::stack::Protocol;

/// The exit code of what ended and nobody saw how: its supervisor was killed with it.
const UNSEEN: i64 = 137;

/// `NAME.json`: one life of a process. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    /// `gold-web-1`
    pub name: String,
    pub service: String,
    pub index: u32,
    /// [`crate::plan::desired::ProcessSpec::hash`]
    pub config: String,
    pub started_at: String,
    /// (port in the file, protocol, address, where it listens)
    pub ports: Vec<(u16, Protocol, IpAddr, u16)>,
    /// What it is asked to end with, and how long it has then, in milliseconds.
    pub signal: Option<String>,
    pub grace: u64,
    pub supervisor: i32,
    /// The shell that leads the process group.
    pub pid: i32,
    /// Tells this process from a later one with its number: see [`system::start_time`].
    pub born: String,
    /// The namespace that the numbers are from.
    pub namespace: String,
    /// It ended, and its supervisor starts it again.
    pub restarting: bool,
    pub exit: Option<i64>,
    /// Nanoseconds since 1970.
    pub ended_at: i64,
}

impl Place {
    pub fn record(&self, name: &str) -> Utf8PathBuf {
        self.records.join(format!("{name}.json"))
    }

    fn lock(&self, name: &str) -> Utf8PathBuf {
        self.records.join(format!("{name}.lock"))
    }

    /// There while somebody wants the process to end.
    pub fn wish(&self, name: &str) -> Utf8PathBuf {
        self.records.join(format!("{name}.stop"))
    }

    /// The restart policy that holds while no engine is attached.
    pub fn policy(&self, name: &str) -> Utf8PathBuf {
        self.records.join(format!("{name}.restart"))
    }

    pub fn read(&self, name: &str) -> Option<Record> {
        let text = fs::read(self.record(name)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// All that are noted, by name.
    pub fn read_all(&self) -> Vec<(String, Record)> {
        let Ok(entries) = self.records.read_dir_utf8() else {
            return Vec::new();
        };
        let names = entries.filter_map(Result::ok).filter_map(|entry| {
            let name = entry.file_name().strip_suffix(".json")?;
            Some(name.to_owned())
        });
        let mut all: Vec<(String, Record)> = names
            .filter_map(|name| Some((name.clone(), self.read(&name)?)))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Writes beside, then renames.
    pub fn write(&self, name: &str, record: &Record) -> io::Result<()> {
        let beside = self.records.join(format!("{name}.{}", std::process::id()));
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&beside)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        fs::rename(&beside, self.record(name))
    }

    /// Takes the lock of a supervisor; `None`: another one has it, or somebody looks right now.
    pub fn take_lock(&self, name: &str) -> io::Result<Option<File>> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(self.lock(name))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the supervisor of a process lives. The system drops the lock with its holder, however that ends.
    pub fn is_supervised(&self, name: &str) -> bool {
        let Ok(file) = File::open(self.lock(name)) else {
            return false;
        };
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    }

    pub fn status(&self, name: &str, record: &Record) -> Status {
        let exited = |code| Status::Exited {
            code,
            out_of_memory: false,
        };
        match record.exit {
            Some(code) => exited(code),
            None if self.is_supervised(name) && record.restarting => Status::Restarting,
            None if self.is_supervised(name) => Status::Running,
            // Nobody reads what it says, nor sees its end.
            None if record.is_alive() || record.has_left_some() => Status::Dead,
            // It may have been noted between the two questions.
            None => exited(self.read(name).and_then(|r| r.exit).unwrap_or(UNSEEN)),
        }
    }

    /// Takes away all that is noted; the log stays.
    pub fn forget(&self, name: &str) -> io::Result<()> {
        for path in [
            self.record(name),
            self.wish(name),
            self.policy(name),
            self.lock(name),
        ] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Record {
    /// Its numbers mean something here.
    pub fn is_near(&self) -> bool {
        self.namespace == system::namespace()
    }

    /// Something that it started runs, although it does not itself.
    fn has_left_some(&self) -> bool {
        self.is_near() && !system::marked(&mark(self)).is_empty()
    }

    /// The shell that leads it runs, and is no other process with its number.
    pub fn is_alive(&self) -> bool {
        self.is_near() && system::start_time(self.pid).is_some_and(|born| born == self.born)
    }
}
