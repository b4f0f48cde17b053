//! Changed files into running containers: one queue and one stream for each life of a container.

mod compare;
mod copy;
mod line;
mod open;
mod then;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::Utf8PathBuf;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::core::Engine;
use super::event::{Event, Level, WatchOutcome};
use super::execute::Ticket;
use super::files::is_built;
use super::goal::Until;
use super::input::Input;
use crate::plan::observed::{Generation, ObservedContainer, Status};
use crate::plan::react::{Changed, SyncItem, SyncRules};
use crate::runtime::RuntimeError;
use crate::runtime::world::Output;
use crate::stack::{AfterSync, Service, Stack, WatchAction};
use crate::watch::sync::{Bounds, Piece, Record, manifest};
use worker::{Job, Work, Worker};

/// Larger archives go through a file.
const MEMORY: usize = 8 * 1024 * 1024;
/// Batches that may wait for a container; beyond that everything is compared.
const JOBS: usize = 64;

/// Who brings files to which life of a container.
#[derive(Debug, Default)]
pub(super) struct Syncing {
    lines: BTreeMap<Generation, Handle>,
}

#[derive(Debug)]
struct Handle {
    service: String,
    jobs: mpsc::Sender<Job>,
    /// A batch did not fit into the queue.
    behind: Arc<AtomicBool>,
    _end: DropGuard,
}

/// What a worker has done, or could not do.
#[derive(Debug)]
pub struct Synced {
    pub service: String,
    pub index: u32,
    pub generation: Generation,
    pub files: usize,
    pub first: String,
    pub millis: u64,
    /// The container is to be restarted now.
    pub restart: bool,
    pub result: Result<(), RuntimeError>,
}

impl Engine {
    /// Services whose containers need the files before they start: their image has none, or older ones.
    pub(super) fn needs_seed(&self) -> BTreeSet<String> {
        let services = self
            .stack
            .services
            .values()
            .filter(|service| syncs(service));
        services
            .filter(|service| !is_built(service) || self.seed.contains(&service.name))
            .map(|service| service.name.clone())
            .collect()
    }

    /// Gives every running container whose service syncs a worker, and takes it from those that ended.
    pub(super) fn attend_sync(&mut self) {
        // Who leaves once all is ready brings no saves; what it starts has what it was seeded with.
        if !self.watching || self.until == Until::Ready {
            return;
        }
        let scope = self.scope();
        let services = &self.stack.services;
        let running: Vec<ObservedContainer> = self
            .observed
            .current()
            .filter(|container| container.status == Status::Running)
            .filter(|container| scope.contains(&container.service))
            .filter(|container| services.get(&container.service).is_some_and(syncs))
            .cloned()
            .collect();
        let lives: BTreeSet<Generation> = running.iter().map(|c| c.generation()).collect();
        self.syncing.lines.retain(|life, _| lives.contains(life));
        for container in running {
            if !self.syncing.lines.contains_key(&container.generation()) {
                self.begin_line(&container);
            }
        }
    }

    /// What is under way ends at once.
    pub(super) fn end_sync(&mut self) {
        self.syncing.lines.clear();
    }

