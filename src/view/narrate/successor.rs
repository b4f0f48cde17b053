//! What is to take the place of one that serves: that it starts, how long it takes, and what came of it.

use super::Narrator;
use super::memory::{PATIENCE, Seen};
use crate::engine::event::Found;
use crate::engine::state::{InstanceState, Phase, ServiceState};
use crate::view::line::Paint;
use crate::view::time::{age, took};
use crate::view::words;

/// One that was told of, and of which it is not told yet what came of it.
#[derive(Debug)]
pub(super) struct Coming {
    found: Found,
    /// Milliseconds since 1970.
    since: u64,
    /// When to say that it is not ready yet, and after how long to say so once more.
    remind: (u64, u64),
}

impl Coming {
    fn of(next: &InstanceState) -> Option<Self> {
        Some(Self {
            found: next.found.clone()?,
            since: next.seen,
            remind: (next.seen.saturating_add(PATIENCE), PATIENCE * 2),
        })
    }

    fn counts_in(&self, service: &ServiceState) -> bool {
        let mut found = service
            .instances
            .values()
            .filter_map(|one| one.found.as_ref());
        found.any(|found| found.generation == self.found.generation)
    }
}

impl Narrator {
    /// Compares what is to come with what was told of it.
    pub(super) fn successor(&mut self, service: &ServiceState, seen: &mut Seen, at: u64) {
        let next = service.coming().and_then(Coming::of);
        let known = seen.coming.take();
        let is_known = |known: &Coming| {
            next.as_ref()
                .is_some_and(|n| n.found.generation == known.found.generation)
        };
        if known.as_ref().is_some_and(is_known) {
            seen.coming = known;
            return;
        }
        let name = &service.info.name;
        let serves = service.phase == Phase::Ready;
        match known {
            Some(known) if known.counts_in(service) && serves => {
                let text = format!(
                    "the new version is ready in {}",
                    took(at.saturating_sub(known.since))
                );
                self.say(name, Paint::Good, self.look.tick(), false, text);
            }
            // Why it was rejected is told by itself.
            Some(_) if serves && next.is_none() && !words::is_rejected(service) => {
                let text = "the new version is gone; the one before serves on".to_owned();
                self.say(name, Paint::Dim, self.look.dot(), false, text);
            }
            _ => {}
        }
        if next.is_some() {
            let text = "a new version starts; the one before serves until it is ready".to_owned();
            self.say(name, Paint::Busy, self.look.dot(), false, text);
        }
        seen.coming = next;
    }

    /// That it is not ready yet.
    pub(super) fn remind_of_successor(&mut self, service: &ServiceState, now: u64) {
        let name = &service.info.name;
        let Some(coming) = self
            .seen
            .get_mut(name)
            .and_then(|seen| seen.coming.as_mut())
        else {
            return;
        };
        let (due, pause) = coming.remind;
        if due > now {
            return;
        }
        coming.remind = (now.saturating_add(pause), pause.saturating_mul(2));
        let since = age(now.saturating_sub(coming.since));
        let Some(next) = service.coming() else {
            return;
        };
        let why = words::failing(next)
            .map(|answer| format!(": {answer}"))
            .unwrap_or_default();
        let text = format!("the new version is still not ready after {since}{why}");
        self.say(name, Paint::Dim, self.look.dot(), false, text);
    }
}
