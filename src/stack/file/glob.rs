//! Whether a glob means anything: one that does not would be taken for a name, or for nothing.

use ignore::gitignore::GitignoreBuilder;

/// As in a .gitignore: `*`, `**`, `?`, `[abc]`, `{a,b}`, `\` before a character that is meant as such; `!` takes back.
///
/// # Errors
/// What to write instead.
pub(super) fn check(text: &str) -> Result<(), String> {
    let pattern = without_bang(text)?;
    closed(pattern, true)?;
    let mut builder = GitignoreBuilder::new("/");
    let read = builder
        .allow_unclosed_class(false)
        .add_line(None, &format!("/{pattern}"));
    match read {
        Ok(_) => Ok(()),
        Err(_) if pattern.contains('[') => Err(
            "write a range in `[…]` from its first character to its last, as in `[a-z]`".to_owned(),
        ),
        Err(_) => Err("write it as in a .gitignore, such as `src/**/*.js`".to_owned()),
    }
}

/// As in a .dockerignore, which has no braces.
///
/// # Errors
/// What to write instead.
pub(super) fn check_input(text: &str) -> Result<(), String> {
    check(text)?;
    closed(without_bang(text)?, false)
}

fn without_bang(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let pattern = text.strip_prefix('!').unwrap_or(text).trim();
    match pattern.is_empty() {
        true if text.is_empty() => Err("write something between the quotes".to_owned()),
        true => Err("write what the `!` takes back, such as `!src/generated`".to_owned()),
        false => Ok(pattern),
    }
}

/// Every bracket and brace that opens is closed. `alternates`: `{a,b}` stands for each of them.
fn closed(pattern: &str, alternates: bool) -> Result<(), String> {
    let unclosed = |open: char, close: char| {
        format!(
            "close it with `{close}`; a `{open}` that is part of the name is written `\\{open}`, as in '\\{open}name'"
        )
    };
    let mut rest = pattern.chars().peekable();
    let mut braces = 0_usize;
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                rest.next()
                    .ok_or("write what the `\\` at its end is to stand before")?;
            }
            '[' => {
                let _negated = rest.next_if(|c| matches!(c, '!' | '^'));
                let first = rest.next();
                if first.is_none() || !rest.any(|c| c == ']') {
                    return Err(unclosed('[', ']'));
                }
            }
            '{' => braces += 1,
            '}' => {
                braces = braces.checked_sub(1).ok_or_else(|| {
                    "open it with `{`; a `}` that is part of the name is written `\\}`".to_owned()
                })?;
            }
            ',' if braces > 0 && !alternates => {
                return Err(
                    "braces mean nothing here: write an entry for each, as in [\"*.js\", \"*.ts\"]"
                        .to_owned(),
                );
            }
            _ => {}
        }
    }
    match braces {
        0 => Ok(()),
        _ => Err(unclosed('{', '}')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_taken() {
        for text in [
            "app",
            "!app/generated",
            "../shared/**/*.py",
            "/srv/[ab]/?",
            "pages/[id].tsx",
            "pages/[[...slug]].tsx",
            "[]a]",
            "[!a]b",
            "*.{js,ts}",
            "{{name}}",
            r"\[bad",
            r"\{a",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in ["alembic/**", "{{name}}", "[ab]c", r"\{a,b\}"] {
            assert_eq!(check_input(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_means_nothing_says_what_to_write() {
        for (text, help) in [
            ("[bad", "close it with `]`"),
            ("a[]", "close it with `]`"),
            ("*.{js,ts", "close it with `}`"),
            ("*.js}", "open it with `{`"),
            ("[z-a]", "from its first character to its last"),
            ("app\\", "the `\\` at its end"),
            ("!", "takes back"),
            (" ", "between the quotes"),
        ] {
            let said = check(text).unwrap_err();
            assert!(said.contains(help), "{text}: {said}");
        }
        let said = check_input("*.{js,ts}").unwrap_err();
        assert!(said.contains("an entry for each"), "{said}");
    }
}
