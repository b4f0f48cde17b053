//! What is watched.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Loop, Watched, stamp};
use crate::watch::rules::Rules;
use crate::watch::tree::{Finder, Tree};
use crate::watch::{Notice, Root, WatchSet};

/// Polling looks at most this often …
pub(super) const POLL: Duration = Duration::from_millis(500);
/// … at least this often …
const POLL_SLOW: Duration = Duration::from_secs(30);
/// … and is at work for one part in so many.
const POLL_SHARE: u32 = 20;

impl Loop {
    pub(super) fn set(&mut self, set: WatchSet) {
        let mut former: BTreeMap<PathBuf, Tree> = self
            .trees
            .drain(..)
            .map(|watched| (watched.tree.root().to_owned(), watched.tree))
            .collect();
        self.controls.clear();
        self.anchors.clear();
        for (path, roots) in by_path(set.roots) {
            let rules = Rules::new(merged(path.clone(), roots));
            self.controls.extend(rules.control_files());
            let mut tree = Tree::new(rules);
            let known = former.remove(&path);
            self.sink.silent = known.is_none();
            if let Some(known) = known {
                tree.succeed(known);
            }
            let mut watched = Watched {
                tree,
                poll: None,
                mounted: BTreeMap::new(),
            };
            self.look_at_all_of(&mut watched);
            self.sink.silent = false;
            self.trees.push(watched);
        }
        let folders: BTreeSet<&Path> = set.files.iter().filter_map(|f| f.parent()).collect();
        let remote = folders
            .into_iter()
            .any(|f| (self.system.remote)(f).is_some());
        self.files.retain(|file, _| set.files.contains(file));
        for file in set.files {
            self.anchor(&file);
            if !self.files.contains_key(&file) {
                self.files.insert(file.clone(), stamp(&file));
            }
            self.compare_file(&file, false);
        }
        for control in self.controls.clone() {
            self.anchor(&control);
        }
        let polled = std::mem::take(&mut self.sink.hit) || remote;
        self.poll_files = polled.then(|| Instant::now() + POLL);
        self.sink.prune = true;
        self.begun = true;
    }

    /// Ends watching what nothing needs any more.
    pub(super) fn prune(&mut self) {
        if !std::mem::take(&mut self.sink.prune) {
            return;
        }
        let Some(backend) = &mut self.sink.backend else {
            return;
        };
        let folders = self.trees.iter().flat_map(|watched| watched.tree.folders());
        let wanted: HashSet<PathBuf> = folders.chain(self.anchors.iter().cloned()).collect();
        backend.keep(|folder| wanted.contains(folder));
    }

    /// Compares a whole root, and takes note where it cannot be watched.
    pub(super) fn look_at_all_of(&mut self, watched: &mut Watched) {
        let root = watched.tree.root().to_owned();
        let begun = Instant::now();
        // Once the limit is hit, it stays so.
        self.sink.hit = watched.poll.is_some() && self.sink.limit.is_some();
        watched.tree.scan(&root, &mut self.sink);
        if !watched.tree.knows_folder(&root) {
            // A folder tells of its own end; what is a file or missing is told of by the folder above.
            self.anchor(&root);
            watched.tree.scan(&root, &mut self.sink);
        }
        let remote = (self.system.remote)(&root);
        if self.sink.hit || remote.is_some() {
            if watched.poll.is_none() {
                let why = match remote {
                    Some(name) => format!("{name} does not tell of what others change in it"),
                    None => self.sink.limit.clone().unwrap_or_default(),
                };
                self.sink.notices.push(Notice::Polling { root, why });
            }
            watched.poll = Some(pause_after(begun));
        }
        self.sink.hit = false;
        self.note_mounts(watched);
    }

    /// Watches the nearest folder above `path` that exists, so that what leads there is seen to appear.
    pub(super) fn anchor(&mut self, path: &Path) {
        let nearest = || {
            path.ancestors()
                .skip(1)
                .find(|folder| folder.is_dir())
                .map(Path::to_owned)
        };
        let mut folder = nearest();
        // What appears meanwhile is nearer.
        while let Some(found) = folder {
            let hit = std::mem::replace(&mut self.sink.hit, false);
            self.sink.folder(&found);
            self.sink.hit |= hit;
            self.anchors.insert(found.clone());
            folder = nearest().filter(|nearer| *nearer != found);
        }
    }
}

/// When to look again after a look that has `begun` then.
pub(super) fn pause_after(begun: Instant) -> Instant {
    let pause = (begun.elapsed() * POLL_SHARE).clamp(POLL, POLL_SLOW);
    Instant::now() + pause
}

fn by_path(roots: Vec<Root>) -> BTreeMap<PathBuf, Vec<Root>> {
    let mut grouped: BTreeMap<PathBuf, Vec<Root>> = BTreeMap::new();
    for root in roots {
        grouped.entry(root.path.clone()).or_default().push(root);
    }
    grouped
}

/// One root for several of the same path: left out is what all of them leave out.
fn merged(path: PathBuf, mut roots: Vec<Root>) -> Root {
    if roots.len() == 1 {
        return roots.remove(0);
    }
    let gitignore = roots.iter().all(|root| root.gitignore);
    let excludes: Option<Vec<_>> = roots.into_iter().map(|root| root.exclude).collect();
    let merged = Root {
        path,
        gitignore,
        exclude: None,
    };
    match excludes {
        Some(excludes) => {
            merged.exclude(move |path, folder| excludes.iter().all(|exclude| exclude(path, folder)))
        }
        None => merged,
    }
}
