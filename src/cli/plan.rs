//! `dev plan`.

use std::collections::BTreeSet;

use super::args::{GlobalArgs, PlanArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::engine::core::Engine;
use crate::engine::default_services;
use crate::engine::goal::{Goal, Until};

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &PlanArgs) -> Result<ExitCode, CliError> {
    let session = Session::open(global)?;
    session.check_names(&arguments.services)?;
    let services: BTreeSet<String> = if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    };
    let goal = Goal::Up {
        services,
        stopped: BTreeSet::new(),
    };
    let engine = Engine::new(session.setup(goal, Until::Ready, false).await?);
    let plan = engine.preview().await?;
    if global.json {
        let lines: Vec<_> = plan
            .operations
            .iter()
            .map(|operation| {
                serde_json::json!({
                    "verb": operation.action.verb_text(),
                    "subject": operation.subject.to_string(),
                    "cause": operation.cause.to_string(),
                    "after": operation.after,
                    "gates": operation.gates,
                    "conditional": operation.only_if.is_some(),
                })
            })
            .collect();
        to_stdout(&serde_json::Value::Array(lines).to_string());
    } else if plan.is_empty() {
        to_stdout("nothing to do");
    } else {
        to_stdout(plan.to_string().trim_end());
    }
    Ok(ExitCode::Done)
}
