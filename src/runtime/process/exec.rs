//! A command beside a process: in its folder, with its environment.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{ProcessWorld, failed, name_of, system, trouble};
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecOutput, ExecSpec};

/// For commands that name no limit.
const LIMIT: Duration = Duration::from_secs(60);
/// Bytes of output that are kept: the end of it.
const OUTPUT: usize = 64 * 1024;

/// Where and with what a process runs.
#[derive(Clone, PartialEq, Eq)]
pub struct Inside {
    pub env: Vec<(String, String)>,
    pub folder: PathBuf,
}

impl ProcessWorld {
    /// # Errors
    /// It does not run, or not on this side.
    pub fn inside(&self, id: &str) -> Result<Inside, RuntimeError> {
        let name = name_of(id)?;
        let record = self
            .place
            .read(name)
            .filter(super::record::Record::is_alive);
        let found = record.and_then(|record| system::inside(record.pid));
        let (env, folder) = found.ok_or_else(|| trouble(format!("{name} does not run here")))?;
        Ok(Inside { env, folder })
    }

    pub(super) async fn exec(&self, id: &str, spec: &ExecSpec) -> Result<ExecOutput, RuntimeError> {
        let inside = self.inside(id)?;
        let [program, arguments @ ..] = spec.command.as_slice() else {
            return Err(trouble("there is no command to run".to_owned()));
        };
        let folder = spec.workdir.as_ref().map_or_else(
            || inside.folder.clone(),
            |folder| inside.folder.join(folder),
        );
        let more = spec.env.iter().filter_map(|entry| entry.split_once('='));
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(inside.env)
            .envs(more)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&format!("run `{program}`"), &error))?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok());
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let limit = spec.timeout.unwrap_or(LIMIT);
        let work = async { tokio::join!(end_of(out), end_of(err), child.wait()) };
        let Ok((out, err, status)) = tokio::time::timeout(limit, work).await else {
            if let Some(group) = group {
                system::send_group(group, Signal::KILL);
            }
            return Err(trouble(format!("`{program}` took longer than {limit:?}")));
        };
        let status = status.map_err(|error| failed(&format!("run `{program}`"), &error))?;
        let signal =
            std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
        let mut output = String::from_utf8_lossy(&out).into_owned();
        output.push_str(&String::from_utf8_lossy(&err));
        Ok(ExecOutput {
            code: i64::from(status.code().or(signal).unwrap_or(255)),
            output,
        })
    }
}

/// The end of what comes, until it ends.
async fn end_of(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return kept };
    let mut chunk = vec![0; 8192];
    while let Ok(size) = from.read(&mut chunk).await {
        if size == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..size]);
        if kept.len() > 2 * OUTPUT {
            kept.drain(..kept.len() - OUTPUT);
        }
    }
    kept
}
