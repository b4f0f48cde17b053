//! `dev wait --on kubernetes`.

use tokio::time::Instant;

use super::{Cluster, Touch};
use crate::cli::args::{GlobalArgs, WaitArgs};
use crate::cli::asked::Asked;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::output::Output;
use crate::cli::show::{Follow, Interrupts};
use crate::cli::wait::{code_of, conclude, unanswered, within};
use crate::engine::cluster::{LOOKED, watch};

/// # Errors
/// The stack cannot be read, or no API server answers.
pub async fn wait(global: &GlobalArgs, arguments: &WaitArgs) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    let mut interrupts = Interrupts::listen()?;
    let deadline = arguments.timeout.map(|timeout| Instant::now() + timeout);
    let first = async {
        let command = "dev wait --on kubernetes";
        let cluster = Cluster::open(global, &arguments.place, Touch::Looks, command).await?;
        cluster.check_names(&arguments.services)?;
        Ok::<_, CliError>(watch(&cluster.place, None).await?)
    };
    let Some(watching) = within(deadline, first).await else {
        return Ok(unanswered("the API server has not answered in time"));
    };
    let mut watching = watching?;
    let asked = Asked {
        named: arguments.services.clone(),
        with_needs: false,
        // A rollout that goes on counts.
        since: Some(LOOKED),
    };
    let mut output = Output::open(global.json, "", false);
    let ended = Follow {
        feed: &mut watching.feed,
        screen: &mut output,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(|state| asked.verdict(state))
    .await;
    watching.task.abort();
    conclude(
        &mut output,
        &asked,
        &watching.feed.state,
        &ended,
        begun.elapsed(),
    );
    Ok(code_of(&ended))
}
