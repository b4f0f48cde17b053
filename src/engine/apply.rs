//! `apply(state, event)`: the only place where state changes.

use super::event::{
    Event, Failure, FailureClass, Found, ServiceInfo, Stamped, Step, Verb, WatchOutcome,
};
use super::state::{InstanceState, Phase, ProbeState, ServiceState, State, Work};
use crate::plan::hold::{Gate, Hold};
use crate::plan::observed::{Generation, Status};
use crate::stack::Condition;

impl State {
    /// Takes one event in.
    pub fn apply(&mut self, stamped: &Stamped) {
        let at = stamped.at;
        match &stamped.event {
            Event::Stack {
                name,
                layers,
                services,
            } => self.stack(name, layers, services, at),
            Event::StackRejected { error } => self.rejected = Some(error.clone()),
            Event::Operation {
                service,
                subject,
                verb,
                step,
                ..
            } => {
                self.settled = false;
                self.work(service.as_deref(), subject, *verb, step, at);
            }
            Event::Runtime { up, .. } => self.runtime_up = *up,
            Event::Settled { .. } => self.settled = true,
            Event::Planned { services } => {
                for service in &mut self.services {
                    service.pending = services.contains(&service.info.name);
                }
            }
            Event::Compared { asked } => {
                self.compared = *asked;
                // Whether anything is left to do is judged anew.
                self.settled = false;
            }
            Event::Ending { removes } => {
                self.ending = true;
                self.removing |= *removes;
            }
            Event::Notice { .. } | Event::Bye { .. } => {}
            event => {
                if let Some(service) = event.service().and_then(|name| self.service_mut(name)) {
                    service.apply(event, at);
                }
            }
        }
        self.derive(at);
    }

    pub fn service(&self, name: &str) -> Option<&ServiceState> {
        self.services
            .iter()
            .find(|service| service.info.name == name)
    }

    fn service_mut(&mut self, name: &str) -> Option<&mut ServiceState> {
        self.services
            .iter_mut()
            .find(|service| service.info.name == name)
    }

    /// Whether a gate stands open now.
    pub fn is_open(&self, gate: &Gate) -> bool {
        self.opens(gate, self.services.len())
    }

    /// `further`: how many services the way from here can still lead through. Who takes part in a cycle, which no stack file but
    /// a damaged stream of events may have, never opens.
    fn opens(&self, gate: &Gate, further: usize) -> bool {
        self.service(&gate.service)
            .is_some_and(|service| match gate.condition {
                Condition::Ready => service.is_ready() && self.carries(service, further),
                Condition::Started => service.has_started(),
            })
    }

    /// A job that is done says nothing of the present: what it needed has to be ready now, as it was when it ran.
    fn carries(&self, service: &ServiceState, further: usize) -> bool {
        let Some(further) = further.checked_sub(1) else {
            return false;
        };
        let mut needs = service.info.needs.iter();
        !service.info.job
            || needs.all(|need| self.service(&need.service).is_none() || self.opens(need, further))
    }

    fn stack(&mut self, name: &str, layers: &[String], services: &[ServiceInfo], at: u64) {
        self.name = name.to_owned();
        self.layers = layers.to_vec();
        self.rejected = None;
        let mut known = std::mem::take(&mut self.services);
        for info in services {
            let old = known
                .iter()
                .position(|service| service.info.name == info.name)
                .map(|i| known.swap_remove(i));
            self.services.push(match old {
                Some(mut service) => {
                    service.info = info.clone();
                    service
                }
                None => ServiceState::new(info.clone(), at),
            });
        }
    }

    fn work(&mut self, service: Option<&str>, subject: &str, verb: Verb, step: &Step, at: u64) {
        let work = match step {
            Step::Started | Step::Progress { .. } => Some(Work {
                verb,
                step: step.clone(),
                since: at,
            }),
            Step::Done { .. } | Step::Skipped | Step::Failed { .. } | Step::Cancelled => None,
        };
        let since = |old: Option<&Work>| {
            old.filter(|old| old.verb == verb)
                .map_or(at, |old| old.since)
        };
        match service.and_then(|name| self.service_mut(name)) {
            Some(service) => {
                service.work = work.map(|work| Work {
                    since: since(service.work.as_ref()),
                    ..work
                });
            }
            None => {
                let old = self.shared.remove(subject);
                if let Some(work) = work {
                    self.shared.insert(
                        subject.to_owned(),
                        Work {
                            since: since(old.as_ref()),
                            ..work
                        },
                    );
                }
            }
        }
    }

