//! `$NAME`, `${NAME}` and their forms within one text. What follows a `$` that begins none of them stays as it is.
//!
//! <https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md>

/// Defaults within defaults.
const MAX_DEPTH: usize = 32;

/// Bytes that one text may become. Values that hold values multiply.
const MAX_LENGTH: usize = 1 << 20;

/// A value by its name.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is wrong with a text, and where in it (bytes).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub at: std::ops::Range<usize>,
    pub kind: ProblemKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// `${` without its `}`.
    Open,
    /// `${…}` that is none of the forms.
    Form,
    /// Defaults that hold defaults, too many of them.
    TooDeep,
    /// The values in it make it too long.
    TooLong,
    /// `${NAME:?why}` of something that is not there.
    Required { name: String, why: String },
}

/// The text with values in it. Names that have none, and no default, go to `unset`.
///
/// # Errors
/// The first reference that is wrong.
pub(super) fn substitute(
    text: &str,
    lookup: Lookup<'_>,
    unset: &mut Vec<String>,
) -> Result<String, Problem> {
    Substitution { lookup, unset }.text(text, 0, 0)
}

struct Substitution<'a, 'b> {
    lookup: Lookup<'a>,
    unset: &'b mut Vec<String>,
}

impl Substitution<'_, '_> {
    /// `start`: where `text` begins in the whole.
    fn text(&mut self, text: &str, start: usize, depth: usize) -> Result<String, Problem> {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            result.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            let here = start + (text.len() - rest.len()) + dollar;
            let taken = match after.as_bytes().first() {
                Some(b'$') => {
                    result.push('$');
                    1
                }
                Some(b'{') => {
                    let problem = |len: usize, kind| Problem {
                        at: here..here + len,
                        kind,
                    };
                    if depth >= MAX_DEPTH {
                        return Err(problem(2, ProblemKind::TooDeep));
                    }
                    let end = closing(after).ok_or_else(|| problem(2, ProblemKind::Open))?;
                    let value = self
                        .braced(&after[1..end], here + 2, depth)?
                        .ok_or_else(|| problem(end + 2, ProblemKind::Form))?;
                    result.push_str(&value);
                    end + 1
                }
                _ => {
                    let name = &after[..name_len(after)];
                    if name.is_empty() {
                        result.push('$');
                    } else {
                        result.push_str(&self.value(name));
                    }
                    name.len()
                }
            };
            if result.len() > MAX_LENGTH {
                let kind = ProblemKind::TooLong;
                return Err(Problem {
                    at: here..here + taken + 1,
                    kind,
                });
            }
            rest = &after[taken..];
        }
        result.push_str(rest);
        Ok(result)
    }

    /// What stands between the braces; `None` when it is none of the forms.
    fn braced(
        &mut self,
        content: &str,
        start: usize,
        depth: usize,
    ) -> Result<Option<String>, Problem> {
        let name = &content[..name_len(content)];
        let form = &content[name.len()..];
        if name.is_empty() {
            return Ok(None);
        }
        if form.is_empty() {
            return Ok(Some(self.value(name)));
        }
        // With a colon, empty counts as not set.
        let (needs_text, operator) = match form.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, form),
        };
        let Some(kind) = operator.chars().next().filter(|kind| "-?+".contains(*kind)) else {
            return Ok(None);
        };
        let word = &operator[1..];
        let word_start = start + content.len() - word.len();
        let value = (self.lookup)(name);
        let is_set = value
            .as_ref()
            .is_some_and(|value| !needs_text || !value.is_empty());
        match (kind, is_set) {
            ('-' | '?', true) => Ok(value),
            ('-', false) | ('+', true) => self.text(word, word_start, depth + 1).map(Some),
            ('+', false) => Ok(Some(value.unwrap_or_default())),
            _ => {
                let why = self.text(word, word_start, depth + 1)?;
                let name = name.to_owned();
                Err(Problem {
                    at: start.saturating_sub(2)..start + content.len() + 1,
                    kind: ProblemKind::Required { name, why },
                })
            }
        }
    }

    fn value(&mut self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.push(name.to_owned());
            String::new()
        })
    }
}

fn name_len(text: &str) -> usize {
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    match text.as_bytes().first().filter(|byte| is_first(byte)) {
        None => 0,
        Some(_) => text
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
            .unwrap_or(text.len()),
    }
}

/// The brace that closes the first one of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "A" => "a",
            "EMPTY" => "",
            "DOLLAR" => "$A",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn every_form() {
        let cases = [
            ("$A-${A}", "a-a"),
            ("$$A $${A}", "$A ${A}"),
            ("$DOLLAR", "$A"),
            ("cost $5 or $", "cost $5 or $"),
            ("${EMPTY:-x}|${EMPTY-x}|${NO:-x}|${NO-x}", "x||x|x"),
            ("${A:-x}${A-x}", "aa"),
            ("${A:+x}|${EMPTY:+x}|${EMPTY+x}|${NO+x}", "x||x|"),
            ("${NO:-${NO2:-$A}}", "a"),
            ("${NO:-{\"k\": 1}}", "{\"k\": 1}"),
            ("${A:?why}${EMPTY?why}", "a"),
            ("${NO:-a}b}", "ab}"),
        ];
        for (text, expected) in cases {
            let mut unset = Vec::new();
            assert_eq!(
                substitute(text, &lookup, &mut unset).as_deref(),
                Ok(expected),
                "{text}"
            );
            assert!(unset.is_empty(), "{text}");
        }
    }

    #[test]
    fn names_without_a_value_are_told() {
        let mut unset = Vec::new();
        let text = substitute("$NO ${NO2} ${NO3:-$NO4}", &lookup, &mut unset);
        assert_eq!(text.as_deref(), Ok("  "));
        assert_eq!(unset, ["NO", "NO2", "NO4"]);
    }

    #[test]
    fn what_is_wrong_says_where() {
        let problem = |text: &str| substitute(text, &lookup, &mut Vec::new()).unwrap_err();
        assert_eq!(
            (problem("x${A").at, problem("x${A").kind),
            (1..3, ProblemKind::Open)
        );
        for text in ["${}", "${1}", "${A!}", "${A:x}", "${A B}"] {
            assert_eq!(problem(text).kind, ProblemKind::Form, "{text}");
        }
        let required = problem("x ${NO:?needs ${A}}");
        let (name, why) = ("NO".to_owned(), "needs a".to_owned());
        assert_eq!(required.kind, ProblemKind::Required { name, why });
        assert_eq!(required.at, 2..19);
        assert_eq!(problem(&"${A:+".repeat(40)).kind, ProblemKind::Open);
        let long = |_: &str| Some("x".repeat(1 << 19));
        let problem_of_long = substitute("$A$A$A", &long, &mut Vec::new()).unwrap_err();
        assert_eq!(
            (problem_of_long.at, problem_of_long.kind),
            (4..6, ProblemKind::TooLong)
        );
        let deep = format!("{}{}", "${A:+".repeat(40), "}".repeat(40));
        assert_eq!(problem(&deep).kind, ProblemKind::TooDeep);
    }
}
