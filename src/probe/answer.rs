/// What one attempt of a probe was told, as a line for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Passed(String),
    Failed(String),
}

impl Answer {
    pub fn passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }

    pub fn text(&self) -> &str {
        match self {
            Self::Passed(text) | Self::Failed(text) => text,
        }
    }

    pub fn into_text(self) -> String {
        match self {
            Self::Passed(text) | Self::Failed(text) => text,
        }
    }
}

/// Characters of foreign text that an answer may carry.
pub(super) const FOREIGN: usize = 160;

/// The first line of foreign text with something on it: without control characters and escape sequences, which
/// could move the cursor of whoever reads it, and at most `limit` characters long.
pub fn clean(text: &str, limit: usize) -> String {
    let line = text
        .lines()
        .map(strip)
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let line = line.trim();
    if line.chars().count() <= limit {
        return line.to_owned();
    }
    let mut short: String = line.chars().take(limit.saturating_sub(1)).collect();
    short.push('…');
    short
}

fn strip(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            // CSI: up to its final byte; any other sequence: its one character.
            '\u{1b}' => {
                if chars.next() == Some('[') {
                    let _end = chars.find(|c| ('\u{40}'..='\u{7e}').contains(c));
                }
            }
            '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

/// Characters that turn the direction of text or have no width: they make a line read as something else.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fffd}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_harmless_line() {
        assert_eq!(clean("\r\n\n  all\tgood \nmore", 80), "all good");
        assert_eq!(clean("\u{1b}[2J\u{1b}[31mred\u{1b}[0m\u{7}", 80), "red");
        assert_eq!(clean("\u{202e}evil", 80), "evil");
        assert_eq!(clean("abcdef", 4), "abc…");
        assert_eq!(clean("", 4), "");
    }
}
