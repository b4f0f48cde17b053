//! What an engine is there for, and how it ends.

use std::collections::BTreeSet;

use super::event::{Failure, FailureClass};
use super::state::{Phase, ServiceState, State};
use crate::plan::hold::Gate;
use crate::plan::reconcile::Removal;

/// What the world is to be compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// These services and what they need run; `stopped` of them do not, because a person said so.
    Up {
        services: BTreeSet<String>,
        stopped: BTreeSet<String>,
    },
    /// Nothing is changed: look and probe only.
    Observe,
    /// These services do not run; their containers stay.
    Stop(BTreeSet<String>),
    /// Nothing of the project is there.
    Down(Removal),
}

/// When [`super::run`] comes back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Only when told to.
    Told,
    /// The same, and when all that was asked for has ended, and no saved file would make it run again.
    Ended,
    /// Everything wanted is ready, or cannot get ready any more.
    Ready,
    /// Every instance that runs has answered once.
    Answered,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything wanted is ready; for `Stop` and `Down`: done.
    Done,
    /// What is wanted cannot get ready; the services that gave up, with why.
    Failed(Vec<(String, Failure)>),
    /// The project's name is in use by another checkout.
    OtherCheckout { dir: String },
    /// A container ended, which was to be the end of all; everything is stopped.
    Ended { service: String, code: i64 },
    /// Told to leave while things go on running.
    Left,
}

impl Outcome {
    /// The failures were all of time: exit code 4.
    pub fn is_late(&self) -> bool {
        match self {
            Self::Failed(failures) => {
                !failures.is_empty()
                    && failures
                        .iter()
                        .all(|(_, failure)| failure.class == FailureClass::NotReady)
            }
            _ => false,
        }
    }
}

impl State {
    /// `Some` once everything wanted is ready, or what is not ready cannot get there: it gave up, or needs what did.
    pub fn verdict(&self) -> Option<Outcome> {
        let wanted = self.services.iter().filter(|service| service.info.wanted);
        self.verdict_of(&wanted.map(|service| service.info.name.clone()).collect())
    }

    /// `names` and everything that they need, transitively.
    pub fn with_needs(&self, names: &BTreeSet<String>) -> BTreeSet<String> {
        let mut found = names.clone();
        // What is needed stands before what needs it.
        for service in self.services.iter().rev() {
            if found.contains(&service.info.name) {
                found.extend(service.info.needs.iter().map(|need| need.service.clone()));
            }
        }
        found
    }

    /// Whether `names` need it, and all of them that do, do without it where it fails.
    fn is_spared(&self, service: &ServiceState, names: &BTreeSet<String>) -> bool {
        let name = &service.info.name;
        let mut needed = self
            .services
            .iter()
            .filter(|other| names.contains(&other.info.name))
            .filter(|other| other.info.needs.iter().any(|need| need.service == *name))
            .peekable();
        needed.peek().is_some() && needed.all(|other| other.info.optional.contains(name))
    }

    /// The same for these services alone.
    pub fn verdict_of(&self, names: &BTreeSet<String>) -> Option<Outcome> {
        let lost = self.lost(&self.with_needs(names));
        let open: Vec<&ServiceState> = self
            .services
            .iter()
            .filter(|service| names.contains(&service.info.name))
            .filter(|service| !service.is_as_asked())
            .filter(|s| !(lost.contains(s.info.name.as_str()) && self.is_spared(s, names)))
            .collect();
        if open.is_empty() {
            return Some(Outcome::Done);
        }
        let stuck = open
            .iter()
            .all(|service| lost.contains(service.info.name.as_str()));
        stuck.then(|| {
            let failures = self.services.iter().filter(|service| {
                has_failed(service)
                    && lost.contains(service.info.name.as_str())
                    && !self.is_spared(service, names)
            });
            Outcome::Failed(
                failures
                    .filter_map(|s| Some((s.info.name.clone(), s.trouble()?.clone())))
                    .collect(),
            )
        })
    }

    /// Of these services those that failed, and everything that waits for one of them.
    fn lost(&self, beneath: &BTreeSet<String>) -> BTreeSet<&str> {
        let mut lost: BTreeSet<&str> = self
            .services
            .iter()
            .filter(|service| has_failed(service) && beneath.contains(&service.info.name))
            .map(|service| service.info.name.as_str())
            .collect();
        // Services stand in the order of the graph, so one pass carries a loss to everything above it.
        for service in &self.services {
            // A crashed one, too, starts no sooner than what it needs is there.
            let waits = matches!(
                service.phase,
                Phase::Waiting | Phase::Stopped | Phase::Creating | Phase::Crashed
            );
            // Through a job that is done, what it needs is waited for.
            let passes_on = service.info.job && service.done;
            let is_cut_off = |need: &Gate| {
                lost.contains(need.service.as_str())
                    && !service.info.optional.contains(&need.service)
                    && !self.is_open(need)
            };
            if (waits || passes_on) && service.info.needs.iter().any(is_cut_off) {
                lost.insert(&service.info.name);
            }
        }
        lost
    }
}

fn has_failed(service: &ServiceState) -> bool {
    let gave_up = service.gave_up && !service.is_ready() && !service.comes_back();
    gave_up || service.is_outdated() || service.is_half_synced()
}
