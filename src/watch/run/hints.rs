//! What happens: where the system points to, there the loop looks.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Loop, Watched, stamp};
use crate::watch::backend::{Backend, Hint};
use crate::watch::settle::Found;
use crate::watch::tree::Finder;

/// When to look at a file that is still open for writing.
const LATER: Duration = Duration::from_millis(300);

impl Loop {
    pub(super) fn hint(&mut self, path: &Path, hint: Hint) {
        match hint {
            Hint::Later if self.later.contains_key(path) => {}
            Hint::Later if !is_complete(path) => {
                self.later.insert(path.to_owned(), Instant::now() + LATER);
            }
            hint => {
                if hint == Hint::Wrote {
                    self.later.remove(path);
                }
                if let (Hint::Gone, Some(backend)) = (hint, &mut self.sink.backend) {
                    backend.name_went(path);
                }
                self.sink.found = Found::Whole;
                self.look(path, hint == Hint::Appeared, hint == Hint::Wrote);
                self.sink.found = Found::Open;
                self.watch_suspects();
            }
        }
    }

    pub(super) fn look(&mut self, path: &Path, appeared: bool, wrote: bool) {
        self.compare_file(path, appeared || wrote);
        self.reanchor(path);
        if self.controls.contains(path) {
            // How this one was found says nothing of those that it hid.
            self.sink.found = Found::Open;
            return self.rules_changed(path);
        }
        let nested_rules = path.file_name().is_some_and(|name| name == ".gitignore");
        let mut trees = std::mem::take(&mut self.trees);
        for watched in &mut trees {
            let tree = &mut watched.tree;
            // The root itself, or what leads to it, came or went.
            if tree.root().starts_with(path) && (path != tree.root() || !tree.is_file()) {
                self.look_at_all_of(watched);
            } else if path.starts_with(tree.root()) {
                tree.look(path, appeared, wrote, &mut self.sink);
                if nested_rules
                    && let Some(folder) = path.parent().filter(|folder| tree.knows(folder))
                {
                    self.sink.found = Found::Open;
                    tree.scan(folder, &mut self.sink);
                }
                // A folder that came may be one too many.
                if std::mem::take(&mut self.sink.hit) && watched.poll.is_none() {
                    self.look_at_all_of(watched);
                }
            }
        }
        self.trees = trees;
    }

    /// Folders whose watch may have ended are watched anew, and compared.
    pub(super) fn watch_suspects(&mut self) {
        let backend = &mut self.sink.backend;
        let suspects = backend.as_mut().map(Backend::suspects).unwrap_or_default();
        for folder in suspects {
            for watched in &mut self.trees {
                if watched.tree.knows_folder(&folder) {
                    watched.tree.scan(&folder, &mut self.sink);
                }
            }
            if self.anchors.contains(&folder) {
                self.sink.folder(&folder);
            }
        }
    }

    /// When a folder comes or goes, the nearest one above a file may be another one.
    pub(super) fn reanchor(&mut self, path: &Path) {
        let leads = |file: &&PathBuf| file.starts_with(path) && file.as_path() != path;
        let beneath: Vec<PathBuf> = self
            .files
            .keys()
            .chain(&self.controls)
            .filter(leads)
            .cloned()
            .collect();
        for file in beneath {
            self.anchor(&file);
            self.compare_file(&file, false);
        }
    }

    /// A .gitignore above some roots.
    pub(super) fn rules_changed(&mut self, control: &Path) {
        let folder = control.parent().unwrap_or(control).to_owned();
        let mut trees = std::mem::take(&mut self.trees);
        for watched in trees
            .iter_mut()
            .filter(|watched| watched.tree.root().starts_with(&folder))
        {
            watched.tree.rules.forget();
            self.look_at_all_of(watched);
        }
        self.trees = trees;
    }

    pub(super) fn look_everywhere(&mut self, which: impl Fn(&Watched) -> bool) {
        let mut trees = std::mem::take(&mut self.trees);
        for watched in trees.iter_mut().filter(|watched| which(watched)) {
            self.look_at_all_of(watched);
        }
        self.trees = trees;
    }

    pub(super) fn look_at_files(&mut self) {
        for file in self.files.keys().cloned().collect::<Vec<_>>() {
            self.compare_file(&file, false);
        }
    }

    pub(super) fn compare_file(&mut self, file: &Path, wrote: bool) {
        let Some(known) = self.files.get(file).copied() else {
            return;
        };
        let now = stamp(file);
        if known != now || (wrote && now.is_some()) {
            match (now, known) {
                (Some(now), known) => self.sink.changed(file, now.kind, known.is_some()),
                (None, Some(known)) => self.sink.removed(file, known.kind),
                (None, None) => {}
            }
            self.files.insert(file.to_owned(), now);
        }
    }
}

/// Whether what was made here needs no closing: a link of either kind, or no file at all.
fn is_complete(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path)
        .is_ok_and(|metadata| !metadata.is_file() || metadata.nlink() > 1)
}
