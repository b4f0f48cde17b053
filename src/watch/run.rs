//! The thread that looks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::backend::{Backend, Hint, limit_text};
use super::rules::Rules;
use super::settle::Settle;
use super::tree::{Finder, Stamp, Tree};
use super::{Batch, Notice, Root, WatchSet, textual};
use crate::plan::react::PathKind;

/// When to look at a file that is still open for writing.
const LATER: Duration = Duration::from_millis(300);
/// How soon to offer a batch again that found the queue full.
const OFFER: Duration = Duration::from_millis(20);
/// Polling looks at most this often …
const POLL: Duration = Duration::from_millis(500);
/// … at least this often …
const POLL_SLOW: Duration = Duration::from_secs(30);
/// … and is at work for one part in so many.
const POLL_SHARE: u32 = 20;
/// Messages in a row before deadlines are looked at.
const ROW: usize = 1024;

#[derive(Debug)]
pub(super) enum Message {
    Hint(PathBuf, Hint),
    Set(WatchSet),
    /// Look at the flags.
    Wake,
    Stop,
}

pub(super) struct Loop {
    inbox: Receiver<Message>,
    batches: mpsc::Sender<Batch>,
    stop: Arc<AtomicBool>,
    /// Events were lost.
    lost: Arc<AtomicBool>,
    trees: Vec<Watched>,
    /// Files by themselves.
    files: BTreeMap<PathBuf, Option<Stamp>>,
    /// Files outside of roots that decide what is left out of them.
    controls: BTreeSet<PathBuf>,
    /// Folders in which a root, or what leads to it, may appear.
    anchors: BTreeSet<PathBuf>,
    later: BTreeMap<PathBuf, Instant>,
    sink: Sink,
    /// When to look at `files` next, where the system does not tell.
    poll_files: Option<Instant>,
    begun: bool,
}

struct Watched {
    tree: Tree,
    /// When to look next, where the system does not tell.
    poll: Option<Instant>,
}

/// What looking leads to.
struct Sink {
    backend: Option<Backend>,
    /// Why folders cannot be watched; set once the limit was hit.
    limit: Option<String>,
    /// The limit was hit in the tree that is being looked at.
    hit: bool,
    settle: Settle,
    notices: Vec<Notice>,
    /// Nothing is told: it is the first look.
    silent: bool,
    /// Folders are left out from now on that were watched.
    prune: bool,
    stop: Arc<AtomicBool>,
}

impl Finder for Sink {
    fn folder(&mut self, folder: &Path) {
        let Some(backend) = &mut self.backend else {
            self.hit = true;
            return;
        };
        // Once it is hit, thousands of further tries would not help.
        if !self.hit
            && let Err(error) = backend.watch(folder)
        {
            self.hit = true;
            self.limit.get_or_insert_with(|| limit_text(&error));
        }
    }

    fn gone(&mut self, folder: &Path) {
        if let Some(backend) = &mut self.backend {
            backend.forget(folder);
        }
    }

    fn left_out(&mut self) {
        self.prune = true;
    }

