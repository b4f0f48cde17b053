//! What an `up` is asked for beside that things are as they should be, and the end that ends everything.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass};
use super::goal::{Goal, Outcome};
use super::round::able_services;
use super::supervise::Supervisor;
use crate::plan::Cause;
use crate::plan::demands::{Build, Pull, Recreate, Wishes};
use crate::plan::desired::{ImageSource, with_bases};
use crate::plan::observed::ObservedContainer;
use crate::stack::{Service, Source};

/// An end of a container that ends the whole `up`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// Only one that fails.
    pub failures_only: bool,
    /// The service whose end is waited for; it runs once more, if it is done already.
    pub waits_for: Option<String>,
}

impl Engine {
    /// Granted once a look has seen what there is. `names`: of services; none: all that are up by default.
    #[must_use]
    pub fn wishing(mut self, names: &[String], wishes: Wishes) -> Self {
        self.demands.create_only = wishes.create_only;
        self.wish(names.to_vec(), wishes);
        self
    }

    #[must_use]
    pub fn aborting(mut self, abort: Option<Abort>) -> Self {
        let awaited = abort.as_ref().and_then(|abort| abort.waits_for.clone());
        if let Some(service) = awaited.filter(|service| self.is_job(service)) {
            self.rerun.insert(service);
        }
        self.abort = abort;
        self
    }

    pub(super) fn wish(&mut self, names: Vec<String>, wishes: Wishes) {
        self.wishes.push((names, wishes));
    }

    pub(super) fn grant_wishes(&mut self) {
        for (names, wishes) in std::mem::take(&mut self.wishes) {
            let names: BTreeSet<String> = if names.is_empty() {
                able_services(&self.stack)
            } else {
                names.into_iter().collect()
            };
            self.grant(&names, wishes);
        }
    }

    fn grant(&mut self, names: &BTreeSet<String>, wishes: Wishes) {
        let closure = self.stack.closure(names.iter().map(String::as_str));
        for service in &closure {
            self.demands.allow(service);
        }
        match wishes.build {
            Build::Changed => {}
            Build::Always => self.demands.build.extend(with_bases(&self.stack, &closure)),
            Build::Never => self.demands.no_build.extend(closure.clone()),
        }
        match wishes.pull {
            Pull::AsWritten => {
                self.demands.pull.extend(self.due_for_a_pull(&closure));
                let due = self.steps_of(&closure, |service, tagged, time| {
                    service.pull.is_due(tagged, time)
                });
                self.demands.pull_steps.extend(due);
            }
            Pull::Missing => {}
            Pull::Always => {
                self.demands.pull.extend(closure.clone());
                let all = self.steps_of(&closure, |_, _, _| true);
                self.demands.pull_steps.extend(all);
            }
            Pull::Never => self.demands.no_pull.extend(closure.clone()),
        }
        let there = self.observed.containers.iter();
        let there = there.filter(|container| closure.contains(&container.service));
        for container in there.cloned().collect::<Vec<_>>() {
            self.demands.keep.remove(&container.id);
            if wishes.renew_volumes {
                self.demands.drop_volumes.insert(container.id.clone());
            }
            // What they need stays as it is.
            let is_named = names.contains(&container.service);
            match wishes.recreate {
                Recreate::Always if is_named => self.renew(&container),
                Recreate::Never => drop(self.demands.keep.insert(container.id)),
                Recreate::Always | Recreate::Changed => {}
            }
        }
    }

    /// Services of whose image the stack file says that it is looked for anew.
    fn due_for_a_pull(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let time = Duration::from_millis(now());
        let is_due = |name: &&String| {
            let Some(service) = self.stack.services.get(*name) else {
                return false;
            };
            let Source::Image(reference) = &service.source else {
                return false;
            };
            let there = self.observed.images.get(reference);
            service
                .pull
                .is_due(there.and_then(|image| image.tagged), time)
        };
        services.iter().filter(is_due).cloned().collect()
    }

    /// The images of steps before a start that `is_due` of: it is given the service, and since when the image is there.
    fn steps_of(
        &self,
        services: &BTreeSet<String>,
        is_due: impl Fn(&Service, Option<Duration>, Duration) -> bool,
    ) -> BTreeSet<(String, String)> {
        let time = Duration::from_millis(now());
        let services = services
            .iter()
            .filter_map(|name| self.stack.services.get(name));
        let steps = services.flat_map(|service| {
            let images = service.images_of_steps();
            images.map(move |image| (service, image))
        });
        let due = steps.filter(|(service, image)| {
            let there = self.observed.images.get(*image);
            is_due(service, there.and_then(|image| image.tagged), time)
        });
        due.map(|(service, image)| (service.name.clone(), image.to_owned()))
            .collect()
    }

    fn renew(&mut self, container: &ObservedContainer) {
        let cause = Cause::AskedToRecreate;
        if self.is_job(&container.service) {
            self.rerun.insert(container.service.clone());
        }
        if container.is_process() {
            self.bounce.insert(container.generation(), cause);
        } else {
            self.demands.renew.insert(container.id.clone(), cause);
        }
    }

