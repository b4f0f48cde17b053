//! A build asked of BuildKit itself, for what `POST /build` has no words for. Protocol:
//! <https://github.com/moby/buildkit/blob/master/api/services/control/control.proto>, over `POST /grpc` of the Docker
//! Engine, upgraded to h2c.

use std::collections::HashMap;
use std::future::Ready;
use std::io;
use std::task::{Context, Poll};

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest, StatusResponse};
use bytes::Bytes;
use camino::Utf8Path;
use http::{Method, Uri};
use hyper::upgrade::Upgraded;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use super::session::random_id;
use super::stream::ping;
use super::trace::Trace;
use super::{Job, tags};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::docker::call::{QUICK, within};
use crate::runtime::docker::fault::Fault;
use crate::runtime::docker::version::ApiVersion;
use crate::stack::{Build, BuildOptions};

/// From here on, the engine's own reader of Dockerfiles knows further contexts.
const NAMED_CONTEXTS: ApiVersion = ApiVersion::new(1, 42);
/// From here on it knows of limits for what it runs.
const LIMITS: ApiVersion = ApiVersion::new(1, 42);
/// Before the name of a further context, so that it cannot be that of the main one.
pub(super) const FURTHER: &str = "further-";

/// The digest of what was made, in the exporter's answer.
const DIGEST: &str = "containerimage.digest";

/// Whether `POST /build` cannot say what is asked for.
pub(super) fn is_needed(options: &BuildOptions) -> bool {
    !options.contexts.is_empty()
        || !options.no_cache_filter.is_empty()
        || !options.entitlements.is_empty()
        || !options.ulimits.is_empty()
        || options.shm_size.is_some()
        || options.remote.is_some()
}

/// What an older engine would leave out without a word.
fn check(job: &Job<'_>) -> Result<(), RuntimeError> {
    let options = &job.spec.options;
    let (what, key, from) = if !options.contexts.is_empty() {
        (
            "further build contexts",
            "additional_contexts",
            NAMED_CONTEXTS,
        )
    } else if !options.ulimits.is_empty() {
        ("limits for a build", "ulimits", LIMITS)
    } else if options.shm_size.is_some() {
        ("a size of /dev/shm for a build", "shm_size", LIMITS)
    } else {
        return Ok(());
    };
    if job.docker.version() >= from {
        return Ok(());
    }
    let message = format!("{what}: this engine is too old for that");
    Err(RuntimeError::new(FailureClass::Build, message)
        .help(format!("`{key}` of `build` works from Docker Engine 23 on")))
}

