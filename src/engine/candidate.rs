//! A container that runs and is to take the place of one that still serves: it is asked whether it is ready, beside that.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::core::{Engine, now};
use super::event::{Event, Failure, Found, Level};
use super::input::Input;
use super::instances::{PROBE_LINES, has_run};
use super::look::exit_failure;
use super::replace::is_about_a_successor;
use super::state::InstanceState;
use super::supervise::not_ready;
use crate::plan::observed::{Generation, ObservedContainer, Status};
use crate::plan::{Operation, Subject};
use crate::probe::{ProbeReport, Target};
use crate::stack::{Probe, ProbeKind, UpdateOrder};

/// How long one that was ready has to be so again after it got its names, where nobody asked for two at once: others call it.
const SETTLES: Duration = Duration::from_secs(5);

/// Who is asked, since when, and where.
#[derive(Debug)]
pub struct Candidate {
    generation: Generation,
    probe: Option<Probe>,
    target: Target,
    /// Names this round of questions: an answer to an earlier one says nothing any more.
    attempt: u64,
    /// Milliseconds since 1970.
    since: u64,
    /// Beside what its probe has.
    patience: Duration,
    _end: DropGuard,
}

impl Candidate {
    /// When it has to be ready, milliseconds since 1970, and how long that is; never where nobody asks.
    fn deadline(&self) -> Option<(u64, u64)> {
        let within = self.probe.as_ref()?.within.min(self.patience).as_millis();
        let within = u64::try_from(within).unwrap_or(u64::MAX);
        Some((self.since.saturating_add(within), within))
    }
}

impl Engine {
    fn candidates(&self) -> Vec<ObservedContainer> {
        let places = self.observed.places();
        let candidates = places.filter_map(|place| place.candidate());
        candidates.cloned().collect()
    }

    /// Whether a container is to take the place of one that still counts.
    pub(super) fn is_candidate(&self, container: &ObservedContainer) -> bool {
        let place = self.observed.place(&container.service, container.index);
        let candidate = place.and_then(|place| place.candidate());
        candidate.is_some_and(|candidate| candidate.id == container.id)
    }

    /// Whether what was just started is to take the place of one that serves.
    pub(super) fn stands_beside(&self, container: &ObservedContainer) -> bool {
        let place = self.observed.place(&container.service, container.index);
        let holder = place.map(|place| place.holder);
        container.is_successor()
            && holder.is_some_and(|holder| {
                holder.id != container.id && !holder.is_successor() && holder.is_running()
            })
    }

    /// Whether a container does not count, because another one of its instance does.
    pub(super) fn is_beside_one_that_serves(&self, id: &str) -> bool {
        self.observed.places().any(|place| {
            place.successor.is_some_and(|next| next.id == id)
                && place.current().id != id
                && place.current().is_running()
        })
    }

    /// The same of one that may be gone by now.
    pub(super) fn was_beside_one_that_serves(&self, operation: &Operation, id: &str) -> bool {
        let mut containers = self.observed.containers.iter();
        if containers.any(|container| container.id == id) {
            return self.is_beside_one_that_serves(id);
        }
        let Subject::Instance { service, index, .. } = &operation.subject else {
            return false;
        };
        let place = self.observed.place(service, *index);
        is_about_a_successor(operation) && place.is_some_and(|place| place.current().is_running())
    }

    fn known_candidate(&self, service: &str, index: u32) -> Option<&InstanceState> {
        let instance = self.state.service(service)?.instances.get(&index)?;
        instance.successor.as_deref()
    }

    /// Compares every candidate with what was known of it.
    pub(super) fn see_candidates(&mut self) {
        for container in self.candidates() {
            self.see_candidate(&container);
        }
        let known = self.state.services.iter().flat_map(|service| {
            let instances = service.instances.iter();
            let known = instances.filter_map(|(index, instance)| {
                let found = instance.successor.as_ref()?.found.clone()?;
                Some((service.info.name.clone(), *index, found))
            });
            known.collect::<Vec<_>>()
        });
        for (service, index, known) in known.collect::<Vec<_>>() {
            let now = self.observed.containers.iter();
            let mut now = now.filter(|container| container.generation() == known.generation);
            let now = now.next().cloned();
            if now.as_ref().is_some_and(|now| self.is_candidate(now)) {
                continue;
            }
            if let Some(now) = now {
                self.candidate_ended(&now);
            }
            self.emit(Event::Successor {
                service,
                index,
                found: None,
            });
        }
    }

