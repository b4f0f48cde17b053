//! Text with references in it, parsed but not resolved: what it says depends on who asks.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

#[cfg(test)]
mod tests;

/// How deep defaults may nest: `${env:A:-${env:B:-x}}` is two.
const MAX_DEPTH: usize = 8;

/// A value of the stack file, cut into text and references.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Template {
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Text(String),
    Reference(Reference),
}

/// `${…}`
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// `${db.url}`, `${db.auth_db.url}`, `${api.http.public}`: `path` is what follows the service.
    Service { service: String, path: Vec<String> },
    /// `${self.http.public}`; inside a preset's outputs also `${self.user}`.
    Own { path: Vec<String> },
    /// `${env:X}`, `${env:X:-default}`. The default is text as written, which may itself hold references: a resolver
    /// parses it with [`Template::parse`], which cannot fail because the whole was parsed before.
    Env {
        name: String,
        default: Option<String>,
    },
    /// `${secret:X}`
    Secret { name: String },
    /// `${git:sha}`, `${git:branch:-none}`; the default as in `Env`.
    Git {
        what: String,
        default: Option<String>,
    },
}

/// One output of a service, as its preset or file defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    pub value: Template,
    /// Never shown in views, although the value is plain in development.
    pub secret: bool,
}

/// What is wrong with a template, and where in its text (bytes).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub offset: usize,
    pub len: usize,
    pub message: String,
}

impl Template {
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            parts: vec![Part::Text(text.into())],
        }
    }

    /// Cuts `text` into text and references. `$$` is a literal `$`; a `$` before anything but `{` stands for itself,
    /// so that `$HOME` reaches the shell in the container.
    ///
    /// # Errors
    /// The first `${…}` that is not closed or says nothing that can be resolved.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            parts: Self::parse_spans(text)?
                .into_iter()
                .map(|(_, part)| part)
                .collect(),
        })
    }

    /// As [`Template::parse`], with the bytes that each part was written with.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_spans(text: &str) -> Result<Vec<(Range<usize>, Part)>, TemplateError> {
        parse_at(text, 0, 0)
    }

    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// The references, and those inside their defaults.
    pub fn all_references(&self) -> Vec<Reference> {
        let mut found = Vec::new();
        for reference in self.references() {
            found.push(reference.clone());
            if let Reference::Env {
                default: Some(default),
                ..
            }
            | Reference::Git {
                default: Some(default),
                ..
            } = reference
                && let Ok(inner) = Self::parse(default)
            {
                found.extend(inner.all_references());
            }
        }
        found
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace('$', "$$"))?,
                Part::Reference(reference) => write!(f, "{reference}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { service, path } => write!(f, "${{{service}.{}}}", path.join(".")),
            Self::Own { path } => write!(f, "${{self.{}}}", path.join(".")),
            Self::Env {
                name,
                default: None,
            } => write!(f, "${{env:{name}}}"),
            Self::Env {
                name,
                default: Some(default),
            } => write!(f, "${{env:{name}:-{default}}}"),
            Self::Secret { name } => write!(f, "${{secret:{name}}}"),
            Self::Git {
                what,
                default: None,
            } => write!(f, "${{git:{what}}}"),
            Self::Git {
                what,
                default: Some(default),
            } => write!(f, "${{git:{what}:-{default}}}"),
        }
    }
}

