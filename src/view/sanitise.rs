//! What services print is made harmless before it reaches a terminal: it must not move the cursor, clear the screen,
//! set the title, write to the clipboard or turn text around.

/// Which escape sequences survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Colours and weights (SGR), ended at the end of the line.
    Colors,
}

/// One line of a log, ready to be printed. Tabs become blanks; other control characters and all escape sequences go
/// (ECMA-48 and the operating system commands of xterm), but for what `keep` says.
pub fn line(text: &str, keep: Keep) -> String {
    let text = text.trim_end_matches(['\n', '\r']);
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    let mut styled = false;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\x1b' => {
                if let Some(sgr) = escape(&mut rest).filter(|_| keep == Keep::Colors) {
                    out.push_str(&sgr);
                    styled = true;
                }
            }
            '\u{9b}' => drop(control_sequence(&mut rest)),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            '\t' => {
                let blanks = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            '\r' | '\n' | '\u{2028}' | '\u{2029}' => {
                out.push(' ');
                column += 1;
            }
            c if c.is_control() || turns_text(c) => {}
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    if styled {
        out.push_str("\x1b[0m");
    }
    out
}

/// A line for one cell of a table: what a terminal would show last of a line that was overwritten with `\r`, blanks
/// closed up, and nothing whose width terminals disagree on.
pub fn cell(text: &str) -> String {
    let shown = text
        .trim_end()
        .rsplit('\r')
        .find(|part| !part.trim().is_empty())
        .unwrap_or("");
    let clean = line(shown, Keep::Nothing);
    let mut out = String::with_capacity(clean.len());
    for word in clean.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().filter(|c| !invisible(*c)));
    }
    out
}

/// Reads the rest of an escape sequence; gives it back when it only sets how text looks.
fn escape(rest: &mut std::str::Chars<'_>) -> Option<String> {
    match rest.clone().next()? {
        '[' => {
            rest.next();
            let sequence = control_sequence(rest)?;
            let parameters = sequence.strip_suffix('m')?;
            // A sub-parameter belongs to a parameter: `38:5:1`, never `:1`.
            let is_number =
                |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            let plain = parameters
                .split(';')
                .all(|parameter| parameter.is_empty() || parameter.split(':').all(is_number));
            plain.then(|| format!("\x1b[{parameters}m"))
        }
        ']' | 'P' | 'X' | '^' | '_' => {
            rest.next();
            skip_string(rest);
            None
        }
        ' '..='/' => {
            while matches!(rest.clone().next(), Some(' '..='/')) {
                rest.next();
            }
            rest.next();
            None
        }
        '0'..='~' => {
            rest.next();
            None
        }
        _ => None,
    }
}

/// Parameters and the final byte, or `None` where the sequence is broken off; then what broke it is left to be read.
fn control_sequence(rest: &mut std::str::Chars<'_>) -> Option<String> {
    let mut sequence = String::new();
    loop {
        let c = rest.clone().next()?;
        match c {
            ' '..='?' => sequence.push(c),
            '@'..='~' => {
                rest.next();
                sequence.push(c);
                return Some(sequence);
            }
            _ => return None,
        }
        rest.next();
    }
}

/// Up to the end of a command string: BEL, ST, or the line's end.
fn skip_string(rest: &mut std::str::Chars<'_>) {
    while let Some(c) = rest.next() {
        match c {
            '\x07' | '\u{9c}' => return,
            '\x1b' if rest.clone().next() == Some('\\') => {
                rest.next();
                return;
            }
            _ => {}
        }
    }
}

/// Marks that change the direction of text: a line could show other words than it holds.
fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        let cases = [
            ("plain", "plain"),
            ("\x1b[2J\x1b[Hgone", "gone"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]52;c;aGk=\x1b\\after", "after"),
            ("\x1bPq#0\x1b\\after", "after"),
            ("\x1b(Bafter", "after"),
            ("\x1bcafter", "after"),
            ("\u{9b}2Jafter", "after"),
            ("a\x08b\x07c\x00", "abc"),
            ("user\u{202e}txt.exe", "usertxt.exe"),
            ("a\tb", "a       b"),
            ("broken \x1b[31", "broken "),
            ("10%\r20%\r\n", "10% 20%"),
        ];
        for (raw, shown) in cases {
            assert_eq!(line(raw, Keep::Nothing), shown, "{raw:?}");
        }
    }

    #[test]
    fn colors_stay_where_they_are_wanted_and_end_with_the_line() {
        assert_eq!(line("\x1b[1;31mred", Keep::Colors), "\x1b[1;31mred\x1b[0m");
        assert_eq!(
            line("\x1b[38:5:12mblue", Keep::Colors),
            "\x1b[38:5:12mblue\x1b[0m"
        );
        assert_eq!(line("\x1b[1;31mred", Keep::Nothing), "red");
        assert_eq!(line("\x1b[>4;1mx\x1b[2Ky", Keep::Colors), "xy");
    }

    #[test]
    fn a_cell_shows_what_was_written_last() {
        assert_eq!(cell("10%\r  20%\t done \r\n"), "20% done");
        assert_eq!(cell("a\u{200d}b\u{fe0f}"), "ab");
        assert_eq!(cell("\r\n"), "");
    }

    #[test]
    fn colours_stay_and_what_only_looks_like_them_goes() {
        assert_eq!(line("\x1b[31;1mred", Keep::Colors), "\x1b[31;1mred\x1b[0m");
        assert_eq!(
            line("\x1b[38:5:1mred", Keep::Colors),
            "\x1b[38:5:1mred\x1b[0m"
        );
        assert_eq!(line("\x1b[:mplain", Keep::Colors), "plain");
    }

    proptest::proptest! {
        #[test]
        fn any_text_comes_out_harmless(text in "(\\PC|[\\x00-\\x1f\\x7f-\\u{9f}]|\\x1b[\\[\\]PX^_(]|[0-9;m])*") {
            proptest::prop_assert!(!line(&text, Keep::Nothing).chars().any(char::is_control));
            let colored = line(&text, Keep::Colors);
            let sgr = regex::Regex::new("\x1b\\[[0-9;:]*m").unwrap();
            let stripped = sgr.replace_all(&colored, "").into_owned();
            proptest::prop_assert!(!stripped.chars().any(char::is_control), "{colored:?}");
            proptest::prop_assert_eq!(cell(&cell(&text)), cell(&text));
        }
    }
}
