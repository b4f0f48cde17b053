//! Files into a container that does not run yet.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use super::compare::bases;
use super::copy;
use super::done::LET_READ;
use super::foundation::Foundation;
use super::portions::Portions;
use crate::engine::core::Engine;
use crate::engine::event::FailureClass;
use crate::engine::execute::Ticket;
use crate::engine::files::is_built;
use crate::engine::input::Input;
use crate::plan::{Action, Operation};
use crate::runtime::RuntimeError;
use crate::runtime::world::{Output, World};
use crate::stack::{Service, Stack};
use crate::watch::sync::{Bounds, Piece, Record};

/// Paths that go at once: each call costs the engine some 40 ms, and each path some kilobytes here.
pub(super) const PORTION: usize = if cfg!(test) { 3 } else { 2000 };

impl Engine {
    /// Services whose containers need the files before they start: their image has none, or older ones.
    pub(in crate::engine) fn needs_seed(&self) -> BTreeSet<String> {
        let services = self
            .stack
            .services
            .values()
            .filter(|service| service.syncs());
        services
            .filter(|service| !is_built(service) || self.seed.contains(&service.name))
            .map(|service| service.name.clone())
            .collect()
    }

    /// Copies everything into a container that does not run.
    pub(in crate::engine) fn begin_seed(
        &mut self,
        ticket: Ticket,
        service: String,
        index: u32,
        container: String,
    ) {
        let record = self.store.synced(&service, index);
        let (world, stack, bounds) = (self.world.clone(), Arc::clone(&self.stack), self.bounds());
        self.spawn(async move {
            let begun = tokio::time::Instant::now();
            let record = Record::open(record, &container);
            let result = seed(&world, &stack, (&service, &container), record, bounds).await;
            Input::Operated {
                ticket,
                millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                result: result.map(|()| Output::Nothing),
            }
        });
    }

    /// Whether files that could not be copied before a start can come after it as well: a read-only root takes no archive.
    /// A job must not run without them.
    pub(in crate::engine) fn is_for_later(
        &mut self,
        operation: &Operation,
        error: &RuntimeError,
    ) -> bool {
        let Action::Seed { container, service } = &operation.action else {
            return false;
        };
        if error.0.class != FailureClass::Other || self.is_job(service) {
            return false;
        }
        if let Some(id) = self.walk.input_of(operation, container) {
            self.syncing.owed.insert(id, service.clone());
        }
        true
    }
}

pub(super) async fn seed(
    world: &Arc<dyn World>,
    stack: &Arc<Stack>,
    (service, container): (&str, &str),
    mut record: Record,
    bounds: Bounds,
) -> Result<(), RuntimeError> {
    let spec = stack.services.get(service);
    let mut portions = Portions::begin(Arc::clone(stack), service.to_owned(), PORTION);
    let (mut foundation, mut now) = (Foundation::default(), record.renew());
    let (mut all_packed, mut unread) = (true, BTreeMap::new());
    while let Some(portion) = portions.next().await {
        // What of it is deleted before the container is compared has to go. Without this no more is lost than that.
        let _unsaved = record.announce(portion.iter().map(|(piece, _)| piece));
        let items = portion.iter().filter_map(|(piece, _)| piece.item());
        let items: Vec<_> = items.collect();
        let targets = portion.iter().map(|(piece, _)| piece.target.as_slice());
        let owner = foundation.lay(world, container, spec, targets).await?;
        unread.extend(copy::copy(world, (container, false), items, owner, bounds.clone()).await?);
        for (piece, expected) in &portion {
            match copy::was_read(piece, &unread) && is_packed(piece) {
                true => now.add(piece, *expected),
                false => all_packed = false,
            }
        }
    }
    let problems = portions.problems().await;
    let mut problems = problems.map_err(|error| copy::failed(&error))?;
    // These could still be read when they were listed.
    problems.extend(unread.into_values());
    let is_job = spec.is_some_and(Service::is_job);
    if is_job && let Some(unread) = problems.first() {
        return Err(copy::failed(&io::Error::other(unread.as_str())).help(LET_READ));
    }
    let stays = record.gone(&bases(stack, service), |target| now.has(target));
    let _unsaved = record.set(now, &BTreeSet::new());
    if (all_packed && stays.is_empty() && problems.is_empty()) || is_job {
        return Ok(());
    }
    let rest = io::Error::other("what no archive can bring waits until it runs");
    Err(copy::failed(&rest))
}

/// Whether an archive brings it as it is to be.
fn is_packed(piece: &Piece) -> bool {
    piece.item().is_some() && !(piece.is_named() && piece.source.is_symlink())
}
