//! `dev restart`.

use std::collections::BTreeSet;

use super::args::{GlobalArgs, RestartArgs, UpArgs};
use super::asked::Asked;
use super::down::through_engine;
use super::error::CliError;
use super::exit::ExitCode;
use super::instance::Instance;
use super::meet::{Met, meet_for_more};
use super::output::Output;
use super::session::Session;
use super::up::{First, Own};
use crate::engine::goal::{Goal, Outcome};
use crate::engine::input::Command;
use crate::engine::state::State;
use crate::engine::wire::Request;
use crate::plan::observed::Generation;
use crate::runtime::world::{Look, World};
use crate::stack::Need;

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn run(global: &GlobalArgs, arguments: &RestartArgs) -> Result<ExitCode, CliError> {
    let begun = std::time::Instant::now();
    let session = Session::open_anyway(global).await?;
    let instances = session.instances(&arguments.services, arguments.index)?;
    let asked: Vec<String> = instances.iter().map(ToString::to_string).collect();
    let mut screen = Output::open(global.json, "", false);
    let lock = match meet_for_more(&session, &mut screen).await? {
        Met::Nobody(lock) => lock,
        Met::Running(feed) => {
            let before = feed.state.clone();
            let instances = match instances.as_slice() {
                [] => wanted(&before),
                named => named.to_vec(),
            };
            let renewed =
                |state: &State, ends: &[Generation]| renewed(state, &before, &instances, ends);
            let ask = Request::Restart { services: asked };
            return through_engine(&session, global, *feed, &ask, arguments.timeout, renewed).await;
        }
    };
    let mut session = session.whole()?;
    session.adjust(&session.as_asked(), &[])?;
    let mut services: Vec<String> = instances.iter().map(|i| i.service.clone()).collect();
    services.extend(bound(&session, &services).await?);
    let up = UpArgs {
        services,
        wait: true,
        changes: session.as_asked(),
        ..UpArgs::default()
    };
    let (reply, _nobody) = tokio::sync::oneshot::channel();
    let command = Command::Restart {
        services: asked,
        reply,
    };
    let own = Own {
        asked: Asked {
            named: up.services.clone(),
            with_needs: true,
            since: None,
        },
        deadline: None,
        begun,
        first: Some(First {
            command,
            grace: arguments.timeout,
        }),
    };
    own.run(&session, &up, lock, screen).await
}

/// Services that run, and are to be restarted with one of these, however many are between.
async fn bound(session: &Session, named: &[String]) -> Result<Vec<String>, CliError> {
    let stack = &session.stack;
    let mut found: BTreeSet<&String> = BTreeSet::new();
    // In the order of the graph one pass is enough.
    for name in stack.in_order() {
        let service = stack.services.get(&name);
        let Some((name, service)) = service.map(|service| (&service.name, service)) else {
            continue;
        };
        let is_bound = |(need, how): (&String, &Need)| {
            how.restart && (named.contains(need) || found.contains(need))
        };
        if !named.contains(name) && service.needs.iter().any(is_bound) {
            found.insert(name);
        }
    }
    if named.is_empty() || found.is_empty() {
        return Ok(Vec::new());
    }
    let ask = Look {
        project: stack.name.clone(),
        ..Look::default()
    };
    let required = session.needs_containers(&Goal::Observe);
    let there = session.world(required).await?.look(&ask).await?.containers;
    let runs = |name: &&String| {
        let mut of_it = there.iter().filter(|container| container.service == **name);
        of_it.any(|container| container.is_running())
    };
    Ok(found.into_iter().filter(runs).cloned().collect())
}

fn wanted(state: &State) -> Vec<Instance> {
    let wanted = state.services.iter().filter(|s| s.info.wanted);
    wanted.map(|s| Instance::every(&s.info.name)).collect()
}

/// Done once each of them lives a new life and its service is ready, or has given up.
fn renewed(
    state: &State,
    before: &State,
    instances: &[Instance],
    ends: &[Generation],
) -> Option<Outcome> {
    let mut failures = Vec::new();
    for instance in instances {
        let service = state.service(&instance.service)?;
        let lives = lives(state, instance);
        let lives_anew = !lives.is_empty() && lives.iter().all(|life| !ends.contains(life));
        // A failure from before the restart says nothing about it.
        let fails_anew = || {
            let old = before.service(&instance.service).filter(|old| old.gave_up);
            lives != self::lives(before, instance)
                || old.is_none_or(|old| old.since != service.since)
        };
        if service.gave_up && !fails_anew() {
            return None;
        }
        if service.gave_up {
            failures.push((instance.service.clone(), service.failure.clone()?));
        } else if !lives_anew || !service.is_ready() {
            return None;
        }
    }
    Some(if failures.is_empty() {
        Outcome::Done
    } else {
        Outcome::Failed(failures)
    })
}

fn lives(state: &State, instance: &Instance) -> Vec<Generation> {
    let service = state.service(&instance.service);
    let all = service.map(|service| &service.instances);
    let meant = all.into_iter().flatten();
    let meant = meant.filter(|(index, _)| instance.is(**index));
    meant
        .filter_map(|(_, found)| Some(found.found.as_ref()?.generation.clone()))
        .collect()
}