/// `base` is where `text` begins in the outermost text, for the errors.
fn parse_at(
    text: &str,
    base: usize,
    depth: usize,
) -> Result<Vec<(Range<usize>, Part)>, TemplateError> {
    let mut parts: Vec<(Range<usize>, Part)> = Vec::new();
    let mut literal = String::new();
    let mut literal_start = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('$') {
        let dollar = at + found;
        literal.push_str(&text[at..dollar]);
        let rest = &text[dollar + 1..];
        if rest.starts_with('{') {
            let end = closing(text, dollar + 2).ok_or_else(|| {
                error(
                    base + dollar,
                    text.len() - dollar,
                    "`${` without a closing `}`; a literal `$` is `$$`",
                )
            })?;
            if !literal.is_empty() {
                parts.push((
                    literal_start..dollar,
                    Part::Text(std::mem::take(&mut literal)),
                ));
            }
            let reference = reference(&text[dollar + 2..end], base + dollar, depth)?;
            parts.push((dollar..end + 1, Part::Reference(reference)));
            at = end + 1;
            literal_start = at;
        } else {
            literal.push('$');
            at = dollar + if rest.starts_with('$') { 2 } else { 1 };
        }
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() || parts.is_empty() {
        parts.push((literal_start..text.len(), Part::Text(literal)));
    }
    Ok(parts)
}

/// The `}` that ends the reference whose inside begins at `from`.
pub(super) fn closing(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = from;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'$', Some(b'$')) => at += 1,
            (b'$', Some(b'{')) => {
                depth += 1;
                at += 1;
            }
            (b'}', _) if depth == 0 => return Some(at),
            (b'}', _) => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// What stands between the braces; `offset` is that of its `$` in the outermost text.
fn reference(inside: &str, offset: usize, depth: usize) -> Result<Reference, TemplateError> {
    let wrong = |message: String| Err(error(offset, inside.len() + 3, message));
    if let Some(variable) = inside.strip_prefix("env:") {
        return env(inside, variable, offset, depth);
    }
    if let Some(name) = inside.strip_prefix("secret:") {
        return match is_name(name) {
            true => Ok(Reference::Secret {
                name: name.to_owned(),
            }),
            false => wrong(format!(
                "`{name}` is no name of a secret; write `${{secret:NAME}}`"
            )),
        };
    }
    if let Some(what) = inside.strip_prefix("git:") {
        let (what, default) = with_default(inside, what, offset, depth)?;
        return match what {
            "sha" | "branch" => Ok(Reference::Git {
                what: what.to_owned(),
                default: default.map(str::to_owned),
            }),
            _ => wrong(format!("git knows `sha` and `branch`, not `{what}`")),
        };
    }
    let mut words = inside.split('.').map(str::to_owned);
    let first = words.next().unwrap_or_default();
    let path: Vec<String> = words.collect();
    if !is_name(&first) || !path.iter().all(|word| is_name(word)) {
        return wrong(format!(
            "`${{{inside}}}` is no reference; write `${{service.output}}`, `${{env:NAME:-default}}` or \
             `${{secret:NAME}}`, and `$$` for a literal `$`"
        ));
    }
    if path.is_empty() {
        return wrong(format!(
            "`${{{first}}}` does not say what of `{first}`; write `${{{first}.url}}` for a service's address, \
             `${{env:{first}}}` for an environment variable, or `$${{{first}}}` to leave it to the shell"
        ));
    }
    match first.as_str() {
        "self" => Ok(Reference::Own { path }),
        _ => Ok(Reference::Service {
            service: first,
            path,
        }),
    }
}

fn env(
    inside: &str,
    variable: &str,
    offset: usize,
    depth: usize,
) -> Result<Reference, TemplateError> {
    let (name, default) = with_default(inside, variable, offset, depth)?;
    if !is_variable(name) {
        return Err(error(
            offset,
            inside.len() + 3,
            format!(
                "`{name}` is no name of an environment variable; write `${{env:NAME}}` or `${{env:NAME:-default}}`"
            ),
        ));
    }
    Ok(Reference::Env {
        name: name.to_owned(),
        default: default.map(str::to_owned),
    })
}

/// `NAME:-default`, which stands at the end of `inside`; the default's own references are checked.
fn with_default<'a>(
    inside: &str,
    text: &'a str,
    offset: usize,
    depth: usize,
) -> Result<(&'a str, Option<&'a str>), TemplateError> {
    let Some((name, default)) = text.split_once(":-") else {
        return Ok((text, None));
    };
    if depth + 1 >= MAX_DEPTH {
        return Err(error(
            offset,
            inside.len() + 3,
            format!("defaults nest deeper than {MAX_DEPTH}"),
        ));
    }
    parse_at(
        default,
        offset + 2 + inside.len() - default.len(),
        depth + 1,
    )?;
    Ok((name, Some(default)))
}

fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_variable(word: &str) -> bool {
    !word.is_empty()
        && !word.as_bytes()[0].is_ascii_digit()
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn error(offset: usize, len: usize, message: impl Into<String>) -> TemplateError {
    TemplateError {
        offset,
        len,
        message: message.into(),
    }
}
