//! `.env` files as `docker compose` reads them: with `${…}` outside of single quotes, from what is set and from the lines
//! above.
//!
//! <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>

use std::collections::BTreeMap;

use super::substitute::{Lookup, ProblemKind, substitute};

/// Bytes of all values of a file, filled in.
const MAX_TEXT: usize = 4 << 20;

/// A line that cannot be read. Never holds what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DotenvError {
    /// From 1.
    pub line: usize,
    pub problem: String,
}

/// Adds the variables of `text` to `found`. What `lookup` knows is preferred to the lines above.
///
/// # Errors
/// The first line that cannot be read.
pub(super) fn read(
    text: &str,
    lookup: Lookup<'_>,
    found: &mut BTreeMap<String, String>,
) -> Result<(), DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        rest: text,
        line: 1,
        filled: 0,
    };
    while reader.has_statement() {
        reader.statement(lookup, found)?;
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// Bytes of the values so far.
    filled: usize,
}

/// Names, and nothing that quotes mean in a name.
fn is_in_name(letter: char) -> bool {
    letter.is_alphanumeric() || "_.-[]".contains(letter)
}

fn is_blank(letter: char) -> bool {
    letter.is_whitespace() && letter != '\n'
}

impl<'a> Reader<'a> {
    fn error(&self, problem: impl Into<String>) -> DotenvError {
        DotenvError {
            line: self.line,
            problem: problem.into(),
        }
    }

    /// Past blanks and comments. False at the end.
    fn has_statement(&mut self) -> bool {
        loop {
            let trimmed = self.rest.trim_start();
            self.line += self.rest[..self.rest.len() - trimmed.len()]
                .matches('\n')
                .count();
            self.rest = trimmed;
            if !trimmed.starts_with('#') {
                return !trimmed.is_empty();
            }
            self.rest = &trimmed[trimmed.find('\n').unwrap_or(trimmed.len())..];
        }
    }

    fn statement(
        &mut self,
        lookup: Lookup<'_>,
        found: &mut BTreeMap<String, String>,
    ) -> Result<(), DotenvError> {
        let exported = self
            .rest
            .strip_prefix("export")
            .filter(|rest| rest.starts_with(is_blank));
        if let Some(rest) = exported {
            self.rest = rest.trim_start_matches(is_blank);
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let written = &self.rest[..end];
        let name = written.trim();
        if let Some(wrong) = written.chars().find(|c| !is_in_name(*c) && !is_blank(*c)) {
            return Err(self.error(format!("`{}` cannot be in a name", wrong.escape_debug())));
        }
        if name.contains(' ') {
            return Err(self.error("a name has no space in it"));
        }
        let is_alone = !self.rest[end..].starts_with(['=', ':']);
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        if is_alone {
            self.line += 1;
            if let Some(value) = lookup(name) {
                found.insert(name.to_owned(), value);
            }
            return Ok(());
        }
        self.rest = self.rest.trim_start_matches(is_blank);
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote, lookup, found)?,
            _ => self.plain(lookup, found)?,
        };
        self.filled += value.len();
        if self.filled > MAX_TEXT {
            return Err(self.error("its values hold values, and have become more than 4 MiB"));
        }
        found.insert(name.to_owned(), value);
        Ok(())
    }

    fn plain(
        &mut self,
        lookup: Lookup<'_>,
        found: &BTreeMap<String, String>,
    ) -> Result<String, DotenvError> {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let value = line.split_once(" #").map_or(line, |(value, _)| value);
        let value = self.filled(value.trim_end(), lookup, found)?;
        self.line += 1;
        self.rest = rest;
        Ok(value)
    }

    fn quoted(
        &mut self,
        quote: char,
        lookup: Lookup<'_>,
        found: &BTreeMap<String, String>,
    ) -> Result<String, DotenvError> {
        let mut value = String::new();
        let mut escaped = false;
        for (at, letter) in self.rest.char_indices().skip(1) {
            if letter == quote && !escaped {
                let value = match quote {
                    '"' => self.filled(&unescaped(&value), lookup, found)?,
                    _ => value,
                };
                self.line += self.rest[..at].matches('\n').count();
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
            if letter == '\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && letter != quote {
                value.push('\\');
            }
            escaped = false;
            value.push(letter);
        }
        Err(self.error("a quote is not closed"))
    }

    fn filled(
        &self,
        text: &str,
        lookup: Lookup<'_>,
        found: &BTreeMap<String, String>,
    ) -> Result<String, DotenvError> {
        let lookup = |name: &str| lookup(name).or_else(|| found.get(name).cloned());
        let filled = substitute(text, &lookup, &mut Vec::new());
        filled.map_err(|problem| match problem.kind {
            ProblemKind::Required { name, .. } => self.error(format!("`{name}` has no value")),
            ProblemKind::TooLong => self.error("it becomes longer than 1 MiB"),
            _ => self.error("a `${…}` in it is none; `$$` is a dollar"),
        })
    }
}

