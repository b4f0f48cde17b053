use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;

use super::manifest::Piece;
use crate::helper::protocol::{Expected, Sum};
use crate::stack::AfterSync;

/// What one instance of a service was sent, kept in the state folder: what is to be gone can only be told from it, and so can
/// what changed since. Losing it loses no more than that. Only sums of it are held in memory.
#[derive(Debug)]
pub struct Record {
    file: Utf8PathBuf,
    /// How a target looked, and where it came from; both as sums.
    known: HashMap<u64, u64>,
}

/// A record that is written beside the old one while everything is compared. Dropped, it changes nothing.
#[derive(Debug)]
pub struct Renewal {
    /// `None`: it could not be written; the old one stays.
    lines: Option<BufWriter<File>>,
    beside: Utf8PathBuf,
    known: HashMap<u64, u64>,
}

/// One line.
struct Line {
    target: Vec<u8>,
    source: PathBuf,
    digest: u64,
}

impl Record {
    /// Reads it; one that cannot be read is empty.
    pub fn open(file: Utf8PathBuf) -> Self {
        let mut known = HashMap::new();
        each_line(&file, |line| {
            known.insert(Sum::of(&line.target), look(&line.source, line.digest));
        });
        Self { file, known }
    }

    /// What was sent once, is nowhere any more and not `wanted`, as pieces. What is only ignored from now on stays.
    pub fn gone(&self, wanted: impl Fn(&[u8]) -> bool) -> Vec<Piece> {
        self.gone_of(|line| !wanted(&line.target))
    }

    /// The same, of what lay in these folders.
    pub fn gone_within(&self, folders: &HashSet<PathBuf>) -> Vec<Piece> {
        let within = |line: &Line| {
            let mut above = line.source.ancestors().skip(1);
            above.any(|above| folders.contains(above))
        };
        let mut gone = self.gone_of(within);
        gone.retain(|piece| self.may_be_there(piece));
        gone
    }

    fn gone_of(&self, concerns: impl Fn(&Line) -> bool) -> Vec<Piece> {
        let mut concerned = BTreeMap::new();
        each_line(&self.file, |line| {
            if concerns(&line) {
                concerned.insert(line.target, line.source);
            }
        });
        let gone = concerned
            .into_iter()
            .filter(|(_, source)| std::fs::symlink_metadata(source).is_err());
        gone.map(|(target, source)| Piece {
            source,
            target,
            then: AfterSync::Nothing,
            named: false,
        })
        .collect()
    }

    /// Whether a path was sent, or announced, and not removed since.
    pub fn may_be_there(&self, piece: &Piece) -> bool {
        let removed = look(&piece.source, Expected::Absent.digest());
        let known = self.known.get(&Sum::of(&piece.target));
        known.is_some_and(|known| *known != removed)
    }

    /// Whether a path looked otherwise when it was last sent, or was never sent.
    pub fn is_news(&self, piece: &Piece, expected: Expected) -> bool {
        match self.known.get(&Sum::of(&piece.target)) {
            Some(known) => *known != look(&piece.source, expected.digest()),
            None => expected != Expected::Absent,
        }
    }

    /// Takes note of new paths before they are sent, so that none is forgotten.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce<'a>(&mut self, pieces: impl IntoIterator<Item = &'a Piece>) -> io::Result<()> {
        let mut lines = Vec::new();
        for piece in pieces {
            if let Entry::Vacant(vacant) = self.known.entry(Sum::of(&piece.target)) {
                write(&mut lines, &piece.target, &piece.source, UNKNOWN);
                vacant.insert(look(&piece.source, UNKNOWN));
            }
        }
        self.append(&lines)
    }

    /// Takes note of what has arrived.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add<'a>(
        &mut self,
        sent: impl IntoIterator<Item = &'a (Piece, Expected)>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for (piece, expected) in sent {
            let digest = expected.digest();
            let now = look(&piece.source, digest);
            if self.known.insert(Sum::of(&piece.target), now) != Some(now) {
                write(&mut lines, &piece.target, &piece.source, digest);
            }
        }
        self.append(&lines)
    }

    fn append(&self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.file)?;
        file.write_all(lines)
    }

    /// Begins a record of what should be there.
    pub fn renew(&self) -> Renewal {
        let beside = self.file.with_extension("new");
        let folder = self.file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let lines = folder.and_then(|()| File::create(&beside)).ok();
        Renewal {
            lines: lines.map(BufWriter::new),
            beside,
            known: HashMap::with_capacity(self.known.len()),
        }
    }

    /// The container has all that `renewal` names, and none of `gone`. What is in neither may be there: it is ignored for now,
    /// or came and went meanwhile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&mut self, mut renewal: Renewal, gone: &BTreeSet<Vec<u8>>) -> io::Result<()> {
        let Some(mut lines) = renewal.lines.take() else {
            return Err(io::Error::other("the record could not be begun"));
        };
        let mut rest = BTreeMap::new();
        each_line(&self.file, |line| {
            if !renewal.has(&line.target) && !gone.contains(&line.target) {
                rest.insert(line.target, (line.source, line.digest));
            }
        });
        for (target, (source, digest)) in rest {
            let mut bytes = Vec::new();
            write(&mut bytes, &target, &source, digest);
            lines.write_all(&bytes)?;
            renewal
                .known
                .insert(Sum::of(&target), look(&source, digest));
        }
        lines.flush()?;
        std::fs::rename(&renewal.beside, &self.file)?;
        self.known = std::mem::take(&mut renewal.known);
        Ok(())
    }
}

impl Renewal {
    pub fn add(&mut self, piece: &Piece, expected: Expected) {
        let digest = expected.digest();
        let now = look(&piece.source, digest);
        self.known.insert(Sum::of(&piece.target), now);
        let mut bytes = Vec::new();
        write(&mut bytes, &piece.target, &piece.source, digest);
        if let Some(lines) = &mut self.lines
            && lines.write_all(&bytes).is_err()
        {
            self.lines = None;
        }
    }

    pub fn has(&self, target: &[u8]) -> bool {
        self.known.contains_key(&Sum::of(target))
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if self.lines.is_some() {
            let _gone = std::fs::remove_file(&self.beside);
        }
    }
}

/// Of what is on its way.
const UNKNOWN: u64 = 0;

fn look(source: &Path, digest: u64) -> u64 {
    let mut bytes = source.as_os_str().as_bytes().to_vec();
    bytes.extend(digest.to_be_bytes());
    Sum::of(&bytes)
}

fn write(out: &mut Vec<u8>, target: &[u8], source: &Path, digest: u64) {
    out.extend(target);
    out.push(0);
    out.extend(source.as_os_str().as_bytes());
    out.push(0);
    out.extend(format!("{digest:x}").as_bytes());
    out.push(0);
}

/// Paths hold no zero; a line that was cut off by the end of power is not taken.
fn each_line(file: &camino::Utf8Path, mut take: impl FnMut(Line)) {
    let Ok(file) = File::open(file) else {
        return;
    };
    let mut parts = BufReader::new(file).split(0).map_while(Result::ok);
    while let (Some(target), Some(source), Some(digest)) =
        (parts.next(), parts.next(), parts.next())
    {
        let digest = std::str::from_utf8(&digest).ok();
        if let Some(digest) = digest.and_then(|text| u64::from_str_radix(text, 16).ok()) {
            let source = PathBuf::from(OsStr::from_bytes(&source));
            take(Line {
                target,
                source,
                digest,
            });
        }
    }
}
