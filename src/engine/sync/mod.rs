//! Changed files into running containers: one queue and one stream for each life of a container.

mod compare;
mod copy;
mod done;
mod foundation;
mod job;
mod lacking;
mod large;
mod line;
mod open;
mod portions;
mod seed;
mod then;
mod unfollowed;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::core::Engine;
use super::event::{Event, Failure, WatchOutcome};
use super::execute::Ticket;
use super::goal::Until;
use super::input::Input;
use crate::plan::observed::{Generation, Has, ObservedContainer, Status};
use crate::plan::react::{Changed, SyncItem, SyncRules};
use crate::runtime::RuntimeError;
use crate::runtime::world::Output;
use crate::stack::{AfterSync, Service};
use crate::watch::sync::{Bounds, Piece, Record};
use job::{Job, Work};
use unfollowed::Unfollowed;
use worker::Worker;

/// Larger archives go through a file.
const MEMORY: usize = 1024 * 1024;
/// Batches that may wait for a container; beyond that everything is compared.
const JOBS: usize = 64;

/// Who brings files to which life of a container.
#[derive(Debug, Default)]
pub(super) struct Syncing {
    lines: BTreeMap<Generation, Handle>,
    /// Containers that did not get their files before they started, with their service: until they have them, nothing starts
    /// on that.
    owed: BTreeMap<String, String>,
    /// What the last sync into a life of a container could not do, with its service: another one's success is not its own.
    failing: BTreeMap<Generation, (String, Failure)>,
    /// What was to follow a sync and did not: until it has followed.
    unfollowed: Unfollowed,
    /// Containers that ran when this run began and are yet to be compared, whatever is written down of them; `None`: no look
    /// has found any yet.
    doubtful: Option<BTreeSet<String>>,
}

#[derive(Debug)]
struct Handle {
    service: String,
    jobs: mpsc::Sender<Job>,
    /// A batch did not fit into the queue.
    behind: Arc<AtomicBool>,
    /// Once it had everything: from then on the worker sees to it.
    level: bool,
    _end: DropGuard,
}

impl Syncing {
    /// Whether a container of a service lacks files that it should have had before it started.
    pub fn owes(&self, service: &str) -> bool {
        self.owed.values().any(|of| of == service)
    }

    /// Lives that did not take in all that they lack when it was last tried.
    pub fn refusing(&self) -> BTreeSet<Generation> {
        self.failing.keys().cloned().collect()
    }

    /// What one of the containers of a service lacks since its last sync.
    fn fails(&self, service: &str) -> Option<Failure> {
        let failing = self.failing.values().map(|(of, failure)| (of, failure));
        let mut failing = failing.chain(self.unfollowed.each());
        let found = failing.find(|(of, _)| *of == service);
        found.map(|(_, failure)| failure.clone())
    }
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
    /// What was to follow; `None`: nothing was.
    pub followed: Option<Result<(), RuntimeError>>,
}

