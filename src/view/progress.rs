//! Progress of a pull or a build as a few columns of text. indicatif draws the bar, into memory: the table decides
//! where it goes, and indicatif alone would draw nothing off a terminal and lose bars beyond its rows.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::Look;
use super::line::{Line, Paint, fit};

/// How far a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount {
    pub done: u64,
    pub total: u64,
    /// Bytes, else steps.
    pub bytes: bool,
}

/// `━━━━━╸────── 12.4/28.1 MB extracting`, in at most `columns`.
pub(super) fn progress(amount: Amount, text: &str, columns: usize, look: Look) -> Line {
    let mut line = Line::new();
    let length = (columns / 3).clamp(6, 20);
    if amount.total > 0 && columns >= length + 2 {
        let drawn = bar(amount.done.min(amount.total), amount.total, length, look);
        let filled = drawn.find(empty(look)).unwrap_or(drawn.len());
        line.push(Paint::Busy, &drawn[..filled]);
        line.push(Paint::Dim, &drawn[filled..]);
        line.push(Paint::Plain, format!(" {}", figures(amount)));
        if !text.is_empty() {
            line.push(Paint::Plain, " ");
        }
    }
    let room = columns.saturating_sub(line.width());
    line.push(Paint::Dim, fit(text, room, look));
    line.cut(columns, look)
}

/// `12.4/28.1 MB`, `8/14`
pub(super) fn figures(amount: Amount) -> String {
    let Amount { done, total, bytes } = amount;
    if !bytes {
        return format!("{}/{total}", done.min(total));
    }
    let (unit, size) = [("GB", 1_000_000_000_u64), ("MB", 1_000_000), ("kB", 1_000)]
        .into_iter()
        .find(|(_, size)| total >= *size)
        .unwrap_or(("B", 1));
    let number = |value: u64| {
        let tenths = u128::from(value) * 10 / u128::from(size);
        if size == 1 || tenths >= 1_000 {
            format!("{}", tenths / 10)
        } else {
            format!("{}.{}", tenths / 10, tenths % 10)
        }
    };
    format!("{}/{} {unit}", number(done.min(total)), number(total))
}

const fn empty(look: Look) -> char {
    if look.unicode { '─' } else { '-' }
}

fn bar(done: u64, total: u64, columns: usize, look: Look) -> String {
    let page = Page::default();
    let target = ProgressDrawTarget::term_like(Box::new(page.clone()));
    let Ok(style) = ProgressStyle::with_template(&format!("{{bar:{columns}}}")) else {
        return String::new();
    };
    let style = style.progress_chars(if look.unicode { "━╸─" } else { "=>-" });
    let bar = ProgressBar::with_draw_target(Some(total), target)
        .with_style(style)
        .with_position(done);
    bar.force_draw();
    let drawn = page.text();
    // Dropped unfinished it would be drawn once more, somewhere else.
    bar.abandon();
    console::strip_ansi_codes(drawn.trim()).into_owned()
}

/// A terminal of one line, in memory.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<String>>);

impl Page {
    fn text(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn add(&self, text: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(text);
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

impl TermLike for Page {
    fn width(&self) -> u16 {
        200
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.add(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        color: false,
        unicode: true,
    };

    fn drawn(done: u64, total: u64, bytes: bool, columns: usize) -> String {
        progress(Amount { done, total, bytes }, "extracting", columns, LOOK).render(LOOK)
    }

    #[test]
    fn a_bar_with_figures_and_the_current_line() {
        assert_eq!(
            drawn(12_400_000, 28_100_000, true, 45),
            "━━━━━━╸──────── 12.4/28.1 MB extracting"
        );
        assert_eq!(drawn(8, 14, false, 30), "━━━━━╸──── 8/14 extracting");
        assert_eq!(drawn(14, 14, false, 30), "━━━━━━━━━━ 14/14 extracting");
        assert_eq!(drawn(0, 14, false, 30), "────────── 0/14 extracting");
    }

    #[test]
    fn unknown_amounts_have_no_bar_and_little_room_cuts() {
        assert_eq!(drawn(0, 0, false, 30), "extracting");
        assert_eq!(drawn(8, 14, false, 16), "━━━╸── 8/14 ext…");
        for columns in 0..60 {
            let line = progress(
                Amount {
                    done: 9,
                    total: 3,
                    bytes: true,
                },
                "text",
                columns,
                LOOK,
            );
            assert!(line.width() <= columns);
        }
    }
}
