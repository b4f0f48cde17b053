//! The last failure of each service, kept for who asks when no engine runs any more.

use std::collections::BTreeMap;

use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass, Level, WatchOutcome};
use super::goal::Goal;
use super::look::exit_failure;
use super::state::ServiceState;
use super::store::KeptFailure;
use crate::plan::observed::{ObservedContainer, Status};

impl Engine {
    /// Writes down what changed. What has failed is forgotten once it is ready, tried again or removed.
    pub(super) fn keep_failures(&mut self) {
        if !self.look.seen {
            // Nothing is known yet, and who only plans changes nothing.
            return;
        }
        match self.goal {
            Goal::Up { .. } => {}
            Goal::Down(_) => {
                self.write_failures(BTreeMap::new());
                return;
            }
            Goal::Stop(_) | Goal::Observe => return,
        }
        let failed = || {
            let services = self.state.services.iter();
            services.filter_map(|service| Some((service, kept(service)?)))
        };
        let same = failed().count() == self.kept_failures.len()
            && failed().all(|(service, failure)| {
                let kept = self.kept_failures.get(&service.info.name);
                kept.is_some_and(|kept| {
                    kept.failure == *failure
                        && kept.containers == self.containers_of(service, failure)
                        && kept.restarts == service.restarts
                        && kept.gave_up == service.gave_up
                })
            });
        if same {
            return;
        }
        let time = now();
        let kept = failed().map(|(service, failure)| {
            let known = self.kept_failures.get(&service.info.name);
            let known = known.filter(|known| {
                known.failure == *failure
                    && known.restarts == service.restarts
                    && known.gave_up == service.gave_up
            });
            let kept = KeptFailure {
                failure: failure.clone(),
                // What fails beside it later does not make it younger.
                at: known.map_or(time, |known| known.at),
                restarts: service.restarts,
                gave_up: service.gave_up,
                containers: self.containers_of(service, failure),
            };
            (service.info.name.clone(), kept)
        });
        self.write_failures(kept.collect());
    }

    fn containers_of(&self, service: &ServiceState, failure: &Failure) -> Vec<String> {
        match failure.class {
            FailureClass::AfterSync => self.unfollowed_in(&service.info.name),
            _ => Vec::new(),
        }
    }

    fn write_failures(&mut self, failures: BTreeMap<String, KeptFailure>) {
        if failures == self.kept_failures {
            return;
        }
        let written = self.store.set_failures(&failures);
        self.kept_failures = failures;
        if let Err(error) = written {
            self.notice(
                Level::Warning,
                format!("cannot remember what failed: {error}"),
            );
        }
    }

    /// Tells again what an earlier engine saw failing, as far as the world still looks like that.
    pub(super) fn recall_failures(&mut self) {
        for (service, kept) in self.kept_failures.clone() {
            if !self.still_so(&service, &kept) {
                continue;
            }
            if kept.restarts > 0 {
                let event = Event::Restarting {
                    service: service.clone(),
                    failure: kept.failure.clone(),
                    attempt: kept.restarts,
                    until: kept.at,
                };
                self.emit_at(kept.at, event);
            }
            if is_of_a_sync(&kept.failure) {
                self.recall_sync(service, kept);
                continue;
            }
            let why = kept.failure;
            self.emit_at(kept.at, Event::GaveUp { service, why });
        }
    }

    /// The commands after a sync that an earlier engine saw failing. Nothing runs them again before the next save.
    pub(super) fn recall_commands(&mut self) {
        for (service, kept) in self.kept_failures.clone() {
            let failure = &kept.failure;
            if failure.class == FailureClass::AfterSync && self.still_so(&service, &kept) {
                self.notice_failure(&service, failure);
                self.recall_sync(service, kept);
            }
        }
    }

    fn recall_sync(&mut self, service: String, kept: KeptFailure) {
        for id in &kept.containers {
            self.recall_unfollowed(id, &service, &kept.failure);
        }
        let event = Event::Watched {
            service,
            action: WatchOutcome::Failed,
            files: 0,
            first: String::new(),
            millis: 0,
            failure: Some(kept.failure),
        };
        self.emit_at(kept.at, event);
    }

    /// All of it in one line.
    pub(super) fn notice_failure(&mut self, service: &str, failure: &Failure) {
        let mut text = format!("{service}: {}", failure.message);
        for line in failure.detail.iter().chain(&failure.help) {
            text = format!("{text}; {line}");
        }
        self.notice(Level::Error, text);
    }

    fn still_so(&self, service: &str, kept: &KeptFailure) -> bool {
        let mut containers = self
            .observed
            .containers
            .iter()
            .filter(|c| c.service == service);
        let job = self.is_job(service);
        match kept.failure.class {
            FailureClass::Exited | FailureClass::OutOfMemory => {
                containers.any(|container| match container.status {
                    Status::Exited {
                        code,
                        out_of_memory,
                    } => {
                        exit_failure(service, code, out_of_memory, job).message
                            == kept.failure.message
                    }
                    _ => false,
                })
            }
            FailureClass::NotReady | FailureClass::Sync => {
                containers.any(ObservedContainer::is_running)
            }
            FailureClass::AfterSync => containers.any(|c| kept.containers.contains(&c.id)),
            // Nobody of ours is there to ask again; whether the container engine answers, this look knows.
            FailureClass::Engine | FailureClass::NoEngine => false,
            _ => true,
        }
    }
}

fn is_of_a_sync(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::Sync | FailureClass::AfterSync)
}

/// What is to be known of a service later: why it failed, else what it lacks of what it syncs.
fn kept(service: &ServiceState) -> Option<&Failure> {
    let refused = service.sync_failure.as_ref();
    let refused = refused.filter(|failure| is_of_a_sync(failure));
    service.failure.as_ref().or(refused)
}