    /// What follows from the rest: phases, and who is degraded by whom.
    fn derive(&mut self, at: u64) {
        self.services.iter_mut().for_each(ServiceState::forgive);
        let names = |which: fn(&ServiceState) -> bool| {
            let services = self.services.iter().filter(|service| which(service));
            let names = services.map(|service| service.info.name.clone());
            names.collect::<std::collections::BTreeSet<String>>()
        };
        let unready = names(|service| !service.is_ready());
        // Nothing is known against these; but what was lost without one comes back only with an answer.
        let unblamed = names(ServiceState::is_unblamed);
        let begun = names(ServiceState::has_started);
        let is_missing = |need: &Gate, lacked: &[String]| match need.condition {
            Condition::Ready => {
                unready.contains(&need.service)
                    && (!unblamed.contains(&need.service) || lacked.contains(&need.service))
            }
            Condition::Started => !begun.contains(&need.service),
        };
        let ending = self.ending;
        for service in &mut self.services {
            let phase = match service.derived_phase() {
                // Nothing begins any more.
                Phase::Waiting | Phase::Crashed if ending => Phase::Stopped,
                phase => phase,
            };
            if phase != service.phase {
                service.phase = phase;
                service.since = service.entered(at);
            }
            let runs = !service.info.job && service.has_started();
            let missing = service.info.needs.iter().filter(|_| runs && !ending);
            let missing = missing.filter(|need| is_missing(need, &service.degraded_by));
            service.degraded_by = missing.map(|need| need.service.clone()).collect();
        }
    }
}

impl ServiceState {
    pub fn new(info: ServiceInfo, at: u64) -> Self {
        let phase = if info.wanted {
            Phase::Waiting
        } else {
            Phase::Idle
        };
        Self {
            info,
            phase,
            since: at,
            holds: Vec::new(),
            instances: std::collections::BTreeMap::new(),
            work: None,
            restarts: 0,
            failure: None,
            sync_failure: None,
            gave_up: false,
            done: false,
            last_line: String::new(),
            degraded_by: Vec::new(),
            pending: false,
        }
    }

    fn apply(&mut self, event: &Event, at: u64) {
        match event {
            Event::Instance { index, found, .. } => self.found(*index, found.as_ref(), at),
            Event::Successor { index, found, .. } => {
                if let Some(instance) = self.instances.get_mut(index) {
                    instance.succeeded_by(found.as_ref(), at);
                }
            }
            Event::Held { holds, .. } => {
                self.holds.clone_from(holds);
                // Who tells it later than it was so, tells since when.
                if self.phase == Phase::Waiting && !holds.is_empty() {
                    self.since = self.since.min(at);
                }
            }
            Event::Probe {
                index,
                generation,
                passed,
                answer,
                failures,
                ..
            } => {
                let Some(instance) = self.instances.get_mut(index) else {
                    return;
                };
                if let Some(life) = instance.of_mut(generation) {
                    life.probed(*passed, answer, *failures, at);
                }
            }
            Event::Provisioned {
                index, generation, ..
            } => {
                if let Some(instance) = self.instances.get_mut(index)
                    && instance
                        .found
                        .as_ref()
                        .is_some_and(|found| found.generation == *generation)
                {
                    instance.provisioned = true;
                }
            }
            Event::GaveUp { why, .. } => {
                self.failure = Some(why.clone());
                self.gave_up = true;
            }
            Event::Restarting {
                failure, attempt, ..
            } => {
                self.failure = Some(failure.clone());
                self.restarts = *attempt;
            }
            Event::Retry { .. } => {
                self.failure = None;
                self.gave_up = false;
                self.restarts = 0;
            }
            Event::Job { current, .. } => self.done = *current,
            // Of one that went well, the failure is what another instance still lacks.
            Event::Watched {
                action:
                    WatchOutcome::Failed
                    | WatchOutcome::Synced
                    | WatchOutcome::SyncedRestarts
                    | WatchOutcome::Signalled,
                failure,
                ..
            } => self.sync_failure.clone_from(failure),
            Event::LastLine {
                line, generation, ..
            } => self.said(line, generation.as_ref()),
            _ => {}
        }
    }

