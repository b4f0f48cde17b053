//! When a job is done already.

use std::collections::BTreeSet;

use crate::plan::desired::{Desired, ImageSource};
use crate::plan::observed::Observed;
use crate::stack::{Mount, Role, Source, Stack};

/// Whether the last success of `service` was from what it would run with now: from the same sources, or from an image that
/// others have come out as.
pub fn job_is_current(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
) -> bool {
    let Some(record) = observed.jobs.get(service) else {
        return false;
    };
    let hash = job_hash(stack, desired, observed, service);
    if hash.is_some_and(|hash| record.hash == hash) {
        return true;
    }
    let Some(ImageSource::Build(tag)) = desired.images.get(service) else {
        return false;
    };
    let spec = desired.builds.iter().find(|build| build.tag == *tag);
    let image = observed.images.get(tag).zip(spec);
    let image = image.and_then(|(image, spec)| image.is_made_as(spec).then_some(&image.id));
    image.is_some() && job_may_stand(stack, desired, observed, service) == image.map(String::as_str)
}

/// The id of the image that the last success of `service` was from, if nothing but what that is built from has changed since.
pub fn job_may_stand<'o>(
    stack: &Stack,
    desired: &Desired,
    observed: &'o Observed,
    service: &str,
) -> Option<&'o str> {
    let from = observed.jobs.get(service)?.from.as_ref()?;
    let now = job_hash_from(stack, desired, observed, service, &from.image);
    (now.as_ref() == Some(&from.hash)).then_some(from.image.as_str())
}

/// What a run of the job now would be made from, in hex: its definition, its inputs (or its image, where it names
/// none), and the identity of every volume under what it needs. `None` while part of that does not exist yet.
pub fn job_hash(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
) -> Option<String> {
    let made_from = if has_inputs(stack, service) {
        observed.inputs.get(service).map_or("", String::as_str)
    } else if matches!(stack.services.get(service)?.source, Source::Run(_)) {
        return hash(stack, desired, observed, service, None);
    } else {
        match desired.images.get(service)? {
            ImageSource::Pull(reference) => &observed.images.get(reference)?.id,
            ImageSource::Build(tag) => &desired.builds.iter().find(|build| build.tag == *tag)?.hash,
        }
    };
    hash(stack, desired, observed, service, Some(made_from))
}

/// The same with the id of the image that it runs from, where that is built and counts.
pub fn job_hash_from(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
    image: &str,
) -> Option<String> {
    let is_built = matches!(desired.images.get(service)?, ImageSource::Build(_));
    let counts = is_built && !has_inputs(stack, service);
    counts
        .then(|| hash(stack, desired, observed, service, Some(image)))
        .flatten()
}

fn has_inputs(stack: &Stack, service: &str) -> bool {
    let service = stack.services.get(service);
    service.is_some_and(|service| matches!(&service.role, Role::Job(job) if job.inputs.is_some()))
}

fn hash(
    stack: &Stack,
    desired: &Desired,
    observed: &Observed,
    service: &str,
    made_from: Option<&str>,
) -> Option<String> {
    let mut hasher = blake3::Hasher::new();
    let mut add = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    add(desired.jobs.get(service)?);
    if let Some(made_from) = made_from {
        add(made_from);
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
            Mount::Bind { .. }
            | Mount::Tmpfs { .. }
            | Mount::Anonymous { .. }
            | Mount::Image { .. } => None,
        })
        .collect()
}
