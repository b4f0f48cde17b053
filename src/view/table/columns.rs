//! How wide each column is, and a row laid out in them.

use super::row::{Row, Why};
use crate::view::Look;
use crate::view::line::{Line, Paint, fit, fit_middle, width};
use crate::view::progress::progress;
use crate::view::words::Tone;

const GAP: &str = "  ";
/// Longest word for a state.
const STATE: usize = 8;
const SINCE: usize = 4;
/// Less room than this for why it waits or what it printed, and other columns go.
const DETAIL: usize = 18;
/// Least room for what it printed where names are long.
const LEAST: usize = 8;
/// Less room than this beside the reason is not worth a cut-off last line.
const LAST: usize = 16;

/// Widths in columns; 0: not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    name: usize,
    since: usize,
    address: usize,
    detail: usize,
    total: usize,
    /// Every row keeps to the columns, for programs that cut them out.
    strict: bool,
}

impl Columns {
    /// Fits `rows` into `total` columns. Only names and addresses decide, so that nothing jumps while states change.
    pub fn fit(rows: &[Row<'_>], total: usize, strict: bool) -> Self {
        let widest = |of: fn(&Row<'_>) -> usize| rows.iter().map(of).max().unwrap_or(0);
        let (most_name, most_address) = match total {
            0..100 => (16, 24),
            100..200 => (28, 36),
            _ => (64, 64),
        };
        let name = widest(|row| width(&row.name))
            .clamp(7, most_name)
            .min(total / 3);
        let address = widest(|row| width(&row.address)).min(most_address);
        let mut columns = Self {
            name,
            since: SINCE,
            address: 0,
            detail: 0,
            total,
            strict,
        };
        let fixed = columns.fixed();
        if address > 0 && total >= fixed + GAP.len() + address + GAP.len() + DETAIL {
            columns.address = address;
        } else if total < fixed + GAP.len() + DETAIL {
            columns.since = 0;
        }
        columns.detail = total.saturating_sub(columns.fixed() + GAP.len());
        // A name that cannot be told from another one says nothing: the last line gives way. Why a row is not ready has
        // the place of its address, too.
        let least = if columns.address > 0 { LEAST } else { DETAIL };
        let more = widest(|row| width(&row.name))
            .min(total / 3)
            .saturating_sub(columns.name)
            .min(columns.detail.saturating_sub(least));
        columns.name += more;
        columns.detail -= more;
        columns
    }

    /// Everything left of the detail.
    fn fixed(&self) -> usize {
        let optional = |column: usize| if column > 0 { GAP.len() + column } else { 0 };
        3 + self.name + GAP.len() + STATE + optional(self.since) + optional(self.address)
    }

    pub fn heading(&self, look: Look) -> Line {
        let mut text = format!(
            "   {:<name$}{GAP}{:<STATE$}",
            "SERVICE",
            "STATE",
            name = self.name
        );
        if self.since > 0 {
            text += &format!("{GAP}{:>SINCE$}", "FOR");
        }
        if self.address > 0 {
            text += &format!("{GAP}{:<address$}", "ADDRESS", address = self.address);
        }
        text += &format!("{GAP}DETAIL");
        Line::new().with(Paint::Dim, text).cut(self.total, look)
    }

    pub fn lay(&self, row: &Row<'_>, now: u64, look: Look) -> Line {
        let off = row.tone == Tone::Off;
        let mut line = Line::plain(" ")
            .with(row.paint(), row.symbol(now, look))
            .with(Paint::Plain, " ");
        let mut end = 3 + self.name;
        line.push(
            if off { Paint::Dim } else { row.hue },
            fit_middle(&row.name, self.name, look),
        );
        line.pad(end);
        line.push(row.paint(), format!("{GAP}{:<STATE$}", row.word));
        end += GAP.len() + STATE;
        if self.since > 0 {
            line.push(Paint::Dim, format!("{GAP}{:>SINCE$}", row.since));
            end += GAP.len() + self.since;
        }
        let mut room = self.detail;
        if self.gives_way(row) {
            room += GAP.len() + self.address;
        } else if self.address > 0 {
            let paint = if row.open { Paint::Plain } else { Paint::Dim };
            let address = fit(&row.address, self.address, look);
            line.push(paint, format!("{GAP}{address}"));
            end += GAP.len() + self.address;
        }
        line.pad(end + GAP.len());
        line.append(explain(row, room, look));
        line.cut(self.total, look)
    }

    /// An address that does not answer yet makes room for the reason.
    fn gives_way(&self, row: &Row<'_>) -> bool {
        self.address > 0 && !self.strict && !row.open && !matches!(row.why, Why::Nothing)
    }

    /// Whether all of the reason can be seen.
    pub fn shows_all(&self, row: &Row<'_>) -> bool {
        let more = if self.gives_way(row) {
            GAP.len() + self.address
        } else {
            0
        };
        match &row.why {
            Why::Text(text) => width(text) <= self.detail + more,
            _ => true,
        }
    }
}

/// Why it is as it is, then what it printed last as far as there is room.
fn explain(row: &Row<'_>, columns: usize, look: Look) -> Line {
    let mut said = match &row.why {
        Why::Nothing => Line::new(),
        Why::Text(text) => {
            let paint = match row.tone {
                Tone::Warn | Tone::Alarm | Tone::Bad => row.paint(),
                _ => Paint::Plain,
            };
            Line::new().with(paint, fit(text, columns, look))
        }
        Why::Progress { amount, text } => progress(*amount, text, columns, look),
    };
    let between = if said.is_empty() {
        String::new()
    } else {
        format!(" {} ", look.dot())
    };
    let room = columns.saturating_sub(said.width() + width(&between));
    let worth = said.is_empty() || room >= LAST;
    if worth && !row.last.is_empty() && row.failure.is_none() {
        said.push(Paint::Dim, between);
        said.push(Paint::Dim, fit(&row.last, room, look));
    }
    said
}
