//! Image builds: by BuildKit through a session of our own that serves files and secrets, or by the classic builder
//! where an engine has nothing else.

mod buildkit;
mod classic;
mod dockerfile;
mod failure;
mod inline;
mod mask;
mod names;
mod same;
mod session;
mod solve;
mod stream;
mod superseded;
mod tar;
mod trace;

use std::collections::BTreeMap;
use std::io;

use http::{HeaderMap, Method, Request, StatusCode};
use hyper::body::Incoming;

use self::dockerfile::Dockerfile;
use self::failure::Report;
use self::mask::Mask;
use self::stream::{Messages, error_text, ping};
use self::trace::FailedStep;
use super::Docker;
use super::call::encode;
use super::classify;
use super::fault::Fault;
use super::transport::{Body, Transport};
use crate::engine::event::FailureClass;
use crate::plan::desired::{BuildSpec, LABEL_BUILD};
use crate::runtime::{Progress, ProgressSender, RuntimeError};
use crate::stack;

pub use stream::Deadlines;

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    /// `sha256:…`
    pub id: String,
    /// Files of the context that the engine did not have yet; 0 with the classic builder, which is always sent all.
    pub files_sent: u64,
    pub bytes_sent: u64,
}

/// How to build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildOptions {
    pub builder: Builder,
    pub deadlines: Deadlines,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit where the engine has it.
    #[default]
    Best,
    Classic,
}

impl BuildOptions {
    /// As `DOCKER_BUILDKIT` of the environment says: `0` asks for the classic builder.
    pub fn from_environment(docker_buildkit: Option<&str>) -> Self {
        let classic = docker_buildkit
            .is_some_and(|v| matches!(v, "0" | "f" | "false" | "F" | "FALSE" | "False"));
        let builder = if classic {
            Builder::Classic
        } else {
            Builder::Best
        };
        Self {
            builder,
            ..Self::default()
        }
    }
}

impl Docker {
    /// Whether builds go to BuildKit.
    ///
    /// # Errors
    /// `Engine` when it does not answer.
    pub async fn has_buildkit(&self) -> Result<bool, RuntimeError> {
        let options = BuildOptions::from_environment(self.inner.environment.get("DOCKER_BUILDKIT"));
        let answer = ping(self, options.deadlines.answer).await;
        let engine =
            answer.map_err(|fault| classify::failure("ask the engine how it builds", &fault))?;
        Ok(options.builder == Builder::Best && has_it(&engine))
    }

    /// Builds an image and tags it. Where it comes out as the one that has the tag, that one keeps it, with its id. Lines of
    /// log go to `progress`, without the secrets. Dropping the future cancels the build on the engine. Of several platforms, the engine
    /// builds its own. `DOCKER_BUILDKIT=0` in the environment asks for the classic builder.
    ///
    /// # Errors
    /// `Build`: a step failed (the end of its log is the detail), the Dockerfile is wrong or needs BuildKit.
    /// `ImageMissing`: a base image cannot be had. `DiskFull`. `Unresolved`: a secret that the Dockerfile asks for is
    /// not in the spec, or an argument holds a secret. `Engine`: it does not answer, or went away.
    pub async fn build(
        &self,
        spec: &BuildSpec,
        progress: Option<&ProgressSender>,
    ) -> Result<BuiltImage, RuntimeError> {
        let options = BuildOptions::from_environment(self.inner.environment.get("DOCKER_BUILDKIT"));
        let build = async {
            match self.build_with(spec, options, progress).await {
                // The record of what is lost stays in the engine's cache: asked for the same step, it fails again.
                Err(error) if failure::is_lost(&error) => {
                    self.build_with(&without_cache(spec), options, progress)
                        .await
                }
                other => other,
            }
        };
        let ended = self.prune_superseded(spec);
        let image = build.await?;
        let _heard = ended.send(image.id.clone());
        Ok(image)
    }

    /// [`Self::build`] with options of its own.
    ///
    /// # Errors
    /// As there.
    pub async fn build_with(
        &self,
        spec: &BuildSpec,
        options: BuildOptions,
        progress: Option<&ProgressSender>,
    ) -> Result<BuiltImage, RuntimeError> {
        let written = inline::Written::of(spec)?;
        let spec = written.as_ref().map_or(spec, |written| &written.spec);
        let source = source(spec).await?;
        let mut job = Job {
            docker: self,
            spec,
            leaves_names: false,
            dockerfile: Dockerfile::parse(&source),
            source,
            deadlines: options.deadlines,
            mask: Mask::new(spec.secrets.iter().map(|(_, value)| value.text.as_str())),
            progress,
        };
        job.check()?;
        let engine = ping(self, options.deadlines.answer)
            .await
            .map_err(|fault| job.fault(&fault))?;
        let before = self.has_tag(spec, options.deadlines.answer).await;
        if options.builder == Builder::Best && has_it(&engine) {
            job.leaves_names = before.as_ref().is_some_and(names::would_be_lost);
            if let Some(built) = buildkit::build(&job).await? {
                if !job.leaves_names {
                    return Ok(self.settle_on(before, built, spec).await);
                }
                if let Ok(image) = self.rename_to(before.as_ref(), built, spec).await {
                    return Ok(image);
                }
                // Somebody has removed what has no name.
                job.leaves_names = false;
                if let Some(built) = buildkit::build(&job).await? {
                    return Ok(built);
                }
            }
        }
        classic::check(&job)?;
        let built = classic::build(&job).await?;
        Ok(self.settle_on(before, built, spec).await)
    }
}

