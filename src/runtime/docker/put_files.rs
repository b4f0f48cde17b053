//! Files into a container: an archive for what is there, a command for what goes.

use std::time::Duration;

use super::{Docker, ExecSpec};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::world::FileChange;

/// For the removal of paths.
const REMOVAL: Duration = Duration::from_secs(60);
/// Removes what is named. A folder goes only when nothing is in it: the rest is the container's own, or mounted there.
const SCRIPT: &str = r#"for path; do
  if [ -d "$path" ] && [ ! -L "$path" ]; then rmdir "$path" 2>/dev/null || :; else rm -f "$path" || exit; fi
done"#;
/// Bytes of paths in one command: well under what a Linux kernel takes.
const COMMAND: usize = 64 * 1024;

/// Applies a change. Removal comes first, so that a folder may become a file.
///
/// # Errors
/// What the engine says; an image without `sh` and `rm` cannot have files removed.
pub(super) async fn put_files(
    docker: &Docker,
    id: &str,
    change: FileChange,
) -> Result<(), RuntimeError> {
    for command in removals(&change.remove) {
        let spec = ExecSpec {
            command,
            user: Some("0".to_owned()),
            ..ExecSpec::default()
        };
        let output = docker.exec(id, &spec, None, REMOVAL).await?;
        if !output.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let message = "cannot remove files that are gone from the source";
            return Err(RuntimeError::new(FailureClass::Other, message)
                .detail(vec![said])
                .help(
                    "the image needs `sh` and `rm` for that; `then = \"rebuild\"` does without",
                ));
        }
    }
    let body = match &change.archive {
        Some(path) => {
            let file = tokio::fs::File::open(path).await;
            let file =
                file.map_err(|error| RuntimeError::new(FailureClass::Other, error.to_string()))?;
            bollard::body_try_stream(tokio_util::io::ReaderStream::new(file))
        }
        None if change.bytes.is_empty() => return Ok(()),
        None => bollard::body_full(change.bytes.clone()),
    };
    docker.put_change(id, &change, body).await
}

fn removals(paths: &[String]) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    let mut size = COMMAND;
    for path in paths {
        size += path.len() + 1;
        if size > COMMAND {
            commands.push(["sh", "-c", SCRIPT, "sh"].map(str::to_owned).to_vec());
            size = path.len();
        }
        if let Some(command) = commands.last_mut() {
            command.push(path.clone());
        }
    }
    commands
}
