//! What was told of one service.

use crate::engine::state::Phase;
use crate::view::time::took;

/// How long something may take before it is told that it still does.
const PATIENCE: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub phase: Option<Phase>,
    /// When the process that runs now was started: entry into `Starting` or `Running`.
    began: Option<u64>,
    pub held_by: Vec<String>,
    pub degraded_by: Vec<String>,
    /// When to say that the phase still lasts, and after how long to say so once more.
    pub remind: Option<(u64, u64)>,
}

impl Seen {
    pub fn enter(&mut self, phase: Phase, at: u64) {
        match phase {
            Phase::Starting | Phase::Running => self.began = Some(at),
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
        self.remind = slow.then(|| (at.saturating_add(PATIENCE), PATIENCE * 2));
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