    fn changed(&mut self, path: &Path, kind: PathKind, existed: bool) {
        if !self.silent {
            self.settle.add(path, kind, existed, Instant::now());
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Loop {
    pub fn new(
        inbox: Receiver<Message>,
        events: SyncSender<Message>,
        batches: mpsc::Sender<Batch>,
        stop: Arc<AtomicBool>,
        limit: usize,
    ) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (backend, limit) = match Backend::new(events, Arc::clone(&lost), limit) {
            Ok(backend) => (Some(backend), None),
            Err(error) => (None, Some(limit_text(&error))),
        };
        let sink = Sink {
            backend,
            limit,
            hit: false,
            settle: Settle::default(),
            notices: Vec::new(),
            silent: false,
            prune: false,
            stop: Arc::clone(&stop),
        };
        Self {
            inbox,
            batches,
            stop,
            lost,
            trees: Vec::new(),
            files: BTreeMap::new(),
            controls: BTreeSet::new(),
            anchors: BTreeSet::new(),
            later: BTreeMap::new(),
            sink,
            poll_files: None,
            begun: false,
        }
    }

    /// Until told to stop, or until nobody takes the batches.
    pub fn run(mut self, set: WatchSet) {
        self.set(set);
        while !self.stop.load(Ordering::Relaxed) {
            let message = match self.deadline() {
                Some(deadline) => self.inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(message) => {
                    self.take(message);
                    for _ in 0..ROW {
                        let Ok(message) = self.inbox.try_recv() else { break };
                        self.take(message);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.time_passes();
            self.prune();
            if !self.deliver() {
                return;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Hint(path, hint) => self.hint(&path, hint),
            Message::Set(set) => self.set(set),
            Message::Wake => {}
            Message::Stop => self.stop.store(true, Ordering::Relaxed),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let settled = match self.sink.settle.deadline() {
            // It is over, but could not be delivered.
            Some(at) if at <= Instant::now() => Some(Instant::now() + OFFER),
            other => other,
        };
        let notice = (self.begun || !self.sink.notices.is_empty()).then(|| Instant::now() + OFFER);
        let later = self.later.values().min().copied();
        let poll = self.trees.iter().filter_map(|watched| watched.poll).min();
        [settled, notice, later, poll, self.poll_files].into_iter().flatten().min()
    }

    // --- what is watched

    fn set(&mut self, set: WatchSet) {
        let mut former: BTreeMap<PathBuf, Tree> =
            self.trees.drain(..).map(|watched| (watched.tree.root().to_owned(), watched.tree)).collect();
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
            let mut watched = Watched { tree, poll: None };
            self.look_at_all_of(&mut watched);
            self.sink.silent = false;
            self.trees.push(watched);
        }
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
        self.poll_files = std::mem::take(&mut self.sink.hit).then(|| Instant::now() + POLL);
        self.sink.prune = true;
        self.begun = true;
    }

    /// Ends watching what nothing needs any more.
    fn prune(&mut self) {
        if !std::mem::take(&mut self.sink.prune) {
            return;
        }
        let Some(backend) = &mut self.sink.backend else { return };
        let wanted: std::collections::HashSet<&Path> =
            self.trees.iter().flat_map(|w| w.tree.folders()).chain(self.anchors.iter().map(PathBuf::as_path)).collect();
        backend.keep(|folder| wanted.contains(folder));
    }

    /// Compares a whole root, and takes note where it cannot be watched.
    fn look_at_all_of(&mut self, watched: &mut Watched) {
        let root = watched.tree.root().to_owned();
        let begun = Instant::now();
        self.sink.hit = watched.poll.is_some();
        watched.tree.scan(&root, &mut self.sink);
        if !watched.tree.folders().any(|folder| folder == root) {
            // A folder tells of its own end; what is a file or missing is told of by the folder above.
            self.anchor(&root);
            watched.tree.scan(&root, &mut self.sink);
        }
        if self.sink.hit {
            if watched.poll.is_none() {
                let why = self.sink.limit.clone().unwrap_or_default();
                self.sink.notices.push(Notice::Polling { root, why });
            }
            let pause = (begun.elapsed() * POLL_SHARE).clamp(POLL, POLL_SLOW);
            watched.poll = Some(Instant::now() + pause);
        }
        self.sink.hit = false;
    }

    /// Watches the nearest folder above `path` that exists, so that what leads there is seen to appear.
    fn anchor(&mut self, path: &Path) {
        let nearest = || path.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned);
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

    // --- what happens

    fn hint(&mut self, path: &Path, hint: Hint) {
        match hint {
            Hint::Later if self.later.contains_key(path) => {}
            Hint::Later if !is_complete(path) => {
                self.later.insert(path.to_owned(), Instant::now() + LATER);
            }
            Hint::Wrote => {
                self.later.remove(path);
                self.look(path, false, true);
            }
            Hint::Later | Hint::Look => self.look(path, false, false),
            Hint::Appeared => self.look(path, true, false),
        }
    }

    fn look(&mut self, path: &Path, deep: bool, wrote: bool) {
        self.compare_file(path, wrote);
        self.reanchor(path);
        if self.controls.contains(path) {
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
                tree.look(path, deep, wrote, &mut self.sink);
                if nested_rules && let Some(folder) = path.parent().filter(|folder| tree.knows(folder)) {
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

    /// When a folder comes or goes, the nearest one above a file may be another one.
    fn reanchor(&mut self, path: &Path) {
        let leads = |file: &&PathBuf| file.starts_with(path) && file.as_path() != path;
        let beneath: Vec<PathBuf> = self.files.keys().chain(&self.controls).filter(leads).cloned().collect();
        for file in beneath {
            self.anchor(&file);
            self.compare_file(&file, false);
        }
    }

    /// A .gitignore above some roots.
    fn rules_changed(&mut self, control: &Path) {
        let folder = control.parent().unwrap_or(control).to_owned();
        let mut trees = std::mem::take(&mut self.trees);
        for watched in trees.iter_mut().filter(|watched| watched.tree.root().starts_with(&folder)) {
            watched.tree.rules.forget();
            self.look_at_all_of(watched);
        }
        self.trees = trees;
    }

    fn time_passes(&mut self) {
        let now = Instant::now();
        if self.lost.swap(false, Ordering::Relaxed) {
            self.sink.settle.overflow(now);
            self.look_everywhere(|_| true);
            self.look_at_files();
        }
        if self.poll_files.is_some_and(|at| at <= now) {
            self.look_at_files();
            self.poll_files = Some(now + POLL);
        }
        self.look_everywhere(|watched| watched.poll.is_some_and(|at| at <= now));
        let due: Vec<PathBuf> =
            self.later.iter().filter(|(_, at)| **at <= now).map(|(path, _)| path.clone()).collect();
        for path in due {
            self.later.remove(&path);
            self.look(&path, false, false);
        }
    }

    fn look_everywhere(&mut self, which: impl Fn(&Watched) -> bool) {
        let mut trees = std::mem::take(&mut self.trees);
        for watched in trees.iter_mut().filter(|watched| which(watched)) {
            self.look_at_all_of(watched);
        }
        self.trees = trees;
    }

    fn look_at_files(&mut self) {
        for file in self.files.keys().cloned().collect::<Vec<_>>() {
            self.compare_file(&file, false);
        }
    }

    fn compare_file(&mut self, file: &Path, wrote: bool) {
        let Some(known) = self.files.get(file).copied() else { return };
        let now = stamp(file);
        if known != now || (wrote && now.is_some()) {
            let kind = now.or(known).map_or(PathKind::File, |stamp| stamp.kind);
            self.sink.changed(file, kind, known.is_some());
            self.files.insert(file.to_owned(), now);
        }
    }

    // --- what is told

    /// Hands over what is settled. False: nobody takes it any more.
    fn deliver(&mut self) -> bool {
        let permit = match self.batches.try_reserve() {
            Ok(permit) => permit,
            Err(TrySendError::Full(())) => return true,
            Err(TrySendError::Closed(())) => return false,
        };
        let mut batch = Batch::default();
        if let Some((changes, overflow)) = self.sink.settle.take(Instant::now()) {
            batch.overflow = overflow;
            for (path, change) in changes {
                if !change.existed && std::fs::symlink_metadata(&path).is_err() {
                    // It came and went.
                    continue;
                }
                match textual(path) {
                    Ok(path) => {
                        batch.paths.insert(path, change.kind);
                    }
                    Err(folder) => {
                        batch.paths.insert(folder, PathKind::Folder);
                        batch.overflow = true;
                    }
                }
            }
        }
        batch.begun = std::mem::take(&mut self.begun);
        batch.notices = std::mem::take(&mut self.sink.notices);
        if batch != Batch::default() {
            permit.send(batch);
        }
        true
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    std::fs::symlink_metadata(path).ok().map(|metadata| Stamp::of(&metadata))
}

/// Whether what was made here needs no closing: a link of either kind, or no file at all.
fn is_complete(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file() || metadata.nlink() > 1)
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
    let merged = Root { path, gitignore, exclude: None };
    match excludes {
        Some(excludes) => merged.exclude(move |path, folder| excludes.iter().all(|exclude| exclude(path, folder))),
        None => merged,
    }
}
