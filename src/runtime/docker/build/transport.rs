//! Raw connections to an engine, for what a client library does not offer: upgrades, streams both ways.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::task::AbortOnDropHandle;

use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

/// How to open a connection to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A request's body: nothing, or a stream.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body with nothing in it.
pub(super) fn empty() -> Body {
    http_body_util::Empty::new()
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer, with the connection that it comes from; dropping it closes that, and the engine stops what it did for it.
pub(super) struct Answer {
    pub response: Response<Incoming>,
    connection: AbortOnDropHandle<()>,
}

impl Answer {
    /// The answer, and what keeps its connection open.
    pub(super) fn into_parts(self) -> (Response<Incoming>, impl Send + 'static) {
        (self.response, self.connection)
    }
}

impl Transport {
    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Tcp(address) => Box::new(TcpStream::connect(address).await?),
        })
    }

    /// Sends one request over a connection of its own; `within` covers opening the connection.
    ///
    /// # Errors
    /// Class `Engine`: nobody answers there.
    pub(super) async fn send(
        &self,
        request: Request<Body>,
        within: Duration,
    ) -> Result<Answer, RuntimeError> {
        let stream = tokio::time::timeout(within, self.open())
            .await
            .map_err(|_| gone(&"no answer in time"))?
            .map_err(|error| gone(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| gone(&error))?;
        let driver = tokio::spawn(async move {
            // What goes wrong here ends the answer's stream, and is seen there.
            let _ = connection.with_upgrades().await;
        });
        let connection = AbortOnDropHandle::new(driver);
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| gone(&error))?;
        Ok(Answer {
            response,
            connection,
        })
    }
}

/// The engine is not there any more, or not yet.
pub(super) fn gone(error: &dyn std::fmt::Display) -> RuntimeError {
    RuntimeError::new(
        FailureClass::Engine,
        format!("the container engine does not answer: {error}"),
    )
    .help("see whether it runs: `docker info`")
}

/// `name=value&…`, escaped.
pub(super) fn query(pairs: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    text.push(char::from(byte))
                }
                byte => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}
