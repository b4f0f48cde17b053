//! Output of containers and execs: frames of eight bytes of header and a payload, or plain bytes from a terminal.
//!
//! Source: Docker Engine API, "Attach to a container", "Stream format".

use bytes::{Buf, Bytes, BytesMut};

/// Where a byte of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

const HEADER: usize = 8;
/// Payloads are handed on in pieces of at most this size, so that a wrong length cannot fill the memory.
const PIECE: usize = 64 * 1024;

/// A piece of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub stream: Stream,
    pub bytes: Bytes,
    /// The first one of its frame.
    pub begins: bool,
}

/// Cuts the stream of bytes into pieces. Whether there are frames is known beforehand (a terminal has none) and not
/// guessed from the bytes.
#[derive(Debug)]
pub(super) struct Demultiplexer {
    framed: bool,
    buffer: BytesMut,
    /// Of the frame at hand: where it belongs, how much is left, whether nothing was handed on yet.
    frame: Option<(Stream, usize, bool)>,
}

impl Demultiplexer {
    pub fn new(terminal: bool) -> Self {
        Self {
            framed: !terminal,
            buffer: BytesMut::new(),
            frame: None,
        }
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next piece; `None` until more is fed.
    pub fn next_piece(&mut self) -> Option<Piece> {
        if !self.framed {
            return (!self.buffer.is_empty()).then(|| Piece {
                stream: Stream::Stdout,
                bytes: self.buffer.split_to(self.buffer.len().min(PIECE)).freeze(),
                begins: false,
            });
        }
        loop {
            let Some((stream, left, begins)) = self.frame else {
                if self.buffer.len() < HEADER {
                    return None;
                }
                let kind = self.buffer[0];
                self.buffer.advance(4);
                let length = self.buffer.get_u32() as usize;
                let stream = if kind == 2 {
                    Stream::Stderr
                } else {
                    Stream::Stdout
                };
                self.frame = (length > 0).then_some((stream, length, true));
                continue;
            };
            let size = left.min(PIECE);
            if self.buffer.len() < size {
                return None;
            }
            let bytes = self.buffer.split_to(size).freeze();
            self.frame = (left > size).then_some((stream, left - size, false));
            return Some(Piece {
                stream,
                bytes,
                begins,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [&[kind, 0, 0, 0][..], &length.to_be_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn frames_are_told_apart_wherever_the_bytes_are_cut() {
        let bytes = [frame(1, "out\n"), frame(2, ""), frame(2, "err\n")].concat();
        for cut in 0..bytes.len() {
            let mut demultiplexer = Demultiplexer::new(false);
            let mut found = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                demultiplexer.feed(part);
                while let Some(piece) = demultiplexer.next_piece() {
                    found.push((piece.stream, piece.bytes));
                }
            }
            assert_eq!(
                found,
                [
                    (Stream::Stdout, Bytes::from("out\n")),
                    (Stream::Stderr, Bytes::from("err\n"))
                ]
            );
        }
    }

    #[test]
    fn a_terminal_has_no_frames_whatever_its_first_byte() {
        let mut demultiplexer = Demultiplexer::new(true);
        demultiplexer.feed(&[1, 2, 3]);
        assert_eq!(demultiplexer.next_piece().unwrap().bytes, [1, 2, 3][..]);
        assert_eq!(demultiplexer.next_piece(), None);
    }

    #[test]
    fn a_long_frame_comes_in_pieces() {
        let mut demultiplexer = Demultiplexer::new(false);
        demultiplexer.feed(&frame(1, &"x".repeat(PIECE + 1)));
        let first = demultiplexer.next_piece().unwrap();
        let second = demultiplexer.next_piece().unwrap();
        assert_eq!((first.bytes.len(), first.begins), (PIECE, true));
        assert_eq!((second.bytes.len(), second.begins), (1, false));
    }
}
