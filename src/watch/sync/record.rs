use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use camino::Utf8PathBuf;

use super::manifest::{Manifest, Piece};
use crate::helper::protocol::Expected;
use crate::stack::AfterSync;

/// What one instance of a service was sent, kept in the state folder: what is to be gone can only be told from it, and so can
/// what changed since. Losing it loses no more than that.
#[derive(Debug)]
pub struct Record {
    file: Utf8PathBuf,
    /// By target: the source, and how it looked.
    known: BTreeMap<Vec<u8>, (PathBuf, u64)>,
}

impl Record {
    /// Reads it; one that cannot be read is empty.
    pub fn open(file: Utf8PathBuf) -> Self {
        let text = std::fs::read(&file).unwrap_or_default();
        let mut known = BTreeMap::new();
        // Paths hold no zero; a line that was cut off by the end of power is not taken.
        let mut parts = text.split(|byte| *byte == 0);
        while let (Some(target), Some(source), Some(digest)) =
            (parts.next(), parts.next(), parts.next())
        {
            let digest = std::str::from_utf8(digest).ok();
            if let Some(digest) = digest.and_then(|text| u64::from_str_radix(text, 16).ok()) {
                let source = PathBuf::from(OsStr::from_bytes(source));
                known.insert(target.to_vec(), (source, digest));
            }
        }
        Self { file, known }
    }

    /// What was sent once and is nowhere any more, as pieces. What is only ignored from now on stays.
    pub fn gone(&self, manifest: &Manifest) -> Vec<Piece> {
        let gone = self.known.iter().filter(|(target, (source, _))| {
            !manifest.entries.contains_key(*target) && std::fs::symlink_metadata(source).is_err()
        });
        gone.map(|(target, (source, _))| Piece {
            source: source.clone(),
            target: target.clone(),
            then: AfterSync::Nothing,
            named: false,
        })
        .collect()
    }

    /// Whether a path looked otherwise when it was last sent, or was never sent.
    pub fn is_news(&self, target: &[u8], expected: Expected) -> bool {
        match self.known.get(target) {
            Some((_, digest)) => *digest != expected.digest(),
            None => expected != Expected::Absent,
        }
    }

    /// Takes note of new paths before they are sent, so that none is forgotten.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn announce<'a>(&mut self, pieces: impl IntoIterator<Item = &'a Piece>) -> io::Result<()> {
        let unknown = pieces.into_iter().filter_map(|piece| {
            let entry = (piece.source.clone(), UNKNOWN);
            (!self.known.contains_key(&piece.target)).then(|| (piece.target.clone(), entry))
        });
        let unknown: Vec<_> = unknown.collect();
        self.append(unknown)
    }

    /// Takes note of what has arrived.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add<'a>(
        &mut self,
        sent: impl IntoIterator<Item = &'a (Piece, Expected)>,
    ) -> io::Result<()> {
        let news = sent.into_iter().filter_map(|(piece, expected)| {
            let entry = (piece.source.clone(), expected.digest());
            (self.known.get(&piece.target) != Some(&entry)).then(|| (piece.target.clone(), entry))
        });
        let news: Vec<_> = news.collect();
        self.append(news)
    }

    fn append(&mut self, entries: Vec<(Vec<u8>, (PathBuf, u64))>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for (target, (source, digest)) in entries {
            line(&mut lines, &target, &source, digest);
            self.known.insert(target, (source, digest));
        }
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.file)?;
        file.write_all(&lines)
    }

    /// The container has all of this, and none of `gone`. What is in neither may be there: it is ignored for now, or came and
    /// went meanwhile.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set(&mut self, manifest: &Manifest, gone: &BTreeSet<Vec<u8>>) -> io::Result<()> {
        let now: BTreeMap<_, _> = manifest
            .entries
            .iter()
            .map(|(target, (piece, expected))| {
                let entry = (piece.source.clone(), expected.digest());
                (target.clone(), entry)
            })
            .collect();
        let mut all = std::mem::take(&mut self.known);
        all.retain(|target, _| !gone.contains(target));
        all.extend(now);
        let mut lines = Vec::new();
        for (target, (source, digest)) in &all {
            line(&mut lines, target, source, *digest);
        }
        self.known = all;
        if std::fs::read(&self.file).is_ok_and(|found| found == lines) {
            return Ok(());
        }
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, lines)?;
        std::fs::rename(beside, &self.file)
    }
}

/// Of what is on its way.
const UNKNOWN: u64 = 0;

fn line(out: &mut Vec<u8>, target: &[u8], source: &std::path::Path, digest: u64) {
    out.extend(target);
    out.push(0);
    out.extend(source.as_os_str().as_bytes());
    out.push(0);
    out.extend(format!("{digest:x}").as_bytes());
    out.push(0);
}