/// What backslashes mean between double quotes. A `\$` stays a dollar.
fn unescaped(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            result.push(letter);
            continue;
        }
        match letters.next() {
            Some('$') => result.push_str("$$"),
            Some('n') => result.push('\n'),
            Some('r') => result.push('\r'),
            Some('t') => result.push('\t'),
            Some('a') => result.push('\x07'),
            Some('b') => result.push('\x08'),
            Some('f') => result.push('\x0c'),
            Some('v') => result.push('\x0b'),
            Some('\\') => result.push('\\'),
            Some('0') => {
                let digits: String =
                    std::iter::from_fn(|| letters.next_if(|c| ('0'..='7').contains(c)))
                        .take(3)
                        .collect();
                match u8::from_str_radix(&digits, 8) {
                    Ok(byte) if digits.len() == 3 => result.push(char::from(byte)),
                    _ => result.extend(["\\0", &digits]),
                }
            }
            Some(other) => result.extend(['\\', other]),
            None => result.push('\\'),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str) -> Option<String> {
        (name == "SET").then(|| "s".to_owned())
    }

    fn parsed(text: &str) -> Result<BTreeMap<String, String>, DotenvError> {
        let mut found = BTreeMap::new();
        read(text, &set, &mut found)?;
        Ok(found)
    }

    #[test]
    fn reads_what_people_write() {
        let text = "# top\n\nA=1\nexport B = two words # not this\nC='a $b \\' #c'\nD=\"x\\ny $SET\"\r\nE=\n\
                    F=a=b#c\nG=\"two\nlines\"\nSET\nUNSET\nH: yaml\nI=${A}-${NO:-d}\nJ=\"\\$A $$B\"\nK=\\n";
        let found = parsed(text).unwrap();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a $b ' #c"),
            ("D", "x\ny s"),
            ("E", ""),
            ("F", "a=b#c"),
            ("G", "two\nlines"),
            ("H", "yaml"),
            ("I", "1-d"),
            ("J", "$A $B"),
            ("K", "\\n"),
            ("SET", "s"),
        ];
        let found: Vec<_> = found
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_that_multiply_are_stopped() {
        let doubled: String = (1..40)
            .map(|n| format!("A{n}=$A{}$A{}\n", n - 1, n - 1))
            .collect();
        assert!(parsed(&format!("A0=xxxx\n{doubled}")).is_err());
        let many: String = (0..200).map(|n| format!("B{n}=$A\n")).collect();
        let text = format!("A={}\n{many}", "x".repeat(100_000));
        assert!(parsed(&text).unwrap_err().problem.contains("4 MiB"));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, line) in [
            ("A=1\nB='x", 2),
            ("A=\"x\ny\"\nhunter 2=1", 3),
            ("A&=1", 1),
            ("A=${", 1),
        ] {
            assert_eq!(parsed(text).unwrap_err().line, line, "{text}");
        }
    }
}
