//! Host processes while the container engine is away: they are looked at, planned and ended for themselves, beside
//! containers as they were last seen.

use std::time::Duration;

use tokio::time::Instant;

use super::core::Engine;
use super::cover::Hashed;
use super::event::{Failure, FailureClass};
use super::goal::Outcome;
use super::input::Input;
use super::run::TRIES;
use crate::plan::observed::{Observed, ObservedContainer};
use crate::stack::{Source, Stack};

/// A look at the container engine that takes longer keeps no process waiting.
const LATE: Duration = Duration::from_secs(2);
/// Who is told to end waits so long for an engine that is away: it may be about to restart.
const AWAY: Duration = Duration::from_secs(10);

/// How far it is with them.
#[derive(Debug, Default)]
pub(super) struct OnHost {
    under_way: bool,
    /// A look at everything was taken in meanwhile.
    overtaken: bool,
    /// The number of the last one that began.
    number: u64,
    /// One that began since the last look at everything did was wanted by something: maybe by more than processes.
    took: bool,
    last: Option<Instant>,
    /// The plan at hand knows nothing new of containers.
    alone: bool,
    /// Since when the container engine is away, and what it was that said so last.
    away: Option<(Instant, String)>,
}

impl OnHost {
    pub fn engine_failed(&mut self, message: &str) {
        let since = self
            .away
            .as_ref()
            .map_or_else(Instant::now, |(since, _)| *since);
        self.away = Some((since, message.to_owned()));
    }

    /// A look at everything begins.
    pub fn look_begins(&mut self) {
        self.took = false;
    }

    /// Whoever has just been told to end has all its patience still.
    pub fn ending(&mut self) {
        if let Some((since, _)) = &mut self.away {
            *since = Instant::now();
        }
    }
}

/// Whether a service is a host process.
pub(super) fn is_run_on_host(stack: &Stack, service: &str) -> bool {
    let service = stack.services.get(service);
    service.is_some_and(|service| matches!(service.source, Source::Run(_)))
}

impl Engine {
    /// What is known of containers is from before: nothing begins that is about one.
    pub(super) fn is_on_host_only(&self) -> bool {
        !self.state.runtime_up || self.look.on_host.alone
    }

    /// Whether the time of a service runs: nobody could tell that a container gets ready while the engine is away.
    pub(super) fn has_time(&self, service: &str) -> bool {
        self.state.runtime_up || is_run_on_host(&self.stack, service)
    }

    pub(super) fn has_processes(&self) -> bool {
        let mut services = self.stack.services.keys();
        services.any(|name| is_run_on_host(&self.stack, name))
            || self.observed.containers.iter().any(|c| c.is_process())
    }

    pub(super) fn should_look_on_host(&self) -> bool {
        self.next_look_on_host() == Some(Duration::ZERO)
    }

    /// How long until processes are looked at alone, if they are to be.
    pub(super) fn next_look_on_host(&self) -> Option<Duration> {
        let look = &self.look;
        let known = look.seen || self.is_ending();
        // A look at everything that is late was begun for something, too.
        let late = look.under_way && look.on_host.number < look.number;
        let wanted = look.wanted || late;
        if !wanted || look.on_host.under_way || !known || !self.has_processes() {
            return None;
        }
        let late = match look.last {
            _ if !self.state.runtime_up => Duration::ZERO,
            Some(last) if look.under_way => LATE.saturating_sub(last.elapsed()),
            _ => return None,
        };
        let pause = look.on_host.last.map_or(Duration::ZERO, |last| {
            self.look_pause().saturating_sub(last.elapsed())
        });
        Some(late.max(pause))
    }

    pub(super) fn begin_look_on_host(&mut self) {
        self.look.on_host.took |= std::mem::take(&mut self.look.wanted);
        self.look.begun += 1;
        self.look.on_host.number = self.look.begun;
        self.look.on_host.under_way = true;
        self.look.on_host.overtaken = false;
        self.look.on_host.last = Some(Instant::now());
        let (epoch, files_epoch) = (self.look.epoch, self.look.files_epoch);
        let processes = self.world.processes();
        let hashing = self.hashing();
        self.spawn(async move {
            let (processes, sources) = tokio::join!(processes, hashing);
            Input::LookedOnHost {
                epoch,
                sources: (files_epoch, sources),
                processes,
            }
        });
    }

    pub(super) fn looked_on_host(
        &mut self,
        epoch: u64,
        (files_epoch, hashed): (u64, (u64, Hashed)),
        processes: Vec<ObservedContainer>,
    ) {
        self.look.on_host.under_way = false;
        self.take_hashes(hashed, files_epoch == self.look.files_epoch);
        if epoch != self.look.epoch || self.look.on_host.overtaken {
            self.look.wanted = true;
            return;
        }
        let stack = std::sync::Arc::clone(&self.stack);
        let covers = |service: &str| is_run_on_host(&stack, service);
        self.look.believe(self.look.on_host.number, covers);
        self.look.after_outage = false;
        self.look.on_host.alone = true;
        self.observed.containers.retain(|c| !c.is_process());
        self.observed.containers.extend(processes);
        self.observed.inputs.clone_from(&self.sources.inputs);
        self.observed.jobs.clone_from(&self.jobs.records);
        self.supervise_scope();
        self.settle_jobs();
        self.see_instances();
        self.plan();
        self.attend();
    }

    /// A look at everything is taken in. Processes may have been looked at after it was asked.
    pub(super) fn looked_at_everything(&mut self, observed: &mut Observed) {
        let on_host = &mut self.look.on_host;
        on_host.away = None;
        on_host.overtaken = on_host.under_way;
        let newer = std::mem::take(&mut on_host.alone) && on_host.number > self.look.number;
        if newer {
            observed.containers.retain(|c| !c.is_process());
            let known = self.observed.containers.iter();
            observed
                .containers
                .extend(known.filter(|c| c.is_process()).cloned());
        }
        self.look.wanted |= self.look.on_host.took;
    }

    /// Told to end, it ends what it can reach, and does not wait for the container engine for ever.
    pub(super) fn end_without_engine(&mut self) {
        let look = &self.look;
        let Some((since, message)) = &look.on_host.away else {
            return;
        };
        let waits = match look.seen {
            _ if self.at_once => false,
            true => since.elapsed() < AWAY,
            false => look.failures <= TRIES,
        };
        let looks = self.has_processes() && (look.wanted || look.on_host.under_way);
        let works = !self.walk.is_idle() || self.walk.open_operations() > 0;
        let tries = !self.refused.is_empty() && !self.refused.is_spent();
        let is_open = waits || looks || works || tries || self.reads_last_words;
        if is_open || !self.is_ending() || self.outcome.is_some() {
            return;
        }
        let failure = engine_is_away(message);
        self.notice(super::event::Level::Error, failure.message.clone());
        let mut failures = vec![(String::new(), failure)];
        failures.extend(self.refused.failures());
        self.outcome = Some(Outcome::Failed(failures));
    }
}

/// What is left to a person whose containers nobody reaches.
fn engine_is_away(message: &str) -> Failure {
    let named = match message.starts_with("the container engine") {
        true => message.to_owned(),
        false => format!("the container engine does not answer: {message}"),
    };
    Failure {
        class: FailureClass::Engine,
        message: format!("{named}; its containers are left as they are"),
        detail: Vec::new(),
        help: Some("once it runs (`docker version`), say it again".to_owned()),
    }
}
