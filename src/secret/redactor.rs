use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder};
use secrecy::{ExposeSecret, SecretString};

use super::encode::forms;

/// A shorter value would hit everything.
const SHORTEST: usize = 4;
/// A line of a value with several lines counts by itself from this length on.
const SHORTEST_LINE: usize = 8;
const MASK: &str = "***";

/// Replaces the values of known secrets in text, in the forms in which programs print them: as they are, in URLs, in
/// JSON, in Base64, and line by line.
#[derive(Default)]
pub struct Redactor {
    needles: Vec<String>,
    /// Whether any needle is there; absent when there are none, or too many for one automaton.
    any: Option<Regex>,
}

impl Redactor {
    /// Values with fewer than 4 characters are left out.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let value = secret.expose_secret();
            if value.chars().count() < SHORTEST {
                continue;
            }
            needles.extend(forms(value));
            let lines = value.lines().map(str::trim);
            // The first and last line of a key in PEM say only what it is.
            let lines =
                lines.filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
            needles.extend(lines.flat_map(forms));
        }
        needles.retain(|needle| needle.len() >= SHORTEST);
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        let any = needles
            .iter()
            .map(|needle| regex::escape(needle))
            .collect::<Vec<_>>()
            .join("|");
        let any = if needles.is_empty() {
            None
        } else {
            RegexBuilder::new(&any).size_limit(64 << 20).build().ok()
        };
        Self { needles, any }
    }

    /// `text` with `***` for every value. What overlaps becomes one.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.needles.is_empty() || self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return Cow::Borrowed(text);
        }
        let hits = self.hits(text);
        if hits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for hit in hits {
            out.push_str(&text[end..hit.start]);
            out.push_str(MASK);
            end = hit.end;
        }
        out.push_str(&text[end..]);
        Cow::Owned(out)
    }

    /// So many bytes of its end may be the beginning of a value that goes on.
    pub fn may_begin(&self, text: &[u8]) -> usize {
        let longest = |needle: &String| {
            let needle = needle.as_bytes();
            let sizes = (1..needle.len().min(text.len() + 1)).rev();
            sizes
                .into_iter()
                .find(|size| text.ends_with(&needle[..*size]))
                .unwrap_or(0)
        };
        self.needles.iter().map(longest).max().unwrap_or(0)
    }

    /// Where values are, merged where they overlap: with a first-come search the tail of the second would stay.
    fn hits(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for needle in &self.needles {
            let mut from = 0;
            while let Some(at) = text[from..].find(needle.as_str()).map(|at| from + at) {
                found.push(at..at + needle.len());
                from = at + text[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        found.sort_by_key(|hit| hit.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for hit in found {
            match merged.last_mut() {
                Some(last) if hit.start < last.end => last.end = last.end.max(hit.end),
                _ => merged.push(hit),
            }
        }
        merged
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({})", self.needles.len())
    }
}