/// By the engine's answer to a ping; one that does not say may have it.
fn has_it(engine: &HeaderMap) -> bool {
    engine
        .get("Builder-Version")
        .is_none_or(|version| version != "1")
}

/// One build, and what both builders need for it.
struct Job<'a> {
    docker: &'a Docker,
    spec: &'a BuildSpec,
    /// BuildKit is to give the image no name: see [`names`].
    leaves_names: bool,
    dockerfile: Dockerfile,
    source: String,
    deadlines: Deadlines,
    mask: Mask,
    progress: Option<&'a ProgressSender>,
}

impl Job<'_> {
    /// What would go wrong silently.
    fn check(&self) -> Result<(), RuntimeError> {
        let is_fetched = self.spec.options.remote.is_some();
        if !is_fetched && !self.spec.context.is_dir() {
            let message = format!("there is no folder {} to build from", self.spec.context);
            return Err(RuntimeError::new(FailureClass::Build, message));
        }
        // Arguments stay in the image's history, readable for everyone.
        if let Some((name, _)) = self.spec.args.iter().find(|(_, value)| value.secret) {
            let message = format!(
                "the build argument `{name}` holds a secret, and would stay readable in the image"
            );
            return Err(RuntimeError::new(FailureClass::Unresolved, message).help(format!(
                "give it under `secrets` of the build, and read it with `RUN --mount=type=secret,id={name}`"
            )));
        }
        // Without an error here, BuildKit would run the step without the secret.
        let known = |id: &str| self.spec.secrets.iter().any(|(known, _)| known == id);
        let asked = self.dockerfile.secrets(self.spec.target.as_deref());
        match asked.iter().find(|mount| !known(&mount.id)) {
            None => Ok(()),
            Some(mount) => Err(RuntimeError::new(
                FailureClass::Unresolved,
                format!("{}:{} asks for the secret `{}`, which this build is not given", self.dockerfile_name(), mount.line, mount.id),
            )
            .help(format!(
                "add `{}` to `secrets` of the build; if the step does well without it, let the mount say `required=false`",
                mount.id
            ))),
        }
    }

    /// The Dockerfile as people know it: relative to the context where it is in it.
    fn dockerfile_name(&self) -> &str {
        if self.spec.options.dockerfile.is_some() {
            return "dockerfile_inline";
        }
        let path = &self.spec.dockerfile;
        path.strip_prefix(&self.spec.context)
            .unwrap_or(path)
            .as_str()
    }

    fn show(&self, text: String, done: u64, total: u64) {
        if let Some(progress) = self.progress {
            // A full queue drops the line: nobody waits for views.
            let _ = progress.try_send(Progress {
                text: self.mask.apply(text),
                done,
                total,
            });
        }
    }

    /// Starts the build's own call.
    async fn post(
        &self,
        pairs: &[(&str, String)],
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Messages, RuntimeError> {
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let base = Transport::base(&self.docker.inner.address);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("{base}/build?{}", query.join("&")))
            .header("Content-Type", "application/x-tar");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(body)
            .map_err(|error| self.fault(&Fault::Nonsense(error.to_string())))?;
        let answer = self
            .answer(request)
            .await
            .map_err(|fault| self.fault(&fault))?;
        if answer.status() != StatusCode::OK {
            let text = error_text(answer.into_body(), self.deadlines.answer).await;
            return Err(self.failed(&text, None));
        }
        Ok(Messages::new(answer, self.docker.clone(), self.deadlines))
    }

    /// The engine's first word comes when the first step begins, or, from the classic builder, after the whole context.
    async fn answer(&self, request: Request<Body>) -> Result<http::Response<Incoming>, Fault> {
        let mut answer = std::pin::pin!(self.docker.inner.transport.send(request));
        loop {
            match tokio::time::timeout(self.deadlines.silence, &mut answer).await {
                Ok(answer) => return answer.map_err(Fault::from),
                Err(_) => ping(self.docker, self.deadlines.answer).await.map(drop)?,
            }
        }
    }

    /// The engine did not do its part.
    fn fault(&self, fault: &Fault) -> RuntimeError {
        classify::failure(&format!("build image {}", self.spec.tag), fault)
    }

    fn no_result(&self) -> RuntimeError {
        self.fault(&Fault::Connection(
            "it ended the build without a result".to_owned(),
        ))
    }

    fn failed(&self, message: &str, step: Option<FailedStep>) -> RuntimeError {
        let report = Report {
            message,
            step,
            dockerfile: self.dockerfile_name(),
            source: &self.source,
        };
        let RuntimeError(mut failure) = report.failure();
        failure.message = self.mask.apply(failure.message);
        failure.detail = failure
            .detail
            .into_iter()
            .map(|line| self.mask.apply(line))
            .collect();
        RuntimeError(failure)
    }
}

