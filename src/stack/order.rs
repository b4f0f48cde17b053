//! The order of the graph: what is needed comes first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Service, Source, Stack};

impl Stack {
    /// Every service once, what is needed before what needs it, by name among equals.
    pub fn in_order(&self) -> Vec<String> {
        order(&self.services.values().collect::<Vec<_>>())
    }
}

impl Service {
    /// What it is made from, in a few words.
    pub fn source_text(&self) -> String {
        match (&self.preset, &self.source) {
            (Some(preset), Source::Run(_)) => format!("{preset} on the host"),
            (Some(preset), _) => preset.clone(),
            (None, Source::Image(image)) => image.clone(),
            (None, Source::Build(_)) => "build".to_owned(),
            (None, Source::Run(command)) => command.clone(),
        }
    }
}

/// Services in an order in which each comes after what it needs, by name where that leaves a choice. What is on a cycle
/// (a stack file with one is refused) comes last.
pub fn order(services: &[&Service]) -> Vec<String> {
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let names: BTreeSet<&str> = services
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for service in services {
        let needs = service
            .needs
            .keys()
            .map(String::as_str)
            .filter(|need| names.contains(need));
        missing.insert(&service.name, needs.clone().count());
        needs.for_each(|need| needed_by.entry(need).or_default().push(&service.name));
    }
    let mut free: BTreeSet<&str> = missing
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| *name)
        .collect();
    let mut order = Vec::with_capacity(services.len());
    while let Some(name) = free.pop_first() {
        missing.remove(name);
        order.push(name.to_owned());
        for dependent in needed_by.get(name).into_iter().flatten() {
            if let Some(count) = missing.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    free.insert(dependent);
                }
            }
        }
    }
    order.extend(missing.into_keys().map(str::to_owned));
    order
}