    pub(super) fn see_candidate(&mut self, container: &ObservedContainer) {
        let found = Found::of(container);
        let (service, index) = (container.service.clone(), container.index);
        let known = self.known_candidate(&service, index);
        if known.and_then(|known| known.found.as_ref()) == Some(&found) {
            return;
        }
        self.emit(Event::Successor {
            service,
            index,
            found: Some(found),
        });
    }

    /// One that ran does not run any more. What ended while the container engine was away, ended with it.
    fn candidate_ended(&mut self, container: &ObservedContainer) {
        let Status::Exited {
            code,
            out_of_memory,
        } = container.status
        else {
            return;
        };
        let told = self.look.after_outage || self.walk.is_ending(&container.id);
        if !told && !self.is_spent(&container.service) && !self.try_alone(container) {
            let failure = exit_failure(&container.service, code, out_of_memory, false);
            let service = container.service.clone();
            self.reject(&service, failure);
        }
    }

    /// No more is asked of what is to replace something of a service.
    pub(super) fn is_spent(&self, service: &str) -> bool {
        let supervisor = self.supervisors.get(service);
        supervisor.is_none_or(|supervisor| supervisor.failure().is_some())
    }

    /// Asks every candidate in scope, and no others.
    pub(super) fn attend_candidates(&mut self) {
        let scope = self.scope();
        let mut candidates = self.candidates();
        candidates.retain(|container| {
            container.status == Status::Running && scope.contains(&container.service)
        });
        self.instances.candidates.retain(|(service, index), known| {
            candidates.iter().any(|container| {
                container.service == *service
                    && container.index == *index
                    && container.generation() == known.generation
            })
        });
        for container in candidates {
            self.attend_candidate(&container);
        }
    }

    fn attend_candidate(&mut self, container: &ObservedContainer) {
        let key = (container.service.clone(), container.index);
        let probe = self.readiness_probe(&container.service);
        let target = self.target(container);
        let generation = container.generation();
        if self.watching && !self.instances.is_followed(&generation) {
            let follower = self.follow_log(container, None);
            self.instances.follow(generation.clone(), follower);
        }
        let known = self.instances.candidates.get(&key);
        if known.is_some_and(|known| {
            known.generation == generation && known.probe == probe && known.target == target
        }) {
            return;
        }
        self.instances.attempts += 1;
        let attempt = self.instances.attempts;
        let end = self.stop.child_token();
        let patience = match self.may_be_alone(container) {
            true => SETTLES,
            false => Duration::MAX,
        };
        match probe.clone() {
            Some(probe) => self.ask_candidate(container, probe, attempt, &end),
            None => self.let_candidate_run(container, attempt, &end),
        }
        let candidate = Candidate {
            generation,
            probe,
            target,
            attempt,
            since: now(),
            patience,
            _end: end.drop_guard(),
        };
        self.instances.candidates.insert(key, candidate);
    }

    fn ask_candidate(
        &self,
        container: &ObservedContainer,
        probe: Probe,
        attempt: u64,
        end: &CancellationToken,
    ) {
        let (lines, reader) = mpsc::channel(PROBE_LINES);
        if let ProbeKind::Log { .. } = probe.kind {
            self.read_log(container, lines, end.clone());
        }
        let input = move |report| Input::CandidateProbed { attempt, report };
        self.begin_probe(container, probe, reader, None, end.clone(), input);
    }

    /// Nobody asks it: from now on, as it was left alone until now, it has to run for a while.
    fn let_candidate_run(
        &self,
        container: &ObservedContainer,
        attempt: u64,
        end: &CancellationToken,
    ) {
        let Some(proof) = self.proof(&container.service) else {
            return;
        };
        let report = has_run(container, proof);
        let input = Input::CandidateProbed { attempt, report };
        self.report_after(proof, input, end.clone());
    }

    pub(super) fn candidate_probed(&mut self, attempt: u64, report: ProbeReport) {
        let key = (report.service.clone(), report.index);
        let known = self.instances.candidates.get(&key);
        if known.is_none_or(|known| known.attempt != attempt) {
            return;
        }
        self.emit(Event::Probe {
            service: report.service,
            index: report.index,
            generation: report.generation,
            passed: report.passed,
            answer: report.answer,
            failures: report.failures,
        });
    }

