//! The container engine.

use super::machine::{Space, free};
use crate::runtime::docker::{Address, Docker};
use crate::runtime::{Environment, RuntimeError};
use crate::view::doctor::{Check, Verdict};

const ENGINE: &str = "engine";
const BUILDS: &str = "builds";

/// `needed`: the stack has containers.
pub async fn checks(
    docker: &Result<Docker, RuntimeError>,
    needed: bool,
    environment: &Environment,
) -> Vec<Check> {
    let docker = match docker {
        Ok(docker) => docker,
        Err(error) => return vec![absent(error, needed)],
    };
    let info = match docker.info().await {
        Ok(info) => info,
        Err(error) => return vec![absent(&error, needed)],
    };
    let kind = if info.podman {
        "Podman"
    } else {
        "Docker Engine"
    };
    let mut checks = vec![Check::ok(
        ENGINE,
        format!(
            "{kind} {}, API {}, at {}",
            info.engine_version,
            info.api_version,
            docker.address()
        ),
    )];
    checks.push(builder(docker, environment).await);
    // Only what lies on this machine can be looked at.
    let root = info
        .data_root
        .filter(|_| matches!(docker.address(), Address::Unix(_)));
    if let Some(Space { bytes, .. }) = root.as_deref().and_then(free) {
        checks.push(super::machine::space("engine's disk", bytes));
    }
    checks
}

fn absent(error: &RuntimeError, needed: bool) -> Check {
    let failure = &error.0;
    let found = match needed {
        true => failure.message.clone(),
        false => format!("{}; this stack needs none", failure.message),
    };
    let verdict = if needed { Verdict::Failed } else { Verdict::Ok };
    Check::new(ENGINE, verdict, found, failure.help.clone())
}

async fn builder(docker: &Docker, environment: &Environment) -> Check {
    const HELP: &str =
        "secrets, mounts and SSH of a Dockerfile need BuildKit: Docker 18.09 or later has it";
    match docker.has_buildkit().await {
        Ok(true) => Check::ok(BUILDS, "with BuildKit"),
        Ok(false) if environment.get("DOCKER_BUILDKIT").is_some() => Check::warning(
            BUILDS,
            "with the classic builder, as DOCKER_BUILDKIT says",
            "unset DOCKER_BUILDKIT to build with BuildKit",
        ),
        Ok(false) => Check::warning(BUILDS, "with the classic builder", HELP),
        Err(error) => Check::warning(BUILDS, error.0.message, error.0.help.unwrap_or_default()),
    }
}
