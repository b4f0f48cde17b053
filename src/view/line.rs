//! A line of painted text that knows how wide it is.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

use super::Look;

/// What a piece of text means; [`Look`] decides whether that becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Bold,
    Dim,
    Good,
    Busy,
    Warn,
    Bad,
    /// A hue of [`service_paint`].
    Hue(u8),
}

/// Hues that tell services apart. Red is left out: it means failure.
const HUES: [&str; 10] = ["36", "35", "34", "33", "32", "96", "95", "94", "93", "92"];

/// The paint of a service: the same in every run, every view and on every machine.
pub fn service_paint(name: &str) -> Paint {
    // FNV-1a: the standard library's hasher may change between releases.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let folded = (hash ^ (hash >> 32)) % HUES.len() as u64;
    Paint::Hue(u8::try_from(folded).unwrap_or(0))
}

impl Paint {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Good => Some("32"),
            Self::Busy => Some("36"),
            Self::Warn => Some("33"),
            Self::Bad => Some("31"),
            Self::Hue(hue) => Some(HUES[usize::from(hue) % HUES.len()]),
        }
    }
}

/// Painted pieces, left to right. Holds no control characters: who builds one sanitises what comes from outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<(Paint, String)>,
}

impl Line {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn plain(text: impl Into<String>) -> Self {
        Self::new().with(Paint::Plain, text)
    }

    #[must_use]
    pub fn with(mut self, paint: Paint, text: impl Into<String>) -> Self {
        self.push(paint, text);
        self
    }

    pub fn push(&mut self, paint: Paint, text: impl Into<String>) {
        let text = text.into();
        if !text.is_empty() {
            self.spans.push((paint, text));
        }
    }

    pub fn append(&mut self, other: Self) {
        self.spans.extend(other.spans);
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Columns on a terminal.
    pub fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| width(text)).sum()
    }

    /// Fills up with blanks to `columns`.
    pub fn pad(&mut self, columns: usize) {
        let missing = columns.saturating_sub(self.width());
        self.push(Paint::Plain, " ".repeat(missing));
    }

    /// At most `columns` wide; what is cut off is shown by an ellipsis.
    #[must_use]
    pub fn cut(self, columns: usize, look: Look) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mark = look.ellipsis();
        let mut room = columns.saturating_sub(width(mark));
        let mut cut = Self::new();
        let mut last = Paint::Plain;
        for (paint, text) in self.spans {
            last = paint;
            let kept = head(&text, room);
            room -= width(kept);
            let whole = kept.len() == text.len();
            cut.push(paint, kept);
            if !whole {
                break;
            }
        }
        if width(mark) <= columns {
            cut.push(last, mark);
        }
        cut
    }

    /// As text, with colours where `look` has them, without a line end.
    pub fn render(&self, look: Look) -> String {
        let mut out = String::new();
        for (paint, text) in &self.spans {
            match paint.code().filter(|_| look.color) {
                Some(code) => {
                    let _ = write!(out, "\x1b[{code}m{text}\x1b[0m");
                }
                None => out.push_str(text),
            }
        }
        if !look.color {
            out.truncate(out.trim_end().len());
        }
        out
    }
}

/// Columns that text takes, counted character by character: never less than a terminal uses.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// The longest beginning of `text` that fits `columns`.
pub(super) fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// `text` cut to `columns`, an ellipsis where something is missing.
pub(super) fn fit(text: &str, columns: usize, look: Look) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = look.ellipsis();
    match columns.checked_sub(width(mark)) {
        Some(room) => format!("{}{mark}", head(text, room)),
        None => head(text, columns).to_owned(),
    }
}

/// The same with what is missing taken from the middle: names often differ at their ends.
pub(super) fn fit_middle(text: &str, columns: usize, look: Look) -> String {
    let mark = look.ellipsis();
    let Some(room) = columns.checked_sub(width(mark)).filter(|room| *room > 2) else {
        return fit(text, columns, look);
    };
    if width(text) <= columns {
        return text.to_owned();
    }
    let front = head(text, room - room / 2);
    let mut back = text;
    while width(back) > room / 2 {
        let mut rest = back.chars();
        rest.next();
        back = rest.as_str();
    }
    format!("{front}{mark}{back}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        color: false,
        unicode: true,
    };

    #[test]
    fn cutting_counts_columns_not_characters() {
        assert_eq!(fit("héllo", 5, LOOK), "héllo");
        assert_eq!(fit("金価格表", 5, LOOK), "金価…");
        assert_eq!(fit("金価格表", 4, LOOK), "金…");
        assert_eq!(fit("abc", 0, LOOK), "");
        assert_eq!(fit_middle("service-number-17", 9, LOOK), "serv…r-17");
        assert_eq!(fit_middle("金価格表示板", 8, LOOK), "金価…板");
        assert_eq!(fit_middle("worker", 6, LOOK), "worker");
        assert_eq!(fit_middle("worker", 2, LOOK), "w…");
        let ascii = Look {
            color: false,
            unicode: false,
        };
        assert_eq!(fit("abcdefgh", 5, ascii), "abc..");
    }

    #[test]
    fn a_cut_line_keeps_its_paint() {
        let line = Line::new()
            .with(Paint::Good, "ready ")
            .with(Paint::Dim, "and a long tail")
            .cut(9, LOOK);
        assert_eq!(line.width(), 9);
        let color = Look {
            color: true,
            unicode: true,
        };
        assert_eq!(
            line.render(color),
            "\x1b[32mready \x1b[0m\x1b[2man\x1b[0m\x1b[2m…\x1b[0m"
        );
    }

    #[test]
    fn a_service_has_one_paint() {
        assert_eq!(service_paint("api"), service_paint("api"));
        let names = ["api", "db", "cache", "migrate", "web", "worker"];
        let different: std::collections::BTreeSet<_> = names
            .iter()
            .map(|n| format!("{:?}", service_paint(n)))
            .collect();
        assert!(different.len() >= 4, "{different:?}");
    }
}
