//! What a root held when it was last looked at, and what differs now.

mod entries;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::rules::Rules;
use crate::plan::react::PathKind;
use entries::Entries;

/// How an entry looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub kind: PathKind,
    /// The last bit is not used.
    print: u64,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Self {
        let mut hasher = DefaultHasher::new();
        (metadata.mode(), metadata.uid(), metadata.gid()).hash(&mut hasher);
        let kind = if metadata.is_dir() {
            PathKind::Folder
        } else {
            PathKind::File
        };
        if kind == PathKind::File {
            // A folder's own times change with its entries, which speak for themselves.
            (
                metadata.size(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ino(),
            )
                .hash(&mut hasher);
        }
        Self {
            kind,
            print: hasher.finish() & !1,
        }
    }
}

/// Receives what a look finds.
pub(super) trait Finder {
    /// A folder is about to be read: watch it.
    fn folder(&mut self, folder: &Path);
    /// A folder that was watched is gone.
    fn gone(&mut self, folder: &Path);
    /// A folder that is watched is left out from now on.
    fn left_out(&mut self);
    /// It is there now, and otherwise than before.
    fn changed(&mut self, path: &Path, kind: PathKind, existed: bool);
    /// It was there.
    fn removed(&mut self, path: &Path, kind: PathKind);
    /// Something came and went before it was looked at.
    fn passed(&mut self, path: &Path);
    /// Nobody wants to know any more.
    fn stopped(&self) -> bool;
}

pub(super) struct Tree {
    pub rules: Rules,
    /// The root included.
    entries: Entries,
}

