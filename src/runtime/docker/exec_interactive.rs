//! A command in a container, on this process's own terminal or pipes.

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::Docker;
use super::demultiplex::Stream;
use super::exec::{Attached, ExecInput, ExecReader, ExecSpec};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::terminal::{RawMode, StdinReader, size};

impl Docker {
    /// Runs a command with this process's stdin, stdout and stderr. With `spec.tty` the terminal is raw meanwhile,
    /// and as it was afterwards, and its size follows. Returns the exit code; 0 where nobody reads the output any more.
    ///
    /// # Errors
    /// As [`Docker::attach`].
    pub async fn exec_interactive(&self, id: &str, spec: &ExecSpec) -> Result<i64, RuntimeError> {
        let Attached { input, mut output } = self.attach(id, spec, true).await?;
        let stdin = StdinReader::start().map_err(|error| {
            RuntimeError::new(
                FailureClass::Other,
                format!("cannot read the input: {error}"),
            )
        })?;
        let raw = spec.tty.then(RawMode::enter).flatten();
        let exec = output.id().to_owned();
        let beside = async {
            let resizing = async {
                if spec.tty {
                    self.follow_size(&exec).await;
                }
            };
            tokio::join!(feed(stdin, input), resizing);
            std::future::pending::<()>().await;
        };
        let shown = tokio::select! {
            shown = show(&mut output) => shown,
            () = beside => Ok(Shown::All),
        };
        drop(raw);
        if shown? == Shown::Unread {
            return Ok(0);
        }
        output.exit_code().await
    }

    /// Ends by being dropped.
    async fn follow_size(&self, exec: &str) {
        let Ok(mut changes) = signal(SignalKind::window_change()) else {
            return;
        };
        loop {
            if let Some(size) = size() {
                // A window of the wrong size is no reason to end the command.
                let _ = self.resize(exec, size).await;
            }
            changes.recv().await;
        }
    }
}

async fn feed(mut stdin: StdinReader, mut input: ExecInput) {
    while let Some(bytes) = stdin.next().await {
        if input.write(&bytes).await.is_err() {
            return;
        }
    }
    let _ = input.close().await;
}

/// How far the output got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    All,
    /// Whoever read it has seen enough, as `head` does.
    Unread,
}

async fn show(output: &mut ExecReader) -> Result<Shown, RuntimeError> {
    let (mut stdout, mut stderr) = (tokio::io::stdout(), tokio::io::stderr());
    while let Some(piece) = output.next().await {
        let written = match piece? {
            (Stream::Stdout, bytes) => write(&mut stdout, &bytes).await,
            (Stream::Stderr, bytes) => write(&mut stderr, &bytes).await,
        };
        if let Err(error) = written {
            if error.kind() == std::io::ErrorKind::BrokenPipe {
                return Ok(Shown::Unread);
            }
            let message = format!("cannot write the output: {error}");
            return Err(RuntimeError::new(FailureClass::Other, message));
        }
    }
    Ok(Shown::All)
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}
