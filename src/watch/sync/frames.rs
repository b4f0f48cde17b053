use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use super::manifest::Piece;
use super::pack::{is_gone, open};
use crate::helper::protocol::{Expected, Owner, PIECE, Request, Sum};

/// Bytes that are handed over at once.
const CHUNK: usize = PIECE;
/// Smaller files are read whole, and read again when they change meanwhile; others go by themselves, in portions.
pub(super) const WHOLE: u64 = 1024 * 1024;
const READS: usize = 3;

/// What became of the pieces.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Each with what it looks like now; sockets, devices and pipes are left out.
    pub pieces: Vec<(Piece, Expected)>,
    /// What cannot be read although it is there, in words.
    pub problems: Vec<String>,
    /// Large files, which would hold up the others: they are yet to be sent.
    pub large: Vec<Piece>,
    pub bytes: u64,
}

/// Turns pieces as they are now into requests: what is gone first, the deepest before what it is in, so that no request takes long;
/// then parents before what is in them. Reads files, and
/// blocks; memory stays bounded as long as `sink` waits.
///
/// # Errors
/// Those of `sink`.
pub fn send(
    pieces: Vec<Piece>,
    owner: Owner,
    sink: &mut dyn FnMut(Vec<u8>) -> io::Result<()>,
) -> io::Result<Sent> {
    let mut sender = Sender {
        out: Vec::new(),
        owner,
        sink,
        sent: Sent::default(),
    };
    let mut pieces = pieces;
    pieces.sort_by(|a, b| a.target.cmp(&b.target));
    // Of the same path the last word counts.
    pieces.dedup_by(|later, earlier| later.target == earlier.target);
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for piece in pieces {
        match piece.metadata() {
            Ok(metadata) => present.push((piece, metadata)),
            Err(error) if is_gone(&error) => gone.push(piece),
            Err(error) => sender.problem(&piece, &error),
        }
    }
    for piece in gone.into_iter().rev() {
        sender.remove(piece)?;
    }
    for (piece, metadata) in present {
        sender.one(piece, &metadata)?;
    }
    sender.flush()?;
    Ok(sender.sent)
}

struct Sender<'a> {
    out: Vec<u8>,
    owner: Owner,
    sink: &'a mut dyn FnMut(Vec<u8>) -> io::Result<()>,
    sent: Sent,
}

impl Sender<'_> {
    fn one(&mut self, piece: Piece, metadata: &Metadata) -> io::Result<()> {
        let (path, owner) = (piece.target.clone(), self.owner);
        let mode = metadata.mode() & 0o7777;
        if metadata.is_dir() {
            self.say(&Request::Folder { path, mode, owner })?;
            self.sent.pieces.push((piece, Expected::Folder { mode }));
        } else if metadata.is_symlink() {
            let text = match std::fs::read_link(&piece.source) {
                Ok(text) => text.into_os_string().into_encoded_bytes(),
                Err(error) => return self.unread(piece, &error),
            };
            let sum = Sum::of(&text);
            self.say(&Request::Symlink { path, text, owner })?;
            self.sent.pieces.push((piece, Expected::Symlink { sum }));
        } else if metadata.is_file() {
            self.file(piece)?;
        }
        Ok(())
    }

    fn file(&mut self, piece: Piece) -> io::Result<()> {
        let opened = open(&piece.source, piece.is_named());
        let opened = opened.and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = match opened {
            Ok((metadata, file)) if metadata.is_file() => (metadata, file),
            // Another event tells what has taken its place.
            Ok(_) => return Ok(()),
            Err(error) => return self.unread(piece, &error),
        };
        if metadata.len() > WHOLE {
            self.sent.large.push(piece);
            return Ok(());
        }
        match whole(&piece, file, metadata) {
            Ok((metadata, content)) => {
                self.say(&head(&piece, &metadata, self.owner))?;
                let mut sum = Sum::default();
                for part in content.chunks(PIECE) {
                    sum.add(part);
                    self.say(&Request::Data(part.to_vec()))?;
                }
                let expected = expected(&metadata, sum);
                self.sent.bytes += content.len() as u64;
                self.sent.pieces.push((piece, expected));
                self.say(&Request::End)
            }
            Err(error) => self.unread(piece, &error),
        }
    }

    /// It went between the event and now, or is closed to us.
    fn unread(&mut self, piece: Piece, error: &io::Error) -> io::Result<()> {
        if is_gone(error) {
            return self.remove(piece);
        }
        self.problem(&piece, error);
        Ok(())
    }

    fn remove(&mut self, piece: Piece) -> io::Result<()> {
        self.say(&Request::Remove(piece.target.clone()))?;
        self.sent.pieces.push((piece, Expected::Absent));
        Ok(())
    }

    fn problem(&mut self, piece: &Piece, error: &io::Error) {
        let text = format!("{}: {error}", piece.source.display());
        self.sent.problems.push(text);
    }

    fn say(&mut self, request: &Request) -> io::Result<()> {
        request.encode(&mut self.out);
        if self.out.len() >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        (self.sink)(std::mem::take(&mut self.out))
    }
}

/// How a file begins.
pub(super) fn head(piece: &Piece, metadata: &Metadata, owner: Owner) -> Request {
    Request::File {
        path: piece.target.clone(),
        mode: metadata.mode() & 0o7777,
        owner,
        mtime: (
            metadata.mtime(),
            u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        ),
    }
}

/// How a file looks that had this content.
pub(super) fn expected(metadata: &Metadata, content: Sum) -> Expected {
    let (size, sum) = content.end();
    let mode = metadata.mode() & 0o7777;
    Expected::File { mode, size, sum }
}

/// All of a file, as it was at one time if its writer leaves one.
fn whole(piece: &Piece, file: File, metadata: Metadata) -> io::Result<(Metadata, Vec<u8>)> {
    let (mut file, mut before) = (file, metadata);
    for read in 1.. {
        let mut content = Vec::with_capacity(usize::try_from(before.len()).unwrap_or(0) + 1);
        // More than that was written meanwhile, and comes with the next event.
        file.by_ref().take(4 * WHOLE).read_to_end(&mut content)?;
        let after = file.metadata()?;
        let stamp = |of: &Metadata| (of.len(), of.mtime(), of.mtime_nsec(), of.mode());
        if stamp(&before) == stamp(&after) || read == READS {
            return Ok((after, content));
        }
        file = open(&piece.source, piece.is_named())?;
        before = file.metadata()?;
    }
    Err(io::ErrorKind::Interrupted.into())
}