/// The Dockerfile's text; none where the builder fetches it.
async fn source(spec: &BuildSpec) -> Result<String, RuntimeError> {
    if spec.dockerfile.starts_with(stack::Build::NO_FILE) {
        return Ok(String::new());
    }
    let source = tokio::fs::read(&spec.dockerfile)
        .await
        .map_err(|error| no_dockerfile(spec, &error))?;
    Ok(String::from_utf8_lossy(&source).into_owned())
}

/// The same image, each of its steps made anew.
fn without_cache(spec: &BuildSpec) -> BuildSpec {
    let mut spec = spec.clone();
    spec.options.no_cache = true;
    spec
}

/// All names that the image gets.
fn tags(spec: &BuildSpec) -> impl Iterator<Item = &String> {
    std::iter::once(&spec.tag).chain(&spec.options.tags)
}

/// What both builders are asked for.
fn pairs(spec: &BuildSpec, dockerfile: &str) -> Vec<(&'static str, String)> {
    let json = |map: BTreeMap<&str, &str>| serde_json::to_string(&map).unwrap_or_default();
    let args = spec
        .args
        .iter()
        .map(|(name, value)| (name.as_str(), value.text.as_str()))
        .collect();
    let mut pairs = vec![
        ("t", spec.tag.clone()),
        ("dockerfile", dockerfile.to_owned()),
        ("buildargs", json(args)),
        ("labels", json(labels(spec))),
    ];
    if let Some(target) = &spec.target {
        pairs.push(("target", target.clone()));
    }
    let caches: Vec<&str> = spec
        .cache_from
        .iter()
        .filter_map(|source| cache_image(source))
        .collect();
    if !caches.is_empty() {
        pairs.push((
            "cachefrom",
            serde_json::to_string(&caches).unwrap_or_default(),
        ));
    }
    if let [platform] = spec.platforms.as_slice() {
        pairs.push(("platform", platform.clone()));
    }
    pairs.extend(further_pairs(&spec.options));
    pairs
}

/// All that the image gets: nothing that differs from build to build.
fn labels(spec: &BuildSpec) -> BTreeMap<&str, &str> {
    let given = spec.options.labels.iter();
    let mut labels: BTreeMap<&str, &str> = given
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let ours = spec.labels.iter();
    labels.extend(ours.map(|(name, value)| (name.as_str(), value.as_str())));
    labels.insert(LABEL_BUILD, "true");
    labels
}

/// What only a Compose file asks for.
fn further_pairs(options: &stack::BuildOptions) -> Vec<(&'static str, String)> {
    let mut pairs = Vec::new();
    pairs.extend(options.tags.iter().map(|tag| ("t", tag.clone())));
    let hosts = options.extra_hosts.iter();
    pairs.extend(hosts.map(|host| ("extrahosts", host.clone())));
    pairs.extend(options.network.clone().map(|mode| ("networkmode", mode)));
    if options.no_cache {
        pairs.push(("nocache", "1".to_owned()));
    }
    if options.pull {
        pairs.push(("pull", "1".to_owned()));
    }
    pairs
}

/// The image of a source of layers: `shop:cache`, or `type=registry,ref=shop:cache` as buildx has it. The engine takes no
/// other kind.
fn cache_image(source: &str) -> Option<&str> {
    if !source.contains('=') {
        return Some(source);
    }
    let value = |key: &str| {
        let mut pairs = source.split(',').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(name, value)| (name.trim() == key).then_some(value.trim()))
    };
    value("type")
        .is_none_or(|kind| kind == "registry")
        .then(|| value("ref"))
        .flatten()
}

fn no_dockerfile(spec: &BuildSpec, error: &io::Error) -> RuntimeError {
    let message = match error.kind() {
        io::ErrorKind::NotFound if !spec.context.is_dir() => {
            format!("there is no folder {} to build from", spec.context)
        }
        io::ErrorKind::NotFound => format!("there is no Dockerfile at {}", spec.dockerfile),
        _ => format!("{} cannot be read: {error}", spec.dockerfile),
    };
    RuntimeError::new(FailureClass::Build, message)
        .help("`build = { context, dockerfile }` says where it is")
}

/// Something of the context that cannot be read.
fn unreadable(error: &io::Error) -> RuntimeError {
    RuntimeError::new(FailureClass::Build, format!("the build context: {error}"))
}

#[cfg(test)]
mod tests;
