//! `dev plan`.

use std::collections::BTreeSet;

use super::args::{GlobalArgs, PlanArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::output::to_stdout;
use super::session::Session;
use crate::engine::core::Engine;
use crate::engine::default_services;
use crate::engine::event::Failure;
use crate::engine::goal::{Goal, Until};
use crate::plan::Plan;

/// Version of the `--json` form.
const VERSION: u32 = 1;

/// # Errors
/// The stack cannot be read, something in it has no value, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &PlanArgs) -> Result<ExitCode, CliError> {
    let mut session = Session::open(global)?;
    session.warn(global);
    session.check_names(&arguments.services)?;
    session.adjust(&arguments.changes, &arguments.services)?;
    let services: BTreeSet<String> = if arguments.services.is_empty() {
        default_services(&session.stack)
    } else {
        arguments.services.iter().cloned().collect()
    };
    let goal = Goal::Up {
        services,
        stopped: BTreeSet::new(),
    };
    session.choose_runtime(&goal, global.json).await?;
    let engine = Engine::new(session.setup(goal, Until::Ready, false).await?)
        .wishing(&arguments.services, arguments.changes.wishes());
    let preview = engine.preview().await?;
    if let Some(dir) = &preview.other_checkout {
        return Err(session.other_checkout(dir));
    }
    if global.json {
        to_stdout(&json(&session.stack.name, &preview.plan, &preview.unresolved).to_string());
    } else if !preview.plan.is_empty() {
        to_stdout(preview.plan.to_string().trim_end());
    } else if preview.unresolved.is_empty() {
        to_stdout("nothing to do");
    }
    if preview.unresolved.is_empty() {
        Ok(ExitCode::Done)
    } else {
        Err(CliError::Unresolved(preview.unresolved))
    }
}

fn json(name: &str, plan: &Plan, unresolved: &[(String, Failure)]) -> serde_json::Value {
    let operations = plan.operations.iter().map(|operation| {
        serde_json::json!({
            "verb": operation.action.verb_text(),
            "subject": operation.subject.to_string(),
            "cause": operation.cause.to_string(),
            "after": operation.after,
            "gates": operation.gates,
            "conditional": operation.only_if.is_some(),
        })
    });
    let unresolved = unresolved
        .iter()
        .map(|(service, failure)| serde_json::json!({ "service": service, "failure": failure }));
    serde_json::json!({
        "v": VERSION,
        "name": name,
        "operations": operations.collect::<Vec<_>>(),
        "unresolved": unresolved.collect::<Vec<_>>(),
    })
}
