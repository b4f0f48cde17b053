//! The state folder: `.dev/` beside the stack file, which ignores itself in git. Everything in it can be made again,
//! except generated secrets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::event::Failure;
use crate::plan::allocate::Allocations;
use crate::plan::observed::{BuildRecord, JobRecord};
use crate::stack::Runtime;
use crate::stack::file::Reading;

/// Who makes a state folder locks it within this time.
const ABOUT_TO_LOCK: Duration = Duration::from_secs(60);

/// What one stack remembers between two runs of `dev`.
#[derive(Debug, Clone)]
pub struct Store {
    /// `.dev`
    root: Utf8PathBuf,
    /// `.dev/NAME`
    dir: Utf8PathBuf,
    key: [u8; 32],
}

/// The layers that a running stack was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Remembered {
    pub envs: Vec<String>,
    /// How its files are found and read.
    #[serde(default)]
    pub reading: Option<Reading>,
    /// Services of the last `up`; empty: all.
    pub scope: Vec<String>,
    /// On what it runs; `Auto` while that was not to be decided.
    #[serde(default)]
    pub runtime: Runtime,
    /// Replicas instead of those of the file, by service.
    #[serde(default)]
    pub scale: BTreeMap<String, u32>,
    /// Ports that the file opens to the network are not.
    #[serde(default)]
    pub loopback: bool,
}

/// A run of a job: noted before it begins, so that whoever sees its end knows what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct JobRun {
    /// The container's id.
    pub container: String,
    /// Its entry in [`crate::plan::desired::Desired::jobs`] at that time.
    pub basis: String,
}

/// How a service failed, for who asks when no engine runs any more. Passed the redactor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct KeptFailure {
    pub failure: Failure,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Restarts after crashes before that.
    pub restarts: u32,
    /// It was not to be tried again.
    pub gave_up: bool,
    /// The ids of the containers of which it is true, where it is one of those alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
}

