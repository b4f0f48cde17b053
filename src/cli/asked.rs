//! The services that a command was asked for, and what counts for them.

use std::collections::BTreeSet;

use crate::engine::goal::Outcome;
use crate::engine::state::{Phase, ServiceState, State};

/// What is judged, and by which names the closing line goes.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Empty: the whole stack, as far as it is wanted.
    pub named: Vec<String>,
    /// What they need counts, too.
    pub with_needs: bool,
    /// Beside an engine that changes things: it has to have compared up to this number, and to have nothing left to do.
    pub since: Option<u64>,
}

impl Asked {
    /// `None`: everything that is wanted.
    fn services(&self, state: &State) -> Option<BTreeSet<String>> {
        let named = self.named.iter().cloned().collect();
        match (self.named.is_empty(), self.with_needs) {
            (true, _) => None,
            (false, true) => Some(state.with_needs(&named)),
            (false, false) => Some(named),
        }
    }

    pub fn verdict(&self, state: &State) -> Option<Outcome> {
        let services = self.services(state);
        let verdict = match &services {
            Some(services) => state.verdict_of(services),
            None => state.verdict(),
        }?;
        let Some(since) = self.since else {
            return Some(verdict);
        };
        let is_left = |service: &&ServiceState| {
            let named = services.as_ref();
            service.pending && named.is_some_and(|named| named.contains(&service.info.name))
        };
        let is_through = match services {
            None => state.settled,
            // Others may take their time; and what failed for good may have left something that waits for it.
            Some(_) if verdict != Outcome::Done => true,
            Some(_) => state.settled || !state.services.iter().any(|s| is_left(&s)),
        };
        (state.compared >= since && is_through).then_some(verdict)
    }

    /// Whether nothing of them runs any more.
    pub fn have_ended(&self, state: &State) -> bool {
        let is_meant = |service: &&ServiceState| match self.named.is_empty() {
            true => service.info.wanted,
            false => self.named.contains(&service.info.name),
        };
        let meant: Vec<&ServiceState> = state.services.iter().filter(is_meant).collect();
        let ends = |service: &&ServiceState| matches!(service.phase, Phase::Done | Phase::Failed);
        !meant.is_empty() && meant.iter().all(ends)
    }

    /// The state with nothing else in it.
    pub fn of(&self, state: &State) -> State {
        let mut state = state.clone();
        if let Some(services) = self.services(&state) {
            state
                .services
                .retain(|service| services.contains(&service.info.name));
            for service in &mut state.services {
                service.info.wanted = true;
            }
        }
        state
    }
}
