//! A container's log as a stream of lines.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream as AsyncStream, StreamExt};
use http::Method;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;

use super::Docker;
use super::call::{QUICK, call, encode};
use super::classify::failure;
use super::container::short;
use super::demultiplex::{Demultiplexer, Stream};
use super::fault::Fault;
use super::log_lines::Assembler;
use crate::runtime::RuntimeError;
use crate::runtime::world::LogRange;

/// Longer lines are cut into pieces of this size.
pub const LONGEST_LINE: usize = 64 * 1024;

/// A line, or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    pub stream: Stream,
    /// When the engine got it, nanoseconds since 1970; 0 where it did not say.
    pub at: i64,
    /// Without its end of line; not always UTF-8. At most [`LONGEST_LINE`] bytes.
    pub line: Bytes,
    /// The line goes on in the next chunk of the same stream.
    pub partial: bool,
}

/// Which part of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what comes; else the stream ends where the log ends now.
    pub follow: bool,
    /// From this time on, itself included: nanoseconds since 1970.
    pub since: Option<i64>,
    /// Only so many of the last lines.
    pub tail: Option<u64>,
}

impl From<LogRange> for LogOptions {
    fn from(range: LogRange) -> Self {
        Self {
            follow: range.follow,
            since: i64::try_from(range.since).ok().filter(|at| *at > 0),
            tail: range.tail,
        }
    }
}

/// Ends when the container ends (or the log, without `follow`). After an error nothing follows.
pub struct LogStream {
    pub(super) chunks: BoxStream<'static, Result<LogChunk, RuntimeError>>,
}

impl AsyncStream for LogStream {
    type Item = Result<LogChunk, RuntimeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.chunks.poll_next_unpin(context)
    }
}

impl Docker {
    /// Reads a container's log. A caller that reconnects gives the time of the last chunk as `since`, and drops what
    /// it has already.
    ///
    /// # Errors
    /// `Other` when the container is gone, `Engine` when there is no answer.
    pub async fn logs(&self, id: &str, options: &LogOptions) -> Result<LogStream, RuntimeError> {
        let what = format!("read the log of container {}", short(id));
        let terminal = match self.known_terminal(id) {
            Some(terminal) => terminal,
            None => {
                let inspect = self.client().inspect_container(id, None);
                let inspected = call(&what, QUICK, inspect).await?;
                let config = inspected.config.unwrap_or_default();
                config.tty.unwrap_or(false)
            }
        };
        let body = self
            .open_log(id, options)
            .await
            .map_err(|fault| failure(&what, &fault))?;
        let reader = Reader {
            docker: self.clone(),
            id: id.to_owned(),
            what,
            options: options.clone(),
            body: Some(body),
            demultiplexer: Demultiplexer::new(terminal),
            assembler: Assembler::new(terminal),
            terminal,
            last: None,
            skip: None,
        };
        let chunks = stream::unfold(reader, |mut reader| async move {
            let chunk = reader.next().await?;
            Some((chunk, reader))
        });
        Ok(LogStream {
            chunks: chunks.boxed(),
        })
    }

    async fn open_log(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> Result<BodyDataStream<Incoming>, Fault> {
        let mut path = format!(
            "/containers/{}/logs?stdout=true&stderr=true&timestamps=true&follow={}",
            encode(id),
            options.follow
        );
        if let Some(since) = options.since {
            path += &format!(
                "&since={}.{:09}",
                since.div_euclid(NANOS),
                since.rem_euclid(NANOS)
            );
        }
        if let Some(tail) = options.tail {
            path += &format!("&tail={tail}");
        }
        let response = self
            .raw(Method::GET, &path, &[], Bytes::new(), QUICK)
            .await?;
        Ok(BodyDataStream::new(response.into_body()))
    }
}

const NANOS: i64 = 1_000_000_000;

struct Reader {
    docker: Docker,
    id: String,
    what: String,
    options: LogOptions,
    /// `None`: nothing more comes.
    body: Option<BodyDataStream<Incoming>>,
    demultiplexer: Demultiplexer,
    assembler: Assembler,
    terminal: bool,
    /// Time of the last chunk, and how many chunks had that time.
    last: Option<(i64, usize)>,
    /// The same while reading again: what is there already is passed over.
    skip: Option<(i64, usize)>,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<LogChunk, RuntimeError>> {
        loop {
            while let Some(chunk) = self.assembler.ready.pop_front() {
                if self.is_new(&chunk) {
                    return Some(Ok(chunk));
                }
            }
            if let Some(piece) = self.demultiplexer.next_piece() {
                self.assembler.take(piece);
                continue;
            }
            match self.body.as_mut()?.next().await {
                Some(Ok(bytes)) => self.demultiplexer.feed(&bytes),
                Some(Err(error)) => {
                    self.body = None;
                    return Some(Err(failure(&self.what, &Fault::from(error))));
                }
                None if self.options.follow => self.read_again().await,
                None => {
                    self.body = None;
                    self.assembler.finish();
                }
            }
        }
    }

    /// Engines end a followed log when the container ends, and may forget what it wrote last: seen with 20.10 and a
    /// last line without its end. So what is there in the end is compared with what came.
    async fn read_again(&mut self) {
        self.options.follow = false;
        if let Some((at, _)) = self.last {
            self.options.since = Some(at);
            self.options.tail = None;
        }
        self.skip = self.last;
        self.demultiplexer = Demultiplexer::new(self.terminal);
        let unfinished = std::mem::replace(&mut self.assembler, Assembler::new(self.terminal));
        self.body = self.docker.open_log(&self.id, &self.options).await.ok();
        if self.body.is_none() {
            // The container is gone, and this is all there is.
            self.skip = None;
            self.assembler = unfinished;
            self.assembler.finish();
        }
    }

    fn is_new(&mut self, chunk: &LogChunk) -> bool {
        if let Some((at, count)) = &mut self.skip {
            if chunk.at < *at {
                return false;
            }
            if chunk.at == *at && *count > 0 {
                *count -= 1;
                return false;
            }
        }
        self.last = match self.last {
            Some((at, count)) if at == chunk.at => Some((at, count + 1)),
            _ => Some((chunk.at, 1)),
        };
        true
    }
}