    /// What it has overcome, whatever made it ready: an answer, or that nobody asks any more.
    fn forgive(&mut self) {
        if self.is_ready() {
            self.gave_up = false;
            // What was to replace it failed, and it runs on: that stays known until it is tried again.
            self.failure
                .take_if(|failure| !failure.class.leaves_what_runs());
        }
    }

    /// What a former life said says nothing of this one; and one that is to come has the word once it counts.
    fn said(&mut self, line: &str, life: Option<&Generation>) {
        let Some(life) = life else {
            line.clone_into(&mut self.last_line);
            return;
        };
        if self.instances.values().any(|one| one.is_of(life)) {
            line.clone_into(&mut self.last_line);
            return;
        }
        let mut next = self.instances.values_mut();
        if let Some(next) = next.find_map(|one| one.of_mut(life)) {
            line.clone_into(&mut next.last_line);
        }
    }

    fn found(&mut self, index: u32, found: Option<&Found>, at: u64) {
        let Some(found) = found else {
            self.instances.remove(&index);
            return;
        };
        let instance = self.instances.entry(index).or_default();
        let before = instance.found.as_ref();
        if before.is_some_and(|old| old.generation.id != found.generation.id) {
            // Another container is made from what is there now.
            self.sync_failure = None;
        }
        if instance.found.as_ref().map(|old| &old.generation) != Some(&found.generation) {
            let next = instance.successor.take();
            let takes_over = |next: &InstanceState| next.is_of(&found.generation);
            let said = next.as_ref().filter(|next| takes_over(next));
            self.last_line = said.map(|next| next.last_line.clone()).unwrap_or_default();
            *instance = match next {
                Some(next) if takes_over(&next) => *next,
                successor => InstanceState {
                    seen: at,
                    successor,
                    ..InstanceState::default()
                },
            };
        }
        instance.found = Some(found.clone());
        // What may end begins anew; of a job the record tells.
        self.done &= self.info.job || found.status != Status::Running;
    }

    /// What went wrong, with it or with what it was to take in.
    pub fn trouble(&self) -> Option<&Failure> {
        self.failure.as_ref().or(self.sync_failure.as_ref())
    }

    /// Ready as gates mean it: for a job, done; for a service, every replica runs and passes.
    pub fn is_ready(&self) -> bool {
        if self.info.job || self.done {
            return self.done;
        }
        let count = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        count >= self.info.replicas
            && self
                .instances
                .values()
                .all(|instance| instance.is_ready(&self.info))
    }

    /// Runs, and no probe has said no: nobody has asked yet, or what is set up inside after that is not done.
    fn is_unblamed(&self) -> bool {
        let blamed = |instance: &InstanceState| instance.probe.as_ref().is_some_and(|p| !p.passed);
        !self.info.job && self.has_started() && !self.instances.values().any(blamed)
    }

    /// One of its replicas ended with another exit code than 0.
    pub fn ended_badly(&self) -> bool {
        let mut found = self.instances.values().filter_map(|one| one.found.as_ref());
        found.any(|found| matches!(found.status, Status::Exited { code, .. } if code != 0))
    }

    /// Every replica's process runs; a job has at least begun.
    pub fn has_started(&self) -> bool {
        if self.info.job || self.done {
            return self.done || self.instances.values().any(InstanceState::runs);
        }
        let count = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        count >= self.info.replicas && self.instances.values().all(InstanceState::runs)
    }

    /// What runs of it ran before anybody looked.
    pub fn ran_before(&self) -> bool {
        self.instances.values().all(InstanceState::ran_before)
    }

