//! `dev exec`.

use std::collections::BTreeMap;
use std::io::IsTerminal;

use super::args::{ExecArgs, GlobalArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::instance::Instance;
use super::session::Session;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::docker::{ExecSpec, Look};
use crate::runtime::process::Inside;

/// # Errors
/// The service does not run, or the command cannot be started. The command's own exit code is none.
pub async fn run(global: &GlobalArgs, arguments: &ExecArgs) -> Result<ExitCode, CliError> {
    if arguments.place.on.is_some() {
        return super::cluster::exec(global, arguments).await;
    }
    let session = Session::open_anyway(global).await?;
    let instance = session.instance(&arguments.service, arguments.index)?;
    let processes = session.processes();
    let process = processes.look().into_iter().find(|found| {
        found.service == instance.service && instance.is(found.index) && found.is_running()
    });
    if let Some(process) = process {
        let inside = processes.inside(&process.id)?;
        return on_host(&session, inside, arguments).await;
    }
    let off_host = session.stack.off_host.contains_key(&instance.service);
    if off_host || session.is_process(&instance.service) {
        return Err(not_running(
            &format!("`{instance}` does not run"),
            &instance,
            "",
        ));
    }
    let docker = session.docker().await?;
    let look = Look {
        project: session.stack.name.clone(),
        ..Look::default()
    };
    let observed = docker.look(&look).await?;
    session.check_checkout(&observed)?;
    let mut running = observed.current().filter(|container| {
        container.service == instance.service
            && instance.is(container.index)
            && container.is_running()
    });
    let Some(container) = running.next() else {
        let message = format!("no container of `{instance}` runs");
        return Err(not_running(&message, &instance, ""));
    };
    let tty = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let spec = ExecSpec {
        tty: tty && !arguments.no_tty,
        env: variables(arguments, &session.environment.variables),
        user: arguments.user.clone(),
        workdir: arguments.workdir.clone(),
        ..ExecSpec::new(words(arguments)?)
    };
    let code = docker.exec_interactive(&container.id, &spec).await?;
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(1)))
}

/// The command as text.
///
/// # Errors
/// It is none.
pub(super) fn words(arguments: &ExecArgs) -> Result<Vec<String>, CliError> {
    let words = arguments.command.iter().map(|word| {
        let text = word.to_str().map(str::to_owned);
        text.ok_or_else(|| CliError::usage("the engine takes only arguments that are UTF-8"))
    });
    words.collect()
}

/// One without a value has that of this process; where that has none, it is left out.
pub(super) fn variables(
    arguments: &ExecArgs,
    own: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let given = arguments.variables.iter().filter_map(|variable| {
        let value = variable
            .value
            .as_ref()
            .or_else(|| own.get(&variable.name))?;
        Some((variable.name.clone(), value.clone()))
    });
    given.collect()
}

/// `on`: where, as an option of `dev why`.
pub(super) fn not_running(message: &str, instance: &Instance, on: &str) -> CliError {
    let error = RuntimeError::new(FailureClass::Other, message);
    error
        .help(format!("`dev why {}{on}` says why", instance.service))
        .into()
}

/// Beside a process on the host: in its folder, with its environment.
async fn on_host(
    session: &Session,
    inside: Inside,
    arguments: &ExecArgs,
) -> Result<ExitCode, CliError> {
    if arguments.user.is_some() {
        return Err(CliError::usage(
            "a process on the host runs as whoever calls `dev`, and a command beside it, too",
        ));
    }
    let folder = match &arguments.workdir {
        Some(dir) => inside.folder.join(dir),
        None => inside.folder,
    };
    let [program, rest @ ..] = arguments.command.as_slice() else {
        return Err(CliError::usage("there is no command to run"));
    };
    let status = tokio::process::Command::new(program)
        .args(rest)
        .env_clear()
        .envs(inside.env)
        .envs(variables(arguments, &session.environment.variables))
        .current_dir(folder)
        .status()
        .await;
    let status = status.map_err(|error| {
        let message = format!("cannot run `{}`: {error}", program.display());
        RuntimeError::new(FailureClass::Other, message)
    })?;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
    let code = status.code().or(signal).unwrap_or(255);
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(1)))
}
