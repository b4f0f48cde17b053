//! A command in a pod, on this process's own terminal or pipes.

use ::kube::api::{Api, AttachParams, AttachedProcess, TerminalSize};
use futures_util::SinkExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::{Kube, PodSeen};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::terminal::{RawMode, StdinReader, size};

/// Bytes on their way through one of the three.
const BUFFER: usize = 64 * 1024;
/// What a shell says of a command that is not there, and of one that it may not run.
const NOT_FOUND: i64 = 127;
const NOT_RUN: i64 = 126;

/// A command for a container: a pod's has no variables, folder or user of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    pub words: Vec<String>,
    pub env: Vec<(String, String)>,
    pub workdir: Option<String>,
    pub tty: bool,
}

impl Command {
    /// With `env` and `sh` of the image for what the API has no field for.
    fn argv(&self) -> Vec<String> {
        let mut argv = Vec::new();
        if let Some(dir) = &self.workdir {
            let script = "cd -- \"$0\" && exec \"$@\"";
            argv.extend(["sh", "-c", script, dir].map(str::to_owned));
        }
        if !self.env.is_empty() {
            argv.push("env".to_owned());
            let given = self.env.iter();
            argv.extend(given.map(|(name, value)| format!("{name}={value}")));
        }
        argv.extend(self.words.iter().cloned());
        argv
    }
}

impl Kube {
    /// Runs a command with this process's stdin, stdout and stderr. With `tty` the terminal is raw meanwhile, and as it was
    /// afterwards, and its size follows. Returns the exit code; 0 where nobody reads the output any more.
    ///
    /// # Errors
    /// The API server or the node refuses, or the connection ends before the command.
    pub async fn exec_interactive(
        &self,
        namespace: &str,
        pod: &PodSeen,
        command: &Command,
    ) -> Result<i64, RuntimeError> {
        let api: Api<Pod> = Api::namespaced(self.patient.clone(), namespace);
        let parameters = AttachParams {
            container: Some(pod.container.clone()),
            stdin: true,
            stdout: true,
            // A terminal has one output.
            stderr: !command.tty,
            tty: command.tty,
            max_stdin_buf_size: Some(BUFFER),
            max_stdout_buf_size: Some(BUFFER),
            max_stderr_buf_size: Some(BUFFER),
        };
        let attached = api.exec(&pod.name, command.argv(), &parameters).await;
        let mut process = attached.map_err(|error| {
            self.failed(&format!("cannot run a command in {}", pod.name), &error)
        })?;
        let stdin = StdinReader::start().map_err(|error| {
            let message = format!("cannot read the input: {error}");
            RuntimeError::new(FailureClass::Other, message)
        })?;
        let raw = command.tty.then(RawMode::enter).flatten();
        let shown = show(&mut process, stdin).await;
        drop(raw);
        let Some(status) = shown? else {
            return Ok(0);
        };
        let message = match code(&status) {
            Ok(code) => return Ok(code),
            Err(message) => format!("cannot run a command in {}: {message}", pod.name),
        };
        let failed = RuntimeError::new(FailureClass::Other, &message);
        let Some(code) = not_begun(&message) else {
            return Err(failed);
        };
        let line = format!("{message}\n");
        // Whoever reads nothing sees the code.
        let mut stderr = tokio::io::stderr();
        let _unread = stderr.write_all(line.as_bytes()).await;
        let _unread = stderr.flush().await;
        Ok(code)
    }
}

/// What came of the command; `None`: nobody reads what it says.
async fn show(
    process: &mut AttachedProcess,
    stdin: StdinReader,
) -> Result<Option<Status>, RuntimeError> {
    let (input, sizes) = (process.stdin(), process.terminal_size());
    let (stdout, stderr) = (process.stdout(), process.stderr());
    let status = process.take_status();
    let beside = async {
        let feeding = async {
            if let Some(input) = input {
                feed(stdin, input).await;
            }
        };
        let resizing = async {
            if let Some(sizes) = sizes {
                follow_size(sizes).await;
            }
        };
        tokio::join!(feeding, resizing);
        std::future::pending::<()>().await;
    };
    let showing = async {
        tokio::try_join!(
            copy(stdout, tokio::io::stdout()),
            copy(stderr, tokio::io::stderr())
        )
    };
    let shown = tokio::select! {
        shown = showing => shown,
        () = beside => Ok(((), ())),
    };
    if let Err(error) = shown {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Ok(None);
        }
        let message = format!("cannot write the output: {error}");
        return Err(RuntimeError::new(FailureClass::Other, message));
    }
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    let lost = || {
        RuntimeError::new(
            FailureClass::Engine,
            "the connection ended before the command",
        )
    };
    status.map(Some).ok_or_else(lost)
}

async fn feed(mut stdin: StdinReader, mut input: impl AsyncWrite + Unpin) {
    while let Some(bytes) = stdin.next().await {
        if input.write_all(&bytes).await.is_err() {
            return;
        }
    }
    let _ended = input.shutdown().await;
}

async fn follow_size(mut sizes: impl futures_util::Sink<TerminalSize> + Unpin) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else {
        return;
    };
    loop {
        if let Some((height, width)) = size() {
            // A window of the wrong size is no reason to end the command.
            let _ended = sizes.send(TerminalSize { width, height }).await;
        }
        changes.recv().await;
    }
}

async fn copy(
    from: Option<impl AsyncRead + Unpin>,
    mut to: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let Some(mut from) = from else {
        return Ok(());
    };
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(()),
            size => to.write_all(&buffer[..size]).await?,
        }
        to.flush().await?;
    }
}

/// Its exit code, or why there is none.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apimachinery/pkg/util/remotecommand/constants.go>
fn code(status: &Status) -> Result<i64, String> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let mut causes = causes.flatten();
    let exit = causes.find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = exit.and_then(|cause| cause.message.as_deref()?.parse().ok());
    code.ok_or_else(|| status.message.clone().unwrap_or_default())
}

/// The code that a shell has for a command which cannot be begun.
fn not_begun(message: &str) -> Option<i64> {
    let has = |text: &str| message.contains(text);
    if has("executable file not found") || has("no such file or directory") {
        return Some(NOT_FOUND);
    }
    has("permission denied").then_some(NOT_RUN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_a_folder_are_the_images_own_business() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut command = Command {
            words: words("ls -l"),
            ..Command::default()
        };
        assert_eq!(command.argv(), words("ls -l"));
        command.env = vec![("A".to_owned(), "b c".to_owned())];
        assert_eq!(command.argv(), ["env", "A=b c", "ls", "-l"]);
        command.workdir = Some("/a b".to_owned());
        let argv = command.argv();
        assert_eq!(argv[..2], ["sh", "-c"]);
        assert_eq!(argv[3..], ["/a b", "env", "A=b c", "ls", "-l"]);
    }

    #[test]
    fn the_code_of_a_command_is_in_the_causes() {
        let status = |value| -> Status { serde_json::from_value(value).unwrap() };
        let ended = status(
            serde_json::json!({ "status": "Failure", "reason": "NonZeroExitCode",
            "details": { "causes": [{ "reason": "ExitCode", "message": "7" }] } }),
        );
        assert_eq!(code(&ended), Ok(7));
        let done = status(serde_json::json!({ "status": "Success" }));
        assert_eq!(code(&done), Ok(0));
        let refused = status(serde_json::json!({ "status": "Failure", "message": "no container" }));
        assert_eq!(code(&refused), Err("no container".to_owned()));
        assert_eq!(not_begun("no container"), None);
        assert_eq!(
            not_begun("exec: \"x\": executable file not found in $PATH"),
            Some(127)
        );
    }
}