    fn begin_line(&mut self, container: &ObservedContainer) {
        let (jobs, queue) = mpsc::channel(JOBS);
        let behind = Arc::new(AtomicBool::new(false));
        let worker = Worker::new(
            self.world.clone(),
            Arc::clone(&self.stack),
            container,
            (queue, Arc::clone(&behind), self.inputs.clone()),
            Record::open(self.store.synced(&container.service, container.index)),
            self.bounds(),
        );
        let end = CancellationToken::new();
        let (stop, ended) = (self.stop.clone(), end.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                () = worker.run() => {}
                () = ended.cancelled() => {}
                () = stop.cancelled() => {}
            }
        });
        let handle = Handle {
            service: container.service.clone(),
            jobs,
            behind,
            _end: end.drop_guard(),
        };
        self.syncing.lines.insert(container.generation(), handle);
    }

    pub(super) fn sync(&mut self, service: &str, files: Vec<SyncItem>, then: AfterSync) {
        let stack = Arc::clone(&self.stack);
        let Some(spec) = stack.services.get(service) else {
            return;
        };
        let rules = SyncRules::new(&stack, spec);
        let pieces = files
            .into_iter()
            .map(|item| Piece::new(item, then.clone(), &rules));
        self.seed.insert(service.to_owned());
        self.hand_out(service, &Work::Changed(Arc::new(pieces.collect())));
    }

    /// Files that came and went: comparing may have sent them in between, and nothing else will tell that they are gone.
    pub(super) fn sync_passed(&mut self, paths: &Changed) {
        let stack = Arc::clone(&self.stack);
        for name in self.synced_services() {
            let Some(spec) = stack.services.get(&name) else {
                continue;
            };
            let rules = SyncRules::new(&stack, spec);
            let items = paths
                .iter()
                .filter_map(|(path, kind)| rules.item(path, *kind));
            let pieces = items.map(|(item, _)| Piece::new(item, AfterSync::Nothing, &rules));
            let pieces: Vec<_> = pieces.collect();
            if !pieces.is_empty() {
                self.hand_out(&name, &Work::Passed(Arc::new(pieces)));
            }
        }
    }

    /// After events were lost, and when what is watched is another: what rules cover is compared.
    pub(super) fn sync_everything(&mut self) {
        for name in self.synced_services() {
            self.hand_out(&name, &Work::Everything);
        }
    }

    fn synced_services(&self) -> BTreeSet<String> {
        let lines = self.syncing.lines.values();
        lines.map(|handle| handle.service.clone()).collect()
    }

    fn hand_out(&self, service: &str, work: &Work) {
        let mine = self.syncing.lines.values();
        for handle in mine.filter(|handle| handle.service == service) {
            let job = Job {
                stack: Arc::clone(&self.stack),
                work: work.clone(),
            };
            if handle.jobs.try_send(job).is_err() {
                handle.behind.store(true, Ordering::Relaxed);
            }
        }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            memory: MEMORY,
            scratch: self.store.root().to_owned(),
        }
    }

    pub(super) fn synced(&mut self, synced: Synced) {
        let Synced {
            service,
            index,
            generation,
            files,
            first,
            millis,
            restart,
            result,
        } = synced;
        let told = |action| Event::Watched {
            service: service.clone(),
            action,
            files,
            first,
            millis,
        };
        if let Err(error) = result {
            self.emit(told(WatchOutcome::Failed));
            let mut text = format!("{service}: {error}");
            for line in error.0.detail.iter().chain(&error.0.help) {
                text = format!("{text}; {line}");
            }
            self.notice(Level::Error, text);
        } else if files > 0 && index == 1 {
            self.emit(told(if restart {
                WatchOutcome::SyncedRestarts
            } else {
                WatchOutcome::Synced
            }));
        }
        if restart {
            self.bounce.insert(generation, crate::plan::Cause::Asked);
            self.look.wanted = true;
        }
    }

    /// Copies everything into a container that has not started yet.
    pub(super) fn begin_seed(
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
            let result = async {
                let spec = stack.services.get(&service);
                let owner = copy::owner(&world, &container, spec).await;
                let items = all_items(Arc::clone(&stack), service.clone(), record).await?;
                copy::copy(&world, (&container, false), items, owner, bounds).await
            };
            let result = result.await.map(|()| Output::Nothing);
            Input::Operated {
                ticket,
                millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                result,
            }
        });
    }
}

/// Everything that a service's rules cover, noted as sent: what of it is deleted before the container is compared has to go.
async fn all_items(
    stack: Arc<Stack>,
    service: String,
    record: Utf8PathBuf,
) -> Result<Vec<SyncItem>, RuntimeError> {
    let read = tokio::task::spawn_blocking(move || {
        let Some(service) = stack.services.get(&service) else {
            return Ok(Vec::new());
        };
        let manifest = manifest(&SyncRules::new(&stack, service));
        if let Some(problem) = manifest.problems.into_iter().next() {
            return Err(std::io::Error::other(problem));
        }
        let sent = manifest.entries.values().map(|(piece, _)| piece);
        Record::open(record).announce(sent)?;
        let pieces = manifest.entries.into_values();
        Ok(pieces.filter_map(|(piece, _)| piece.item()).collect())
    });
    read.await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| copy::failed(&error))
}

fn syncs(service: &Service) -> bool {
    service
        .watch
        .iter()
        .any(|rule| matches!(rule.action, WatchAction::Sync { .. }))
}
