//! Lines out of pieces of output.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::demultiplex::{Piece, Stream};
use super::logs::{LONGEST_LINE, LogChunk};

/// Puts lines together and takes the engine's time stamps off them.
pub(super) struct Assembler {
    terminal: bool,
    lines: [Line; 2],
    pub ready: VecDeque<LogChunk>,
}

#[derive(Default)]
struct Line {
    text: BytesMut,
    /// `None` until the stamp is read.
    at: Option<i64>,
}

impl Assembler {
    pub fn new(terminal: bool) -> Self {
        Self {
            terminal,
            lines: Default::default(),
            ready: VecDeque::new(),
        }
    }

    /// With frames, each one begins with a stamp, also where it goes on with a line that was too long for one.
    /// From a terminal, each line begins with one.
    pub fn take(&mut self, piece: Piece) {
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
    pub fn finish(&mut self) {
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
