//! What `dev` and its helper say to each other: frames of a length (`u32`, big-endian), a kind (one byte) and the rest.
//! Numbers are big-endian; texts and paths are bytes with their length in front.

use std::io::{self, Read};

pub use super::sum::Sum;

/// Both sides are built from the same sources; a helper of another version is not spoken to.
pub const VERSION: u32 = 4;
/// Bytes of a frame without its length; more is nonsense.
pub const LONGEST: usize = 1024 * 1024;
/// Bytes of content in one frame.
pub const PIECE: usize = 256 * 1024;
/// What a helper writes beside a target; never the name of something that is synced.
pub const BESIDE: &str = ".dev-sync-";

/// Numeric owner; `None` leaves it as it comes.
pub type Owner = Option<(u32, u32)>;

/// To the helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Below which folders everything has to lie.
    Roots(Vec<Vec<u8>>),
    /// A file begins; [`Request::Data`] and [`Request::End`] follow. `mtime`: seconds and nanoseconds since 1970.
    File {
        path: Vec<u8>,
        mode: u32,
        owner: Owner,
        mtime: (i64, u32),
    },
    Data(Vec<u8>),
    End,
    /// The file at hand is put aside, unfinished: others come between. There is one aside at a time.
    Aside,
    /// The one that was put aside is at hand again.
    Resume,
    /// The one that was put aside is not to be finished.
    Cancel,
    Folder {
        path: Vec<u8>,
        mode: u32,
        owner: Owner,
    },
    Symlink {
        path: Vec<u8>,
        text: Vec<u8>,
        owner: Owner,
    },
    /// A folder only where nothing is in it.
    Remove(Vec<u8>),
    /// Everything before is done, or failed: answer with [`Reply::Done`].
    Commit(u64),
    /// Something that should be there, or not; numbered from 0.
    Expect(Vec<u8>, Expected),
    /// Answer with the numbers of what differs, then begin to number anew.
    Compare(u64),
}

/// How a path should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Absent,
    Folder {
        mode: u32,
    },
    File {
        mode: u32,
        size: u64,
        sum: u64,
    },
    /// The sum of its text.
    Symlink {
        sum: u64,
    },
}

/// From the helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Once, at the beginning: version, and as whom it runs.
    Hello {
        version: u32,
        uid: u32,
        gid: u32,
    },
    Done {
        id: u64,
        problems: Vec<Problem>,
    },
    /// Some of the numbers that differ; those of [`Reply::Done`] with the same id end them.
    Differs(Vec<u32>),
    /// Requests are worked off, and it takes a while: said about once a second until [`Reply::Done`].
    Alive,
}

/// The text of a problem: a file would take the place of a folder.
pub const HOLDS: &str = "a folder stands there with something in it that was not synced";

/// Why something could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub path: Vec<u8>,
    pub kind: ProblemKind,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    Other,
    /// It would end up outside of the targets.
    Escapes,
    Denied,
    ReadOnly,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonsense;

impl Request {
    /// Appends the whole frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        frame(out, |out| match self {
            Self::Roots(roots) => {
                out.push(1);
                number(out, roots.len());
                for root in roots {
                    text(out, root);
                }
            }
            Self::File {
                path,
                mode,
                owner,
                mtime,
            } => {
                out.push(2);
                text(out, path);
                out.extend(mode.to_be_bytes());
                put_owner(out, *owner);
                out.extend(mtime.0.to_be_bytes());
                out.extend(mtime.1.to_be_bytes());
            }
            Self::Data(bytes) => {
                out.push(3);
                out.extend(bytes);
            }
            Self::End => out.push(4),
            Self::Folder { path, mode, owner } => {
                out.push(5);
                text(out, path);
                out.extend(mode.to_be_bytes());
                put_owner(out, *owner);
            }
            Self::Symlink {
                path,
                text: target,
                owner,
            } => {
                out.push(6);
                text(out, path);
                text(out, target);
                put_owner(out, *owner);
            }
            Self::Remove(path) => {
                out.push(7);
                text(out, path);
            }
            Self::Commit(id) => {
                out.push(8);
                out.extend(id.to_be_bytes());
            }
            Self::Expect(path, expected) => {
                out.push(9);
                text(out, path);
                expected.put(out);
            }
            Self::Compare(id) => {
                out.push(10);
                out.extend(id.to_be_bytes());
            }
            Self::Aside => out.push(11),
            Self::Resume => out.push(12),
            Self::Cancel => out.push(13),
        });
    }

    /// `frame`: without its length.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn decode(frame: &[u8]) -> Result<Self, Nonsense> {
        let mut from = Reader(frame);
        let request = match from.byte()? {
            1 => {
                let count = from.u32()?;
                let roots = (0..count).map(|_| from.text());
                Self::Roots(roots.collect::<Result<_, _>>()?)
            }
            2 => Self::File {
                path: from.text()?,
                mode: from.u32()?,
                owner: from.owner()?,
                mtime: (from.u64()?.cast_signed(), from.u32()?),
            },
            3 => Self::Data(std::mem::take(&mut from.0).to_vec()),
            4 => Self::End,
            5 => Self::Folder {
                path: from.text()?,
                mode: from.u32()?,
                owner: from.owner()?,
            },
            6 => Self::Symlink {
                path: from.text()?,
                text: from.text()?,
                owner: from.owner()?,
            },
            7 => Self::Remove(from.text()?),
            8 => Self::Commit(from.u64()?),
            9 => Self::Expect(from.text()?, Expected::take(&mut from)?),
            10 => Self::Compare(from.u64()?),
            11 => Self::Aside,
            12 => Self::Resume,
            13 => Self::Cancel,
            _ => return Err(Nonsense),
        };
        from.end(request)
    }
}

