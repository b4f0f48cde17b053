//! What stays as it was made although the stack file has other options for it now.

use std::collections::{BTreeMap, BTreeSet};

use super::core::Engine;
use super::event::Level;
use crate::plan::{Action, Cause, Operation, Plan, Subject};

/// What is known of that.
#[derive(Debug, Default)]
pub(super) struct Outdated {
    /// What was told of, with the hash that it should have.
    told: BTreeSet<(String, String)>,
    /// Networks that could not go: others are on them.
    pub held: BTreeSet<String>,
}

impl Engine {
    /// A network could not be removed so that it can be made anew: what was stopped for it begins again on it as it is.
    pub(super) fn holds_network(&mut self, operation: &Operation) -> bool {
        let is_removal = matches!(operation.action, Action::RemoveNetwork { .. });
        match &operation.subject {
            Subject::Network(name) if is_removal && operation.cause == Cause::NetworkChanged => {
                self.outdated.held.insert(name.clone())
            }
            _ => false,
        }
    }

    /// Says so once for each change. A volume is never made anew by itself: its data would be gone. A network is, but not
    /// while something is on it that is not asked for now. `plan`: what is left to do.
    pub(super) fn tell_outdated(&mut self, plan: &Plan) {
        let mut outdated = BTreeMap::new();
        for volume in &self.desired.volumes {
            let observed = self.observed.volumes.get(&volume.name);
            if observed.is_some_and(|observed| observed.is_outdated(volume)) {
                let text = format!(
                    "volume {} was made with other options than the stack file has now, and stays as it is with its data; \
                     once it is removed (`dev down --volumes` does that, data and all) the new ones count",
                    volume.name
                );
                outdated.insert((volume.name.clone(), volume.hash()), text);
            }
        }
        let networks = self.desired.networks.iter();
        for network in networks.filter(|_| plan.operations.is_empty()) {
            let observed = self.observed.networks.get(&network.name);
            if observed.is_some_and(|observed| observed.is_outdated(network)) {
                let others = match self.outdated.held.contains(&network.name) {
                    true => {
                        "other containers are on it; the next `dev up` without those makes it anew"
                    }
                    false => {
                        "services are on it that were not asked for; `dev up` of all of them makes it anew"
                    }
                };
                let text = format!(
                    "network {} was made with other options than the stack file has now, and stays as it is while {others}",
                    network.name
                );
                outdated.insert((network.name.clone(), network.hash()), text);
            }
        }
        for (key, text) in &outdated {
            if !self.outdated.told.contains(key) {
                self.notice(Level::Warning, text.clone());
            }
        }
        let is_there = |name: &String| outdated.keys().any(|(told, _)| told == name);
        self.outdated.told.retain(|(name, _)| is_there(name));
        self.outdated.told.extend(outdated.into_keys());
    }
}