impl Engine {
    /// Gives every running container whose service syncs a worker, and takes it from those that ended.
    pub(super) fn attend_sync(&mut self) {
        let scope = self.scope();
        let services = &self.stack.services;
        let running: Vec<ObservedContainer> = self
            .observed
            .places()
            .flat_map(|place| [Some(place.current()), place.candidate()])
            .flatten()
            .filter(|container| container.status == Status::Running)
            .filter(|container| scope.contains(&container.service))
            .filter(|container| services.get(&container.service).is_some_and(Service::syncs))
            .cloned()
            .collect();
        let lives: BTreeSet<Generation> = running.iter().map(|c| c.generation()).collect();
        self.syncing.lines.retain(|life, _| lives.contains(life));
        let there = |id: &String| self.observed.containers.iter().any(|c| c.id == *id);
        self.syncing.owed.retain(|id, _| there(id));
        let containers = &self.observed.containers;
        let lives = |life: &Generation| containers.iter().any(|c| c.generation() == *life);
        self.syncing.failing.retain(|life, _| lives(life));
        let fewer = self.syncing.unfollowed.keep(lives, there);
        if fewer {
            self.tell_over();
        }
        // Who leaves once all is ready brings no saves, but only what the plan says.
        if !self.watching || self.until == Until::Ready {
            return;
        }
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
        let mut worker = Worker::new(
            self.world.clone(),
            Arc::clone(&self.stack),
            container,
            (queue, Arc::clone(&behind), self.inputs.clone()),
            Record::open(
                self.store.synced(&container.service, container.index),
                &container.id,
            ),
            self.bounds(),
        );
        let state = self.state.service(&container.service);
        worker.told_failure = state.is_some_and(|state| state.sync_failure.is_some());
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
            level: false,
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
                asked: None,
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
            followed,
        } = synced;
        let told = |action, failure, files, first: &str| Event::Watched {
            service: service.clone(),
            action,
            files,
            first: first.to_owned(),
            millis,
            failure,
        };
        let outcome = if restart {
            WatchOutcome::SyncedRestarts
        } else {
            WatchOutcome::Synced
        };
        let known = self
            .state
            .service(&service)
            .and_then(|service| service.sync_failure.clone());
        let arrived = files > 0 && index == 1;
        let of = |error: &RuntimeError| (service.clone(), error.0.clone());
        match &result {
            Ok(()) => self.syncing.failing.remove(&generation),
            Err(error) => self.syncing.failing.insert(generation.clone(), of(error)),
        };
        if let Some(followed) = &followed {
            let unfollowed = &mut self.syncing.unfollowed;
            unfollowed.note(&service, &generation, followed);
        }
        let remains = self.syncing.fails(&service);
        // What is refused is told by itself, and once: it is tried again and again.
        let refused = result
            .err()
            .filter(|error| known.as_ref() != Some(&error.0));
        if arrived || (refused.is_none() && known != remains) {
            let remains = if refused.is_none() { remains } else { known };
            self.emit(told(outcome, remains, files, &first));
        }
        if let Some(error) = &refused {
            let path = error.0.detail.first();
            let path = path.and_then(|line| line.split(": ").next());
            let failure = Some(error.0.clone());
            self.emit(told(
                WatchOutcome::Failed,
                failure,
                0,
                path.unwrap_or_default(),
            ));
        }
        // What follows fails anew each time.
        let failed = followed.and_then(Result::err);
        for error in refused.into_iter().chain(failed) {
            self.notice_failure(&service, &error.0);
        }
        if restart {
            self.bounce.insert(generation, crate::plan::Cause::Asked);
            self.look.wanted = true;
        }
    }

    /// Brings what it lacks to a container that runs.
    pub(super) fn begin_sync(&mut self, ticket: Ticket, container: &str) {
        let mut containers = self.observed.containers.iter();
        let found = containers.find(|c| c.id == container && c.status == Status::Running);
        let (done, answer) = oneshot::channel();
        if let Some(found) = found.cloned() {
            let life = found.generation();
            if !self.syncing.lines.contains_key(&life) {
                self.begin_line(&found);
            }
            if let Some(handle) = self.syncing.lines.get(&life) {
                let job = Job {
                    stack: Arc::clone(&self.stack),
                    work: Work::Assure,
                    asked: Some(done),
                };
                if handle.jobs.try_send(job).is_err() {
                    handle.behind.store(true, Ordering::Relaxed);
                }
            }
        }
        self.spawn(async move {
            let begun = tokio::time::Instant::now();
            match answer.await {
                Ok(result) => Input::Operated {
                    ticket,
                    millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                    result: result.map(|()| Output::Nothing),
                },
                // It ended meanwhile: the next look sees what it is now.
                Err(_) => Input::Cancelled { ticket },
            }
        });
    }

    pub(super) fn sync_ended(&mut self, container: &str, has_everything: bool) {
        self.syncing.owed.remove(container);
        if has_everything && let Some(doubtful) = &mut self.syncing.doubtful {
            doubtful.remove(container);
        }
        let mut lines = self.syncing.lines.iter_mut();
        if let Some((_, handle)) = lines.find(|(life, _)| life.id == container) {
            handle.level |= has_everything;
        }
    }

    /// Whether each container of a service has somebody who sees to it.
    pub(super) fn all_level(&self, service: &Service) -> bool {
        let mine = self.syncing.lines.values();
        let level = mine.filter(|handle| handle.service == service.name && handle.level);
        level.count() >= service.replicas as usize
    }

    /// Somebody may have changed the files of a container by hand since what it has was written down: what runs when a run that
    /// stays begins is compared before all is ready. Who leaves then believes it: to compare would take most of its time.
    pub(super) fn begin_doubt(&mut self) {
        if self.syncing.doubtful.is_none() {
            let stays = self.acts && self.until != Until::Ready;
            let running = self.observed.containers.iter();
            let running = running.filter(|c| stays && c.status == Status::Running);
            self.syncing.doubtful = Some(running.map(|c| c.id.clone()).collect());
        }
        self.doubt_records();
    }

    fn doubt_records(&mut self) {
        let services = &self.stack.services;
        let lines = &self.syncing.lines;
        // What is written down of such a one may be of an earlier life.
        let is_forgetful = |container: &&ObservedContainer| {
            let service = services.get(&container.service);
            let line = lines.get(&container.generation());
            service.is_some_and(Service::syncs_into_memory) && !line.is_some_and(|line| line.level)
        };
        let containers = self.observed.containers.iter();
        let forgetful = containers.filter(is_forgetful).map(|c| &c.id);
        let synced = &mut self.observed.synced;
        for container in self.syncing.doubtful.iter().flatten().chain(forgetful) {
            if synced.get(container) == Some(&Has::Everything) {
                synced.remove(container);
            }
        }
    }

    /// Saves are on their way at any time: as long as somebody sees to a container, nothing is to be planned for it.
    pub(super) fn trust_workers(&mut self) {
        self.doubt_records();
        let synced = &mut self.observed.synced;
        for (life, handle) in &mut self.syncing.lines {
            handle.level |= synced.get(&life.id) == Some(&Has::Everything);
            if handle.level {
                synced.insert(life.id.clone(), Has::Everything);
            }
        }
        let owed = &mut self.syncing.owed;
        owed.retain(|id, _| synced.get(id) != Some(&Has::Everything));
    }
}
