//! Text of the data files: `{name}` is filled in when a preset is expanded, `${self.…}` stays a reference.

use std::collections::BTreeMap;

use crate::stack::{Part, Reference, Template};

/// What `{…}` stands for in one expansion.
#[derive(Debug, Default)]
pub(super) struct Blanks {
    /// `None`: known, but without a value here.
    pub one: BTreeMap<&'static str, Option<String>>,
    pub lists: BTreeMap<&'static str, Vec<String>>,
}

impl Blanks {
    /// `None` when a blank in `text` has no value here. `{…}` that is no blank stays as it is.
    pub fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, after) = rest.split_at(open);
            filled.push_str(before);
            let blank = after[1..]
                .split_once('}')
                .filter(|_| !before.ends_with('$'));
            match blank.and_then(|(name, tail)| Some((self.one.get(name)?, tail))) {
                Some((value, tail)) => {
                    filled.push_str(value.as_deref()?);
                    rest = tail;
                }
                None => {
                    filled.push('{');
                    rest = &after[1..];
                }
            }
        }
        filled.push_str(rest);
        Some(filled)
    }

    /// An argument of a command: one for each item if it is a list's blank.
    pub fn arguments(&self, text: &str) -> Vec<String> {
        let list = text
            .strip_prefix('{')
            .and_then(|t| t.strip_suffix('}'))
            .and_then(|name| self.lists.get(name));
        match list {
            Some(items) => items.clone(),
            None => self.fill(text).into_iter().collect(),
        }
    }
}

/// `${self.a.b}` becomes a reference, everything else stays text: shell scripts have a `$` of their own.
pub(super) fn template(text: &str) -> Template {
    const OPEN: &str = "${self.";
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, path, after)) = rest.split_once(OPEN).and_then(|(before, tail)| {
        tail.split_once('}')
            .map(|(path, after)| (before, path, after))
    }) {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Reference(Reference::Own {
            path: path.split('.').map(str::to_owned).collect(),
        }));
        rest = after;
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Template { parts }
}
