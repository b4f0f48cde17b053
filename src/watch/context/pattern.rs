//! Patterns of `.dockerignore`, as <https://github.com/moby/patternmatcher> reads them.

use regex::bytes::Regex;

use crate::stack::path::clean_text;

/// A list of patterns, of which the last that applies decides.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
    negations: bool,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// Cleaned, without `!`.
    text: String,
    negated: bool,
    matcher: Matcher,
    /// The leading parts without wildcards; all of it when `literal`.
    lead: Vec<u8>,
    literal: bool,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact,
    /// `a/**`: everything that starts with this.
    Prefix(Vec<u8>),
    /// `**/a`, `**a`: everything that ends with this.
    Suffix(Vec<u8>),
    Regex(Regex),
}

/// A pattern that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}`: {why}")]
pub struct PatternError {
    pub pattern: String,
    pub why: &'static str,
}

/// Which patterns matched a folder, one for each; beneath it they count as matched without another look.
pub(super) type Matched = Vec<bool>;

impl Patterns {
    /// Empty patterns are left out; `!` negates.
    ///
    /// # Errors
    /// `!` alone, an unclosed `[`, a `\` at the end.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        let mut list = Self::default();
        for pattern in patterns {
            let pattern = pattern.as_ref().trim();
            if pattern.is_empty() {
                continue;
            }
            let cleaned = clean_text(pattern);
            let (negated, text) = match cleaned.strip_prefix('!') {
                Some("") => {
                    return Err(PatternError {
                        pattern: cleaned,
                        why: "nothing follows the `!`",
                    });
                }
                Some(rest) => (true, rest.to_owned()),
                None => (false, cleaned),
            };
            list.negations |= negated;
            list.patterns.push(Pattern::new(text, negated)?);
        }
        Ok(list)
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Something beneath an ignored folder may be taken back.
    pub fn has_exceptions(&self) -> bool {
        self.negations
    }

    /// Whether `path` (relative, `/` between parts) matches, by itself or through a folder above it.
    pub fn matches(&self, path: &[u8]) -> bool {
        let mut above: Option<Matched> = None;
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let mut here = Matched::new();
            self.decide(&path[..at], above.as_ref(), Some(&mut here));
            above = Some(here);
        }
        self.decide(path, above.as_ref(), None)
    }

    /// Whether `path` matches, when `above` matched the folder that it is in. `record` gets what is `above` for the
    /// entries of `path`.
    pub(super) fn decide(
        &self,
        path: &[u8],
        above: Option<&Matched>,
        mut record: Option<&mut Matched>,
    ) -> bool {
        let mut matched = false;
        for (at, pattern) in self.patterns.iter().enumerate() {
            let mut hit = above.is_some_and(|above| above[at]);
            // A pattern that could not change the outcome is not looked at; it is not remembered for what is beneath
            // either, as with BuildKit.
            if !hit && pattern.negated == matched {
                hit = pattern.matches(path);
            }
            if let Some(record) = record.as_deref_mut() {
                record.push(hit);
            }
            if hit {
                matched = !pattern.negated;
            }
        }
        matched
    }

    /// Whether a pattern that is no negation could match something beneath `folder`.
    pub(super) fn may_match_beneath(&self, folder: &[u8]) -> bool {
        self.patterns
            .iter()
            .any(|p| !p.negated && p.may_match_beneath(folder))
    }

    /// Whether a negation could bring something beneath `folder` back.
    pub(super) fn may_return_beneath(&self, folder: &[u8]) -> bool {
        self.negations
            && self
                .patterns
                .iter()
                .any(|p| p.negated && p.may_match_beneath(folder))
    }

    /// The patterns that name one path: no wildcard, no negation.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.patterns
            .iter()
            .filter(|p| p.literal && !p.negated)
            .map(|p| p.text.as_str())
    }
}

