//! `dev down --on kubernetes`.

use std::io::IsTerminal;

use super::{Cluster, Touch};
use crate::cli::args::{DownArgs, GlobalArgs};
use crate::cli::down::confirm;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::output::{Output, to_stderr};
use crate::cli::show::{Ended, Follow, Interrupts};
use crate::engine::cluster::{Down, watch};
use crate::promote::secret_name;

/// # Errors
/// The stack cannot be read, no API server answers or it refuses, or the person did not agree.
pub async fn down(global: &GlobalArgs, arguments: &DownArgs) -> Result<ExitCode, CliError> {
    if arguments.rmi.is_some() {
        return Err(CliError::usage(
            "images of a cluster are its nodes' own: they go when the disk is needed",
        ));
    }
    let touch = Touch::Changes { yes: arguments.yes };
    let command = "dev down --on kubernetes";
    let cluster = Cluster::open(global, &arguments.place, touch, command).await?;
    let place = &cluster.place;
    let there = place.kube.there(&place.name(), &place.namespace).await?;
    if arguments.volumes && !arguments.yes && std::io::stdin().is_terminal() {
        confirm(&there.claims)?;
    }
    let others = there.others;
    let down = Down {
        there,
        volumes: arguments.volumes,
        grace: arguments.timeout,
    };
    if !global.json {
        if others > 0 {
            to_stderr(&format!(
                "{others} objects carry this stack's labels and no revision: who applied them removes them"
            ));
        }
        if down.keeps() {
            to_stderr(&format!(
                "stays, with the data in it: {}; and Secret {}, which it was made with",
                down.there.claims.join(", "),
                secret_name(&place.stack)
            ));
        }
    }
    let mut watching = watch(place, Some(down)).await?;
    let mut screen = Output::open(global.json, "", false);
    let mut interrupts = Interrupts::listen()?;
    let ended = Follow {
        feed: &mut watching.feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline: None,
    }
    .until(|_| None)
    .await;
    screen.close(&watching.feed.state);
    if ended == Ended::Interrupted {
        watching.task.abort();
        return Ok(ExitCode::Interrupted);
    }
    match watching.task.await {
        Ok(Ok(())) => Ok(ExitCode::Done),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Ok(ExitCode::ServiceFailed),
    }
}
