//! What was told of one service.

use super::successor::Coming;
use crate::engine::event::Found;
use crate::engine::state::{Phase, ServiceState};
use crate::view::time::took;

/// How long something may take before it is told that it still does.
pub(super) const PATIENCE: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub phase: Option<Phase>,
    /// When the process that runs now was started: entry into `Starting` or `Running`.
    began: Option<u64>,
    pub held_by: Vec<String>,
    pub degraded_by: Vec<String>,
    /// What is to take the place of one that serves.
    pub coming: Option<Coming>,
    /// That it was ready or stopped, and in which lives: it does not become so once more by work on it that ends.
    told: Option<(Phase, Vec<Found>)>,
    /// Since when the phase is timed, milliseconds since 1970.
    pub since: u64,
    /// When to say that the phase still lasts, and after how long to say so once more.
    pub remind: Option<(u64, u64)>,
}

impl Seen {
    /// Whether this very life was said to be so, and only work on it came between.
    pub fn is_told(&self, service: &ServiceState) -> bool {
        let told = self.told.as_ref();
        told.is_some_and(|(phase, lives)| *phase == service.phase && *lives == lives_of(service))
    }

    pub fn enter(&mut self, service: &ServiceState) {
        let (phase, at) = (service.phase, service.since);
        match phase {
            Phase::Pulling | Phase::Building | Phase::Creating | Phase::Stopping => {}
            Phase::Ready | Phase::Stopped => self.told = Some((phase, lives_of(service))),
            _ => self.told = None,
        }
        match phase {
            // What an earlier `dev` started, nobody has timed.
            Phase::Starting | Phase::Running => {
                let is_untimed = service.ran_before() || service.was_running(at);
                self.began = (!is_untimed).then_some(at);
            }
            // A process that lived for less than one look was not seen to start.
            Phase::Waiting | Phase::Creating | Phase::Crashed | Phase::Stopped => self.began = None,
            _ => {}
        }
        // An image made meanwhile does not make the wait a new one.
        let prepares = matches!(
            phase,
            Phase::Waiting | Phase::Pulling | Phase::Building | Phase::Creating
        );
        if !prepares {
            self.held_by.clear();
        }
        if phase != Phase::Ready {
            self.degraded_by.clear();
        }
        let slow = matches!(
            phase,
            Phase::Pulling | Phase::Building | Phase::Starting | Phase::Running | Phase::Stopping
        );
        let first_seen = service.instances.values().map(|one| one.seen).max();
        // For all that anybody knows, what ran before was ready all the time until now.
        self.since = match (phase, first_seen) {
            (Phase::Starting, Some(seen)) if service.ran_before() => seen.max(at),
            _ => at,
        };
        self.remind = slow.then(|| (self.since.saturating_add(PATIENCE), PATIENCE * 2));
        self.phase = Some(phase);
    }

    /// ` in 1.9s` since it was started, where that was seen and it was not ready in between.
    pub fn took(&self, at: u64) -> String {
        match (self.phase, self.began) {
            (Some(Phase::Starting | Phase::Running), Some(began)) => {
                format!(" in {}", took(at.saturating_sub(began)))
            }
            (Some(Phase::Unready), _) => " again".to_owned(),
            _ => String::new(),
        }
    }
}

fn lives_of(service: &ServiceState) -> Vec<Found> {
    let instances = service.instances.values();
    instances.filter_map(|one| one.found.clone()).collect()
}
