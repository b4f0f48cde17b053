//! What is mounted into a root from elsewhere: the system tells of the root, and not of what others change there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::roots::pause_after;
use super::{Loop, Watched};
use crate::watch::Notice;

/// How often to look whether something was mounted or unmounted: no file event says so.
const MOUNTS: Duration = Duration::from_secs(10);

impl Loop {
    /// Takes note of what is mounted into a root that is not polled as a whole.
    pub(super) fn note_mounts(&mut self, watched: &mut Watched) {
        let tree = &watched.tree;
        let whole = watched.poll.is_some();
        let within = self.mounts.within(tree.root());
        // What is left out is not looked at, wherever it lies.
        let within = within.filter(|(place, _)| !whole && tree.knows_folder(place));
        let within: Vec<(PathBuf, &str)> = within.collect();
        watched
            .mounted
            .retain(|place, _| within.iter().any(|(there, _)| there == place));
        for (place, kind) in within {
            if watched.mounted.contains_key(&place) {
                continue;
            }
            let why = format!("{kind} does not tell of what others change in it");
            let root = place.clone();
            self.sink.notices.push(Notice::Polling { root, why });
            watched.mounted.insert(place, Instant::now());
        }
    }

    /// Looks at what is mounted into roots, where it is time to.
    pub(super) fn look_at_mounts(&mut self, now: Instant) {
        if self.look_for_mounts <= now {
            self.look_for_mounts = now + MOUNTS;
            self.mounts_changed();
        }
        let mut trees = std::mem::take(&mut self.trees);
        for watched in &mut trees {
            let due = watched.mounted.iter().filter(|(_, at)| **at <= now);
            let due: Vec<PathBuf> = due.map(|(place, _)| place.clone()).collect();
            for place in due {
                let begun = Instant::now();
                self.look_at_mount(watched, &place);
                watched.mounted.insert(place, pause_after(begun));
            }
        }
        self.trees = trees;
    }

    /// Other files may be where something came or went.
    fn mounts_changed(&mut self) {
        let now = (self.system.mounts)();
        if now == self.mounts {
            return;
        }
        let former = std::mem::replace(&mut self.mounts, now);
        let mut trees = std::mem::take(&mut self.trees);
        for watched in &mut trees {
            let root = watched.tree.root().to_owned();
            let places = former.within(&root).chain(self.mounts.within(&root));
            let places: BTreeSet<PathBuf> = places.map(|(place, _)| place).collect();
            for place in places {
                self.look_at_mount(watched, &place);
            }
            self.note_mounts(watched);
        }
        self.trees = trees;
    }

    fn look_at_mount(&mut self, watched: &mut Watched, place: &Path) {
        if watched.tree.knows_folder(place) {
            watched.tree.scan(place, &mut self.sink);
        }
    }

    pub(super) fn mounts_deadline(&self) -> Instant {
        let places = self
            .trees
            .iter()
            .flat_map(|watched| watched.mounted.values());
        let first = places.min().copied();
        first.map_or(self.look_for_mounts, |at| at.min(self.look_for_mounts))
    }
}
