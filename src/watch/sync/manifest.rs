use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use super::pack::{is_gone, open};
use crate::plan::react::{PathKind, SyncItem, SyncRules};
use crate::watch::Root;
use crate::watch::rules::Rules;

/// What a container was sent, or would be sent now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// By path in the container.
    pub entries: BTreeMap<String, Entry>,
    /// Left out, because their names are no text.
    pub skipped: Vec<PathBuf>,
}

/// One file, symlink or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub item: SyncItem,
    pub kind: PathKind,
    /// Permissions, and the type of file.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Of the content, or of a symlink's text.
    pub hash: blake3::Hash,
}

impl Entry {
    pub(super) fn new(
        item: &SyncItem,
        kind: PathKind,
        metadata: &Metadata,
        size: u64,
        hash: blake3::Hash,
    ) -> Self {
        Self {
            item: SyncItem {
                kind,
                ..item.clone()
            },
            kind,
            mode: metadata.mode(),
            size,
            hash,
        }
    }
}

impl Manifest {
    /// Takes in what was sent.
    pub fn apply(&mut self, sent: &BTreeMap<String, Option<Entry>>) {
        for (target, entry) in sent {
            match entry {
                Some(entry) => {
                    self.entries.insert(target.clone(), entry.clone());
                }
                None => self
                    .entries
                    .retain(|path, _| !Utf8Path::new(path).starts_with(target)),
            }
        }
    }
}

/// Everything that the sync rules of a service cover now.
///
/// # Errors
/// What cannot be read although it is there, with its path.
pub fn manifest(rules: &SyncRules) -> io::Result<Manifest> {
    let mut manifest = Manifest::default();
    for base in rules.bases() {
        let mut ignore = Rules::new(Root::new(base));
        visit(base.as_std_path(), rules, &mut ignore, &mut manifest)
            .map_err(|error| io::Error::new(error.kind(), format!("{base}: {error}")))?;
    }
    Ok(manifest)
}

fn visit(
    base: &Path,
    rules: &SyncRules,
    ignore: &mut Rules,
    manifest: &mut Manifest,
) -> io::Result<()> {
    let mut todo = vec![base.to_owned()];
    while let Some(path) = todo.pop() {
        // A person named the base itself, also when it is a symlink.
        let metadata = if path == base {
            std::fs::metadata(&path)
        } else {
            std::fs::symlink_metadata(&path)
        };
        let metadata = match metadata {
            Err(error) if is_gone(&error) => continue,
            other => other?,
        };
        if ignore.leaves_out(&path, metadata.is_dir()) {
            continue;
        }
        if metadata.is_dir() {
            ignore.enter(&path);
            let entries = match std::fs::read_dir(&path) {
                Err(error) if is_gone(&error) => continue,
                other => other?,
            };
            todo.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
        }
        let kind = if metadata.is_dir() {
            PathKind::Folder
        } else {
            PathKind::File
        };
        let Some(text) = Utf8Path::from_path(&path) else {
            manifest.skipped.push(path);
            continue;
        };
        if let Some(item) = rules.item(text, kind)
            && let Some(entry) = entry(&item, kind, &metadata)?
        {
            manifest.entries.insert(item.target.clone(), entry);
        }
    }
    Ok(())
}

/// `None`: it vanished, or is none of what can be sent.
fn entry(item: &SyncItem, kind: PathKind, metadata: &Metadata) -> io::Result<Option<Entry>> {
    let hashed = if kind == PathKind::Folder {
        Ok((0, blake3::hash(b"")))
    } else if metadata.is_symlink() {
        std::fs::read_link(&item.source)
            .map(|target| (0, blake3::hash(target.as_os_str().as_encoded_bytes())))
    } else if metadata.is_file() {
        open(&item.source).and_then(|file| {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(file)?;
            Ok((hasher.count(), hasher.finalize()))
        })
    } else {
        return Ok(None);
    };
    match hashed {
        Ok((size, hash)) => Ok(Some(Entry::new(item, kind, metadata, size, hash))),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What has to be sent to a container that was sent `sent`, `None` for a new one, so that it has `now`.
pub fn difference(sent: Option<&Manifest>, now: &Manifest) -> Vec<SyncItem> {
    let Some(sent) = sent else {
        return now
            .entries
            .values()
            .map(|entry| entry.item.clone())
            .collect();
    };
    let changed = now
        .entries
        .iter()
        .filter(|(target, entry)| sent.entries.get(*target) != Some(entry));
    let changed = changed.map(|(_, entry)| entry.item.clone());
    let gone = sent
        .entries
        .iter()
        .filter(|(target, _)| !now.entries.contains_key(*target));
    // What is only ignored from now on is still there: that is no deletion.
    let gone = gone
        .map(|(_, entry)| entry.item.clone())
        .filter(|item| std::fs::symlink_metadata(&item.source).is_err());
    changed.chain(gone).collect()
}