impl Expected {
    /// Tells two of them apart.
    pub fn digest(self) -> u64 {
        let mut bytes = Vec::new();
        self.put(&mut bytes);
        Sum::of(&bytes)
    }

    fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => out.push(0),
            Self::Folder { mode } => {
                out.push(1);
                out.extend(mode.to_be_bytes());
            }
            Self::File { mode, size, sum } => {
                out.push(2);
                out.extend(mode.to_be_bytes());
                out.extend(size.to_be_bytes());
                out.extend(sum.to_be_bytes());
            }
            Self::Symlink { sum } => {
                out.push(3);
                out.extend(sum.to_be_bytes());
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Nonsense> {
        Ok(match from.byte()? {
            0 => Self::Absent,
            1 => Self::Folder { mode: from.u32()? },
            2 => Self::File {
                mode: from.u32()?,
                size: from.u64()?,
                sum: from.u64()?,
            },
            3 => Self::Symlink { sum: from.u64()? },
            _ => return Err(Nonsense),
        })
    }
}

impl Reply {
    /// Appends the whole frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        frame(out, |out| match self {
            Self::Hello { version, uid, gid } => {
                out.push(1);
                out.extend(version.to_be_bytes());
                out.extend(uid.to_be_bytes());
                out.extend(gid.to_be_bytes());
            }
            Self::Done { id, problems } => {
                out.push(2);
                out.extend(id.to_be_bytes());
                number(out, problems.len());
                for problem in problems {
                    text(out, &problem.path);
                    out.push(problem.kind as u8);
                    text(out, problem.text.as_bytes());
                }
            }
            Self::Differs(numbers) => {
                out.push(3);
                number(out, numbers.len());
                out.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            }
            Self::Alive => out.push(4),
        });
    }

    /// `frame`: without its length.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn decode(frame: &[u8]) -> Result<Self, Nonsense> {
        let mut from = Reader(frame);
        let reply = match from.byte()? {
            1 => Self::Hello {
                version: from.u32()?,
                uid: from.u32()?,
                gid: from.u32()?,
            },
            2 => {
                let (id, count) = (from.u64()?, from.u32()?);
                let problems = (0..count).map(|_| from.problem());
                Self::Done {
                    id,
                    problems: problems.collect::<Result<_, _>>()?,
                }
            }
            3 => {
                let count = from.u32()?;
                Self::Differs((0..count).map(|_| from.u32()).collect::<Result<_, _>>()?)
            }
            4 => Self::Alive,
            _ => return Err(Nonsense),
        };
        from.end(reply)
    }
}

/// Reads one frame, without its length; `None` at the end.
///
/// # Errors
/// Those of the reader; `InvalidData` for a length that is nonsense.
pub fn read_frame(reader: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match reader.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = length_of(length)?;
    let mut frame = vec![0; length];
    reader.read_exact(&mut frame)?;
    Ok(Some(frame))
}

/// # Errors
/// `InvalidData`: it is nonsense.
pub fn length_of(bytes: [u8; 4]) -> io::Result<usize> {
    let length = u32::from_be_bytes(bytes) as usize;
    if length == 0 || length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(length)
}

fn frame(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend([0; 4]);
    body(out);
    let length = out.len() - at - 4;
    out[at..at + 4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend(u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    number(out, text.len());
    out.extend(text);
}

fn put_owner(out: &mut Vec<u8>, owner: Owner) {
    let (uid, gid) = owner.unwrap_or((u32::MAX, u32::MAX));
    out.extend(uid.to_be_bytes());
    out.extend(gid.to_be_bytes());
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Nonsense> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Nonsense)?;
        self.0 = tail;
        Ok(*head)
    }

    fn byte(&mut self) -> Result<u8, Nonsense> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Nonsense> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Nonsense> {
        self.take().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Result<Vec<u8>, Nonsense> {
        let length = self.u32()? as usize;
        let (head, tail) = self.0.split_at_checked(length).ok_or(Nonsense)?;
        self.0 = tail;
        Ok(head.to_vec())
    }

    fn owner(&mut self) -> Result<Owner, Nonsense> {
        let (uid, gid) = (self.u32()?, self.u32()?);
        Ok((uid != u32::MAX).then_some((uid, gid)))
    }

    fn problem(&mut self) -> Result<Problem, Nonsense> {
        Ok(Problem {
            path: self.text()?,
            kind: match self.byte()? {
                1 => ProblemKind::Escapes,
                2 => ProblemKind::Denied,
                3 => ProblemKind::ReadOnly,
                4 => ProblemKind::Full,
                _ => ProblemKind::Other,
            },
            text: String::from_utf8_lossy(&self.text()?).into_owned(),
        })
    }

    fn end<T>(self, value: T) -> Result<T, Nonsense> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(Nonsense)
        }
    }
}
