//! One call to the engine, with a deadline.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::{Method, Request, Response};
use http_body_util::{BodyDataStream, BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};
use tokio_util::io::StreamReader;

use super::Docker;
use super::classify::failure;
use super::fault::Fault;
use super::transport::{Body, Transport};
use crate::runtime::RuntimeError;

/// For questions.
pub(super) const QUICK: Duration = Duration::from_secs(10);
/// For changes: an engine under load takes seconds for one container.
pub(super) const CHANGE: Duration = Duration::from_secs(120);

/// Bytes; longer lines are no JSON of an engine.
const LONGEST_LINE: usize = 1024 * 1024;

/// Runs a call of the client library; ends with `Late` after `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, Fault> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(Fault::from),
        Err(_) => Err(Fault::Late),
    }
}

/// The same, with the error put into words: "cannot `what`: …".
pub(super) async fn call<T>(
    what: &str,
    limit: Duration,
    future: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, RuntimeError> {
    within(limit, future)
        .await
        .map_err(|fault| failure(what, &fault))
}

#[derive(Deserialize)]
struct ErrorAnswer {
    message: String,
}

impl Docker {
    /// A request past the client library, for what it cannot do soundly: streams of raw bytes.
    /// `path` starts with a slash and has its query. Ends when the headers are there and say that it worked.
    pub(super) async fn raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
        limit: Duration,
    ) -> Result<Response<Incoming>, Fault> {
        let base = Transport::base(&self.inner.address);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{base}{path}"))
            .header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Body::Left(Full::new(body)))
            .map_err(|error| Fault::Nonsense(error.to_string()))?;
        let sent = async {
            let response = self.inner.transport.send(request).await?;
            let status = response.status();
            if status.is_success() || status.as_u16() == 101 {
                return Ok(response);
            }
            let text = response.into_body().collect().await?.to_bytes();
            let words = match serde_json::from_slice::<ErrorAnswer>(&text) {
                Ok(answer) => answer.message,
                Err(_) => String::from_utf8_lossy(&text).into_owned(),
            };
            Err(Fault::Answer {
                status: status.as_u16(),
                words: words.trim().to_owned(),
            })
        };
        tokio::time::timeout(limit, sent)
            .await
            .unwrap_or(Err(Fault::Late))
    }

    /// A request that turns its connection into a plain stream of bytes in both directions.
    pub(super) async fn upgrade(
        &self,
        path: &str,
        body: Bytes,
        limit: Duration,
    ) -> Result<TokioIo<Upgraded>, Fault> {
        let headers = [("Connection", "Upgrade"), ("Upgrade", "tcp")];
        let response = self.raw(Method::POST, path, &headers, body, limit).await?;
        if response.status().as_u16() != 101 {
            return Err(Fault::Nonsense(
                "the connection was not upgraded".to_owned(),
            ));
        }
        match tokio::time::timeout(limit, hyper::upgrade::on(response)).await {
            Ok(upgraded) => Ok(TokioIo::new(upgraded?)),
            Err(_) => Err(Fault::Late),
        }
    }
}

/// The lines of an answer that is a stream of JSON objects, one a line.
pub(super) fn lines(
    response: Response<Incoming>,
) -> impl Stream<Item = Result<String, Fault>> + Send + Unpin {
    let bytes = BodyDataStream::new(response.into_body()).map_err(std::io::Error::other);
    let codec = LinesCodec::new_with_max_length(LONGEST_LINE);
    FramedRead::new(StreamReader::new(bytes), codec).map_err(|error| match error {
        LinesCodecError::MaxLineLengthExceeded => Fault::Nonsense("a line without end".to_owned()),
        LinesCodecError::Io(error) => Fault::Connection(error.to_string()),
    })
}

/// Makes a text fit into a path or a query.
pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = std::fmt::Write::write_fmt(&mut encoded, format_args!("%{byte:02X}"));
            }
        }
        encoded
    })
}
