//! What the engine asks of the outside: one look, one call at a time, and what changes by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use camino::Utf8PathBuf;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{ProgressSender, RuntimeError};
use crate::plan::Action;
use crate::plan::observed::{Observed, ObservedContainer};

/// What a look should cover beside everything that carries the project's label.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    pub project: String,
    /// Image references to inspect.
    pub images: BTreeSet<String>,
    /// Networks by the engine's name.
    pub networks: BTreeSet<String>,
    /// Volumes by the engine's name.
    pub volumes: BTreeSet<String>,
}

/// An operation with everything known that earlier operations yield.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub action: Action,
    /// The image id or container id that the action's input stands for.
    pub input: Option<String>,
    /// Labels for what is created: project, checkout.
    pub labels: Vec<(String, String)>,
}

/// What an operation yields for those after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Nothing,
    /// An image id.
    Image(String),
    /// A container id.
    Container(String),
    /// A container that runs now.
    Started(Box<ObservedContainer>),
}

/// Something that changed by itself; the next look says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A container of the project began or ended, or was removed, paused or continued. `service` where labelled.
    Container {
        id: String,
        service: Option<String>,
        began: bool,
    },
    /// A container's first process ended. Told before the engine has cleaned up after it, which takes it 100 ms in which
    /// it answers no question about that container.
    Ended {
        id: String,
        code: i64,
        /// Nanoseconds since 1970.
        at: i64,
    },
    /// A container was sent a signal. `may_stop`: it is none that only `docker kill` sends by itself.
    Signalled {
        id: String,
        service: String,
        may_stop: bool,
    },
    /// Somebody told the engine to stop a container, and it has ended. Comes a moment after [`Change::Ended`] or before it,
    /// and not for one that ended in another way.
    Stopped {
        id: String,
        service: String,
        /// Which replica.
        index: u32,
        /// Nanoseconds since 1970.
        at: i64,
    },
    /// A network, volume or image of the project came or went.
    Other,
    /// The stream ended: the engine went away, or was restarted.
    Lost(String),
}

/// A command inside a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    pub command: Vec<String>,
    pub user: Option<String>,
    pub workdir: Option<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    pub privileged: bool,
    pub timeout: Option<Duration>,
}

/// What a command inside a container said; output is bounded, the end of it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    pub code: i64,
    pub output: String,
}

/// One line of a container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Nanoseconds since 1970.
    pub at: i128,
    pub error: bool,
    pub line: String,
}

/// Which part of a log is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogRange {
    /// From this time on, itself included: nanoseconds since 1970; 0: from the beginning.
    pub since: i128,
    /// Only about so many of the last lines. The first of them may lack its beginning, and where all are as cheap, there are
    /// more.
    pub tail: Option<u64>,
    /// Those to come, too.
    pub follow: bool,
    /// There may be much before `since`, which is not to be read.
    pub seek: bool,
}

impl LogRange {
    /// What was said since then.
    pub fn since(since: i128) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    /// The same and what is to come.
    pub fn following(since: i128) -> Self {
        Self {
            since,
            follow: true,
            ..Self::default()
        }
    }
}

/// A command that runs inside a container, its input and output in our hands. Dropping it ends its input.
pub struct Held {
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// Only what it writes to stdout.
    pub output: Pin<Box<dyn AsyncRead + Send>>,
}

/// A change of files inside a container: a tar archive, and paths that go.
#[derive(Debug, Clone, Default)]
pub struct FileChange {
    /// Folder to unpack at, `None`: `/`.
    pub at: Option<String>,
    pub archive: Option<Utf8PathBuf>,
    pub bytes: bytes::Bytes,
    /// What is in a folder before the folder, which stays where it holds something else.
    pub remove: Vec<String>,
    /// No file takes the place of a folder, and no folder that of a file: the engine refuses it.
    pub keeps_kinds: bool,
}

/// What a container that does not run yet has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ground {
    /// Numbers of the user and the group that its command will run as, where they can be told.
    pub owner: Option<(u64, u64)>,
    /// Of the folders that were asked for: those that are not there.
    pub missing: Vec<String>,
    /// Those that are folders indeed.
    pub folders: Vec<String>,
}

/// Who listens at an address of this machine, as far as it can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listening {
    /// The process of another service, or of another stack, that `dev` started: `gold-web-1`.
    pub other: Option<String>,
    /// Nothing listens at that port but on loopback.
    pub loopback_only: bool,
}

/// A container engine. Every future may be dropped; what the engine had begun, it may still end.
pub trait World: Send + Sync + 'static {
    fn look<'a>(&'a self, ask: &'a Look) -> BoxFuture<'a, Result<Observed, RuntimeError>>;
    /// The host processes of the stack alone, whether the container engine answers or not.
    fn processes(&self) -> BoxFuture<'static, Vec<ObservedContainer>> {
        Box::pin(async { Vec::new() })
    }
    fn perform<'a>(
        &'a self,
        call: &'a Call,
        progress: ProgressSender,
    ) -> BoxFuture<'a, Result<Output, RuntimeError>>;
    /// Changes of the project's own things, until the stream is lost.
    fn changes(&self, project: &str) -> BoxStream<'static, Change>;
    fn exec<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<ExecOutput, RuntimeError>>;
    /// Starts a command and holds on to it.
    fn hold<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<Held, RuntimeError>>;
    fn signal<'a>(
        &'a self,
        container: &'a str,
        signal: &'a str,
    ) -> BoxFuture<'a, Result<(), RuntimeError>>;
    fn put_files<'a>(
        &'a self,
        container: &'a str,
        change: FileChange,
    ) -> BoxFuture<'a, Result<(), RuntimeError>>;
    /// What a container has that does not run yet; `folders` are absolute paths.
    fn ground<'a>(
        &'a self,
        _container: &'a str,
        _folders: &'a [String],
    ) -> BoxFuture<'a, Result<Ground, RuntimeError>> {
        Box::pin(std::future::ready(Ok(Ground::default())))
    }
    fn logs(&self, container: &str, range: LogRange) -> BoxStream<'static, LogLine>;
    /// Who listens where the process `id` should.
    fn listening<'a>(&'a self, _id: &'a str, _at: SocketAddr) -> BoxFuture<'a, Listening> {
        Box::pin(std::future::ready(Listening::default()))
    }
    /// Whether addresses of the engine's bridge networks can be reached from here.
    fn bridge_is_routable(&self) -> bool;
    /// One line for people: kind, version, address.
    fn describe(&self) -> String;
}
