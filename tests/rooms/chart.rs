//! The arrows as docs/ARCHITECTURE.md says them.

use std::collections::{BTreeMap, BTreeSet};

/// By room: what it may use, a room (`plan`) or a module of one (`engine::event`).
pub type Chart = BTreeMap<String, BTreeSet<String>>;

/// The block that begins with ```` ```arrows ````, one line a room: `plan -> stack`.
pub fn read(page: &str) -> Chart {
    let block = page
        .split_once("```arrows\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(block, _)| block);
    let lines = block.expect("the page has a block ```arrows").lines();
    lines
        .map(|line| {
            let (room, targets) = line.split_once("->").expect(line);
            let targets = targets.split(',').map(str::trim).filter(|t| !t.is_empty());
            (room.trim().to_owned(), targets.map(str::to_owned).collect())
        })
        .collect()
}
