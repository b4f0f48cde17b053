use std::collections::BTreeMap;

use crate::stack::Stack;

/// By service: one more than the latest of what it needs, from 1.
pub fn waves(stack: &Stack) -> BTreeMap<String, u32> {
    let mut waves: BTreeMap<String, u32> = BTreeMap::new();
    for name in stack.in_order() {
        let needs = stack.services.get(&name).map(|service| &service.needs);
        let needs = needs.into_iter().flatten();
        let latest = needs.filter_map(|(need, _)| waves.get(need)).max();
        let wave = latest.copied().unwrap_or(0) + 1;
        waves.insert(name, wave);
    }
    waves
}
