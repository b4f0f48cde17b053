//! Commands inside a container at the beginning and at the end of its life.

use std::time::Duration;

use super::{Docker, ExecSpec};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::stack::Hook;

/// For one command.
const LIMIT: Duration = Duration::from_secs(600);
/// Lines of what a command said that are shown when it fails.
const LINES: usize = 15;

impl Docker {
    /// One after the other.
    ///
    /// # Errors
    /// The first that does not end with 0, and what it said.
    pub(super) async fn after_start(&self, id: &str, hooks: &[Hook]) -> Result<(), RuntimeError> {
        for hook in hooks {
            let output = self.exec(id, &spec(hook), None, LIMIT).await?;
            if !output.success() {
                let program = hook.command.first().map_or("", String::as_str);
                let message = format!(
                    "`post_start` ended with exit code {}: {program}",
                    output.exit_code
                );
                let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
                said.push_str(&String::from_utf8_lossy(&output.stderr));
                let mut lines: Vec<String> =
                    said.lines().rev().take(LINES).map(str::to_owned).collect();
                lines.reverse();
                return Err(RuntimeError::new(FailureClass::Other, message).detail(lines));
            }
        }
        Ok(())
    }

    /// One after the other. Whatever comes of them, the container is to stop.
    pub(super) async fn before_stop(&self, id: &str, hooks: &[Hook]) {
        for hook in hooks {
            if self.exec(id, &spec(hook), None, LIMIT).await.is_err() {
                break;
            }
        }
    }
}

fn spec(hook: &Hook) -> ExecSpec {
    ExecSpec {
        command: hook.command.clone(),
        env: hook.env.clone().into_iter().collect(),
        user: hook.user.clone(),
        workdir: hook.workdir.clone(),
        privileged: hook.privileged,
        tty: false,
    }
}
