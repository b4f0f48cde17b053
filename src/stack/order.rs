//! The order of the graph: what is needed comes first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Service, Source, Stack};

impl Stack {
    /// Every service once, what is needed before what needs it, by name among equals.
    pub fn in_order(&self) -> Vec<String> {
        let mut open: BTreeMap<&str, usize> = BTreeMap::new();
        let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for service in self.services.values() {
            let needs = service
                .needs
                .keys()
                .filter(|need| self.services.contains_key(*need));
            open.insert(&service.name, needs.clone().count());
            for need in needs {
                dependents.entry(need).or_default().push(&service.name);
            }
        }
        let mut free: BTreeSet<&str> = open
            .iter()
            .filter(|(_, n)| **n == 0)
            .map(|(name, _)| *name)
            .collect();
        let mut order = Vec::with_capacity(self.services.len());
        while let Some(name) = free.pop_first() {
            order.push(name.to_owned());
            for dependent in dependents.get(name).into_iter().flatten() {
                if let Some(count) = open.get_mut(dependent) {
                    *count -= 1;
                    if *count == 0 {
                        free.insert(dependent);
                    }
                }
            }
        }
        order
    }
}

impl Service {
    /// What it is made from, in a few words.
    pub fn source_text(&self) -> String {
        match (&self.preset, &self.source) {
            (Some(preset), _) => preset.clone(),
            (None, Source::Image(image)) => image.clone(),
            (None, Source::Build(_)) => "build".to_owned(),
            (None, Source::Run(command)) => command.clone(),
        }
    }
}
