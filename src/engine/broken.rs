//! Builds that failed: whatever they would read is watched until they work.

use std::collections::BTreeSet;

use super::core::Engine;
use crate::plan::{Action, Operation};
use crate::watch::names_files;

impl Engine {
    /// Takes note of who waits for a build that works. Their contexts are watched from here on; what changed since the build
    /// read them is found by comparing once watching has begun.
    pub(super) fn build_ended(&mut self, operation: &Operation, is_built: bool) {
        let Action::BuildImage(spec) = &operation.action else {
            return;
        };
        let users = self.users(&spec.tag);
        let before = self.watched_whole();
        let broken = &mut self.files.broken;
        if is_built {
            broken.retain(|service| !users.contains(service));
        } else {
            broken.extend(users);
        }
        if self.watched_whole() != before {
            self.watch_files();
        }
    }

    /// Services whose contexts are watched only because their builds failed.
    fn watched_whole(&self) -> BTreeSet<String> {
        let broken = self.files.broken.iter();
        broken
            .filter(|name| self.stack.services.get(*name).is_some_and(names_files))
            .cloned()
            .collect()
    }
}
