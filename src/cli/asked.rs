//! The services that a command was asked for, and what counts for them.

use std::collections::BTreeSet;

use crate::engine::goal::Outcome;
use crate::engine::state::State;

/// What is judged, and by which names the closing line goes.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Empty: the whole stack, as far as it is wanted.
    pub named: Vec<String>,
    /// What they need counts, too.
    pub with_needs: bool,
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
        match self.services(state) {
            Some(services) => state.verdict_of(&services),
            None => state.verdict(),
        }
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
