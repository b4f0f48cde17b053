use camino::Utf8Path;

use super::Facts;
use crate::stack::{Build, Service, Source};

/// Whether `path` is part of what the service is built from.
pub(super) fn in_context(service: &Service, path: &Utf8Path, facts: &Facts<'_>) -> bool {
    let Source::Build(build) = &service.source else {
        return false;
    };
    let mut further = build.options.folders();
    is_named(build, path)
        || further.any(|(_, folder)| path.starts_with(folder) && path != folder)
        || path.starts_with(&build.context)
            && path != build.context
            && !(facts.excluded)(build, path)
}

/// Whether a file says how the service's image is made, or what goes into it: no rule takes that away.
pub(super) fn makes(service: &Service, path: &Utf8Path) -> bool {
    match &service.source {
        Source::Build(build) => makes_image(build, path),
        Source::Image(_) | Source::Run(_) => false,
    }
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
