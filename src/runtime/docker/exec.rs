//! Commands inside a running container.

use std::fmt;
use std::time::Duration;

use bollard::models::ExecConfig;
use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::Docker;
use super::call::{QUICK, call, within};
use super::classify::failure;
use super::container::short;
use super::demultiplex::{Demultiplexer, Stream};
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

/// Bytes kept of each of stdout and stderr; what comes after is read and dropped.
pub const KEPT_OUTPUT: usize = 1024 * 1024;
/// For the engine to notice that a command has ended whose output has.
const EXIT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// A command to run.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExecSpec {
    pub command: Vec<String>,
    pub env: Vec<(String, String)>,
    /// `None`: the container's.
    pub user: Option<String>,
    /// `None`: the container's.
    pub workdir: Option<String>,
    pub privileged: bool,
    /// Give it a terminal; then stdout and stderr are one.
    pub tty: bool,
}

impl ExecSpec {
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// Arguments and variables may hold secrets.
impl fmt::Debug for ExecSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSpec")
            .field("program", &self.command.first())
            .field("user", &self.user)
            .field("tty", &self.tty)
            .finish_non_exhaustive()
    }
}

/// How a command ended. 126 and 127: it could not be run, and the output says why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    pub exit_code: i64,
    /// At most [`KEPT_OUTPUT`] bytes, the first ones.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// There was more.
    pub truncated: bool,
}

impl ExecOutput {
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }
}

/// A command that runs, with its input and output in our hands. Dropping it closes its input and stops reading; the
/// engine does not end the command for that.
pub struct Attached {
    pub input: ExecInput,
    pub output: ExecReader,
}

/// The command's stdin.
pub struct ExecInput {
    writer: WriteHalf<TokioIo<Upgraded>>,
}

/// The command's stdout and stderr, and then its exit code.
pub struct ExecReader {
    docker: Docker,
    exec: String,
    what: String,
    reader: ReadHalf<TokioIo<Upgraded>>,
    demultiplexer: Demultiplexer,
    buffer: BytesMut,
}

impl Docker {
    /// Runs a command to its end. `stdin` is its whole input.
    ///
    /// # Errors
    /// `Other` when the container does not run, or the command has not ended within `limit` (it goes on in the
    /// container: engines have no way to end it); `Engine`. An exit code is no error.
    pub async fn exec(
        &self,
        id: &str,
        spec: &ExecSpec,
        stdin: Option<Bytes>,
        limit: Duration,
    ) -> Result<ExecOutput, RuntimeError> {
        let running = async {
            let Attached {
                mut input,
                mut output,
            } = self.attach(id, spec, stdin.is_some()).await?;
            let mut result = ExecOutput::default();
            let feeding = async {
                if let Some(bytes) = stdin {
                    // A command that ends without reading its input is not at fault.
                    let _ = input.write(&bytes).await;
                    let _ = input.close().await;
                }
                Ok(())
            };
            let reading = async {
                while let Some(piece) = output.next().await {
                    let (stream, bytes) = piece?;
                    result.truncated |= match stream {
                        Stream::Stdout => keep(&mut result.stdout, &bytes),
                        Stream::Stderr => keep(&mut result.stderr, &bytes),
                    };
                }
                Ok::<_, RuntimeError>(())
            };
            tokio::try_join!(feeding, reading)?;
            result.exit_code = output.exit_code().await?;
            Ok(result)
        };
        tokio::time::timeout(limit, running)
            .await
            .unwrap_or_else(|_| {
                Err(RuntimeError::new(
                    FailureClass::Other,
                    format!(
                        "cannot {}: it has not ended within {limit:?}",
                        title(id, spec)
                    ),
                ))
            })
    }

    /// Starts a command and hands over its input and output. `stdin`: it has an input at all.
    ///
    /// # Errors
    /// `Other` when the container does not run or is paused; `Engine`.
    pub async fn attach(
        &self,
        id: &str,
        spec: &ExecSpec,
        stdin: bool,
    ) -> Result<Attached, RuntimeError> {
        let what = title(id, spec);
        let config = ExecConfig {
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.tty),
            env: Some(
                spec.env
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect(),
            ),
            cmd: Some(spec.command.clone()),
            user: spec.user.clone(),
            working_dir: spec.workdir.clone(),
            privileged: spec.privileged.then_some(true),
            ..ExecConfig::default()
        };
        let create = self.client().create_exec(id, config);
        let exec = call(&what, QUICK, create).await?.id;
        let body = Bytes::from(format!(r#"{{"Detach":false,"Tty":{}}}"#, spec.tty));
        let stream = self
            .upgrade(&format!("/exec/{exec}/start"), body, QUICK)
            .await
            .map_err(|fault| failure(&what, &fault))?;
        let (reader, writer) = tokio::io::split(stream);
        Ok(Attached {
            input: ExecInput { writer },
            output: ExecReader {
                docker: self.clone(),
                exec,
                what,
                reader,
                demultiplexer: Demultiplexer::new(spec.tty),
                buffer: BytesMut::with_capacity(16 * 1024),
            },
        })
    }

    /// Tells a command with a terminal how large that is. Rows, columns.
    pub(super) async fn resize(
        &self,
        exec: &str,
        (rows, columns): (u16, u16),
    ) -> Result<(), Fault> {
        let options = bollard::query_parameters::ResizeExecOptionsBuilder::new()
            .h(rows.into())
            .w(columns.into())
            .build();
        within(QUICK, self.client().resize_exec(exec, options)).await
    }
}

impl ExecInput {
    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The command has ended or closed its input.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }

    /// For who writes without a pause.
    pub(super) fn into_writer(self) -> impl AsyncWrite + Send {
        self.writer
    }

    /// Ends the input; the command reads end of file.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn close(&mut self) -> std::io::Result<()> {
        self.writer.shutdown().await
    }
}

impl ExecReader {
    /// The next piece of output; `None` when the command has closed it, usually by ending. Can be dropped while it
    /// waits, without a loss.
    pub async fn next(&mut self) -> Option<Result<(Stream, Bytes), RuntimeError>> {
        loop {
            if let Some(piece) = self.demultiplexer.next_piece() {
                return Some(Ok((piece.stream, piece.bytes)));
            }
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) => return None,
                Ok(_) => self.demultiplexer.feed(&self.buffer.split()),
                Err(error) => {
                    let fault = Fault::Connection(error.to_string());
                    return Some(Err(failure(&self.what, &fault)));
                }
            }
        }
    }

    /// The exit code, once the output has ended.
    ///
    /// # Errors
    /// `Other` when the command still runs after 5 seconds: it has closed its output and goes on.
    pub async fn exit_code(&mut self) -> Result<i64, RuntimeError> {
        let asking = async {
            loop {
                let found = self.docker.client().inspect_exec(&self.exec);
                let found = call(&self.what, QUICK, found).await?;
                if found.running != Some(true)
                    && let Some(code) = found.exit_code
                {
                    return Ok(code);
                }
                // The end of the output is seen a moment before the end of the command is written down.
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(EXIT, asking)
            .await
            .unwrap_or_else(|_| {
                let message = format!("cannot {}: its output has ended, but it has not", self.what);
                Err(RuntimeError::new(FailureClass::Other, message))
            })
    }

    pub(super) fn id(&self) -> &str {
        &self.exec
    }
}

/// Only the program: arguments may hold secrets.
fn title(id: &str, spec: &ExecSpec) -> String {
    let program = spec.command.first().map_or("nothing", String::as_str);
    format!("run {program} in container {}", short(id))
}

/// Whether something had to be dropped.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let room = KEPT_OUTPUT - kept.len();
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    bytes.len() > room
}