    /// All of it ran already when it was found at `at`, and nobody was at work on it: how it began was not timed.
    pub fn was_running(&self, at: u64) -> bool {
        let mut instances = self.instances.values().peekable();
        let was = |one: &InstanceState| {
            let began = one.found.as_ref().and_then(|found| found.began);
            one.runs() && began.is_some_and(|began| began + UNTIMED <= at)
        };
        self.work.is_none() && instances.peek().is_some() && instances.all(was)
    }

    /// Since when it is in its phase, which it was seen to be in at `at`: nobody may have looked when it came to that.
    fn entered(&self, at: u64) -> u64 {
        let found = || {
            self.instances
                .values()
                .filter_map(|instance| instance.found.as_ref())
        };
        let ended = || found().filter_map(|found| found.ended).max();
        let by_exit = self.failure.as_ref().is_some_and(|failure| {
            matches!(
                failure.class,
                FailureClass::Exited | FailureClass::OutOfMemory
            )
        });
        let earlier = match self.phase {
            Phase::Done | Phase::Stopped => ended(),
            Phase::Failed | Phase::Crashed if by_exit => ended(),
            Phase::Ready | Phase::Starting | Phase::Running => {
                let before = self.ran_before();
                let began = found().filter_map(|found| found.began).max();
                began.filter(|_| before)
            }
            _ => None,
        };
        earlier.map_or(at, |earlier| earlier.min(at))
    }

    fn derived_phase(&self) -> Phase {
        if self.info.leaving {
            return Phase::Stopping;
        }
        if let Some(work) = &self.work {
            match work.verb {
                Verb::Pull => return Phase::Pulling,
                Verb::Build => return Phase::Building,
                // The one before serves until the new one is made.
                Verb::Create | Verb::Copy | Verb::Prepare if !self.is_ready() => {
                    return Phase::Creating;
                }
                Verb::Stop | Verb::Remove => return Phase::Stopping,
                Verb::Create
                | Verb::Copy
                | Verb::Prepare
                | Verb::Start
                | Verb::Update
                | Verb::Provision
                | Verb::Run => {}
            }
        }
        if self.info.stopped {
            let runs = self.instances.values().any(InstanceState::runs);
            return if runs {
                Phase::Stopping
            } else {
                Phase::Stopped
            };
        }
        if !self.info.wanted {
            return Phase::Idle;
        }
        if self.gave_up {
            return Phase::Failed;
        }
        let phase = if self.info.job {
            self.job_phase()
        } else {
            self.service_phase()
        };
        match phase {
            Phase::Waiting if self.holds.contains(&Hold::NotUp) => Phase::Idle,
            phase => phase,
        }
    }

    /// It is to be started again: once what it needs is there, or at this moment.
    fn waits_to_start(&self) -> bool {
        let needs = |hold: &Hold| matches!(hold, Hold::Needs { .. });
        let starts = |work: &Work| work.verb == Verb::Start;
        self.holds.iter().any(needs)
            || (self.phase == Phase::Waiting && self.work.as_ref().is_some_and(starts))
    }

    fn job_phase(&self) -> Phase {
        if self.done {
            Phase::Done
        } else if self.instances.values().any(InstanceState::runs) {
            Phase::Running
        } else if self.failure.is_some() {
            Phase::Crashed
        } else {
            Phase::Waiting
        }
    }

    fn service_phase(&self) -> Phase {
        if self.done {
            return Phase::Done;
        }
        if self.is_ready() {
            return Phase::Ready;
        }
        let statuses = || {
            self.instances
                .values()
                .filter_map(|instance| Some(instance.found.as_ref()?.status))
        };
        if statuses().any(|status| status == Status::Paused) {
            Phase::Paused
        } else if statuses().any(|status| matches!(status, Status::Exited { .. } | Status::Dead)) {
            if self.failure.is_some() {
                Phase::Crashed
            } else if self.waits_to_start() {
                Phase::Waiting
            } else {
                Phase::Stopped
            }
        } else if self.instances.values().any(InstanceState::runs) {
            // Replicas get ready one after the other: it was not ready before all of them were.
            let was_ready = |i: &InstanceState| i.probe.as_ref().is_some_and(|probe| probe.ever);
            let is_lost = |i: &InstanceState| was_ready(i) && !i.is_ready(&self.info);
            if self.instances.values().any(is_lost)
                && self
                    .instances
                    .values()
                    .all(|i| !self.info.provisions || i.provisioned)
            {
                Phase::Unready
            } else {
                Phase::Starting
            }
        } else {
            Phase::Waiting
        }
    }
}

