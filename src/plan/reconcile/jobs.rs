//! When a job is done already.

use std::collections::BTreeSet;

use crate::plan::desired::{Desired, ImageSource};
use crate::plan::observed::Observed;
use crate::stack::{Mount, Role, Source, Stack};

/// Whether the last success of `service` was from what it would run with now.
pub fn job_is_current(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
) -> bool {
    let hash = job_hash(stack, desired, observed, service);
    match (observed.jobs.get(service), hash) {
        (Some(record), Some(hash)) => record.hash == hash,
        _ => false,
    }
}

/// What a run of the job now would be made from, in hex: its definition, its inputs (or its image, where it names
/// none), and the identity of every volume under what it needs. `None` while part of that does not exist yet.
pub fn job_hash(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(desired.jobs.get(service)?);
    let by_inputs =
        matches!(&stack.services.get(service)?.role, Role::Job(job) if job.inputs.is_some());
    if by_inputs {
        add(observed.inputs.get(service).map_or("", String::as_str));
    } else if !matches!(stack.services.get(service)?.source, Source::Run(_)) {
        match desired.images.get(service)? {
            ImageSource::Pull(reference) => add(&observed.images.get(reference)?.id),
            ImageSource::Build(tag) => {
                add(&desired.builds.iter().find(|build| build.tag == *tag)?.hash)
            }
        }
    }
    for volume in volumes_under(stack, service) {
        add(&volume);
        add(&observed.volumes.get(&volume)?.created);
    }
    Some(hasher.finalize().to_hex().to_string())
}

/// The engine's names of all volumes of a service and of what it needs, transitively.
fn volumes_under(stack: &Stack, service: &str) -> BTreeSet<String> {
    stack
        .closure([service])
        .iter()
        .filter_map(|name| stack.services.get(name))
        .flat_map(|service| &service.mounts)
        .filter_map(|mount| match mount {
            Mount::Volume { key, .. } => Some(stack.volume_name(key)),
            Mount::Bind { .. } | Mount::Tmpfs { .. } | Mount::Anonymous { .. } => None,
        })
        .collect()
}