/// Held as long as an engine runs on the stack.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Store {
    /// Opens the state folder of the stack `name` in `stack_dir`, and makes it where it is missing.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open(stack_dir: &Utf8Path, name: &str) -> io::Result<Self> {
        let root = stack_dir.join(".dev");
        let dir = root.join(name);
        fs::create_dir_all(&dir)?;
        own_folder(&dir.join("logs"))?;
        let ignore = root.join(".gitignore");
        if !ignore.exists() {
            write_whole(&ignore, b"*\n", 0o644)?;
        }
        let key = random_file(&root.join("key"))?;
        Ok(Self { root, dir, key })
    }

    /// Takes away what this stack remembers; that of others under the same stack file stays.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn discard(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.dir)
    }

    /// The names under which stacks keep something here.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().join("logs").is_dir());
        folders
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    /// The lock of another stack here that somebody had and has no more. Never makes anything: what is removed at this
    /// moment stays so.
    pub fn left(&self, name: &str) -> Option<Lock> {
        let path = self.root.join(name).join("lock");
        match File::options().write(true).open(&path) {
            Ok(file) => take(file, &path).ok()?,
            // Killed between two steps, unless it is about to take the second.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = fs::metadata(self.root.join(name)).ok()?.modified().ok()?;
                let is_old = made.elapsed().is_ok_and(|age| age >= ABOUT_TO_LOCK);
                let file = is_old.then(|| File::create_new(&path))?.ok()?;
                take(file, &path).ok()?
            }
            Err(_) => None,
        }
    }

    /// Keys the hashes of secrets; never leaves the machine.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Names this checkout, the same from the host and from inside a devcontainer.
    pub fn checkout(&self) -> String {
        crate::plan::desired::checkout_of(&self.key)
    }

    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// `.dev/NAME`
    pub fn dir(&self) -> Utf8PathBuf {
        self.dir.clone()
    }

    pub fn logs(&self) -> Utf8PathBuf {
        self.dir.join("logs")
    }

    /// Generated secrets belong to the checkout, not to one name of it.
    pub fn secrets(&self) -> Utf8PathBuf {
        self.root.join("secrets")
    }

    /// Where the index of file hashes is kept.
    pub fn index(&self) -> Utf8PathBuf {
        self.dir.join("index")
    }

    /// What one instance of a service was sent.
    pub fn synced(&self, service: &str, index: u32) -> Utf8PathBuf {
        self.dir.join("synced").join(format!("{service}-{index}"))
    }

    pub fn engine_log(&self) -> Utf8PathBuf {
        self.dir.join("engine.log")
    }

    /// Empties the log of an engine in the background.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn open_engine_log(&self) -> io::Result<File> {
        let mut options = File::options();
        options.create(true).truncate(true).write(true).mode(0o600);
        options.open(self.engine_log())
    }

    pub fn ports(&self) -> Allocations {
        let entries: Vec<(crate::plan::allocate::PortKey, u16)> = self.read("ports.json");
        entries.into_iter().collect()
    }

    /// # Errors
    /// Whatever the file system says; also below.
    pub fn set_ports(&self, ports: &Allocations) -> io::Result<()> {
        let entries: Vec<_> = ports.iter().collect();
        self.write("ports.json", &entries)
    }

    pub fn jobs(&self) -> BTreeMap<String, JobRecord> {
        self.read("jobs.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn set_jobs(&self, jobs: &BTreeMap<String, JobRecord>) -> io::Result<()> {
        self.write("jobs.json", jobs)
    }

    /// What each job's container was last begun with, by service, until its success is noted.
    pub fn job_runs(&self) -> BTreeMap<String, JobRun> {
        self.read("job-runs.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn set_job_runs(&self, runs: &BTreeMap<String, JobRun>) -> io::Result<()> {
        self.write("job-runs.json", runs)
    }

    /// What the images that this stack builds were last made from, by tag.
    pub fn builds(&self) -> BTreeMap<String, BuildRecord> {
        self.read("builds.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn set_builds(&self, builds: &BTreeMap<String, BuildRecord>) -> io::Result<()> {
        self.write("builds.json", builds)
    }

    /// For which life of each instance its set-up inside was done, by `SERVICE-INDEX`.
    pub fn provisioned(&self) -> BTreeMap<String, String> {
        self.read("provisioned.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn set_provisioned(&self, lives: &BTreeMap<String, String>) -> io::Result<()> {
        self.write("provisioned.json", lives)
    }

    /// How services failed that have not been ready since, by name.
    pub fn failures(&self) -> BTreeMap<String, KeptFailure> {
        self.read("failures.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn set_failures(&self, failures: &BTreeMap<String, KeptFailure>) -> io::Result<()> {
        self.write("failures.json", failures)
    }

    pub fn remembered(&self) -> Option<Remembered> {
        self.read("layers.json")
    }

    /// # Errors
    /// See [`Store::set_ports`].
    pub fn remember(&self, layers: Option<&Remembered>) -> io::Result<()> {
        self.write("layers.json", &layers)
    }

    /// The lock of the one engine of this stack; `None` while another has it, or has just removed it with all else.
    ///
    /// # Errors
    /// Whatever the file system says, but not that it is taken.
    pub fn lock(&self) -> io::Result<Option<Lock>> {
        let path = self.dir.join("lock");
        let mut options = File::options();
        options.create(true).truncate(false).write(true);
        match options.open(&path) {
            Ok(file) => take(file, &path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The engine's socket. In the runtime folder, because the path of a socket may have 107 bytes only.
    ///
    /// # Errors
    /// The folder cannot be made, or belongs to someone else.
    pub fn socket(&self, runtime_dir: Option<&Utf8Path>) -> io::Result<Utf8PathBuf> {
        let folder = match runtime_dir {
            Some(dir) => dir.join("dev"),
            None => Utf8PathBuf::from(format!("/tmp/dev-{}", rustix::process::getuid().as_raw())),
        };
        fs::create_dir_all(&folder)?;
        let metadata = fs::metadata(&folder)?;
        if metadata.uid() != rustix::process::getuid().as_raw() {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{folder} belongs to someone else"),
            ));
        }
        fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        let name = blake3::hash(self.dir.as_str().as_bytes()).to_hex();
        Ok(folder.join(format!("{}.sock", &name[..16])))
    }

    /// A file that is missing, cut short or from another version reads as its default: all of it can be made again.
    fn read<T: DeserializeOwned + Default>(&self, name: &str) -> T {
        let text = fs::read(self.dir.join(name)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        write_whole(&self.dir.join(name), &serde_json::to_vec(value)?, 0o600)
    }
}

/// Locks the file, if it is still the one at `path`: who removes a stack does so while it holds its lock.
fn take(file: File, path: &Utf8Path) -> io::Result<Option<Lock>> {
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let locked = file.metadata()?;
    let is_there = fs::metadata(path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino()));
    Ok(is_there.then_some(Lock { _file: file }))
}

/// A folder that nobody else can look into.
fn own_folder(path: &Utf8Path) -> io::Result<()> {
    if !path.is_dir() {
        fs::create_dir_all(path)?;
    }
    let metadata = fs::metadata(path)?;
    let is_ours = metadata.uid() == rustix::process::getuid().as_raw();
    if is_ours && metadata.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Reads 32 random bytes that are made once.
fn random_file(path: &Utf8Path) -> io::Result<[u8; 32]> {
    if let Ok(bytes) = fs::read(path)
        && let Ok(bytes) = <[u8; 32]>::try_from(bytes)
    {
        return Ok(bytes);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let beside = Utf8PathBuf::from(format!("{path}.{}", std::process::id()));
    write_whole(&beside, &bytes, 0o600)?;
    // Another `dev` may be as far: what is there first, is it.
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Ok(()) => Ok(bytes),
        Err(error) => match fs::read(path).map(<[u8; 32]>::try_from) {
            Ok(Ok(bytes)) => Ok(bytes),
            // It was cut short, or there are no links here.
            _ if error.kind() == io::ErrorKind::AlreadyExists => {
                write_whole(path, &bytes, 0o600).map(|()| bytes)
            }
            _ => Err(error),
        },
    }
}

/// Writes beside, then renames: a killed `dev` leaves the old content or the new one.
fn write_whole(path: &Utf8Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = Utf8PathBuf::from(format!("{path}.{}", std::process::id()));
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(&beside)?;
    file.write_all(bytes)?;
    fs::rename(&beside, path)
}
