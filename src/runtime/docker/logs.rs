//! A container's log as a stream of lines.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::Stream as AsyncStream;
use http::Method;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;

use super::Docker;
use super::call::{QUICK, call, encode};
use super::classify::failure;
use super::container::short;
use super::demultiplex::{Demultiplexer, Piece, Stream};
use super::fault::Fault;
use crate::runtime::RuntimeError;

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

/// Ends when the container ends (or the log, without `follow`). After an error nothing follows.
pub struct LogStream {
    what: String,
    body: BodyDataStream<Incoming>,
    demultiplexer: Demultiplexer,
    assembler: Assembler,
    ended: bool,
}

impl Docker {
    /// Reads a container's log. A caller that reconnects gives the time of the last chunk as `since`, and drops what
    /// it has already.
    ///
    /// # Errors
    /// `Other` when the container is gone, `Engine` when there is no answer.
    pub async fn logs(&self, id: &str, options: &LogOptions) -> Result<LogStream, RuntimeError> {
        let what = format!("read the log of container {}", short(id));
        let inspected = call(&what, QUICK, self.client().inspect_container(id, None)).await?;
        let terminal = inspected
            .config
            .and_then(|config| config.tty)
            .unwrap_or(false);
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
            .await
            .map_err(|fault| failure(&what, &fault))?;
        Ok(LogStream {
            what,
            body: BodyDataStream::new(response.into_body()),
            demultiplexer: Demultiplexer::new(terminal),
            assembler: Assembler::new(terminal),
            ended: false,
        })
    }
}

const NANOS: i64 = 1_000_000_000;

impl AsyncStream for LogStream {
    type Item = Result<LogChunk, RuntimeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(chunk) = this.assembler.ready.pop_front() {
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Some(piece) = this.demultiplexer.next_piece() {
                this.assembler.take(piece);
                continue;
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match Pin::new(&mut this.body).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(bytes))) => this.demultiplexer.feed(&bytes),
                Poll::Ready(None) => {
                    this.ended = true;
                    this.assembler.finish();
                }
                Poll::Ready(Some(Err(error))) => {
                    this.ended = true;
                    let error = failure(&this.what, &Fault::from(error));
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

/// Puts lines together and takes the engine's time stamps off them.
struct Assembler {
    terminal: bool,
    lines: [Line; 2],
    ready: VecDeque<LogChunk>,
}

#[derive(Default)]
struct Line {
    text: BytesMut,
    /// `None` until the stamp is read.
    at: Option<i64>,
}

impl Assembler {
    fn new(terminal: bool) -> Self {
        Self {
            terminal,
            lines: Default::default(),
            ready: VecDeque::new(),
        }
    }

    /// With frames, each one begins with a stamp, also where it goes on with a line that was too long for one.
    /// From a terminal, each line begins with one.
    fn take(&mut self, piece: Piece) {
        let mut rest = piece.bytes;
        let stream = piece.stream;
        if !self.terminal && piece.begins {
            let (at, text) = split_stamp(&rest);
            let line = &mut self.lines[index(stream)];
            line.at = line.at.filter(|_| !line.text.is_empty()).or(Some(at));
            rest = text;
        }
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let part = rest.split_to(end.map_or(rest.len(), |end| end + 1));
            let line = &mut self.lines[index(stream)];
            line.text
                .extend_from_slice(part.strip_suffix(b"\n").unwrap_or(&part));
            if end.is_some() {
                self.emit(stream, false);
            } else {
                while self.lines[index(stream)].text.len() > LONGEST_LINE {
                    self.emit(stream, true);
                }
            }
        }
    }

    /// Hands the line on, or its first part where it goes on.
    fn emit(&mut self, stream: Stream, goes_on: bool) {
        let line = &mut self.lines[index(stream)];
        if self.terminal && line.at.is_none() {
            let text = line.text.split().freeze();
            let (at, text) = split_stamp(&text);
            line.at = Some(at);
            line.text.extend_from_slice(&text);
        }
        let at = line.at.unwrap_or(0);
        while goes_on || line.text.len() > LONGEST_LINE {
            let size = line.text.len().min(LONGEST_LINE);
            self.ready.push_back(LogChunk {
                stream,
                at,
                line: line.text.split_to(size).freeze(),
                partial: true,
            });
            if goes_on {
                return;
            }
        }
        let mut text = line.text.split().freeze();
        if text.ends_with(b"\r") {
            text.truncate(text.len() - 1);
        }
        // Further lines of one frame came at the same time.
        line.at = line.at.filter(|_| !self.terminal);
        self.ready.push_back(LogChunk {
            stream,
            at,
            line: text,
            partial: false,
        });
    }

    /// The last line may lack its end.
    fn finish(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            if !self.lines[index(stream)].text.is_empty() {
                self.emit(stream, false);
            }
        }
    }
}

fn index(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

/// `2024-01-02T03:04:05.000000006Z text`; without a stamp, all is text.
fn split_stamp(bytes: &Bytes) -> (i64, Bytes) {
    let stamp = bytes
        .iter()
        .take(40)
        .position(|byte| *byte == b' ')
        .and_then(|end| {
            let text = std::str::from_utf8(&bytes[..end]).ok()?;
            let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            Some((time.timestamp_nanos_opt()?, end + 1))
        });
    match stamp {
        Some((at, end)) => (at, bytes.slice(end..)),
        None => (0, bytes.clone()),
    }
}

#[cfg(test)]
mod tests;
