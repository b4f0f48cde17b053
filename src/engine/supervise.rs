//! Supervision of one service: when a crashed one may start again, and when to give up. No I/O, no clock: `now` is
//! milliseconds since 1970 throughout.

use super::event::{Failure, FailureClass};
use crate::plan::observed::Generation;
use crate::plan::reconcile::Standing;
use crate::stack::Restart;

/// Pause before the first restart, in milliseconds; doubled for each further one.
const FIRST_PAUSE: u64 = 200;
/// Longest pause between restarts, in milliseconds.
const LONGEST_PAUSE: u64 = 10_000;
/// Restarts in a row where the stack file names no number.
const RESTARTS: u32 = 5;
/// A service that was ready for this long, in milliseconds, has its restarts back.
const STEADY: u64 = 10_000;
/// Tries of an operation that failed for the engine's own reasons.
const ENGINE_TRIES: u32 = 6;

/// What is remembered of one service between its lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervisor {
    policy: Restart,
    job: bool,
    /// Milliseconds from the start of a container until it has to be ready.
    within: u64,
    restarts: u32,
    engine_failures: u32,
    /// Earliest next start.
    not_before: Option<u64>,
    gave_up: Option<Failure>,
    /// The life whose readiness is awaited, and until when.
    awaited: Option<(Generation, u64)>,
    ready_since: Option<u64>,
    /// Ends that were counted already.
    counted: Option<Generation>,
}

/// What follows from something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changes.
    Steady,
    /// It will be tried again at this time.
    Again {
        at: u64,
        attempt: u32,
    },
    GaveUp(Failure),
}

impl Supervisor {
    pub fn new(policy: Restart, job: bool, within: std::time::Duration) -> Self {
        Self {
            policy,
            job,
            within: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
            restarts: 0,
            engine_failures: 0,
            not_before: None,
            gave_up: None,
            awaited: None,
            ready_since: None,
            counted: None,
        }
    }

    /// A reloaded stack file may say otherwise; what happened so far still counts.
    pub fn configure(&mut self, policy: Restart, job: bool, within: std::time::Duration) {
        let fresh = Self::new(policy, job, within);
        (self.policy, self.job, self.within) = (fresh.policy, fresh.job, fresh.within);
    }

    /// A container of it was started (or found running, for the first time).
    pub fn on_started(&mut self, generation: &Generation, started: u64) {
        if self.awaited.as_ref().is_some_and(|(awaited, _)| awaited == generation) {
            return;
        }
        self.engine_failures = 0;
        self.ready_since = None;
        if !self.job {
            self.awaited = Some((generation.clone(), started.saturating_add(self.within)));
        }
    }

    pub fn on_ready(&mut self, now: u64) {
        self.ready_since.get_or_insert(now);
        self.awaited = None;
        if self
            .gave_up
            .as_ref()
            .is_some_and(|failure| failure.class == FailureClass::NotReady)
        {
            self.gave_up = None;
        }
    }

    /// Its container ended by itself. `failure` says how; each life counts once.
    pub fn on_exit(&mut self, generation: &Generation, failure: Failure, now: u64) -> Verdict {
        if self.counted.as_ref() == Some(generation) || self.gave_up.is_some() {
            return Verdict::Steady;
        }
        self.counted = Some(generation.clone());
        self.awaited = None;
        if self
            .ready_since
            .take()
            .is_some_and(|since| now.saturating_sub(since) >= STEADY)
        {
            self.restarts = 0;
        }
        let allowed = match self.policy {
            Restart::No => 0,
            Restart::Auto | Restart::OnFailure { max: None } => {
                if self.job {
                    0
                } else {
                    RESTARTS
                }
            }
            Restart::OnFailure { max: Some(max) } => max,
            Restart::Always | Restart::UnlessStopped => u32::MAX,
        };
        if self.restarts >= allowed {
            return self.give_up(failure);
        }
        self.restarts += 1;
        let at = now.saturating_add(pause(self.restarts));
        self.not_before = Some(at);
        Verdict::Again {
            at,
            attempt: self.restarts,
        }
    }

    /// An operation on it failed.
    pub fn on_failed(&mut self, failure: Failure, now: u64) -> Verdict {
        match failure.class {
            FailureClass::Engine if self.engine_failures < ENGINE_TRIES => {
                self.engine_failures += 1;
                let at = now.saturating_add(pause(self.engine_failures));
                self.not_before = Some(at);
                Verdict::Again {
                    at,
                    attempt: self.engine_failures,
                }
            }
            _ => self.give_up(failure),
        }
    }

    /// Time passed: the deadline for readiness, and the end of a pause.
    pub fn on_time(&mut self, now: u64, answer: &str) -> Verdict {
        if self.not_before.is_some_and(|at| at <= now) {
            self.not_before = None;
        }
        match &self.awaited {
            Some((_, deadline)) if *deadline <= now && self.gave_up.is_none() => {
                self.awaited = None;
                let seconds = self.within as f64 / 1000.0;
                self.give_up(Failure {
                    class: FailureClass::NotReady,
                    message: format!("not ready within {seconds} s"),
                    detail: if answer.is_empty() {
                        Vec::new()
                    } else {
                        vec![answer.to_owned()]
                    },
                    help: Some("`ready.within` in the stack file sets the deadline".to_owned()),
                })
            }
            _ => Verdict::Steady,
        }
    }

    /// Somebody asked, or something it is made from changed: it starts with a clean slate.
    pub fn reset(&mut self) {
        self.restarts = 0;
        self.engine_failures = 0;
        self.not_before = None;
        self.gave_up = None;
        self.ready_since = None;
    }

    /// The next time at which `on_time` may say something.
    pub fn next_deadline(&self) -> Option<u64> {
        let readiness = self
            .awaited
            .as_ref()
            .map(|(_, deadline)| *deadline)
            .filter(|_| self.gave_up.is_none());
        match (self.not_before, readiness) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What planning may do with it at `now`; `None`: go on.
    pub fn standing(&self, now: u64) -> Option<Standing> {
        match &self.gave_up {
            // It runs, and may still get ready: planning keeps it as it is.
            Some(_) => Some(Standing::GaveUp),
            None => self.not_before.filter(|at| *at > now).map(|_| Standing::Backoff),
        }
    }

    /// The end of the pause that it is in.
    pub fn paused_until(&self, now: u64) -> Option<u64> {
        self.not_before.filter(|at| *at > now && self.gave_up.is_none())
    }

    pub fn failure(&self) -> Option<&Failure> {
        self.gave_up.as_ref()
    }

    fn give_up(&mut self, failure: Failure) -> Verdict {
        self.not_before = None;
        self.gave_up = Some(failure.clone());
        Verdict::GaveUp(failure)
    }
}

/// The pause before try `n`, from 1.
fn pause(n: u32) -> u64 {
    FIRST_PAUSE
        .checked_shl(n.saturating_sub(1).min(16))
        .unwrap_or(LONGEST_PAUSE)
        .min(LONGEST_PAUSE)
}
