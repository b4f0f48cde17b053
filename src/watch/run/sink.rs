use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::plan::react::PathKind;
use crate::watch::Notice;
use crate::watch::backend::{Backend, limit_text};
use crate::watch::settle::{Found, Settle};
use crate::watch::tree::Finder;

/// What looking leads to.
pub(super) struct Sink {
    pub backend: Option<Backend>,
    /// Why folders cannot be watched; set once the limit was hit.
    pub limit: Option<String>,
    /// The limit was hit in the tree that is being looked at.
    pub hit: bool,
    pub settle: Settle,
    pub notices: Vec<Notice>,
    /// How what is there was found: whether something told of it.
    pub found: Found,
    /// Nothing is told: it is the first look.
    pub silent: bool,
    /// Folders are left out from now on that were watched.
    pub prune: bool,
    pub stop: Arc<AtomicBool>,
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
            self.settle
                .add(path, kind, existed, self.found, Instant::now());
        }
    }

    fn removed(&mut self, path: &Path, kind: PathKind) {
        if !self.silent {
            self.settle
                .add(path, kind, true, Found::Gone, Instant::now());
        }
    }

    fn passed(&mut self, path: &Path) {
        self.settle.passed(path, PathKind::File, Instant::now());
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
