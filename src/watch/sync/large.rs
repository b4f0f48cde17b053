use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use super::frames::{expected, head};
use super::manifest::Piece;
use super::pack::{is_gone, open};
use crate::helper::protocol::{Expected, Owner, PIECE, Request, Sum};

/// Frames of content in one portion: as long as that takes, a small file that is saved meanwhile waits.
const FRAMES: usize = 4;

/// A large file that goes in portions, so that others come between. Reads files, and blocks.
#[derive(Debug)]
pub struct Large {
    piece: Piece,
    owner: Owner,
    /// `None`: not begun.
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Reading {
    metadata: Metadata,
    /// What is appended meanwhile comes with the next event; it might never end.
    content: io::Take<File>,
    sum: Sum,
}

/// Some of a large file.
#[derive(Debug)]
pub enum Portion {
    /// Requests; more comes.
    More(Vec<u8>),
    /// Requests; that is all of it, and so it looks then. Of so many bytes.
    Last(Vec<u8>, Expected, u64),
    /// It is gone, or something else has taken its place: of that another event tells.
    Overtaken,
}

impl Large {
    pub fn new(piece: Piece, owner: Owner) -> Self {
        Self {
            piece,
            owner,
            reading: None,
        }
    }

    pub fn piece(&self) -> &Piece {
        &self.piece
    }

    /// The next portion.
    ///
    /// # Errors
    /// It cannot be read, although it is there.
    pub fn portion(&mut self) -> io::Result<Portion> {
        match self.read() {
            Err(error) if is_gone(&error) => Ok(Portion::Overtaken),
            portion => portion,
        }
    }

    fn read(&mut self) -> io::Result<Portion> {
        let mut out = Vec::with_capacity(FRAMES * (PIECE + 16));
        if self.reading.is_some() {
            Request::Resume.encode(&mut out);
        } else {
            let file = open(&self.piece.source, self.piece.is_named())?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok(Portion::Overtaken);
            }
            head(&self.piece, &metadata, self.owner).encode(&mut out);
            self.reading = Some(Reading {
                content: file.take(metadata.len()),
                metadata,
                sum: Sum::default(),
            });
        }
        match &mut self.reading {
            Some(reading) if is_at(&self.piece, &reading.metadata)? => reading.encode(out),
            _ => Ok(Portion::Overtaken),
        }
    }
}

impl Reading {
    fn encode(&mut self, mut out: Vec<u8>) -> io::Result<Portion> {
        for _ in 0..FRAMES {
            let mut part = Vec::with_capacity(PIECE);
            let read = (&mut self.content)
                .take(PIECE as u64)
                .read_to_end(&mut part)?;
            self.sum.add(&part);
            Request::Data(part).encode(&mut out);
            if read < PIECE {
                Request::End.encode(&mut out);
                let expected = expected(&self.metadata, std::mem::take(&mut self.sum));
                return Ok(Portion::Last(out, expected, self.metadata.len()));
            }
        }
        Request::Aside.encode(&mut out);
        Ok(Portion::More(out))
    }
}

/// Whether it is still the same file.
fn is_at(piece: &Piece, known: &Metadata) -> io::Result<bool> {
    let found = piece.metadata()?;
    Ok((found.dev(), found.ino()) == (known.dev(), known.ino()))
}
