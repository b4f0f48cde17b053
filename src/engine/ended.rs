//! The end of an `up` by itself: what it was asked for has ended, and nothing can make it run again but another `up`.

use std::time::Duration;

use super::core::Engine;
use super::event::FailureClass;
use super::goal::{Goal, Outcome, Until};
use super::input::Input;
use super::state::InstanceState;
use crate::plan::observed::Status;
use crate::stack::{Restart, Service, Source};

/// Between two looks at whether what ended has been read to its end.
const PAUSE: Duration = Duration::from_millis(20);
/// So many of those are enough.
const PAUSES: u32 = 100;

impl Engine {
    /// Ends, where everything has: `verdict` is that of all that is wanted. What was needed for it goes on running.
    pub(super) fn end_with_all(&mut self, verdict: &Outcome) {
        if self.until != Until::Ended {
            return;
        }
        let Some(outcome) = self.all_ended(verdict) else {
            self.take_back();
            return;
        };
        self.hand_over();
        if !self.walk.is_idle() || self.reads_last_words {
            return;
        }
        if self.pauses < PAUSES && self.is_ended_followed() {
            self.pauses += 1;
            self.reads_last_words = true;
            self.spawn(async {
                tokio::time::sleep(PAUSE).await;
                Input::LastWords
            });
            return;
        }
        self.outcome = Some(outcome);
    }

    fn is_ended_followed(&self) -> bool {
        let mut containers = self.observed.containers.iter();
        containers.any(|container| {
            let has_ended = matches!(container.status, Status::Exited { .. });
            has_ended && self.instances.is_followed(&container.generation())
        })
    }

    /// `None`: something runs, could not begin, or is stopped by hand, or a saved file would make it run again. That a container ended with
    /// another code than 0 is no failure of this `up`.
    fn all_ended(&self, verdict: &Outcome) -> Option<Outcome> {
        let Goal::Up { services, stopped } = &self.goal else {
            return None;
        };
        let scope = self.scope();
        let mut all = scope
            .iter()
            .filter_map(|name| self.stack.services.get(name));
        if services.is_empty() || !stopped.is_empty() || all.any(is_watched) {
            return None;
        }
        let named = services.iter().map(|name| {
            let written = self.stack.services.get(name);
            (written, self.state.service(name))
        });
        let mut began = true;
        for (written, state) in named {
            let (written, state) = (written?, state?);
            let restarts = matches!(
                written.restart,
                Restart::Auto | Restart::Always | Restart::UnlessStopped
            );
            let mut instances = state.instances.values();
            if state.work.is_some() || !instances.all(is_over) || (restarts && !written.is_job()) {
                return None;
            }
            let has_ended = |instance: &InstanceState| {
                let found = instance.found.as_ref();
                found.is_some_and(|found| matches!(found.status, Status::Exited { .. }))
            };
            began &= state.done || state.instances.values().any(has_ended);
        }
        let ended = |class| matches!(class, FailureClass::Exited | FailureClass::OutOfMemory);
        match verdict {
            // What could not begin may yet.
            Outcome::Failed(failures) if !failures.iter().all(|(_, why)| ended(why.class)) => None,
            Outcome::Failed(_) if !began => Some(verdict.clone()),
            _ => began.then_some(Outcome::Done),
        }
    }
}

fn is_over(instance: &InstanceState) -> bool {
    let found = instance.found.as_ref();
    instance.successor.is_none() && !found.is_some_and(|found| found.status.is_up())
}

/// Whether a saved file brings something new to it.
fn is_watched(service: &Service) -> bool {
    let is_built = match &service.source {
        Source::Build(build) => build.folder().is_some(),
        Source::Run(_) => true,
        Source::Image(_) => false,
    };
    is_built || !service.watch.is_empty()
}
