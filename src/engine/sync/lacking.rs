//! Whether a new container has what its rules sync. An image that was built from the sources as they are now need not hold
//! them: many a Dockerfile for development installs what the program depends on, and leaves the program to who mounts it.

use std::sync::Arc;

use super::seed::seed;
use crate::engine::core::Engine;
use crate::engine::files::is_built;
use crate::plan::react::SyncRules;
use crate::plan::{Action, Operation, Subject};
use crate::runtime::world::World;
use crate::stack::Stack;
use crate::watch::sync::{Bounds, Record, samples};

/// Files that are looked for, of each folder that a person named. Each question takes some milliseconds.
const SAMPLES: usize = 2;
/// Files that are looked for in all.
const ASKED: usize = 6;

/// A container that may not have the files without which its program does not start.
pub(in crate::engine) struct Lacking {
    world: Arc<dyn World>,
    stack: Arc<Stack>,
    service: String,
    container: String,
    record: Record,
    bounds: Bounds,
}

impl Engine {
    /// Where an operation starts a container that was never compared, and whose image should have everything: what looks and
    /// brings what it has not.
    pub(in crate::engine) fn lacking(
        &self,
        operation: &Operation,
        container: Option<&str>,
    ) -> Option<Lacking> {
        let Action::StartContainer { .. } = operation.action else {
            return None;
        };
        let Subject::Instance { service, index, .. } = &operation.subject else {
            return None;
        };
        let spec = self.stack.services.get(service)?;
        let container = container?.to_owned();
        let comes_with_it = is_built(spec) && !self.seed.contains(service);
        let may_lack = spec.syncs() && !spec.is_job() && !spec.syncs_into_memory();
        let is_known = self.observed.synced.contains_key(&container);
        (comes_with_it && may_lack && !is_known).then(|| Lacking {
            world: self.world.clone(),
            stack: Arc::clone(&self.stack),
            service: service.clone(),
            record: Record::open(self.store.synced(service, *index), &container),
            container,
            bounds: self.bounds(),
        })
    }
}

impl Lacking {
    /// What cannot be brought now is told by the comparison after the start.
    pub async fn bring(self) {
        let (stack, service) = (Arc::clone(&self.stack), self.service.clone());
        let targets = tokio::task::spawn_blocking(move || targets(&stack, &service)).await;
        let targets = targets.unwrap_or_default();
        if targets.is_empty() {
            return;
        }
        let ground = self.world.ground(&self.container, &targets).await;
        if ground.is_ok_and(|ground| ground.missing.is_empty()) {
            return;
        }
        let of = (self.service.as_str(), self.container.as_str());
        let _told_later = seed(&self.world, &self.stack, of, self.record, self.bounds).await;
    }
}

fn targets(stack: &Stack, service: &str) -> Vec<String> {
    let Some(service) = stack.services.get(service) else {
        return Vec::new();
    };
    let pieces = samples(&SyncRules::new(stack, service), SAMPLES);
    let targets = pieces
        .into_iter()
        .filter_map(|piece| String::from_utf8(piece.target).ok());
    targets.take(ASKED).collect()
}