/// A life that began this much before it was first seen, in milliseconds, was not begun by whoever looks.
const UNSEEN: u64 = 2_000;
/// What began so long before it was seen was not seen to begin, in milliseconds.
const UNTIMED: u64 = 300;

impl InstanceState {
    /// It ran before anybody looked, and has not failed its probe since.
    fn ran_before(&self) -> bool {
        let began = self.found.as_ref().and_then(|found| found.began);
        let failed = self.probe.as_ref().is_some_and(|probe| probe.failed);
        began.is_some_and(|began| began + UNSEEN <= self.seen) && !failed
    }

    pub(super) fn runs(&self) -> bool {
        self.found
            .as_ref()
            .is_some_and(|found| found.status == Status::Running)
    }

    pub fn is_ready(&self, info: &ServiceInfo) -> bool {
        // Of a service that nobody asks, its time says it.
        let is_asked = info.probed || !info.job;
        self.runs()
            && (!is_asked || self.probe.as_ref().is_some_and(|probe| probe.passed))
            && (!info.provisions || self.provisioned)
    }

    fn is_of(&self, generation: &Generation) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| found.generation == *generation)
    }

    /// What is known of one life: that which counts, or that which is to.
    pub fn of(&self, generation: &Generation) -> Option<&Self> {
        let lives = [Some(self), self.successor.as_deref()];
        let mut lives = lives.into_iter().flatten();
        lives.find(|life| life.is_of(generation))
    }

    fn of_mut(&mut self, generation: &Generation) -> Option<&mut Self> {
        if self.is_of(generation) {
            return Some(self);
        }
        let next = self.successor.as_deref_mut();
        next.filter(|next| next.is_of(generation))
    }

    fn succeeded_by(&mut self, found: Option<&Found>, at: u64) {
        let Some(found) = found else {
            self.successor = None;
            return;
        };
        let known = self.successor.take();
        let mut next = known
            .filter(|next| next.is_of(&found.generation))
            .unwrap_or_else(|| {
                Box::new(Self {
                    seen: at,
                    ..Self::default()
                })
            });
        next.found = Some(found.clone());
        self.successor = Some(next);
    }

    fn probed(&mut self, passed: bool, answer: &str, failures: u32, at: u64) {
        let old = self.probe.take();
        let failed = !passed || old.as_ref().is_some_and(|probe| probe.failed);
        let ever = passed || old.as_ref().is_some_and(|probe| probe.ever);
        self.probe = Some(ProbeState {
            passed,
            answer: answer.to_owned(),
            at,
            ever,
            failed,
            failures,
        });
    }
}

impl Event {
    /// The service it is about, if it is about one.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Instance { service, .. }
            | Self::Successor { service, .. }
            | Self::Held { service, .. }
            | Self::Probe { service, .. }
            | Self::Provisioned { service, .. }
            | Self::NotAlive { service, .. }
            | Self::GaveUp { service, .. }
            | Self::Restarting { service, .. }
            | Self::Retry { service }
            | Self::Job { service, .. }
            | Self::Watched { service, .. }
            | Self::LastLine { service, .. } => Some(service),
            Self::Operation { service, .. } => service.as_deref(),
            Self::Stack { .. }
            | Self::StackRejected { .. }
            | Self::Notice { .. }
            | Self::Runtime { .. }
            | Self::Planned { .. }
            | Self::Compared { .. }
            | Self::Settled { .. }
            | Self::Ending { .. }
            | Self::Bye { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