impl Pattern {
    fn new(text: String, negated: bool) -> Result<Self, PatternError> {
        let matcher = compile(&text).map_err(|why| PatternError {
            pattern: text.clone(),
            why,
        })?;
        let wild = text.find(['*', '?', '[', '\\']);
        let lead = match wild {
            Some(at) => text[..at].rfind('/').map_or("", |slash| &text[..slash]),
            None => &text,
        };
        Ok(Self {
            lead: lead.as_bytes().to_vec(),
            literal: wild.is_none(),
            text,
            negated,
            matcher,
        })
    }

    fn matches(&self, path: &[u8]) -> bool {
        match &self.matcher {
            Matcher::Exact => path == self.text.as_bytes(),
            Matcher::Prefix(prefix) => path.starts_with(prefix),
            Matcher::Suffix(suffix) => {
                path.ends_with(suffix) || (suffix.first() == Some(&b'/') && path == &suffix[1..])
            }
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }

    fn may_match_beneath(&self, folder: &[u8]) -> bool {
        let leads_there = is_beneath(&self.lead, folder) || (!self.literal && self.lead == folder);
        leads_there || (!self.literal && (self.lead.is_empty() || is_beneath(folder, &self.lead)))
    }
}

/// Whether `path` is somewhere in `folder`.
fn is_beneath(path: &[u8], folder: &[u8]) -> bool {
    path.len() > folder.len() && path.starts_with(folder) && path[folder.len()] == b'/'
}

/// Reads a cleaned pattern: `*` and `?` stay within a part, `**` crosses parts, `[a-z]` and `[^a]`, `\` quotes.
fn compile(pattern: &str) -> Result<Matcher, &'static str> {
    let mut chars = pattern.chars().peekable();
    let mut regex = String::from(r"\A");
    let mut wild = false;
    let mut starts_deep = false;
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                chars.next_if_eq(&'/');
                match chars.peek() {
                    // `a/**` with nothing else in it is only a prefix; `**` alone is everything.
                    None if !wild && !starts_deep => {
                        return Ok(if first {
                            Matcher::Suffix(Vec::new())
                        } else {
                            Matcher::Prefix(pattern.as_bytes()[..pattern.len() - 2].to_vec())
                        });
                    }
                    None => {
                        regex.push_str("(?-u:.)*");
                        wild = true;
                    }
                    Some(_) => {
                        regex.push_str("(?:(?-u:.)*/)?");
                        // `**/a` with nothing else in it is only a suffix.
                        if first {
                            starts_deep = true
                        } else {
                            wild = true
                        }
                    }
                }
            }
            '*' => {
                regex.push_str("(?-u:[^/])*");
                wild = true;
            }
            '?' => {
                regex.push_str("[^/]");
                wild = true;
            }
            '[' => {
                regex.push_str(&class(&mut chars)?);
                wild = true;
            }
            '\\' => {
                let quoted = chars.next().ok_or("it ends in `\\`")?;
                regex.push_str(&regex::escape(quoted.encode_utf8(&mut [0; 4])));
                wild = true;
            }
            c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
        first = false;
    }
    if wild {
        regex.push_str(r"\z");
        return Regex::new(&regex)
            .map(Matcher::Regex)
            .map_err(|_| "it is too large");
    }
    Ok(if starts_deep {
        Matcher::Suffix(pattern.as_bytes()[2..].to_vec())
    } else {
        Matcher::Exact
    })
}

/// What follows a `[`, as a class of the regex.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, &'static str> {
    const UNCLOSED: &str = "a `[` is not closed, or is empty";
    let mut class = String::from("[");
    if chars.next_if_eq(&'^').is_some() {
        class.push('^');
    }
    let one = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| match chars.next() {
        None | Some('-' | ']') => Err(UNCLOSED),
        Some('\\') => chars.next().ok_or(UNCLOSED),
        Some(c) => Ok(c),
    };
    let mut empty = true;
    while empty || chars.next_if_eq(&']').is_none() {
        empty = false;
        let low = one(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() {
            one(chars)?
        } else {
            low
        };
        if low > high {
            return Err("a range in `[…]` runs backwards");
        }
        class.push_str(&format!(
            "\\x{{{:x}}}-\\x{{{:x}}}",
            u32::from(low),
            u32::from(high)
        ));
    }
    class.push(']');
    Ok(class)
}

#[cfg(test)]
mod tests;
