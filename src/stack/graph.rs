//! Cycles over `needs`.

use std::collections::BTreeMap;

/// Cycles such as `[a, b]` for a → b → a, each from its first name in the alphabet, and no service in two of them. A
/// service that needs itself is a cycle of one. Names that no key has lead nowhere.
pub fn cycles<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<Vec<&'a str>> {
    let mut walk = Walk {
        needs,
        marks: BTreeMap::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    for start in needs.keys() {
        walk.from(start);
    }
    walk.found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// On the path, at this place.
    Open(usize),
    Done,
    /// In a cycle that was found.
    Cyclic,
}

struct Walk<'a, 'n> {
    needs: &'n BTreeMap<&'a str, Vec<&'a str>>,
    marks: BTreeMap<&'a str, Mark>,
    /// Service, and how many of its needs were looked at. Our own stack: a chain may be longer than a thread's.
    path: Vec<(&'a str, usize)>,
    found: Vec<Vec<&'a str>>,
}

impl<'a> Walk<'a, '_> {
    fn from(&mut self, start: &'a str) {
        self.open(start);
        while let Some((name, looked)) = self.path.last_mut() {
            let name = *name;
            let next = self
                .needs
                .get(name)
                .and_then(|needs| needs.get(*looked))
                .copied();
            *looked += 1;
            match next {
                Some(next) => self.step(next),
                None => {
                    self.path.pop();
                    let mark = self.marks.entry(name).or_insert(Mark::Done);
                    if matches!(mark, Mark::Open(_)) {
                        *mark = Mark::Done;
                    }
                }
            }
        }
    }

    fn step(&mut self, next: &'a str) {
        match self.marks.get(next) {
            None => self.open(next),
            Some(Mark::Open(at)) => {
                let ring: Vec<&str> = self.path[*at..].iter().map(|(name, _)| *name).collect();
                // Another cycle through a service that is in one already would only say the same again.
                if ring
                    .iter()
                    .all(|name| self.marks.get(name) != Some(&Mark::Cyclic))
                {
                    self.close(ring);
                }
            }
            Some(Mark::Done | Mark::Cyclic) => {}
        }
    }

    fn open(&mut self, name: &'a str) {
        if self.needs.contains_key(name) && !self.marks.contains_key(name) {
            self.marks.insert(name, Mark::Open(self.path.len()));
            self.path.push((name, 0));
        }
    }

    fn close(&mut self, mut ring: Vec<&'a str>) {
        for name in &ring {
            self.marks.insert(name, Mark::Cyclic);
        }
        let first = ring
            .iter()
            .enumerate()
            .min_by_key(|(_, name)| **name)
            .map_or(0, |(at, _)| at);
        ring.rotate_left(first);
        self.found.push(ring);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(&'static str, &[&'static str])]) -> Vec<Vec<&'static str>> {
        cycles(
            &edges
                .iter()
                .map(|(name, needs)| (*name, needs.to_vec()))
                .collect(),
        )
    }

    #[test]
    fn a_stack_in_order_has_none() {
        assert!(
            found(&[
                ("api", &["db", "cache", "gone"]),
                ("cache", &["db"]),
                ("db", &[])
            ])
            .is_empty()
        );
    }

    #[test]
    fn each_ring_is_told_once() {
        let edges: &[(&str, &[&str])] = &[
            ("web", &["api"]),
            ("api", &["jobs", "db"]),
            ("db", &["api"]),
            ("jobs", &[]),
            ("x", &["x"]),
        ];
        assert_eq!(found(edges), [vec!["api", "db"], vec!["x"]]);
        assert_eq!(
            found(&[("c", &["a"]), ("a", &["b"]), ("b", &["c"])]),
            [vec!["a", "b", "c"]]
        );
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let names: Vec<String> = (0..50_000).map(|n| format!("s{n:05}")).collect();
        let mut needs: BTreeMap<&str, Vec<&str>> = names
            .windows(2)
            .map(|w| (w[0].as_str(), vec![w[1].as_str()]))
            .collect();
        needs.insert(&names[49_999], vec![&names[0]]);
        assert_eq!(cycles(&needs)[0].len(), 50_000);
    }
}
