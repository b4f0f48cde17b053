//! A container that takes the place of another: when it has done so, and what it means that it cannot.

use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass, Found};
use super::state::{InstanceState, ServiceState};
use crate::plan::hold::Gate;
use crate::plan::observed::{ObservedContainer, Status};
use crate::plan::{Operation, Subject};

impl Engine {
    /// Whether what a container replaced is needed no more: it is ready.
    pub(super) fn is_proven(&self, container: &str) -> bool {
        let mut containers = self.observed.containers.iter();
        let found = containers.find(|found| found.id == container);
        let found = found.filter(|found| {
            !(self.demands.alone.contains_key(&found.id) && self.is_candidate(found))
        });
        found.is_some_and(|found| {
            let service = self.state.service(&found.service);
            let ready = service.and_then(|service| {
                let instance = service.instances.get(&found.index)?;
                Some(instance.of(&found.generation())?.is_ready(&service.info))
            });
            ready == Some(true)
        })
    }

    /// Whether a container is being stopped or removed, or will be as soon as what comes in its stead is there.
    pub(super) fn makes_way(&self, container: &str) -> bool {
        let is_open = |gate: &Gate| self.state.is_open(gate);
        self.walk.is_to_end(container, is_open)
    }

    /// Whether all that is not ready of a service does so.
    pub(super) fn is_making_way(&self, service: &str) -> bool {
        let current = self.observed.current();
        let mut unready = current
            .filter(|container| container.service == service && !self.is_proven(&container.id))
            .peekable();
        unready.peek().is_some() && unready.all(|container| self.makes_way(&container.id))
    }

    /// What is to replace something that runs has not shown yet whether it stays, or is to be tried again.
    pub(super) fn is_replacing(&self) -> bool {
        let (scope, time) = (self.scope(), now());
        let pauses = |service: &String| {
            let supervisor = self.supervisors.get(service);
            let ready = self
                .state
                .service(service)
                .is_some_and(ServiceState::is_ready);
            ready && supervisor.is_some_and(|supervisor| supervisor.paused_until(time).is_some())
        };
        if scope.iter().any(pauses) {
            return true;
        }
        let mut coming = self.observed.places().filter_map(|place| place.coming());
        coming.any(|next| {
            let service = &next.service;
            scope.contains(service) && !self.is_spent(service) && !self.is_proven(&next.id)
        })
    }

    /// The new one of a service does not get ready: no more is asked of it, and the one before comes back.
    pub(super) fn reject(&mut self, service: &str, failure: Failure) {
        let why = rejection(failure);
        self.read_last_words(service);
        let on_trial = self.has_trial(service);
        if let Some(supervisor) = self.supervisors.get_mut(service) {
            match on_trial {
                true => supervisor.on_rejected(why.clone(), now()),
                false => supervisor.on_outdone(why.clone()),
            }
        }
        // What was asked for once was tried.
        let of_it = self
            .observed
            .containers
            .iter()
            .filter(|c| c.service == service);
        for container in of_it {
            self.demands.renew.remove(&container.id);
        }
        self.look.wanted = true;
        self.emit(Event::GaveUp {
            service: service.to_owned(),
            why,
        });
    }

    /// One that ended as soon as it began may not have had anybody who reads its log, and is about to go.
    fn read_last_words(&mut self, service: &str) {
        let places = self.observed.places();
        let rejected: Vec<ObservedContainer> = places
            .filter(|place| place.holder.service == service)
            .filter_map(|place| place.coming().cloned())
            .collect();
        for container in rejected {
            self.read_whole_log(&container);
        }
    }

    /// Whether one of a service's containers counts while what it replaces is still there.
    pub(super) fn has_trial(&self, service: &str) -> bool {
        self.observed
            .places()
            .any(|place| place.holder.service == service && place.is_on_trial())
    }

    /// Something was done to a container: where it is the one that counts, its life is over, and the views are told.
    pub(super) fn tell_place(&mut self, service: &str, index: u32, container: &str) {
        let known = self
            .state
            .service(service)
            .and_then(|service| service.instances.get(&index))
            .and_then(|instance| instance.found.as_ref());
        if known.is_some_and(|known| known.generation.id != container) {
            return;
        }
        let current = self.observed.place(service, index);
        let current = current.map(|place| place.current().clone());
        let found = current.as_ref().map(Found::of);
        self.life_is_over(service, index);
        self.emit(Event::Instance {
            service: service.to_owned(),
            index,
            found,
        });
        // What was to take its place has done so.
        if let Some(next) = current.filter(|next| next.status == Status::Running) {
            if let Some(supervisor) = self.supervisors.get_mut(service) {
                supervisor.on_started(&next.generation(), now());
            }
            self.attend();
        }
    }
}

impl ServiceState {
    /// What runs of it is ready, and older than what the files say: a newer one failed.
    pub fn is_outdated(&self) -> bool {
        self.is_ready() && self.failure.is_some()
    }

    /// It runs and is ready, without all that it syncs: a container does not take that in.
    pub fn lacks_files(&self) -> bool {
        let refused = |failure: &Failure| {
            matches!(failure.class, FailureClass::Sync | FailureClass::DiskFull)
        };
        self.is_ready() && self.sync_failure.as_ref().is_some_and(refused)
    }

    /// It runs and is ready with all that it syncs, but what was to follow that has failed.
    pub fn lacks_what_follows(&self) -> bool {
        let failure = self.sync_failure.as_ref();
        self.is_ready() && failure.is_some_and(|failure| failure.class == FailureClass::AfterSync)
    }

    /// What runs is not all that a sync was to make of it.
    pub fn is_half_synced(&self) -> bool {
        self.lacks_files() || self.lacks_what_follows()
    }

    /// Runs beside one of its instances that serves, to take its place: one that is not ready yet before one that is.
    pub fn coming(&self) -> Option<&InstanceState> {
        let next = self
            .instances
            .values()
            .filter_map(|instance| instance.successor.as_deref());
        let running = next.filter(|next| next.runs());
        running.min_by_key(|next| next.is_ready(&self.info))
    }

    /// Ready as who waits for it has it: what runs is what the files say, with all that it syncs and what follows that.
    pub fn is_as_asked(&self) -> bool {
        self.is_ready() && !self.is_outdated() && !self.is_half_synced()
    }

    /// What was to replace it failed, and it is being started again, or has its time to get ready.
    pub fn comes_back(&self) -> bool {
        let rejected = |failure: &Failure| failure.class == FailureClass::Replacement;
        let on_its_way = self.pending || self.instances.values().any(InstanceState::runs);
        self.failure.as_ref().is_some_and(rejected) && on_its_way && !self.is_ready()
    }
}

/// Whether an operation is about a container that is to take the place of another.
pub(super) fn is_about_a_successor(operation: &Operation) -> bool {
    matches!(&operation.subject, Subject::Instance { name, index, service } if {
        name.ends_with(&crate::plan::succession::successor_name(&format!("{service}-{index}")))
    })
}

/// Why the one before runs, where the new one failed for this reason.
pub(super) fn rejection(failure: Failure) -> Failure {
    if failure.class.leaves_what_runs() {
        return failure;
    }
    Failure {
        class: FailureClass::Replacement,
        message: format!("the new one did not get ready: {}", failure.message),
        ..failure
    }
}
