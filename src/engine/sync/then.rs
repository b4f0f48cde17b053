//! What follows a sync.

use std::sync::Arc;

use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecSpec, World};
use crate::stack::{AfterSync, Hook};

/// Whether the container is to be restarted, and what of the rest could not be done; `None`: there was no more.
pub(super) type Followed = (bool, Option<Result<(), RuntimeError>>);
pub(super) const NOTHING_FOLLOWED: Followed = (false, None);

/// Does each thing once, and says whether the container is to be restarted: that makes signals unnecessary, but not commands,
/// which may leave something behind.
///
/// # Errors
/// A command that failed, a signal that could not be sent; the rest is done anyway.
pub(super) async fn follow(
    world: &Arc<dyn World>,
    container: &str,
    wanted: &[AfterSync],
) -> Followed {
    let mut wanted_once: Vec<&AfterSync> = Vec::new();
    for then in wanted {
        if !wanted_once.contains(&then) {
            wanted_once.push(then);
        }
    }
    let restart = wanted_once.contains(&&AfterSync::Restart);
    let mut result = None;
    for then in wanted_once {
        let done = match then {
            AfterSync::Nothing | AfterSync::Restart => continue,
            AfterSync::Signal(_) if restart => continue,
            AfterSync::Signal(signal) => world.signal(container, signal).await,
            AfterSync::Exec(command) => run(world, container, command.clone().into()).await,
            AfterSync::Hook(hook) => run(world, container, (**hook).clone()).await,
        };
        result = Some(result.unwrap_or(Ok(())).and(done));
    }
    (restart, result)
}

async fn run(world: &Arc<dyn World>, container: &str, hook: Hook) -> Result<(), RuntimeError> {
    let env = hook.env.into_iter();
    let spec = ExecSpec {
        command: hook.command,
        user: hook.user,
        workdir: hook.workdir,
        env: env.map(|(name, value)| format!("{name}={value}")).collect(),
        privileged: hook.privileged,
        timeout: None,
    };
    let output = world.exec(container, &spec).await?;
    if output.code == 0 {
        return Ok(());
    }
    let message = format!(
        "the command after the sync, `{}`, ended with exit code {}",
        as_written(&spec.command),
        output.code
    );
    let lines = output.output.lines().map(str::to_owned).collect();
    let error = RuntimeError::new(FailureClass::AfterSync, message);
    Err(error.detail(lines).help("the next save runs it again"))
}

/// What a person wrote in one text, a shell got as its last word.
fn as_written(command: &[String]) -> String {
    match command {
        [shell, flag, text] if shell.ends_with("sh") && flag == "-c" => text.clone(),
        words => words.join(" "),
    }
}
