//! The engine's answer to a build: JSON objects, one a line.

use std::io;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::StatusResponse;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use prost::Message as _;
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::StreamReader;

use super::transport::{Answer, Transport, empty, gone};
use crate::runtime::RuntimeError;

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

/// The messages of a build, as long as the engine lives.
pub(super) struct Messages {
    lines: Lines,
    transport: Transport,
    deadlines: Deadlines,
    /// The connection ends with this.
    _answer: Box<dyn Send>,
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
    pub(super) fn new(answer: Answer, transport: Transport, deadlines: Deadlines) -> Self {
        let (response, connection) = answer.into_parts();
        let chunks = response
            .into_body()
            .into_data_stream()
            .map_err(io::Error::other);
        let lines = FramedRead::new(
            StreamReader::new(chunks),
            LinesCodec::new_with_max_length(LONGEST),
        );
        let lines = Box::pin(lines.map_err(io::Error::other));
        Self {
            lines,
            transport,
            deadlines,
            _answer: Box::new(connection),
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// Class `Engine`: the connection broke, or the engine neither says anything nor answers.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, RuntimeError> {
        loop {
            match tokio::time::timeout(self.deadlines.silence, self.lines.next()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(gone(&error)),
                Ok(Some(Ok(line))) => {
                    if let Some(message) = parse(&line) {
                        return Ok(Some(message));
                    }
                }
                // A step may be silent for long; an engine that does not answer is gone.
                Err(_) => drop(ping(&self.transport, self.deadlines.answer).await?),
            }
        }
    }
}

/// Asks whether the engine is there: the headers of its answer.
pub(super) async fn ping(
    transport: &Transport,
    within: Duration,
) -> Result<http::HeaderMap, RuntimeError> {
    let request = Request::builder()
        .method(Method::GET)
        .uri("/_ping")
        .header("Host", "docker")
        .body(empty())
        .map_err(|error| gone(&error))?;
    let answer = tokio::time::timeout(within, transport.send(request, within))
        .await
        .map_err(|_| gone(&"no answer in time"))??;
    Ok(answer.response.headers().clone())
}

/// The message of an answer that is an error.
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
