//! A build by BuildKit: the session beside `POST /build?version=2`
//! (<https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageBuild>).

use super::session::{NoSession, Offer, Session, random_id};
use super::stream::{Message, Messages};
use super::trace::Trace;
use super::transport::{gone, query};
use super::{BuiltImage, Job, pairs};
use crate::runtime::RuntimeError;

/// Builds; `None`: the engine has no BuildKit.
pub(super) async fn build(job: &Job<'_>) -> Result<Option<BuiltImage>, RuntimeError> {
    let spec = job.spec;
    let offer = Offer {
        context: spec.context.clone(),
        dockerfile_folder: spec.dockerfile.parent().unwrap_or(&spec.context).to_owned(),
        secrets: spec
            .secrets
            .iter()
            .map(|(id, value)| (id.clone(), value.text.clone().into_bytes()))
            .collect(),
    };
    let session = match Session::open(job.transport, offer, job.deadlines.answer).await {
        Ok(session) => session,
        Err(NoSession::Unknown) => return Ok(None),
        Err(NoSession::Failed(error)) => return Err(error),
    };
    let mut pairs = pairs(spec, spec.dockerfile.file_name().unwrap_or("Dockerfile"));
    pairs.push(("version", "2".to_owned()));
    pairs.push(("session", session.id.clone()));
    pairs.push(("remote", "client-session".to_owned()));
    pairs.push(("buildid", random_id()));
    let result = match job
        .post(
            &format!("/build?{}", query(&pairs)),
            super::transport::empty(),
        )
        .await
    {
        Ok(messages) => follow(job, messages).await,
        Err(error) => Err(error),
    };
    let (files, bytes) = (session.sent.files(), session.sent.bytes());
    session.close().await;
    result.map(|id| {
        Some(BuiltImage {
            id,
            files_sent: files,
            bytes_sent: bytes,
        })
    })
}

/// Reads what the build says until its end: the image's id.
async fn follow(job: &Job<'_>, mut messages: Messages) -> Result<String, RuntimeError> {
    let mut trace = Trace::default();
    let mut image = None;
    while let Some(message) = messages.next().await? {
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
    image.ok_or_else(|| gone(&"it ended the build without a result"))
}
