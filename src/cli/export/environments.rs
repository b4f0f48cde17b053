//! The environments of a stack: itself, and it with each `dev.NAME.toml` beside it.

use std::collections::BTreeSet;

use super::promotion;
use crate::cli::args::ExportArgs;
use crate::cli::output::to_stderr;
use crate::cli::session::Session;
use crate::promote::export::Environment;
use crate::stack::file::{LoadRequest, load};

/// What the stack is called as it was asked for.
pub const BASE: &str = "default";
/// A layer of one person's own, which is no environment.
const LOCAL: &str = "local";

/// `base` first. One that cannot go is told of, and left out: not every layer is meant for a cluster.
pub async fn all(session: &Session, arguments: &ExportArgs, base: Environment) -> Vec<Environment> {
    let mut all = vec![base];
    for name in names(session) {
        match environment(session, arguments, &name).await {
            Ok(environment) => all.push(environment),
            Err(why) => to_stderr(&format!(
                "no overlay for {name}: {why}; `dev export --env {name} kubernetes --to DIR` says more"
            )),
        }
    }
    all
}

async fn environment(
    session: &Session,
    arguments: &ExportArgs,
    name: &str,
) -> Result<Environment, String> {
    let mut envs = session.request.envs.clone();
    envs.push(name.to_owned());
    let request = LoadRequest {
        envs,
        ..session.request.clone()
    };
    let stack = load(&request)
        .map_err(|_| "it has errors".to_owned())?
        .stack;
    let known = |name: &&String| stack.services.contains_key(*name);
    let wanted: BTreeSet<String> = arguments.services.iter().filter(known).cloned().collect();
    if wanted.is_empty() && !arguments.services.is_empty() {
        return Err("it has none of these services".to_owned());
    }
    let going = crate::promote::going(&stack, &wanted);
    let promotion =
        promotion(session, &going, arguments)
            .await
            .map_err(|refusals| match refusals.first() {
                Some(first) if refusals.len() == 1 => first.to_string(),
                Some(first) => format!("{first}, and {} more", refusals.len() - 1),
                None => "it cannot go".to_owned(),
            })?;
    Ok(Environment {
        name: name.to_owned(),
        going,
        promotion,
    })
}

/// Of `dev.NAME.toml` beside `dev.toml`, in order.
fn names(session: &Session) -> BTreeSet<String> {
    let Some((dir, stem)) = session.stack.layers.iter().find_map(|layer| {
        let stem = layer.file_name()?.strip_suffix(".toml")?;
        Some((layer.parent()?, stem.to_owned()))
    }) else {
        return BTreeSet::new();
    };
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    let name = |file: &str| {
        let name = file
            .strip_prefix(&stem)?
            .strip_prefix('.')?
            .strip_suffix(".toml")?;
        Some(name.to_owned())
    };
    let names = entries.filter_map(|entry| name(entry.file_name()));
    let own = [LOCAL, BASE];
    let asked = &session.request.envs;
    names
        .filter(|name| !own.contains(&name.as_str()) && !asked.contains(name))
        .collect()
}
