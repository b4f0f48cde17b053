//! What a root held when it was last looked at, and what differs now.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::rules::Rules;
use crate::plan::react::PathKind;

/// How an entry looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub kind: PathKind,
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
            print: hasher.finish(),
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
    fn changed(&mut self, path: &Path, kind: PathKind, existed: bool);
    /// Something came and went before it was looked at.
    fn passed(&mut self, path: &Path);
    /// Nobody wants to know any more.
    fn stopped(&self) -> bool;
}

pub(super) struct Tree {
    pub rules: Rules,
    /// By path, the root included; a folder's entries follow it.
    entries: BTreeMap<PathBuf, Stamp>,
}

impl Tree {
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            entries: BTreeMap::new(),
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
        self.entries
            .get(self.root())
            .is_some_and(|stamp| stamp.kind == PathKind::File)
    }

    pub fn knows(&self, path: &Path) -> bool {
        self.entries.contains_key(path)
    }

    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.entries
            .iter()
            .filter(|(_, stamp)| stamp.kind == PathKind::Folder)
            .map(|(path, _)| path.as_path())
    }

    /// Looks at one path. `deep`: a folder brings what is in it, and is watched anew. `wrote`: a file counts as changed
    /// although it looks the same.
    pub fn look(&mut self, path: &Path, deep: bool, wrote: bool, finder: &mut dyn Finder) {
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
        let (stamp, known) = (Stamp::of(&metadata), self.entries.get(path).copied());
        let entered = known.is_some_and(|known| known.kind == PathKind::Folder);
        if stamp.kind == PathKind::Folder && (deep || !entered) {
            self.scan(path, finder);
            if deep && entered {
                // Another one under the same name: what came and went in it before it was watched, nobody has told.
                finder.changed(path, stamp.kind, true);
            }
            return;
        }
        if wrote && known == Some(stamp) && stamp.kind == PathKind::File {
            finder.changed(path, stamp.kind, true);
        }
        self.note(path, stamp, finder);
    }

    /// Compares a folder, with all that is in it, with what is known. `path` is the root, or in a known folder, and not
    /// left out.
    pub fn scan(&mut self, path: &Path, finder: &mut dyn Finder) {
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
            self.note(&path, stamp, finder);
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
        let gone: Vec<PathBuf> = self
            .children(folder)
            .filter(|path| !is_in(&names, path))
            .cloned()
            .collect();
        for path in gone {
            self.remove(&path, true, finder);
        }
        todo.extend(names.into_iter().rev().map(|name| folder.join(name)));
    }

    fn children<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        self.beneath(folder)
            .filter(move |path| path.parent() == Some(folder))
    }

    fn beneath<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let from = (Bound::Excluded(folder), Bound::Unbounded);
        self.entries
            .range::<Path, _>(from)
            .map(|(path, _)| path)
            .take_while(move |path| path.starts_with(folder))
    }

    fn note(&mut self, path: &Path, stamp: Stamp, finder: &mut dyn Finder) {
        let known = self.entries.get(path).copied();
        if known == Some(stamp) {
            return;
        }
        if known.is_some_and(|known| known.kind != stamp.kind) {
            self.remove(path, true, finder);
        }
        self.entries.insert(path.to_owned(), stamp);
        finder.changed(path, stamp.kind, known.is_some());
    }

    /// It was told to be gone, or never to have been: should it come again, it is new.
    pub fn forget(&mut self, path: &Path, finder: &mut dyn Finder) {
        let beneath = self.beneath(path).cloned();
        let all: Vec<PathBuf> = beneath.chain([path.to_owned()]).collect();
        for path in all {
            let known = self.entries.remove(&path);
            if known.is_some_and(|known| known.kind == PathKind::Folder) {
                finder.gone(&path);
            }
        }
    }

    /// Forgets a path and what is beneath; `tell` unless it is only left out from now on.
    fn remove(&mut self, path: &Path, tell: bool, finder: &mut dyn Finder) {
        let Some(stamp) = self.entries.remove(path) else {
            return;
        };
        let beneath: Vec<PathBuf> = self.beneath(path).cloned().collect();
        let removed = beneath
            .into_iter()
            .filter_map(|path| self.entries.remove(&path).map(|stamp| (path, stamp)));
        let removed: Vec<_> = std::iter::once((path.to_owned(), stamp))
            .chain(removed)
            .collect();
        for (path, stamp) in removed {
            match stamp.kind {
                PathKind::Folder if tell => finder.gone(&path),
                PathKind::Folder => finder.left_out(),
                PathKind::File => {}
            }
            if tell {
                finder.changed(&path, stamp.kind, true);
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

fn is_in(names: &BTreeSet<OsString>, path: &Path) -> bool {
    path.file_name().is_some_and(|name| names.contains(name))
}
