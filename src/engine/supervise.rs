//! Supervision of one service: when a crashed one may start again, and when to give up. No I/O, no clock: `now` is
//! milliseconds since 1970 throughout.

#[cfg(test)]
mod tests;

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
/// How long a life has to run before it counts as ready where no probe says so, in milliseconds: a command that is not found
/// and a configuration that is refused end by then. Everybody who waits pays for it (docs/design/rebuild.md).
const OUTLIVES: u64 = 300;
/// How much longer than the life that crashed the next one has to run, and the most that is asked of it altogether.
const OUTLIVES_BY: u64 = 1_000;
const PROOF: u64 = 10_000;
/// Tries of an operation that failed for the engine's own reasons.
const ENGINE_TRIES: u32 = 6;
/// Tries of one for which the name was taken: a container that is still being made for an engine that was killed comes
/// to light in the next look, while anybody else's keeps the name.
const NAME_TRIES: u32 = 2;

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
    /// It has done what it was there for.
    finished: bool,
    /// The newest life, until it ends.
    life: Option<Generation>,
    /// When that began.
    life_since: u64,
    /// How long the last life was that crashed, in milliseconds; `None` once another was ready for long enough.
    crashed_after: Option<u64>,
    /// Until when that has to be ready. A crash does not move it.
    awaited: Option<u64>,
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
            finished: false,
            life: None,
            life_since: 0,
            crashed_after: None,
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
        if self.life.as_ref() == Some(generation) {
            return;
        }
        self.finished = false;
        self.life = Some(generation.clone());
        self.life_since = started;
        self.engine_failures = 0;
        self.ready_since = None;
        if self.awaited.is_none() || self.is_rejected() {
            self.await_readiness(started);
        }
    }

    /// For how many milliseconds it has to run before it counts as ready, where no probe says so. After a crash it has to
    /// outlive the life that crashed.
    pub fn proof(&self) -> u64 {
        self.crashed_after.map_or(OUTLIVES, |after| {
            after.saturating_add(OUTLIVES_BY).min(PROOF)
        })
    }

    /// Its last life crashed before it was ready for long.
    pub fn has_crashed(&self) -> bool {
        self.crashed_after.is_some()
    }

    fn await_readiness(&mut self, from: u64) {
        if !self.job {
            self.awaited = Some(from.saturating_add(self.within));
        }
    }

    /// It was ready in this life, and is not any more: it has as long to get there again.
    pub fn on_unready(&mut self, now: u64) {
        if self.life.is_some() && self.ready_since.is_some() && self.awaited.is_none() {
            self.await_readiness(now);
        }
    }

    /// A life ended because it was told to: nothing is awaited of it.
    pub fn on_stopped(&mut self, generation: &Generation) {
        if self.life.as_ref() == Some(generation) {
            self.life = None;
            self.awaited = None;
            self.ready_since = None;
        }
    }

    /// It ended well by itself, and may: nothing starts it again but a person.
    pub fn on_finished(&mut self, generation: &Generation) {
        self.on_stopped(generation);
        self.counted = Some(generation.clone());
        self.finished = true;
        self.restarts = 0;
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

    /// Its container ended by itself with this exit code. `failure` says how; each life counts once.
    pub fn on_exit(
        &mut self,
        generation: &Generation,
        code: i64,
        failure: Failure,
        now: u64,
    ) -> Verdict {
        let ready_since = self.ready_since.take();
        let awaited = self.awaited.filter(|_| ready_since.is_none());
        self.on_stopped(generation);
        if self.counted.as_ref() == Some(generation) {
            return Verdict::Steady;
        }
        self.counted = Some(generation.clone());
        if self.gave_up.is_some() {
            // It had run on, and does so no more.
            return self.give_up(failure);
        }
        self.awaited = awaited;
        let was_steady = ready_since.is_some_and(|since| now.saturating_sub(since) >= STEADY);
        self.crashed_after = (!was_steady).then(|| now.saturating_sub(self.life_since));
        if was_steady {
            self.restarts = 0;
        }
        let allowed = match self.policy {
            Restart::No => 0,
            // It has no failure to restart on.
            Restart::OnFailure { .. } if code == 0 => 0,
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
        let alone = self.policy == Restart::Auto && ready_since.is_some();
        if alone && is_by_hand(code) && failure.class != FailureClass::OutOfMemory {
            // Whoever ended what was ready, wants to see it come back, and not to be told that it does not work.
            self.restarts = self.restarts.min(allowed.saturating_sub(1));
        }
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
        let tries = match failure.class {
            FailureClass::Engine => ENGINE_TRIES,
            FailureClass::NameTaken => NAME_TRIES,
            _ => 0,
        };
        if self.engine_failures >= tries {
            return self.give_up(failure);
        }
        self.engine_failures += 1;
        let at = now.saturating_add(pause(self.engine_failures));
        self.not_before = Some(at);
        Verdict::Again {
            at,
            attempt: self.engine_failures,
        }
    }

    /// What was to replace a running container does not get ready, and that comes back: only a change tries it again. What
    /// comes back has its time, too.
    pub fn on_rejected(&mut self, failure: Failure, now: u64) {
        self.counted = self.life.take().or(self.counted.take());
        let is_ready = self.ready_since.is_some() && self.awaited.is_none();
        self.awaited = None;
        self.ready_since = None;
        self.give_up(failure);
        if !is_ready {
            self.await_readiness(now);
        }
    }

    /// What runs is what was to be replaced.
    fn is_rejected(&self) -> bool {
        self.gave_up
            .as_ref()
            .is_some_and(|failure| failure.class == FailureClass::Replacement)
    }

    /// Whether anybody waits for it to get ready.
    fn is_awaited(&self) -> bool {
        self.gave_up.is_none() || self.is_rejected()
    }

    /// The same where that has run on all along.
    pub fn on_outdone(&mut self, failure: Failure) {
        self.give_up(failure);
    }

    /// Time passed: the deadline for readiness, and the end of a pause.
    pub fn on_time(&mut self, now: u64, answer: &str) -> Verdict {
        if self.not_before.is_some_and(|at| at <= now) {
            self.not_before = None;
        }
        match self.awaited {
            Some(deadline) if deadline <= now && self.is_awaited() => {
                self.awaited = None;
                self.ready_since = None;
                let failure = not_ready(self.within, answer);
                if self.is_rejected() {
                    // Should it get there after all, the new one is not tried again for that.
                    let message = "neither the new one nor the one before got ready in time";
                    return Verdict::GaveUp(Failure {
                        message: message.to_owned(),
                        ..failure
                    });
                }
                let restarts_for_ever =
                    matches!(self.policy, Restart::Always | Restart::UnlessStopped);
                if restarts_for_ever || self.restarts > 0 {
                    // Nobody waits for it any longer; how often it is started again, its policy says.
                    Verdict::GaveUp(failure)
                } else {
                    self.give_up(failure)
                }
            }
            _ => Verdict::Steady,
        }
    }

    /// The container engine answers again, or what runs makes way for something else: the time until then does not count.
    pub fn on_resumed(&mut self, now: u64) {
        if self.awaited.is_some() {
            self.await_readiness(now);
        }
    }

    /// Somebody asked, or something it is made from changed: it starts with a clean slate, and what runs of it and is
    /// not ready has its time again. Without a probe it still has to outlive the life that crashed.
    pub fn reset(&mut self, now: u64) {
        self.restarts = 0;
        self.engine_failures = 0;
        self.not_before = None;
        self.gave_up = None;
        self.finished = false;
        if self.life.is_none() {
            self.awaited = None;
        }
        if self.life.is_some() && (self.ready_since.is_none() || self.awaited.is_some()) {
            self.await_readiness(now);
        }
    }

    /// The next time at which `on_time` may say something.
    pub fn next_deadline(&self) -> Option<u64> {
        let readiness = self.awaited.filter(|_| self.is_awaited());
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
            None if self.finished => Some(Standing::GaveUp),
            None => self
                .not_before
                .filter(|at| *at > now)
                .map(|_| Standing::Backoff),
        }
    }

    /// The end of the pause that it is in.
    pub fn paused_until(&self, now: u64) -> Option<u64> {
        self.not_before
            .filter(|at| *at > now && self.gave_up.is_none())
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

/// `within`: milliseconds; `answer`: the last one of the probe, which may be empty.
pub(super) fn not_ready(within: u64, answer: &str) -> Failure {
    let seconds = within as f64 / 1000.0;
    Failure {
        class: FailureClass::NotReady,
        message: format!("not ready within {seconds} s"),
        detail: if answer.is_empty() {
            Vec::new()
        } else {
            vec![answer.to_owned()]
        },
        help: Some("`ready.within` in the stack file sets the deadline".to_owned()),
    }
}

/// Whoever ends it from outside does so by one of these signals: HUP, INT, KILL, TERM.
fn is_by_hand(code: i64) -> bool {
    [1, 2, 9, 15].contains(&(code - 128))
}

/// The pause before try `n`, from 1.
fn pause(n: u32) -> u64 {
    FIRST_PAUSE
        .checked_shl(n.saturating_sub(1).min(16))
        .unwrap_or(LONGEST_PAUSE)
        .min(LONGEST_PAUSE)
}