impl Tree {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            entries: Entries::default(),
        }
    }

    /// Goes on from what another tree of the same root knew.
    pub fn succeed(&mut self, former: Self) {
        self.entries = former.entries;
    }

    pub fn root(&self) -> &Path {
        self.rules.path()
    }

    /// The root is a file.
    pub fn is_file(&self) -> bool {
        let root = self.entries.get(self.root());
        root.is_some_and(|stamp| stamp.kind == PathKind::File)
    }

    pub fn knows(&self, path: &Path) -> bool {
        self.entries.get(path).is_some()
    }

    pub fn knows_folder(&self, path: &Path) -> bool {
        let known = self.entries.get(path);
        known.is_some_and(|stamp| stamp.kind == PathKind::Folder)
    }

    pub fn folders(&self) -> impl Iterator<Item = PathBuf> {
        self.entries.all_folders()
    }

    /// Looks at one path. `appeared`: a folder brings what is in it, and is watched anew. `appeared` or `wrote`: what looks the
    /// same counts as changed all the same. It may have been away for a moment, in which who was told of it earlier found
    /// nothing.
    pub fn look(&mut self, path: &Path, appeared: bool, wrote: bool, finder: &mut dyn Finder) {
        if !self.is_mine(path) {
            return;
        }
        let metadata = match self.stat(path) {
            Ok(metadata) => metadata,
            // Gone, or in the middle of something that ends with another event.
            Err(_) if self.knows(path) => return self.remove(path, true, finder),
            Err(_) => return finder.passed(path),
        };
        if self.rules.leaves_out(path, metadata.is_dir()) {
            return self.remove(path, false, finder);
        }
        let (stamp, known) = (Stamp::of(&metadata), self.entries.get(path));
        // One with another mode may not have been readable before.
        let reopened = known != Some(stamp);
        if stamp.kind == PathKind::Folder && (appeared || reopened) {
            return self.scan_as(path, appeared, finder);
        }
        let anyway = appeared || (wrote && stamp.kind == PathKind::File);
        self.note(path, stamp, anyway, finder);
    }

    /// Compares a folder, with all that is in it, with what is known. `path` is the root, or in a known folder, and not
    /// left out.
    pub fn scan(&mut self, path: &Path, finder: &mut dyn Finder) {
        self.scan_as(path, false, finder);
    }

    /// `anyway`: all that is there counts as changed.
    fn scan_as(&mut self, path: &Path, anyway: bool, finder: &mut dyn Finder) {
        let mut todo = vec![path.to_owned()];
        while let Some(path) = todo.pop() {
            if finder.stopped() {
                return;
            }
            let metadata = match self.stat(&path) {
                Ok(metadata) => metadata,
                Err(_) => {
                    self.remove(&path, true, finder);
                    continue;
                }
            };
            if self.rules.leaves_out(&path, metadata.is_dir()) {
                self.remove(&path, false, finder);
                continue;
            }
            let stamp = Stamp::of(&metadata);
            self.note(&path, stamp, anyway, finder);
            if stamp.kind == PathKind::Folder {
                // Watched first, so that what comes while it is read is not missed.
                finder.folder(&path);
                self.rules.enter(&path);
                self.read(&path, &mut todo, finder);
            }
        }
    }

    /// Lists a folder: its entries are yet to be looked at, those that are no longer there are gone.
    fn read(&mut self, folder: &Path, todo: &mut Vec<PathBuf>, finder: &mut dyn Finder) {
        let names: BTreeSet<OsString> = match std::fs::read_dir(folder) {
            Ok(entries) => entries
                .filter_map(Result::ok)
                .map(|entry| entry.file_name())
                .collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.remove(folder, true, finder);
            }
            // It cannot be read now; that says nothing about what is in it.
            Err(_) => return,
        };
        let gone = self.entries.names(folder);
        let gone = gone.filter(|name| !names.contains(*name));
        let gone: Vec<PathBuf> = gone.map(|name| folder.join(name)).collect();
        for path in gone {
            self.remove(&path, true, finder);
        }
        todo.extend(names.into_iter().rev().map(|name| folder.join(name)));
    }

    fn note(&mut self, path: &Path, stamp: Stamp, anyway: bool, finder: &mut dyn Finder) {
        let known = self.entries.get(path);
        if known == Some(stamp) {
            if anyway {
                finder.changed(path, stamp.kind, true);
            }
            return;
        }
        if known.is_some_and(|known| known.kind != stamp.kind) {
            self.remove(path, true, finder);
        }
        self.entries.insert(path, stamp);
        finder.changed(path, stamp.kind, known.is_some());
    }

    /// It was told to be gone, or never to have been: should it come again, it is new.
    pub fn forget(&mut self, path: &Path, finder: &mut dyn Finder) {
        for (path, known) in self.take_out(path) {
            if known.kind == PathKind::Folder {
                finder.gone(&path);
            }
        }
    }

    /// A path and what is beneath.
    fn take_out(&mut self, path: &Path) -> Vec<(PathBuf, Stamp)> {
        let own = self.entries.remove(path);
        let mut all: Vec<_> = own
            .map(|stamp| (path.to_owned(), stamp))
            .into_iter()
            .collect();
        all.extend(self.entries.remove_beneath(path));
        all
    }

    /// Forgets a path and what is beneath; `tell` unless it is only left out from now on.
    fn remove(&mut self, path: &Path, tell: bool, finder: &mut dyn Finder) {
        if !self.knows(path) {
            return;
        }
        for (path, stamp) in self.take_out(path) {
            match stamp.kind {
                PathKind::Folder if tell => finder.gone(&path),
                PathKind::Folder => finder.left_out(),
                PathKind::File => {}
            }
            if tell {
                finder.removed(&path, stamp.kind);
            }
        }
    }

    /// Whether the path is the root, or an entry of a folder that is known.
    fn is_mine(&self, path: &Path) -> bool {
        if path == self.root() {
            return true;
        }
        let parent = path.parent().and_then(|parent| self.entries.get(parent));
        parent.is_some_and(|parent| parent.kind == PathKind::Folder)
    }

    /// Symlinks are not followed, but for the root itself, which a person named.
    fn stat(&self, path: &Path) -> io::Result<Metadata> {
        if path == self.root() {
            std::fs::metadata(path)
        } else {
            std::fs::symlink_metadata(path)
        }
    }
}
