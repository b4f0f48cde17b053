//! The table of a stack, drawn from a snapshot: pure, so that a frame can be tested as text.

mod columns;
mod row;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::columns::Columns;
use self::row::Row;
use super::line::{Line, Paint, fit};
use super::look::Look;
use super::sanitise::{self, Keep, cell};
use super::words;
use crate::engine::event::{Failure, Step, Verb};
use crate::engine::state::{Phase, State};

/// Lines of a failure's detail that are shown beneath its row: the end tells most.
const DETAIL_LINES: usize = 8;
/// Share of the height that the error of a stack file may take.
const REJECTED_SHARE: usize = 3;

/// What a table is drawn on.
#[derive(Debug, Clone, Copy)]
pub struct Canvas<'a> {
    /// Milliseconds since 1970.
    pub now: u64,
    pub width: usize,
    pub height: usize,
    pub look: Look,
    /// A last line that says what keys do; left out where there is little room.
    pub footer: Option<&'a str>,
    pub kind: Kind,
}

/// What the table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Redrawn beneath the logs: without column titles and without services that were not asked for.
    Live,
    /// Printed once on a terminal.
    Once,
    /// Printed once into a file or a pipe: no rule.
    Piped,
}

/// The table as lines, none wider than `width`, at most `height` of them. What needs a person comes first where not
/// every service fits, and the rest is counted.
pub fn frame(state: &State, canvas: &Canvas<'_>) -> Vec<Line> {
    let Canvas {
        width,
        height,
        look,
        ..
    } = *canvas;
    if height == 0 || width == 0 {
        return Vec::new();
    }
    let mut rows = rows(state, canvas);
    let columns = Columns::fit(&rows, width, canvas.kind == Kind::Piped);
    let rejected = rejected(state, height / REJECTED_SHARE, look);
    let footer = canvas
        .footer
        .filter(|_| height >= rows.len() + rejected.len() + 3);

    let mut lines = vec![header(state, canvas)];
    if canvas.kind != Kind::Live && height > 3 && !rows.is_empty() {
        lines.push(columns.heading(look));
    }
    let room = height.saturating_sub(lines.len() + rejected.len() + usize::from(footer.is_some()));
    if rows.len() <= room {
        let spare = room - rows.len();
        lines.extend(with_details(&rows, &columns, canvas, spare));
    } else if room > 0 {
        rows.sort_by_key(|row| row.urgency);
        let failed = rows.iter().filter(|row| row.failure.is_some()).count();
        // Details never push out a second failure.
        let spare = (room / 3)
            .min(DETAIL_LINES)
            .min((room - 1).saturating_sub(failed));
        let spare = if failed > 0 { spare } else { 0 };
        let rest = rows.split_off(room - 1 - spare);
        lines.extend(with_details(&rows, &columns, canvas, spare));
        lines.push(counted(&rest, look));
    }
    lines.extend(rejected);
    lines.extend(footer.map(|text| Line::new().with(Paint::Dim, format!(" {text}"))));
    lines.truncate(height);
    lines
        .into_iter()
        .map(|line| line.cut(width, look))
        .collect()
}

fn rows<'a>(state: &'a State, canvas: &Canvas<'_>) -> Vec<Row<'a>> {
    let shared = state.shared.iter().filter(|(_, work)| {
        matches!(work.step, Step::Failed { .. })
            || (matches!(work.verb, Verb::Pull | Verb::Build)
                && matches!(work.step, Step::Started | Step::Progress { .. }))
    });
    let services = state
        .services
        .iter()
        .filter(|service| canvas.kind != Kind::Live || service.phase != Phase::Idle);
    shared
        .map(|(subject, work)| Row::of_work(subject, work, canvas.now))
        .chain(services.map(|service| Row::of_service(service, canvas.now, canvas.look)))
        .collect()
}

