use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;

use super::cover::Cover;
use super::manifest::{Bases, Piece};
use crate::helper::protocol::{Expected, Sum};
use crate::plan::observed::Has;
use crate::stack::AfterSync;

/// What one instance of a service was sent, kept in the state folder: what is to be gone can only be told from it, and so can
/// what changed since, and whether a container has everything. Losing it loses no more than that. Only sums of it are held in
/// memory.
#[derive(Debug)]
pub struct Record {
    file: Utf8PathBuf,
    /// The id of the container that was sent it as it looked; an earlier one was sent the same paths.
    container: String,
    /// That is written down.
    begun: bool,
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
    /// Reads what is known of a container; one that cannot be read is empty. What an earlier container was sent, this one may
    /// have from its image, but nobody knows how it looks there.
    pub fn open(file: Utf8PathBuf, container: &str) -> Self {
        let mut known = HashMap::new();
        let last = each_line(&file, container, |line| {
            known.insert(Sum::of(&line.target), look(&line.source, line.digest));
        });
        Self {
            file,
            container: container.to_owned(),
            begun: last.as_deref() == Some(container),
            known,
        }
    }

    /// Reads what is known of the last container that was sent something; `None` without one.
    pub fn last(file: Utf8PathBuf) -> Option<Self> {
        let container = each_line(&file, "", drop)?;
        Some(Self::open(file, &container))
    }

    /// The id of its container.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// What the container has of what there should be; `None` where nothing is known of it.
    pub fn has(&self, cover: &Cover) -> Option<Has> {
        if !self.begun {
            return None;
        }
        let (mut lacks, mut restarts) = (cover.unread, false);
        for (target, (look, then_restarts)) in &cover.wanted {
            if self.known.get(target) != Some(look) {
                lacks = true;
                restarts |= then_restarts;
            }
        }
        let stays = || {
            let gone = self.gone(&cover.bases, |target| {
                cover.wanted.contains_key(&Sum::of(target))
            });
            gone.iter().any(|piece| self.may_be_there(piece))
        };
        Some(match lacks || stays() {
            true => Has::Lacks { restarts },
            false => Has::Everything,
        })
    }

    /// What was sent once, is nowhere any more and not `wanted`, as pieces. What is only ignored from now on stays.
    pub fn gone(&self, bases: &Bases, wanted: impl Fn(&[u8]) -> bool) -> Vec<Piece> {
        self.gone_of(bases, |line| !wanted(&line.target))
    }

    /// The same, of what lay in these folders.
    pub fn gone_within(&self, bases: &Bases, folders: &HashSet<PathBuf>) -> Vec<Piece> {
        let within = |line: &Line| {
            let mut above = line.source.ancestors().skip(1);
            above.any(|above| folders.contains(above))
        };
        let mut gone = self.gone_of(bases, within);
        gone.retain(|piece| self.may_be_there(piece));
        gone
    }

    fn gone_of(&self, bases: &Bases, concerns: impl Fn(&Line) -> bool) -> Vec<Piece> {
        let mut concerned = BTreeMap::new();
        each_line(&self.file, &self.container, |line| {
            if concerns(&line) {
                concerned.insert(line.target, line.source);
            }
        });
        let pieces = concerned.into_iter().map(|(target, source)| Piece {
            depth: bases.depth(&source).unwrap_or(1),
            source,
            target,
            then: AfterSync::Nothing,
        });
        pieces.filter(Piece::is_gone).collect()
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
            if *expected != Expected::Absent {
                self.add_above(piece, &mut lines);
            }
        }
        self.append(&lines)
    }

    /// What arrives brings the folders above it: one that was removed before may be there again, though none was sent. It had
    /// come back here between two looks.
    fn add_above(&mut self, piece: &Piece, lines: &mut Vec<u8>) {
        let absent = Expected::Absent.digest();
        let mut target = piece.target.as_slice();
        let above = piece.source.ancestors().skip(1);
        for source in above.take(piece.depth.saturating_sub(1)) {
            let Some(end) = target.iter().rposition(|byte| *byte == b'/') else {
                return;
            };
            target = &target[..end];
            let Some(known) = self.known.get_mut(&Sum::of(target)) else {
                continue;
            };
            if *known == look(source, absent) {
                *known = look(source, UNKNOWN);
                write(lines, target, source, UNKNOWN);
            }
        }
    }

    /// These are yet to be sent, whatever was taken note of.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn doubt<'a>(&mut self, pieces: impl IntoIterator<Item = &'a Piece>) -> io::Result<()> {
        let mut lines = Vec::new();
        for piece in pieces {
            write(&mut lines, &piece.target, &piece.source, UNKNOWN);
            let unknown = look(&piece.source, UNKNOWN);
            self.known.insert(Sum::of(&piece.target), unknown);
        }
        self.append(&lines)
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.file)?;
        if !self.begun {
            file.write_all(&self.head())?;
        }
        file.write_all(lines)?;
        self.begun = true;
        Ok(())
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        write(&mut head, CONTAINER, self.container.as_ref(), UNKNOWN);
        head
    }

    /// Begins a record of what should be there.
    pub fn renew(&self) -> Renewal {
        let beside = self.file.with_extension("new");
        let folder = self.file.parent().map_or(Ok(()), std::fs::create_dir_all);
        let lines = folder.and_then(|()| {
            let mut lines = BufWriter::new(File::create(&beside)?);
            lines.write_all(&self.head())?;
            Ok(lines)
        });
        Renewal {
            lines: lines.ok(),
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
        each_line(&self.file, &self.container, |line| {
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
        self.begun = true;
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

/// Of what is on its way, or was sent to another container.
const UNKNOWN: u64 = 0;
/// Stands where a path stands otherwise; the id of the container follows that was sent what comes after.
const CONTAINER: &[u8] = b"";

pub(super) fn look(source: &Path, digest: u64) -> u64 {
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

/// Paths hold no zero; a line that was cut off by the end of power is not taken. How something looked counts for `container`
/// alone. Returns the last one that was sent something.
fn each_line(
    file: &camino::Utf8Path,
    container: &str,
    mut take: impl FnMut(Line),
) -> Option<String> {
    let mut of = None;
    let mut parts = BufReader::new(File::open(file).ok()?)
        .split(0)
        .map_while(Result::ok);
    while let (Some(target), Some(source), Some(digest)) =
        (parts.next(), parts.next(), parts.next())
    {
        let digest = std::str::from_utf8(&digest).ok();
        let Some(digest) = digest.and_then(|text| u64::from_str_radix(text, 16).ok()) else {
            continue;
        };
        if target == CONTAINER {
            of = Some(String::from_utf8_lossy(&source).into_owned());
            continue;
        }
        let counts = of.as_deref() == Some(container);
        take(Line {
            target,
            source: PathBuf::from(OsStr::from_bytes(&source)),
            digest: if counts { digest } else { UNKNOWN },
        });
    }
    of
}
