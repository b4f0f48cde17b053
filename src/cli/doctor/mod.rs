//! `dev doctor`: whether this machine has what the stack needs.

mod container_engine;
mod machine;
mod ports;
mod stack;

use super::args::GlobalArgs;
use super::error::CliError;
use super::exit::ExitCode;
use super::output::{look, to_stdout};
use super::session::Session;
use crate::engine::default_services;
use crate::engine::goal::Goal;
use crate::runtime::Environment;
use crate::runtime::docker::Docker;
use crate::view::doctor::{Check, Verdict, lines, report};

/// # Errors
/// Only what keeps it from looking: what it finds is its answer.
pub async fn run(global: &GlobalArgs) -> Result<ExitCode, CliError> {
    let environment = Environment::of_process();
    let session = match Session::open(global) {
        Ok(session) => Ok(session),
        Err(CliError::Stack(errors)) => Err(stack::unread(&errors)),
        Err(error) => return Err(error),
    };
    let docker = Docker::connect(&environment).await;
    let dir = session
        .as_ref()
        .ok()
        .map(|session| session.stack.dir.clone());
    let dir = dir.map_or_else(|| super::session::start_dir(global), Ok)?;
    let needed = session.as_ref().map_or(true, needs_engine);
    let mut checks = container_engine::checks(&docker, needed, &environment).await;
    checks.extend(machine::checks(&dir));
    match session {
        Ok(session) => checks.extend(stack::checks(&session, docker.ok().as_ref()).await),
        Err(unread) => checks.push(unread),
    }
    tell(&checks, global.json)?;
    let has_failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    Ok(match has_failed {
        true => ExitCode::ServiceFailed,
        false => ExitCode::Done,
    })
}

/// Whether what an `up` brings up needs a container engine.
fn needs_engine(session: &Session) -> bool {
    session.needs_containers(&Goal::Up {
        services: default_services(&session.stack),
        stopped: std::collections::BTreeSet::new(),
    })
}

fn tell(checks: &[Check], json: bool) -> Result<(), CliError> {
    if json {
        let text = serde_json::to_string(&report(checks));
        to_stdout(&text.map_err(|error| CliError::state(error.into()))?);
        return Ok(());
    }
    let look = look();
    for line in lines(checks, look) {
        to_stdout(&line.render(look));
    }
    Ok(())
}
