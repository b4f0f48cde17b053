//! The way back: stopping and removing, what depends on a thing before the thing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::instance::observed_subject;
use crate::plan::desired::{image_references, image_tags};
use crate::plan::observed::{Observed, ObservedContainer};
use crate::plan::operation::{Action, Cause, OpId, Operation, Plan, Subject};
use crate::stack::{Hook, Restart, Stack};

/// What a `down` takes away beside containers and networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Named volumes too: only ever because a person named that.
    pub volumes: bool,
    pub images: Images,
    /// Nothing waits for what needs it to stop first.
    #[serde(default)]
    pub side_by_side: bool,
}

/// The images that go with a stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    #[default]
    None,
    /// Those that were built for it, but for those that the stack file names itself.
    Own,
    /// All that its services are made from.
    All,
}

impl Images {
    /// Their references, whether they are there or not.
    pub fn of(self, stack: &Stack) -> BTreeSet<String> {
        let everything = stack.services.keys().cloned().collect();
        match self {
            Self::None => BTreeSet::new(),
            Self::Own => own_images(stack),
            Self::All => image_references(stack, &everything),
        }
    }
}

/// The grace of a container that was made without one: compose's default.
const GRACE: Duration = Duration::from_secs(10);

/// Signal and grace of a container: what the stack file says of its service, else what it was made with. The engine
/// knows that signal itself.
pub(super) fn manner(stack: &Stack, container: &ObservedContainer) -> (Option<String>, Duration) {
    match stack.services.get(&container.service) {
        Some(service) => (service.stop.signal.clone(), service.stop.grace),
        None => (None, container.stop_grace.unwrap_or(GRACE)),
    }
}

/// What the stack file wants done inside a container before it is stopped.
pub(super) fn before(stack: &Stack, container: &ObservedContainer) -> Vec<Hook> {
    let service = stack.services.get(&container.service);
    service.map_or_else(Vec::new, |service| service.container.pre_stop.clone())
}

/// Stops what runs of `services`; what needs a service stops before it.
pub fn stop(stack: &Stack, observed: &Observed, services: &BTreeSet<String>) -> Plan {
    let mut plan = Plan::default();
    stop_into(&mut plan, stack, observed, true, |service| {
        services.contains(service)
    });
    plan
}

/// Whether what it has in volumes without a name is nobody's: its service says so, and `dev` made it. Of an orphan, and of what
/// another tool made, nobody knows.
pub(super) fn is_fleeting(stack: &Stack, container: &ObservedContainer) -> bool {
    let service = stack.services.get(&container.service);
    container.config.is_some()
        && service.is_some_and(|service| !service.container.keeps_anonymous_volumes)
}

/// Whoever leaves has what is to run restarted by the container engine, as the stack file says. `left`: what stays as it is,
/// by service and replica.
pub fn hand_over(
    stack: &Stack,
    observed: &Observed,
    scope: &BTreeSet<String>,
    left: &BTreeSet<(String, u32)>,
) -> Plan {
    let mut plan = Plan::default();
    for container in observed.current() {
        let Some(service) = stack.services.get(&container.service) else {
            continue;
        };
        let key = (container.service.clone(), container.index);
        let known = match container.restart_policy.as_str() {
            "" => Restart::No.engine_name(),
            known => known,
        };
        let stays = service.is_job() || !scope.contains(&key.0) || left.contains(&key);
        if stays || known == service.restart.engine_name() {
            continue;
        }
        let action = Action::SetRestartPolicy {
            id: container.id.clone(),
            policy: service.restart,
        };
        let id = push(&mut plan, observed_subject(container), action, Vec::new());
        plan.operations[id].cause = Cause::Detach;
    }
    plan
}

/// Removes everything of the project: containers, networks, and volumes where asked.
pub fn remove(stack: &Stack, observed: &Observed, removal: Removal) -> Plan {
    let mut plan = Plan::default();
    let ordered = !removal.side_by_side;
    let stopped = stop_into(&mut plan, stack, observed, ordered, |_| true);
    let mut removed = Vec::new();
    for container in &observed.containers {
        let after = stopped.get(&container.id).copied().into_iter().collect();
        let action = Action::RemoveContainer {
            id: container.id.clone(),
            anonymous_volumes: removal.volumes || is_fleeting(stack, container),
        };
        removed.push(push(&mut plan, observed_subject(container), action, after));
    }
    for (id, service) in &observed.steps {
        let subject = Subject::Instance {
            service: service.clone(),
            index: 0,
            name: format!("{}-{service}-before", stack.name),
        };
        let action = Action::RemoveContainer {
            id: id.clone(),
            anonymous_volumes: true,
        };
        removed.push(push(&mut plan, subject, action, Vec::new()));
    }
    for (name, network) in observed.networks.iter().filter(|(_, network)| network.ours) {
        let mut after = removed.clone();
        for twin in &network.twins {
            let action = Action::RemoveNetwork { name: twin.clone() };
            after.push(push(
                &mut plan,
                Subject::Network(twin.clone()),
                action,
                Vec::new(),
            ));
        }
        let action = Action::RemoveNetwork { name: name.clone() };
        push(&mut plan, Subject::Network(name.clone()), action, after);
    }
    if removal.volumes {
        for (name, _) in observed.volumes.iter().filter(|(_, volume)| volume.ours) {
            let action = Action::RemoveVolume { name: name.clone() };
            push(
                &mut plan,
                Subject::Volume(name.clone()),
                action,
                removed.clone(),
            );
        }
    }
    let images = removal.images.of(stack).into_iter();
    for reference in images.filter(|tag| observed.images.contains_key(tag)) {
        let subject = Subject::Image(reference.clone());
        let action = Action::RemoveImage { reference };
        push(&mut plan, subject, action, removed.clone());
    }
    plan
}

