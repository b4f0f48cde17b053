use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::manifest::{Bases, walk_by};
use super::record::look;
use crate::helper::protocol::Sum;
use crate::plan::react::SyncRules;
use crate::stack::AfterSync;
use crate::watch::context::Index;

/// What a container should have, for telling whether it does. Only sums of it are held in memory.
#[derive(Debug, Clone, Default)]
pub struct Cover {
    /// By target: how it should look, and whether a restart follows.
    pub(super) wanted: HashMap<u64, (u64, bool)>,
    sources: HashSet<u64>,
    pub(super) bases: Bases,
    /// Something cannot be read although it is there.
    pub(super) unread: bool,
}

impl Cover {
    /// Everything that the sync rules of a service cover now: a tree that did not change costs a walk and a stat for each
    /// file. Call [`Index::save`] afterwards.
    pub fn read(rules: &SyncRules, index: &mut Index) -> Self {
        let mut cover = Self {
            bases: Bases::of(rules),
            ..Self::default()
        };
        index.begin();
        // What another source lies over is in the container no more than what is ignored, but no build brings it there.
        let mut hidden = HashSet::new();
        let mut hide = |path: &Path| {
            hidden.insert(source(path));
        };
        let problems = walk_by(
            rules,
            &mut Some(&mut *index),
            &mut hide,
            &mut |piece, expected| {
                let restarts = piece.then == AfterSync::Restart;
                let look = look(&piece.source, expected.digest());
                cover
                    .wanted
                    .insert(Sum::of(&piece.target), (look, restarts));
                cover.sources.insert(source(&piece.source));
                true
            },
        );
        index.end();
        cover.sources.extend(hidden);
        cover.unread = !problems.is_empty();
        cover
    }

    /// Whether a rule covers a path and brings it somewhere.
    pub fn has_source(&self, path: &Path) -> bool {
        self.sources.contains(&source(path))
    }
}

fn source(path: &Path) -> u64 {
    Sum::of(path.as_os_str().as_bytes())
}