    /// Services whose image is not there, and that nobody is to make.
    pub(super) fn refuse_missing_images(&mut self) {
        let demands = &self.demands;
        let missing = self.desired.images.iter().filter_map(|(service, source)| {
            let (forbidden, option) = match source {
                ImageSource::Build(_) => (demands.no_build.contains(service), "--no-build"),
                ImageSource::Pull(_) => (demands.no_pull.contains(service), "--pull never"),
            };
            let reference = source.reference();
            let is_there = self.observed.images.contains_key(reference);
            (forbidden && !is_there).then(|| (service.clone(), reference.to_owned(), option))
        });
        for (service, reference, option) in missing.collect::<Vec<_>>() {
            let failure = Failure {
                class: FailureClass::ImageMissing,
                message: format!("there is no image {reference}"),
                detail: Vec::new(),
                help: Some(format!("leave out `{option}`, so that it is made")),
            };
            self.cannot_be(&service, failure);
        }
    }

    /// Services on a network or with a volume that somebody else was to make: the engine would make such a volume by itself,
    /// and empty.
    pub(super) fn refuse_missing_externals(&mut self) {
        if !self.look.seen {
            return;
        }
        let (desired, observed) = (&self.desired, &self.observed);
        let networks = desired
            .networks
            .iter()
            .filter(|network| network.external && !observed.networks.contains_key(&network.name));
        let networks: BTreeSet<&String> = networks.map(|network| &network.name).collect();
        let volumes = desired
            .volumes
            .iter()
            .filter(|volume| volume.external && !observed.volumes.contains_key(&volume.name));
        let volumes: BTreeSet<&String> = volumes.map(|volume| &volume.name).collect();
        let missing = desired.containers.iter().filter_map(|spec| {
            let mut attached = spec.networks.iter().map(|attached| &attached.network);
            let mut mounted = spec.mounts.iter().filter_map(|mount| mount.volume.as_ref());
            let network = attached.find(|name| networks.contains(name));
            let (kind, name) = match network {
                Some(name) => ("network", name),
                None => ("volume", mounted.find(|name| volumes.contains(name))?),
            };
            Some((spec.service.clone(), kind, name.clone()))
        });
        for (service, kind, name) in missing.collect::<Vec<_>>() {
            let failure = Failure {
                class: FailureClass::Unresolved,
                message: format!("there is no {kind} {name}, which is external"),
                detail: Vec::new(),
                help: Some(format!(
                    "`docker {kind} create {name}` makes it; without `external`, `dev` does"
                )),
            };
            self.cannot_be(&service, failure);
        }
    }

    /// Without trying: it is told once.
    fn cannot_be(&mut self, service: &str, failure: Failure) {
        let Some(supervisor) = self.supervisors.get_mut(service) else {
            return;
        };
        if supervisor.failure() == Some(&failure) {
            return;
        }
        supervisor.on_failed(failure.clone(), now());
        self.emit(Event::GaveUp {
            service: service.to_owned(),
            why: failure,
        });
    }

    /// Everything is made that can be, where nothing is to be started.
    pub(super) fn conclude_creation(&mut self) {
        let time = now();
        let waits = |supervisor: &Supervisor| supervisor.paused_until(time).is_some();
        if self.walk.open_operations() > 0 || self.supervisors.values().any(waits) {
            return;
        }
        self.hand_over();
        if self.walk.open_operations() > 0 || !self.walk.is_idle() {
            return;
        }
        let gave_up = self.state.services.iter().filter(|service| service.gave_up);
        let failures: Vec<(String, Failure)> = gave_up
            .filter_map(|service| Some((service.info.name.clone(), service.failure.clone()?)))
            .collect();
        self.outcome = Some(match failures.is_empty() {
            true => Outcome::Done,
            false => Outcome::Failed(failures),
        });
    }

    /// A life ended by itself: whether that is the end of all.
    pub(super) fn aborts(&mut self, container: &ObservedContainer, code: i64) -> bool {
        let service = container.service.as_str();
        let Some(abort) = &self.abort else {
            return false;
        };
        if self.ends_with.is_some() {
            return true;
        }
        let is_awaited = abort.waits_for.as_deref() == Some(service);
        let goes_on = match code {
            0 => abort.failures_only || (self.is_job(service) && self.is_a_step(service)),
            _ => false,
        };
        if goes_on && !is_awaited {
            return false;
        }
        self.ends_with = Some(Outcome::Ended {
            service: service.to_owned(),
            code,
        });
        self.read_last_words_of(container);
        true
    }

    /// A job whose success is not what the `up` is about: others need it, or something else is waited for.
    fn is_a_step(&self, job: &str) -> bool {
        let waits_for_other = self
            .abort
            .as_ref()
            .is_some_and(|abort| abort.waits_for.is_some());
        let scope = self.scope();
        let mut others = scope
            .iter()
            .filter_map(|name| self.stack.services.get(name));
        waits_for_other || others.any(|other| other.needs.contains_key(job))
    }

    /// Nothing that is waited for comes any more.
    pub(super) fn abort_with(&mut self, outcome: Outcome) {
        if self.abort.is_some() && self.ends_with.is_none() {
            self.ends_with = Some(outcome);
        }
    }

    /// Stops what runs, where something has ended that ends everything.
    pub(super) fn end_if_aborted(&mut self) {
        if self.ends_with.is_some() && matches!(self.goal, Goal::Up { .. }) {
            let scope = self.scope();
            self.pursue(Goal::Stop(scope));
        }
    }
}
