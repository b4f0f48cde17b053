//! `dev exec --on kubernetes`.

use std::io::IsTerminal;

use super::{Cluster, Touch, pod_of};
use crate::cli::args::{ExecArgs, GlobalArgs};
use crate::cli::error::CliError;
use crate::cli::exec::{not_running, variables, words};
use crate::cli::exit::ExitCode;
use crate::runtime::kube::Command;

/// # Errors
/// The service does not run, or the command cannot be started. The command's own exit code is none.
pub async fn exec(global: &GlobalArgs, arguments: &ExecArgs) -> Result<ExitCode, CliError> {
    if arguments.user.is_some() {
        return Err(CliError::usage(
            "a cluster runs commands as the user that its pods have, and no other",
        ));
    }
    let touch = Touch::Changes { yes: arguments.yes };
    let command = "dev exec --on kubernetes";
    let cluster = Cluster::open(global, &arguments.place, touch, command).await?;
    let (state, sight) = cluster.look().await?;
    let instance = cluster.instance(&state, &arguments.service, arguments.index)?;
    let known = state.service(&instance.service);
    let indexes = known.iter().flat_map(|service| service.instances.keys());
    let mut running = indexes
        .filter(|index| instance.is(**index))
        .filter_map(|index| pod_of(&sight, &state, &instance.service, *index))
        .filter(|pod| pod.runs());
    let Some(pod) = running.next() else {
        let message = format!("no container of `{instance}` runs");
        return Err(not_running(&message, &instance, " --on kubernetes"));
    };
    let tty = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let command = Command {
        words: words(arguments)?,
        env: variables(arguments, &cluster.session.environment.variables),
        workdir: arguments.workdir.clone(),
        tty: tty && !arguments.no_tty,
    };
    let place = &cluster.place;
    let code = place
        .kube
        .exec_interactive(&place.namespace, pod, &command)
        .await?;
    Ok(ExitCode::Command(u8::try_from(code).unwrap_or(1)))
}
