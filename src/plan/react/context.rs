use std::collections::BTreeSet;

use camino::Utf8Path;

use super::Facts;
use crate::plan::desired::with_bases;
use crate::stack::{Build, Service, Source, Stack};

/// Whether `path` is part of what the service is built from.
pub(super) fn in_context(
    stack: &Stack,
    service: &Service,
    path: &Utf8Path,
    facts: &Facts<'_>,
) -> bool {
    builds(stack, service).any(|build| {
        let mut further = build.options.folders();
        is_named(build, path)
            || further.any(|(_, folder)| path.starts_with(folder) && path != folder)
            || path.starts_with(&build.context)
                && path != build.context
                && !(facts.excluded)(build, path)
    })
}

/// Whether a file says how the service's image is made, or what goes into it: no rule takes that away.
pub(super) fn makes(stack: &Stack, service: &Service, path: &Utf8Path) -> bool {
    builds(stack, service).any(|build| makes_image(build, path))
}

/// Its own, and those of the images that it is built from.
fn builds<'s>(stack: &'s Stack, service: &Service) -> impl Iterator<Item = &'s Build> {
    let own = BTreeSet::from([service.name.clone()]);
    let names = with_bases(stack, &own).into_iter();
    names.filter_map(|name| match &stack.services.get(&name)?.source {
        Source::Build(build) => Some(build),
        Source::Image(_) | Source::Run(_) => None,
    })
}

pub(super) fn makes_image(build: &Build, path: &Utf8Path) -> bool {
    is_named(build, path) || path == build.context.join(".dockerignore")
}

/// The Dockerfile, or what ignores files for it alone.
fn is_named(build: &Build, path: &Utf8Path) -> bool {
    path == build.dockerfile
        || path.as_str().strip_suffix(".dockerignore") == Some(build.dockerfile.as_str())
}

#[cfg(test)]
mod tests;
