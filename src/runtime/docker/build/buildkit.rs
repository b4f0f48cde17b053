//! A build by BuildKit: the session beside `POST /build?version=2`
//! (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageBuild>).

use std::collections::BTreeMap;

use bytes::Bytes;
use camino::Utf8PathBuf;
use http_body_util::Full;

use super::session::{Offer, Session, random_id};
use super::stream::{Message, Messages};
use super::trace::Trace;
use super::{BuiltImage, Job, pairs, solve};
use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;
use crate::runtime::docker::fault::Fault;
use crate::runtime::docker::transport::Body;

/// Builds; `None`: the engine has no BuildKit.
pub(super) async fn build(job: &Job<'_>) -> Result<Option<BuiltImage>, RuntimeError> {
    let spec = job.spec;
    let secrets = spec.secrets.iter();
    let offer = Offer {
        context: spec.context.clone(),
        dockerfile_folder: spec.dockerfile.parent().unwrap_or(&spec.context).to_owned(),
        secrets: secrets
            .map(|(id, value)| (id.clone(), value.text.clone().into_bytes()))
            .collect(),
        agents: agents(job)?,
        further: spec
            .options
            .folders()
            .map(|(name, folder)| (format!("{}{name}", solve::FURTHER), folder.to_owned()))
            .collect(),
        environment: job.docker.inner.environment.clone(),
    };
    let session = match Session::open(job.docker, offer, job.deadlines.answer).await {
        Ok(session) => session,
        Err(Fault::Answer {
            status: 404 | 405 | 501,
            ..
        }) => return Ok(None),
        Err(fault) => return Err(job.fault(&fault)),
    };
    let result = match solve::is_needed(&spec.options) {
        true => solve::solve(job, &session.id).await,
        false => post(job, &session.id).await,
    };
    let (files_sent, bytes_sent) = (session.sent.files(), session.sent.bytes());
    session.close().await;
    result.map(|id| {
        Some(BuiltImage {
            id,
            files_sent,
            bytes_sent,
        })
    })
}

/// By the engine's own call, which says what became of it, too.
async fn post(job: &Job<'_>, session: &str) -> Result<String, RuntimeError> {
    let spec = job.spec;
    let mut pairs = pairs(spec, spec.dockerfile.file_name().unwrap_or("Dockerfile"));
    if job.leaves_names {
        pairs.retain(|(name, _)| *name != "t");
    }
    pairs.push(("version", "2".to_owned()));
    pairs.push(("session", session.to_owned()));
    pairs.push(("remote", "client-session".to_owned()));
    pairs.push(("buildid", random_id()));
    let messages = job
        .post(&pairs, &[], Body::Left(Full::new(Bytes::new())))
        .await?;
    follow(job, messages).await
}

/// What is fetched by SSH is fetched with the agent that there is.
fn wanted_agents(job: &Job<'_>) -> BTreeMap<String, Option<Utf8PathBuf>> {
    let mut given = job.spec.options.ssh.clone();
    let remote = job.spec.options.remote.as_deref().unwrap_or_default();
    let by_ssh = remote.starts_with("git@") || remote.starts_with("ssh://");
    let own = job.docker.inner.environment.get("SSH_AUTH_SOCK");
    if given.is_empty() && by_ssh && own.is_some_and(|path| !path.is_empty()) {
        given.insert("default".to_owned(), None);
    }
    given
}

/// The sockets of the SSH agents that it is given: the one of the environment where the stack file names none.
fn agents(job: &Job<'_>) -> Result<Vec<(String, Utf8PathBuf)>, RuntimeError> {
    let given = wanted_agents(job);
    let given = given.iter();
    let agent = |(id, path): (&String, &Option<Utf8PathBuf>)| {
        let own = job.docker.inner.environment.get("SSH_AUTH_SOCK");
        let own = own.filter(|path| !path.is_empty()).map(Utf8PathBuf::from);
        let refused = |message: String, help: &str| {
            Err(RuntimeError::new(FailureClass::Unresolved, message).help(help))
        };
        let Some(path) = path.clone().or(own) else {
            return refused(
                format!("the build is to have the SSH agent `{id}`, and SSH_AUTH_SOCK is not set"),
                "begin one: eval \"$(ssh-agent)\" && ssh-add",
            );
        };
        use std::os::unix::fs::FileTypeExt;
        match fs_err::metadata(&path) {
            Ok(found) if found.file_type().is_socket() => Ok((id.clone(), path)),
            Ok(_) => refused(
                format!("`ssh: {id}={path}` of the build is no agent's socket"),
                "`dev` hands agents to a build and no keys: add the key with ssh-add, and write `ssh: [default]`",
            ),
            Err(error) => refused(
                format!("the SSH agent `{id}` of the build cannot be had: {error}"),
                "begin one: eval \"$(ssh-agent)\" && ssh-add",
            ),
        }
    };
    given.map(agent).collect()
}

/// Reads what the build says until its end: the image's id.
async fn follow(job: &Job<'_>, mut messages: Messages) -> Result<String, RuntimeError> {
    let mut trace = Trace::default();
    let mut image = None;
    while let Some(message) = messages.next().await.map_err(|fault| job.fault(&fault))? {
        match message {
            Message::Trace(state) => {
                for line in trace.apply(&state) {
                    job.show(line.text, line.done, line.total);
                }
            }
            Message::Image(id) => image = Some(id),
            Message::Error(text) => return Err(job.failed(&text, trace.failed())),
            Message::Text(text) | Message::Status(text) => {
                let (done, total) = trace.counts();
                job.show(text.trim_end().to_owned(), done, total);
            }
        }
    }
    image.ok_or_else(|| job.no_result())
}