/// Builds, in a session that is open; returns the image's id.
pub(super) async fn solve(job: &Job<'_>, session: &str) -> Result<String, RuntimeError> {
    check(job)?;
    let channel = connect(job).await.map_err(|fault| job.fault(&fault))?;
    let build = random_id();
    let mut asking = ControlClient::new(channel.clone());
    let request = request(job, session, &build);
    let mut solved = std::pin::pin!(asking.solve(request));
    let mut following = ControlClient::new(channel);
    let mut trace = Trace::default();
    let mut states: Option<Streaming<StatusResponse>> = None;
    let mut opened = std::pin::pin!(following.status(StatusRequest { r#ref: build }));
    let mut is_opened = false;
    let answer = loop {
        let next = async {
            match &mut states {
                Some(states) => states.message().await.ok().flatten(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = &mut solved => {
                drain(job, states, &mut trace).await;
                let answer = result.map_err(|status| job.failed(status.message(), trace.failed()))?;
                break answer.into_inner();
            }
            stream = &mut opened, if !is_opened => {
                is_opened = true;
                states = stream.ok().map(tonic::Response::into_inner);
            }
            state = next => match state {
                Some(state) => show(job, &mut trace, &state),
                // What became of it, the other call says.
                None => states = None,
            },
            () = tokio::time::sleep(job.deadlines.silence) => {
                ping(job.docker, job.deadlines.answer).await.map_err(|fault| job.fault(&fault))?;
            }
        }
    };
    // What has no name is known by its digest, which is its id where names would be lost.
    let mut told = answer.exporter_response;
    if let Some(id) = told.remove(DIGEST).filter(|_| job.leaves_names) {
        return Ok(id);
    }
    let image = within(QUICK, job.docker.client().inspect_image(&job.spec.tag)).await;
    let image = image.map_err(|fault| job.fault(&fault))?;
    image.id.ok_or_else(|| job.no_result())
}

/// The last states come with the result, or a moment after it.
async fn drain(job: &Job<'_>, states: Option<Streaming<StatusResponse>>, trace: &mut Trace) {
    let Some(mut states) = states else { return };
    let rest = async {
        while let Ok(Some(state)) = states.message().await {
            show(job, trace, &state);
        }
    };
    // A state that does not come is a line less.
    let _late = tokio::time::timeout(job.deadlines.answer, rest).await;
}

fn show(job: &Job<'_>, trace: &mut Trace, state: &StatusResponse) {
    for line in trace.apply(state) {
        job.show(line.text, line.done, line.total);
    }
}

fn request(job: &Job<'_>, session: &str, build: &str) -> SolveRequest {
    let spec = job.spec;
    let names: Vec<&str> = match job.leaves_names {
        true => Vec::new(),
        false => tags(spec).map(String::as_str).collect(),
    };
    SolveRequest {
        r#ref: build.to_owned(),
        session: session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attributes(job),
        entitlements: entitlements(&spec.options),
        exporter_deprecated: "moby".to_owned(),
        exporter_attrs_deprecated: [("name".to_owned(), names.join(","))].into(),
        ..SolveRequest::default()
    }
}

/// The host's network is one of them, which `network` asks for by itself.
fn entitlements(options: &BuildOptions) -> Vec<String> {
    let host = (options.network.as_deref() == Some("host")).then(|| "network.host".to_owned());
    let mut all: Vec<String> = options.entitlements.iter().cloned().chain(host).collect();
    all.sort();
    all.dedup();
    all
}

/// What the reader of Dockerfiles is told, in its own words.
fn attributes(job: &Job<'_>) -> HashMap<String, String> {
    let (spec, options) = (job.spec, &job.spec.options);
    // One that the builder fetches is named as it is there.
    let fetched = spec.dockerfile.strip_prefix(Build::NO_FILE).ok();
    let dockerfile = fetched.or(spec.dockerfile.file_name().map(Utf8Path::new));
    let dockerfile = dockerfile.map_or("Dockerfile", Utf8Path::as_str);
    let resolve = if options.pull { "pull" } else { "local" };
    let mut found: HashMap<String, String> = [
        ("filename".to_owned(), dockerfile.to_owned()),
        ("image-resolve-mode".to_owned(), resolve.to_owned()),
    ]
    .into();
    let mut add = |key: String, value: String| drop(found.insert(key, value));
    for (name, value) in &spec.args {
        add(format!("build-arg:{name}"), value.text.clone());
    }
    for (name, value) in super::labels(spec) {
        add(format!("label:{name}"), value.to_owned());
    }
    if let Some(target) = &spec.target {
        add("target".to_owned(), target.clone());
    }
    if let [platform] = spec.platforms.as_slice() {
        add("platform".to_owned(), platform.clone());
    }
    if let Some(mode) = &options.network {
        add("force-network-mode".to_owned(), mode.clone());
    }
    if !options.extra_hosts.is_empty() {
        let hosts = options.extra_hosts.iter();
        let hosts: Vec<String> = hosts.map(|host| host.replacen(':', "=", 1)).collect();
        add("add-hosts".to_owned(), hosts.join(","));
    }
    if options.no_cache {
        add("no-cache".to_owned(), String::new());
    } else if !options.no_cache_filter.is_empty() {
        add("no-cache".to_owned(), options.no_cache_filter.join(","));
    }
    if let Some(remote) = &options.remote {
        add("context".to_owned(), remote.clone());
        if options.dockerfile.is_some() {
            // From here all the same.
            add("dockerfilekey".to_owned(), "dockerfile".to_owned());
        }
    }
    if let Some(size) = options.shm_size {
        add("shm-size".to_owned(), size.to_string());
    }
    if !options.ulimits.is_empty() {
        let limits = options.ulimits.iter();
        let limits: Vec<String> = limits
            .map(|(name, limit)| format!("{name}={}:{}", limit.soft, limit.hard))
            .collect();
        add("ulimit".to_owned(), limits.join(","));
    }
    let caches: Vec<&str> = spec
        .cache_from
        .iter()
        .filter_map(|source| super::cache_image(source))
        .collect();
    if !caches.is_empty() {
        add("cache-from".to_owned(), caches.join(","));
    }
    for (name, source) in &options.contexts {
        let source = match source.starts_with('/') {
            true => format!("local:{FURTHER}{name}"),
            false => source.clone(),
        };
        add(format!("context:{name}"), source);
    }
    found
}

async fn connect(job: &Job<'_>) -> Result<Channel, Fault> {
    let headers = [("Connection", "Upgrade"), ("Upgrade", "h2c")];
    let limit = job.deadlines.answer;
    let answer = job
        .docker
        .raw(Method::POST, "/grpc", &headers, Bytes::new(), limit)
        .await?;
    let upgraded = tokio::time::timeout(limit, hyper::upgrade::on(answer))
        .await
        .map_err(|_| Fault::Late)??;
    let connector = Once(Some(upgraded));
    // The name only fills in the requests: the connection is there.
    let endpoint = Endpoint::from_static("http://buildkit");
    let connecting = endpoint.connect_with_connector(connector);
    match tokio::time::timeout(limit, connecting).await {
        Ok(Ok(channel)) => Ok(channel),
        Ok(Err(error)) => Err(Fault::Connection(error.to_string())),
        Err(_) => Err(Fault::Late),
    }
}

/// The one connection that there is.
struct Once(Option<Upgraded>);

impl tower_service::Service<Uri> for Once {
    type Response = Upgraded;
    type Error = io::Error;
    type Future = Ready<io::Result<Upgraded>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        std::future::ready(self.0.take().ok_or_else(gone))
    }
}