/// The images that are named after the stack, whatever they are built from.
fn own_images(stack: &Stack) -> BTreeSet<String> {
    let everything = stack.services.keys().cloned().collect();
    let builds = image_tags(stack, &everything).into_iter();
    // A Compose file's have their names already, which are these.
    let ours: BTreeSet<String> = stack.services.keys().map(|name| own(stack, name)).collect();
    let own = builds.filter(|(tag, build)| build.image.is_none() || ours.contains(tag));
    own.map(|(tag, _)| tag).collect()
}

fn own(stack: &Stack, service: &str) -> String {
    format!("{}-{service}", stack.name).to_lowercase()
}

/// Returns the stopping operation of each container, by its id.
fn stop_into(
    plan: &mut Plan,
    stack: &Stack,
    observed: &Observed,
    ordered: bool,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<String, OpId> {
    let mut by_container = BTreeMap::new();
    let mut by_service: BTreeMap<&str, Vec<OpId>> = BTreeMap::new();
    let containers = observed.containers.iter();
    let running = containers.filter(|c| wanted(&c.service) && c.status.is_up());
    let mut running: Vec<_> = running.collect();
    let depth = depths(stack);
    let needed_by = needed_by(stack);
    running.sort_by_key(|container| {
        std::cmp::Reverse(depth.get(container.service.as_str()).copied().unwrap_or(0))
    });
    for container in running {
        // Through what does not run, too: between an app and its database stands a job that is done.
        let after = match ordered {
            true => dependents(&needed_by, &by_service, &container.service),
            false => Vec::new(),
        };
        let (signal, grace) = manner(stack, container);
        let action = Action::StopContainer {
            id: container.id.clone(),
            signal,
            grace,
            hooks: before(stack, container),
        };
        let id = push(plan, observed_subject(container), action, after);
        by_service.entry(&container.service).or_default().push(id);
        by_container.insert(container.id.clone(), id);
    }
    by_container
}

fn push(plan: &mut Plan, subject: Subject, action: Action, after: Vec<OpId>) -> OpId {
    let id = plan.operations.len();
    plan.operations.push(Operation {
        id,
        subject,
        action,
        cause: Cause::Down,
        after,
        gates: Vec::new(),
        only_if: None,
        once_ready: None,
    });
    id
}

/// The services that need each service.
fn needed_by(stack: &Stack) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for service in stack.services.values() {
        for need in service.needs.keys() {
            found.entry(need).or_default().push(&service.name);
        }
    }
    found
}

/// The services that need this one, and stop before it: those that stop, and through the others those above them.
fn dependents<'a>(
    needed_by: &BTreeMap<&'a str, Vec<&'a str>>,
    stopping: &BTreeMap<&str, Vec<OpId>>,
    service: &str,
) -> Vec<OpId> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut todo: Vec<&str> = needed_by.get(service).cloned().unwrap_or_default();
    while let Some(name) = todo.pop() {
        if !seen.insert(name) {
            continue;
        }
        match stopping.get(name) {
            Some(operations) => found.extend(operations),
            None => todo.extend(needed_by.get(name).into_iter().flatten()),
        }
    }
    found.sort_unstable();
    found
}

/// How long the longest chain of needs under each service is.
fn depths(stack: &Stack) -> BTreeMap<&str, usize> {
    let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
    // Each round settles at least one more layer; the stack has no cycle, and a bound keeps this total anyway.
    for _ in 0..stack.services.len() {
        let mut changed = false;
        for service in stack.services.values() {
            let under = service
                .needs
                .keys()
                .map(|need| depths.get(need.as_str()).map_or(0, |depth| depth + 1));
            let depth = under.max().unwrap_or(0);
            if depths.insert(&service.name, depth) != Some(depth) {
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    depths
}
