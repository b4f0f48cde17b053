//! The engine's answer to a build: JSON objects, one a line.

use std::io;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::{HeaderMap, Method, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use prost::Message as _;
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use crate::runtime::docker::Docker;
use crate::runtime::docker::fault::Fault;

/// A line holds a chunk of a log at most, in base64.
const LONGEST: usize = 32 << 20;

/// One message of a build.
#[derive(Debug)]
pub(super) enum Message {
    /// Output of the classic builder, lines and parts of lines.
    Text(String),
    /// What happens to a layer that is being pulled.
    Status(String),
    /// The state of BuildKit's steps.
    Trace(Box<StatusResponse>),
    /// The image that came out.
    Image(String),
    Error(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    id: Option<String>,
    stream: Option<String>,
    status: Option<String>,
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<Detail>,
    aux: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    message: String,
}

/// Reads one line; `None`: nothing that matters.
pub(super) fn parse(line: &str) -> Option<Message> {
    let raw: Raw = serde_json::from_str(line).ok()?;
    if let Some(text) = raw
        .error_detail
        .map(|d| d.message)
        .filter(|m| !m.is_empty())
        .or(raw.error)
    {
        return Some(Message::Error(text));
    }
    if let Some(text) = raw.stream {
        return Some(Message::Text(text));
    }
    match (raw.id.as_deref(), raw.aux) {
        (Some("moby.buildkit.trace"), Some(serde_json::Value::String(text))) => {
            use base64::Engine as _;
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text)
                .ok()?;
            Some(Message::Trace(Box::new(
                StatusResponse::decode(bytes.as_slice()).ok()?,
            )))
        }
        (_, Some(aux)) => Some(Message::Image(aux.get("ID")?.as_str()?.to_owned())),
        (id, None) => {
            let status = raw.status?;
            Some(Message::Status(id.map_or_else(
                || status.clone(),
                |id| format!("{id}: {status}"),
            )))
        }
    }
}

type Lines = std::pin::Pin<Box<dyn Stream<Item = io::Result<String>> + Send>>;

/// The messages of a build, as long as the engine lives. Dropping it closes the connection, and the engine stops.
pub(super) struct Messages {
    lines: Lines,
    docker: Docker,
    deadlines: Deadlines,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// A build that says nothing for this long makes us ask whether the engine is alive.
    pub silence: Duration,
    /// For the engine to answer a short question.
    pub answer: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(20),
            answer: Duration::from_secs(10),
        }
    }
}

impl Messages {
    pub(super) fn new(answer: Response<Incoming>, docker: Docker, deadlines: Deadlines) -> Self {
        let chunks = answer
            .into_body()
            .into_data_stream()
            .map_err(io::Error::other);
        let codec = LinesCodec::new_with_max_length(LONGEST);
        let lines = FramedRead::new(StreamReader::new(chunks), codec).map_err(io::Error::other);
        Self {
            lines: Box::pin(lines),
            docker,
            deadlines,
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or the engine neither says anything nor answers.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            match tokio::time::timeout(self.deadlines.silence, self.lines.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Fault::Connection(error.to_string())),
                Ok(Some(Ok(line))) => {
                    if let Some(message) = parse(&line) {
                        return Ok(Some(message));
                    }
                }
                // A step may be silent for long; an engine that does not answer is gone.
                Err(_) => ping(&self.docker, self.deadlines.answer).await.map(drop)?,
            }
        }
    }
}

/// Asks whether the engine is there: the headers of its answer.
pub(super) async fn ping(docker: &Docker, within: Duration) -> Result<HeaderMap, Fault> {
    let response = docker
        .raw(Method::GET, "/_ping", &[], Bytes::new(), within)
        .await?;
    Ok(response.headers().clone())
}

/// The words of an answer that is an error.
pub(super) async fn error_text(body: Incoming, within: Duration) -> String {
    #[derive(Deserialize)]
    struct Body {
        message: String,
    }
    let limited = Limited::new(body, 1 << 20).collect();
    let bytes = match tokio::time::timeout(within, limited).await {
        Ok(Ok(body)) => body.to_bytes(),
        _ => Bytes::new(),
    };
    serde_json::from_slice::<Body>(&bytes).map_or_else(
        |_| String::from_utf8_lossy(&bytes).trim().to_owned(),
        |body| body.message,
    )
}

#[cfg(test)]
mod tests;
