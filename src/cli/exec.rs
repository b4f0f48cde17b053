//! `dev exec`.

use std::io::IsTerminal;

use super::args::{ExecArgs, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::session::Session;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::docker::{ExecSpec, Look};

/// # Errors
/// The service does not run, or the command cannot be started. The command's own exit code is none.
pub async fn run(global: &GlobalArgs, arguments: &ExecArgs) -> Result<ExitCode, CliError> {
    let session = Session::open_anyway(global).await?;
    let instance = session.instance(&arguments.service, arguments.index)?;
    let docker = session.docker().await?;
    let look = Look {
        project: session.stack.name.clone(),
        ..Look::default()
    };
    let observed = docker.look(&look).await?;
    let mut running = observed.containers.iter().filter(|container| {
        container.service == instance.service
            && instance.is(container.index)
            && container.is_running()
    });
    let Some(container) = running.next() else {
        let message = format!("no container of `{instance}` runs");
        let error = RuntimeError::new(FailureClass::Other, message);
        return Err(error
            .help(format!("`dev why {}` says why", instance.service))
            .into());
    };
    let mut command = Vec::new();
    for argument in &arguments.command {
        match argument.to_str() {
            Some(text) => command.push(text.to_owned()),
            None => {
                return Err(CliError::usage(
                    "the engine takes only arguments that are UTF-8",
                ));
            }
        }
    }
    let tty = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let spec = ExecSpec {
        tty,
        ..ExecSpec::new(command)
    };
    let code = docker.exec_interactive(&container.id, &spec).await?;
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(1)))
}
