//! What was to follow a sync into a container, and did not.

use std::collections::BTreeMap;

use crate::engine::core::Engine;
use crate::engine::event::{Event, Failure, FailureClass, WatchOutcome};
use crate::plan::observed::Generation;
use crate::runtime::RuntimeError;

/// By the id of the container.
#[derive(Debug, Default)]
pub(super) struct Unfollowed(BTreeMap<String, One>);

#[derive(Debug)]
struct One {
    service: String,
    failure: Failure,
    /// `None`: a command ran and failed, and what it leaves behind outlives a restart. Else nothing was done, and another life
    /// begins with what was synced.
    life: Option<Generation>,
}

impl Unfollowed {
    /// With their services.
    pub fn each(&self) -> impl Iterator<Item = (&String, &Failure)> {
        self.0.values().map(|one| (&one.service, &one.failure))
    }

    /// What came of it the last time counts.
    pub fn note(&mut self, service: &str, life: &Generation, followed: &Result<(), RuntimeError>) {
        let Err(error) = followed else {
            self.0.remove(&life.id);
            return;
        };
        let ran = error.0.class == FailureClass::AfterSync;
        let one = One {
            service: service.to_owned(),
            failure: Failure {
                class: FailureClass::AfterSync,
                ..error.0.clone()
            },
            life: (!ran).then(|| life.clone()),
        };
        self.0.insert(life.id.clone(), one);
    }

    /// Forgets what is over with its life or its container; says whether there was any.
    pub fn keep(
        &mut self,
        lives: impl Fn(&Generation) -> bool,
        there: impl Fn(&String) -> bool,
    ) -> bool {
        let before = self.0.len();
        self.0.retain(|id, one| match &one.life {
            Some(life) => lives(life),
            None => there(id),
        });
        self.0.len() < before
    }
}

impl Engine {
    /// The containers of a service in which a command that was to follow a sync has failed.
    pub(in crate::engine) fn unfollowed_in(&self, service: &str) -> Vec<String> {
        let failed = self.syncing.unfollowed.0.iter();
        let failed = failed.filter(|(_, one)| one.service == service && one.life.is_none());
        failed.map(|(id, _)| id.clone()).collect()
    }

    /// The same, as an earlier engine saw it.
    pub(in crate::engine) fn recall_unfollowed(
        &mut self,
        container: &str,
        service: &str,
        failure: &Failure,
    ) {
        let one = One {
            service: service.to_owned(),
            failure: failure.clone(),
            life: None,
        };
        self.syncing.unfollowed.0.insert(container.to_owned(), one);
    }

    /// Tells of the services that have nothing left to follow, although nothing followed.
    pub(super) fn tell_over(&mut self) {
        let services = self.state.services.iter();
        let known = services.filter(|service| service.lacks_what_follows());
        let known: Vec<String> = known.map(|service| service.info.name.clone()).collect();
        for service in known {
            let failure = self.syncing.fails(&service);
            let follows = failure.as_ref().map(|failure| failure.class);
            if follows == Some(FailureClass::AfterSync) {
                continue;
            }
            self.emit(Event::Watched {
                service,
                action: WatchOutcome::Synced,
                files: 0,
                first: String::new(),
                millis: 0,
                failure,
            });
        }
    }
}
