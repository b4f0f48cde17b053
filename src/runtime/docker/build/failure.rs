//! What a failed build says, for people: the step, the end of its log, and what to do.

use std::sync::LazyLock;

use regex::Regex;

use super::trace::FailedStep;
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

/// A build as the engine reports its end.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    /// The engine's last word.
    pub message: &'a str,
    pub step: Option<FailedStep>,
    /// As it is named to people.
    pub dockerfile: &'a str,
    pub source: &'a str,
}

const NO_SPACE: &str = "no space left on device";
/// What registries and engines say of an image that cannot be had.
const NO_IMAGE: [&str; 8] = [
    "pull access denied",
    "manifest unknown",
    "failed to resolve source metadata",
    "failed to do request",
    "failed to resolve image config",
    "no match for platform in manifest",
    "no such image",
    "server misbehaving",
];

/// The engine lost the result of a step of a build that was cancelled as it ended, and its cache still has the step as done.
/// Seen with BuildKit 0.34; each further build that takes the step from the cache fails in the same way.
const LOST: &str = "failed to stat active key during commit";

/// Whether a build failed for what its cache has lost, and would not without the cache.
pub(super) fn is_lost(error: &RuntimeError) -> bool {
    error.0.class == FailureClass::Build && error.0.message.contains(LOST)
}

fn regex(text: &str) -> Regex {
    Regex::new(text).expect("a constant expression is valid")
}

static NOISE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:failed to solve(?: with frontend [\w.]+)?: |rpc error: code = \w+ desc = ",
        r"|failed to create LLB definition: |solve: )+"
    ))
});
static LINE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)dockerfile parse error (?:on )?line (\d+): (.*)"));
static METADATA: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?:load metadata for|resolve image config for|failed to resolve source metadata for|manifest for",
        r"|pull access denied for|No such image:) (?:docker-image://)?([^\s,]+)"
    ))
});
static FROM: LazyLock<Regex> = LazyLock::new(|| regex(r"^\[.*\] FROM (\S+)"));
static EXIT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:exit code: |returned a non-zero code: )(-?\d+)"));
static MISSING: LazyLock<Regex> =
    LazyLock::new(|| regex(r#""?/?([^"\s]+)"?:? not found|COPY failed: .*stat (\S+?):? "#));

fn capture<'t>(regex: &Regex, text: &'t str) -> Option<&'t str> {
    let captures = regex.captures(text)?;
    captures.iter().skip(1).flatten().next().map(|m| m.as_str())
}

impl Report<'_> {
    /// The error for people and for planning.
    pub(super) fn failure(mut self) -> RuntimeError {
        let step = self.step.take().unwrap_or_default();
        let message = NOISE.replace(self.message, "");
        let whole = format!("{message}\n{}\n{}", step.error, step.log.join("\n"));
        if whole.contains(NO_SPACE) {
            return RuntimeError::new(FailureClass::DiskFull, "the engine's disk is full")
                .detail(with_step(&step, &message))
                .help("see what takes the space with `docker system df`, free some with `docker builder prune`");
        }
        if let Some(error) = self.image_missing(&message, &step) {
            return error;
        }
        if let Some(error) = self.syntax(&message) {
            return error;
        }
        Self::step_failed(&message, &step)
    }

    fn image_missing(&self, message: &str, step: &FailedStep) -> Option<RuntimeError> {
        let loads = step.name.starts_with("[internal] load metadata for")
            || step.name.starts_with("resolve image config for")
            || step.name.starts_with("docker-image://");
        let pulls = capture(&FROM, &step.name);
        let said = NO_IMAGE.iter().any(|text| message.contains(text));
        if !loads && !said && pulls.is_none() {
            return None;
        }
        let image = capture(&METADATA, &step.name)
            .or_else(|| step.name.strip_prefix("docker-image://"))
            .or(pulls)
            .or_else(|| capture(&METADATA, message))
            .map(|image| image.trim_end_matches(':'))?;
        let short = image.strip_prefix("docker.io/").unwrap_or(image);
        let short = short.strip_prefix("library/").unwrap_or(short);
        let error = RuntimeError::new(
            FailureClass::ImageMissing,
            format!("the base image {short} cannot be had"),
        )
        .detail(vec![message.to_owned()]);
        Some(if short.starts_with("docker/dockerfile") {
            error.help(format!(
                "{} asks for this syntax in its first line; without that line the engine's own is used",
                self.dockerfile
            ))
        } else {
            error.help(format!(
                "see that the name is right and that its registry can be reached: `docker pull {short}`; or make it here"
            ))
        })
    }

    fn syntax(&self, message: &str) -> Option<RuntimeError> {
        let captures = LINE.captures(message)?;
        let line: usize = captures[1].parse().ok()?;
        let why = captures[2].trim();
        let source = self
            .source
            .lines()
            .nth(line.checked_sub(1)?)
            .unwrap_or_default()
            .trim_end();
        Some(
            RuntimeError::new(
                FailureClass::Build,
                format!("{}:{line}: {why}", self.dockerfile),
            )
            .detail(vec![format!("{line} | {source}")]),
        )
    }

    fn step_failed(message: &str, step: &FailedStep) -> RuntimeError {
        let text = if step.name.is_empty() {
            message.to_owned()
        } else if let Some(code) = capture(&EXIT, &step.error).or_else(|| capture(&EXIT, message)) {
            format!("{} failed with exit code {code}", step.name)
        } else {
            let why = if step.error.is_empty() {
                message
            } else {
                &step.error
            };
            format!("{} failed: {why}", step.name)
        };
        let error = RuntimeError::new(
            FailureClass::Build,
            text.lines().next().unwrap_or("the build failed"),
        )
        .detail(step.log.clone());
        match capture(&MISSING, message) {
            Some(path) if !step.name.contains("RUN ") && !message.contains(LOST) => error.help(
                format!("is `{path}` in the build context, and not ignored by .dockerignore?"),
            ),
            _ => error,
        }
    }
}

fn with_step(step: &FailedStep, message: &str) -> Vec<String> {
    let mut detail = Vec::new();
    if !step.name.is_empty() {
        detail.push(step.name.clone());
    }
    detail.extend(step.log.iter().cloned());
    detail.push(message.to_owned());
    detail
}

#[cfg(test)]
mod tests;
