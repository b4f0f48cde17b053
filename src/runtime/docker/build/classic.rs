//! A build by the classic builder: the context as a tar stream, one step after the other.

use std::collections::BTreeMap;

use base64::Engine as _;

use super::stream::{Message, Messages};
use super::tar::Context;
use super::trace::{FailedStep, Log};
use super::{BuiltImage, Job, pairs, unreadable};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::docker::credentials;

/// Refuses what the classic builder would do wrongly or with an error that nobody understands.
pub(super) fn check(job: &Job<'_>) -> Result<(), RuntimeError> {
    let needs = |what: String, detail: Vec<String>| {
        let error = RuntimeError::new(
            FailureClass::Build,
            format!("{what} needs BuildKit, and this engine builds without it"),
        );
        Err(error
            .detail(detail)
            .help("use an engine with BuildKit (Docker 18.09 or later), without DOCKER_BUILDKIT=0 in the environment"))
    };
    if let Some((id, _)) = job.spec.secrets.first() {
        return needs(format!("the build secret `{id}`"), Vec::new());
    }
    if let Some(id) = job.spec.options.ssh.keys().next() {
        return needs(format!("the SSH agent `{id}` of a build"), Vec::new());
    }
    let options = &job.spec.options;
    if let Some(stage) = options.no_cache_filter.first() {
        return needs(
            format!("`no_cache_filter` for the stage `{stage}`"),
            Vec::new(),
        );
    }
    if let Some(entitlement) = options.entitlements.first() {
        return needs(
            format!("the entitlement `{entitlement}` of a build"),
            Vec::new(),
        );
    }
    if let Some(name) = options.ulimits.keys().next() {
        return needs(format!("the limit `{name}` of a build"), Vec::new());
    }
    if options.shm_size.is_some() {
        return needs("`shm_size` of a build".to_owned(), Vec::new());
    }
    if let Some(remote) = &options.remote {
        return needs(format!("a build from {remote}"), Vec::new());
    }
    if let Some(name) = options.contexts.keys().next() {
        return needs(format!("the further build context `{name}`"), Vec::new());
    }
    // Podman's builder is behind the same call, and knows these.
    if job.docker.is_podman() {
        return Ok(());
    }
    let found = job.dockerfile.needs_buildkit();
    let Some((line, what)) = found.first() else {
        return Ok(());
    };
    let detail = found
        .iter()
        .map(|(line, what)| format!("{}:{line}: {what}", job.dockerfile_name()))
        .collect();
    needs(
        format!("{}:{line}: `{what}`", job.dockerfile_name()),
        detail,
    )
}

pub(super) async fn build(job: &Job<'_>) -> Result<BuiltImage, RuntimeError> {
    let (folder, dockerfile) = (job.spec.context.clone(), job.spec.dockerfile.clone());
    let context = tokio::task::spawn_blocking(move || Context::new(&folder, &dockerfile))
        .await
        .map_err(|_| job.no_result())?
        .map_err(|error| unreadable(&error))?;
    let mut pairs = pairs(job.spec, &context.layout.dockerfile);
    pairs.push(("version", "1".to_owned()));
    pairs.push(("rm", "1".to_owned()));
    pairs.push(("forcerm", "1".to_owned()));
    let registries = registries(job).await?;
    let headers: Vec<(&str, &str)> = registries
        .iter()
        .map(|value| ("X-Registry-Config", value.as_str()))
        .collect();
    let messages = job.post(&pairs, &headers, context.into_body()).await?;
    let id = follow(job, messages).await?;
    Ok(BuiltImage {
        id,
        files_sent: 0,
        bytes_sent: 0,
    })
}

/// The credentials for the base images that need some, as the engine wants them; `None` where there are none.
async fn registries(job: &Job<'_>) -> Result<Option<String>, RuntimeError> {
    let mut found = BTreeMap::new();
    for image in job.dockerfile.images() {
        let registry = credentials::registry(&image);
        let known = credentials::of(&job.docker.inner.environment, &image).await;
        let known = known.map_err(|why| RuntimeError::new(FailureClass::ImageMissing, why))?;
        if let Some(credentials) = known {
            found.insert(registry.to_owned(), credentials);
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_vec(&found).unwrap_or_default();
    Ok(Some(base64::engine::general_purpose::URL_SAFE.encode(json)))
}

async fn follow(job: &Job<'_>, mut messages: Messages) -> Result<String, RuntimeError> {
    let mut step = FailedStep::default();
    let mut log = Log::default();
    let (mut done, mut total) = (0, 0);
    let mut image = None;
    while let Some(message) = messages.next().await.map_err(|fault| job.fault(&fault))? {
        match message {
            Message::Text(text) => {
                for line in log.push(false, text.as_bytes()) {
                    if let Some((number, of, what)) = step_line(&line) {
                        (done, total) = (number.saturating_sub(1), of);
                        step.name = format!("[{number}/{of}] {what}");
                        log.restart();
                        job.show(step.name.clone(), done, total);
                    } else {
                        job.show(line, done, total);
                    }
                }
            }
            Message::Status(text) => job.show(text, done, total),
            Message::Image(id) => image = Some(id),
            Message::Error(text) => {
                step.log = log.finish();
                return Err(job.failed(&text, Some(step)));
            }
            Message::Trace(_) => {}
        }
    }
    image.ok_or_else(|| job.no_result())
}

/// `Step 2/5 : RUN true` → (2, 5, `RUN true`)
fn step_line(line: &str) -> Option<(u64, u64, &str)> {
    let (numbers, what) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (number, of) = numbers.split_once('/')?;
    Some((number.parse().ok()?, of.parse().ok()?, what))
}

#[cfg(test)]
mod tests {
    use super::step_line;

    #[test]
    fn steps_are_recognised() {
        assert_eq!(
            step_line("Step 2/5 : RUN echo a : b"),
            Some((2, 5, "RUN echo a : b"))
        );
        assert_eq!(step_line("Step by step"), None);
        assert_eq!(step_line(" ---> Running in 1234"), None);
    }
}