    /// It was attached to its networks anew, where it may have another address: whatever it answered before, it is asked once
    /// more.
    pub(super) fn attached_anew(&mut self, container: ObservedContainer) {
        let known = self.observed.containers.iter_mut();
        let mut known = known.filter(|known| known.generation() == container.generation());
        let Some(known) = known.next() else {
            // It ended meanwhile: the next look sees what it is now.
            self.look.wanted = true;
            return;
        };
        // Where it was seen while it was detached, it had none.
        let mut before = known.addresses.iter();
        let moved = before.any(|(network, address)| {
            let now = container.addresses.get(network);
            now.is_some_and(|now| now != address)
        });
        *known = container.clone();
        if self.is_candidate(&container) {
            // Whoever it had a connection to answers to where it was.
            if moved {
                self.try_alone(&container);
            }
            let key = (container.service.clone(), container.index);
            self.instances.candidates.remove(&key);
            self.emit(Event::Probe {
                service: container.service.clone(),
                index: container.index,
                generation: container.generation(),
                passed: false,
                answer: "it has its names now, and is asked once more".to_owned(),
                failures: 0,
            });
        }
        self.attend();
    }

    /// When the next of them has to be ready.
    pub(super) fn next_candidate_deadline(&self, time: u64) -> Option<u64> {
        let candidates = self.instances.candidates.iter();
        let open = candidates.filter(|((service, _), _)| !self.is_spent(service));
        let deadlines = open.filter_map(|(_, candidate)| Some(candidate.deadline()?.0));
        deadlines.filter(|at| *at > time).min()
    }

    /// What is to replace something of a service has its time once more.
    pub(super) fn await_candidates(&mut self, service: &str, time: u64) {
        for ((of, _), candidate) in &mut self.instances.candidates {
            if of == service {
                candidate.since = time;
            }
        }
    }

    /// Those that did not get ready in time.
    pub(super) fn reject_late_candidates(&mut self, time: u64) {
        let candidates = self.instances.candidates.iter();
        let late = candidates.filter_map(|((service, index), candidate)| {
            let (at, within) = candidate.deadline().filter(|(at, _)| *at <= time)?;
            let probe = self.known_candidate(service, *index)?.probe.as_ref();
            // Ready long ago, it waits for something else.
            if at > time || probe.is_some_and(|probe| probe.passed) || self.is_spent(service) {
                return None;
            }
            let answer = probe.map_or("", |probe| probe.answer.as_str());
            Some((service.clone(), *index, not_ready(within, answer)))
        });
        let late: Vec<(String, u32, Failure)> = late.collect();
        for (service, index, failure) in late {
            let place = self.observed.place(&service, index);
            // It may have been stopped meanwhile.
            let Some(candidate) = place.and_then(|place| place.candidate().cloned()) else {
                continue;
            };
            if self.makes_way(&candidate.id) {
                // That it was not ready says nothing of what comes in its stead.
                self.await_candidates(&service, time);
            } else if !self.try_alone(&candidate) {
                self.reject(&service, failure);
            }
        }
    }

    /// It was ready, and is not since it has its names: where nobody asked for two at once, that is no failure. It is stopped, and
    /// started again in the place of the one before. Returns whether that is so.
    fn try_alone(&mut self, container: &ObservedContainer) -> bool {
        if !self.may_be_alone(container) {
            return false;
        }
        let life = container.generation();
        if self
            .demands
            .alone
            .insert(life.id, life.started_at)
            .is_none()
        {
            self.look.wanted = true;
            self.notice(Level::Info, alone(&container.service));
        }
        true
    }

    /// Whether this life of it is over because of that: once the one before is stopped, that says nothing.
    pub(super) fn ended_beside(&self, container: &ObservedContainer) -> bool {
        self.demands.alone.get(&container.id) == Some(&container.started_at)
    }

    /// Whether it has its names, and nobody asked for it to be there at the same time as the one before.
    fn may_be_alone(&self, container: &ObservedContainer) -> bool {
        let asked = self.stack.services.get(&container.service);
        let mut specs = self.desired.containers.iter();
        let spec =
            specs.find(|spec| spec.service == container.service && spec.index == container.index);
        asked.is_some_and(|service| service.update == UpdateOrder::Auto)
            && spec.is_some_and(|spec| {
                // Its end may be told before the call is over that detaches it.
                container.has_a_name(spec) || self.walk.is_naming(&container.id)
            })
    }
}

fn alone(service: &str) -> String {
    format!(
        "the new container of `{service}` lost its connections when it got its names beside the one before: that is stopped first \
         now; `update = \"stop-first\"` says so at once"
    )
}