/// `── gold  3 of 6 ready  with offline ─────────`
fn header(state: &State, canvas: &Canvas<'_>) -> Line {
    let rule = canvas.look.rule();
    let ruled = canvas.kind != Kind::Piped;
    let name = if state.name.is_empty() {
        "dev".to_owned()
    } else {
        cell(&state.name)
    };
    let mut line = Line::new();
    if ruled {
        line.push(Paint::Dim, format!("{} ", rule.repeat(2)));
    }
    line.push(Paint::Bold, name);
    let (ready, all) = words::tally(state);
    if all > 0 {
        let paint = if ready == all {
            Paint::Good
        } else {
            Paint::Plain
        };
        line.push(paint, format!("  {ready} of {all} ready"));
    }
    let failed = state
        .services
        .iter()
        .filter(|service| service.phase == Phase::Failed)
        .count();
    if failed > 0 {
        line.push(Paint::Bad, format!(", {failed} failed"));
    }
    // Before the first look it is not known; and then nothing is further than waiting.
    let looked = state
        .services
        .iter()
        .any(|service| !matches!(service.phase, Phase::Waiting | Phase::Idle));
    if !state.runtime_up && looked {
        line.push(Paint::Bad, "  the container engine does not answer");
    }
    let overlays = words::overlays(state);
    if !overlays.is_empty() {
        line.push(Paint::Dim, format!("  with {}", overlays.join(", ")));
    }
    if !ruled {
        return line;
    }
    line.push(Paint::Plain, " ");
    let rest = canvas.width.saturating_sub(line.width());
    line.push(Paint::Dim, rule.repeat(rest));
    line
}

fn with_details(
    rows: &[Row<'_>],
    columns: &Columns,
    canvas: &Canvas<'_>,
    mut spare: usize,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in rows {
        lines.push(columns.lay(row, canvas.now, canvas.look));
        if let Some(failure) = row.failure {
            let detail = details(
                failure,
                !columns.shows_all(row),
                spare.min(DETAIL_LINES),
                canvas,
            );
            spare -= detail.len();
            lines.extend(detail);
        }
    }
    lines
}

/// The message where its row cut it, the end of the detail, and what to do next: at most `room` lines.
fn details(failure: &Failure, message: bool, room: usize, canvas: &Canvas<'_>) -> Vec<Line> {
    let look = canvas.look;
    let inner = canvas.width.saturating_sub(5);
    let bar = |paint, text: &str| {
        let text = sanitise::line(text, Keep::Nothing);
        let line = Line::plain("   ").with(Paint::Bad, look.bar());
        line.with(Paint::Plain, " ")
            .with(paint, fit(text.trim_end(), inner, look))
    };
    let help = failure.help.as_deref().map(|help| {
        let line = Line::plain("   ").with(Paint::Good, look.arrow());
        line.with(Paint::Plain, format!(" {}", cell(help)))
    });
    let mut left = room.saturating_sub(usize::from(help.is_some()));
    let mut lines = Vec::new();
    if message && left > 0 {
        lines.push(bar(Paint::Bad, &failure.message));
        left -= 1;
    }
    let shown: Vec<&String> = failure
        .detail
        .iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = shown.len().saturating_sub(left);
    lines.extend(shown[from..].iter().map(|text| bar(Paint::Plain, text)));
    lines.extend(help.filter(|_| room > 0));
    lines
}

/// `… and 12 ready, 3 waiting`
fn counted(rows: &[Row<'_>], look: Look) -> Line {
    let mut words: BTreeMap<(u8, &str), usize> = BTreeMap::new();
    for row in rows {
        *words.entry((row.urgency, row.word)).or_default() += 1;
    }
    let parts: Vec<String> = words
        .iter()
        .rev()
        .map(|((_, word), count)| format!("{count} {word}"))
        .collect();
    Line::new().with(
        Paint::Dim,
        format!(" {} and {}", look.ellipsis(), parts.join(", ")),
    )
}

/// A stack file that was edited to nonsense: its error, beneath what goes on running.
fn rejected(state: &State, room: usize, look: Look) -> Vec<Line> {
    let Some(error) = &state.rejected else {
        return Vec::new();
    };
    if room == 0 {
        return Vec::new();
    }
    let title = format!(
        " {} the stack file has errors; what runs stays as it is",
        look.cross()
    );
    let mut lines = vec![Line::new().with(Paint::Bad, title)];
    let error = error.lines().filter(|line| !line.trim().is_empty());
    let shown = error.take(room - 1).map(|line| {
        // Blanks carry the underline of the diagnostic.
        let text = sanitise::line(line, Keep::Nothing);
        Line::plain(format!("   {text}"))
    });
    lines.extend(shown);
    lines
}
