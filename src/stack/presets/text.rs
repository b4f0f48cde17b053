//! Text of the data files: `{name}` is filled in when a preset is expanded, `${self.…}` stays a reference.

use std::collections::BTreeMap;

use crate::stack::Template;

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

/// What is no reference stays as it is; a test shows that the data files have none that is wrong.
pub(super) fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|_| Template::text(text))
}
