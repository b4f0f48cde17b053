//! One container taking the place of another: both are there for a while, and one of them is the one that counts.

use std::collections::BTreeSet;

use super::desired::ContainerSpec;
use super::observed::{Observed, ObservedContainer, Status};

/// Ends the name of a container until it has taken the place of the one before. No other container of ours ends so: those
/// end with their number.
const SUCCESSOR: &str = ".next";

/// `gold-api-1` → `gold-api-1.next`
pub fn successor_name(name: &str) -> String {
    format!("{name}{SUCCESSOR}")
}

/// Everything that there is of one instance of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its container, or the one that it had before.
    pub holder: &'a ObservedContainer,
    /// What is to take the place of `holder`, where that is not done.
    pub successor: Option<&'a ObservedContainer>,
}

impl<'a> Place<'a> {
    /// The one that serves, or last did: the one before, unless it was stopped for the new one.
    pub fn current(&self) -> &'a ObservedContainer {
        match self.successor {
            Some(next) if !serves(self.holder) && next.status != Status::Created => next,
            _ => self.holder,
        }
    }

    /// The one to come, which runs already while the one before still counts.
    pub fn candidate(&self) -> Option<&'a ObservedContainer> {
        self.successor
            .filter(|next| next.id != self.current().id && serves(next))
    }

    /// The new one, where it was started: it may count already, or not yet.
    pub fn coming(&self) -> Option<&'a ObservedContainer> {
        match self.is_on_trial() {
            true => self.successor,
            false => self.candidate(),
        }
    }

    /// The new one counts, and what it replaces is still there to come back.
    pub fn is_on_trial(&self) -> bool {
        self.successor
            .is_some_and(|next| next.id == self.current().id)
    }
}

fn serves(container: &ObservedContainer) -> bool {
    container.is_running() || container.status == Status::Restarting
}

impl ObservedContainer {
    /// It was made to take the place of another one.
    pub fn is_successor(&self) -> bool {
        self.name.ends_with(SUCCESSOR)
    }

    /// Others do not find it by all the names that it should have.
    pub fn lacks_names(&self, spec: &ContainerSpec) -> bool {
        spec.networks.iter().any(|wanted| {
            let has = self.aliases.get(&wanted.network);
            let mut names = wanted.aliases.iter();
            !names.all(|name| has.is_some_and(|has| has.contains(name)))
        })
    }

    /// Others find it by one of those names.
    pub fn has_a_name(&self, spec: &ContainerSpec) -> bool {
        spec.networks.iter().any(|wanted| {
            let has = self.aliases.get(&wanted.network);
            let mut names = wanted.aliases.iter();
            names.any(|name| has.is_some_and(|has| has.contains(name)))
        })
    }
}

impl Observed {
    /// What there is of one instance.
    pub fn place(&self, service: &str, index: u32) -> Option<Place<'_>> {
        let of_it = || {
            self.containers
                .iter()
                .filter(move |container| container.service == service && container.index == index)
        };
        let successor = of_it().find(|container| container.is_successor());
        let holder = of_it().find(|container| !container.is_successor());
        Some(match (holder, successor) {
            (Some(holder), successor) => Place { holder, successor },
            // Whoever was before is gone.
            (None, successor) => Place {
                holder: successor?,
                successor: None,
            },
        })
    }

    /// Every place, once.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let keys: BTreeSet<(&str, u32)> = self
            .containers
            .iter()
            .map(|container| (container.service.as_str(), container.index))
            .collect();
        keys.into_iter()
            .filter_map(|(service, index)| self.place(service, index))
    }

    /// Of each instance the container that counts.
    pub fn current(&self) -> impl Iterator<Item = &ObservedContainer> {
        self.places().map(|place| place.current())
    }

    /// Whether a container is one that counts while what it replaces is still there.
    pub fn is_on_trial(&self, container: &ObservedContainer) -> bool {
        self.place(&container.service, container.index)
            .is_some_and(|place| place.is_on_trial() && place.current().id == container.id)
    }
}
