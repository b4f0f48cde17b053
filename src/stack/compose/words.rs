//! `command: npm run "dev server"`: text split into words as `docker compose` splits it. That knows quotes and backslashes,
//! and is no shell: it stops where a shell would begin something else.

/// Words, and what was left out because a shell operator came before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Words<'a> {
    pub words: Vec<String>,
    /// From the operator on.
    pub dropped: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Nothing,
    Single,
    Double,
    /// Backquotes; kept as they are.
    Back,
    /// `$(…)`; kept as it is.
    Dollar,
}

/// # Errors
/// A quote or a parenthesis that is not closed, or one that was not opened.
pub(super) fn split(text: &str) -> Result<Words<'_>, &'static str> {
    let mut splitter = Splitter {
        words: Vec::new(),
        word: String::new(),
        begun: false,
        within: Within::Nothing,
    };
    let mut escaped = false;
    let mut dropped = None;
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
            splitter.escaped(letter);
        } else if letter == '\\' && splitter.within != Within::Single {
            escaped = true;
        } else if splitter.is_operator(letter) {
            splitter.drop_redirected(letter);
            dropped = Some(&text[at..]);
            break;
        } else {
            splitter.letter(letter)?;
        }
    }
    splitter.flush();
    if escaped || splitter.within != Within::Nothing {
        return Err("a quote in it is not closed");
    }
    Ok(Words {
        words: splitter.words,
        dropped,
    })
}

struct Splitter {
    words: Vec<String>,
    word: String,
    /// Quotes make a word of nothing.
    begun: bool,
    within: Within,
}

impl Splitter {
    fn letter(&mut self, letter: char) -> Result<(), &'static str> {
        let quote = |within| {
            if within == self.within {
                Within::Nothing
            } else {
                within
            }
        };
        match (letter, self.within) {
            (' ' | '\t' | '\r' | '\n', Within::Nothing) => self.flush(),
            ('"', Within::Nothing | Within::Double) => {
                self.begun |= self.within == Within::Double;
                self.within = quote(Within::Double);
            }
            ('\'', Within::Nothing | Within::Single) => {
                self.begun |= self.within == Within::Single;
                self.within = quote(Within::Single);
            }
            ('`', Within::Nothing | Within::Back) => {
                self.within = quote(Within::Back);
                self.word.push(letter);
            }
            ('(', Within::Nothing) if self.word.ends_with('$') => {
                self.within = Within::Dollar;
                self.word.push(letter);
            }
            (')', Within::Dollar) => {
                self.within = Within::Nothing;
                self.word.push(letter);
            }
            ('(' | ')', Within::Nothing) | ('(', Within::Dollar) => {
                return Err("a parenthesis in it means nothing; put it between quotes");
            }
            _ => self.word.push(letter),
        }
        Ok(())
    }

    fn escaped(&mut self, letter: char) {
        match (letter, self.within) {
            (_, Within::Back | Within::Dollar) => self.word.extend(['\\', letter]),
            ('t', _) => self.word.push('\t'),
            ('n', _) => self.word.push('\n'),
            _ => self.word.push(letter),
        }
    }

    fn is_operator(&self, letter: char) -> bool {
        self.within == Within::Nothing && ";&|<>".contains(letter)
    }

    /// The 2 of `2>file`.
    fn drop_redirected(&mut self, operator: char) {
        if operator == '>' && self.word.bytes().all(|byte| byte.is_ascii_digit()) {
            self.word.clear();
        }
    }

    fn flush(&mut self) {
        let word = std::mem::take(&mut self.word);
        if self.begun || !word.is_empty() {
            self.words.push(word);
        }
        self.begun = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes() {
        let cases: &[(&str, &[&str])] = &[
            ("npm run dev", &["npm", "run", "dev"]),
            ("  a\t b\n", &["a", "b"]),
            ("a 'b c' \"d e\"f", &["a", "b c", "d ef"]),
            ("a '' \"\"", &["a", "", ""]),
            (r"a\ b \t '\n'", &["a b", "\t", r"\n"]),
            ("a `b c` $(d e)", &["a", "`b c`", "$(d e)"]),
            ("", &[]),
            ("echo 'a|b'", &["echo", "a|b"]),
        ];
        for (text, expected) in cases {
            let words = split(text).unwrap();
            assert_eq!(words.words, *expected, "{text}");
            assert_eq!(words.dropped, None, "{text}");
        }
    }

    #[test]
    fn what_a_shell_would_begin_is_dropped() {
        let words = split("echo a | b").unwrap();
        assert_eq!((words.words.len(), words.dropped), (2, Some("| b")));
        assert_eq!(split("a 2>x").unwrap().words, ["a"]);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for text in ["'a", "\"a", "`a", "$(a", "a\\", "a (b)", "a )"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
