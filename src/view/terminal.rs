//! The live view: the table redrawn in place at the bottom, logs and news streaming above it.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::line::{Line, Paint};
use super::narrate::{Narrator, Told};
use super::table::{Canvas, Kind, frame};
use super::{Look, Pace, View};
use crate::engine::event::Stamped;
use crate::engine::state::{ServiceState, State};

/// Least time between two frames, milliseconds; a little less than the tenth of a second at which a caller ticks.
const PAUSE: u64 = 90;
/// Lines held between two frames. What comes faster cannot be read anyway; all of it is in the services' logs.
const QUEUE: usize = 2_000;

/// Draw all at once or not at all (synchronized output, where the terminal knows it), and without the cursor.
const BEGIN: &str = "\x1b[?2026h\x1b[?25l";
const END: &str = "\x1b[?2026l";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR_LINE: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";

/// A terminal: something to write to that has a size.
pub trait Screen: Write {
    /// Columns and rows.
    fn size(&self) -> (usize, usize);
}

impl Screen for console::Term {
    fn size(&self) -> (usize, usize) {
        let (rows, columns) = Self::size(self);
        (usize::from(columns), usize::from(rows))
    }
}

/// Owns the bottom of a terminal from the first [`View::tick`] to [`View::close`].
#[derive(Debug)]
pub struct Terminal<S: Screen> {
    screen: S,
    look: Look,
    footer: String,
    narrator: Narrator,
    pending: VecDeque<String>,
    dropped: usize,
    /// The frame on the screen, as it was written, and how wide each line is.
    drawn: Vec<(String, usize)>,
    size: (usize, usize),
    last: Option<u64>,
    hidden: bool,
}

impl<S: Screen> Terminal<S> {
    /// `footer`: what keys do, as the last line of the table; empty for none.
    pub fn new(screen: S, look: Look, footer: impl Into<String>) -> Self {
        Self {
            screen,
            look,
            footer: footer.into(),
            narrator: Narrator::new(look),
            pending: VecDeque::new(),
            dropped: 0,
            drawn: Vec::new(),
            size: (0, 0),
            last: None,
            hidden: false,
        }
    }

    fn queue(&mut self, line: String) {
        if self.pending.len() == QUEUE {
            self.pending.pop_front();
            self.dropped += 1;
        }
        self.pending.push_back(line);
    }

    fn news(&mut self, told: Vec<Told>) {
        for told in told.into_iter().filter(|told| told.loud) {
            self.queue(told.line.render(self.look));
        }
    }

    fn table(&self, state: &State, now: u64, footer: bool) -> Vec<(String, usize)> {
        let (columns, rows) = self.size;
        // Logs keep a third of the screen, and the line beneath the table is the cursor's.
        let height = (rows * 2 / 3).max(8).min(rows.saturating_sub(1));
        let canvas = Canvas {
            now,
            width: columns,
            height,
            look: self.look,
            footer: Some(self.footer.as_str()).filter(|text| footer && !text.is_empty()),
            kind: Kind::Live,
        };
        let lines = frame(state, &canvas);
        lines
            .into_iter()
            .map(|line| (line.render(self.look), line.width()))
            .collect()
    }

    fn draw(&mut self, state: &State, now: u64, footer: bool) -> io::Result<()> {
        let size = match self.screen.size() {
            // A terminal that does not say.
            (0, _) | (_, 0) => (80, 24),
            known => known,
        };
        let resized = std::mem::replace(&mut self.size, size) != size;
        let table = self.table(state, now, footer);
        self.last = Some(now);
        let same = |(old, new): (&(String, usize), &(String, usize))| old.0 == new.0;
        let unchanged = self.drawn.len() == table.len() && self.drawn.iter().zip(&table).all(same);
        if unchanged && !resized && self.pending.is_empty() {
            return Ok(());
        }
        let mut out = String::from(BEGIN);
        self.hidden = true;
        self.back_to_top(&mut out);
        if resized || !self.pending.is_empty() {
            out.push_str(CLEAR_BELOW);
        }
        if self.dropped > 0 {
            let text = format!(
                "{} {} lines left out here; `dev logs` has them",
                self.look.ellipsis(),
                self.dropped
            );
            let _ = write!(
                out,
                "{}\r\n",
                Line::new().with(Paint::Dim, text).render(self.look)
            );
            self.dropped = 0;
        }
        for line in self.pending.drain(..) {
            let _ = write!(out, "{line}\r\n");
        }
        out.push_str(NO_WRAP);
        for (line, _) in &table {
            let _ = write!(out, "{CLEAR_LINE}{line}\r\n");
        }
        let _ = write!(out, "{WRAP}{CLEAR_BELOW}{END}");
        self.drawn = table;
        self.send(&out)
    }

    /// Moves to where the table begins. A terminal that became narrower has wrapped what was drawn.
    fn back_to_top(&self, out: &mut String) {
        let columns = self.size.0.max(1);
        let rows: usize = self
            .drawn
            .iter()
            .map(|(_, width)| width.div_ceil(columns).max(1))
            .sum();
        let rows = rows.min(self.size.1.saturating_sub(1));
        out.push('\r');
        if rows > 0 {
            let _ = write!(out, "\x1b[{rows}A");
        }
    }

    /// One write for all, so that nothing comes between.
    fn send(&mut self, out: &str) -> io::Result<()> {
        self.screen.write_all(out.as_bytes())?;
        self.screen.flush()
    }
}

impl<S: Screen> View for Terminal<S> {
    fn event(&mut self, event: &Stamped, state: &State) -> io::Result<()> {
        let told = self.narrator.event(event, state);
        self.news(told);
        Ok(())
    }

    fn log(&mut self, service: &str, text: &str) -> io::Result<()> {
        let line = self.narrator.gutter().log(service, text);
        self.queue(line);
        Ok(())
    }

    fn tick(&mut self, state: &State, now: u64) -> io::Result<()> {
        // A clock that was set back must not stop the view.
        let soon = self
            .last
            .is_some_and(|last| now >= last && now - last < PAUSE);
        if soon {
            Ok(())
        } else {
            self.draw(state, now, true)
        }
    }

    fn pace(&self, state: &State) -> Pace {
        let moves = |service: &ServiceState| service.info.wanted && !service.is_ready();
        if self.pending.is_empty() && !state.services.iter().any(moves) {
            Pace::Seconds
        } else {
            Pace::Frames
        }
    }

    fn close(&mut self, state: &State, now: u64) -> io::Result<()> {
        self.draw(state, now, false)?;
        self.drawn.clear();
        self.hidden = false;
        self.send(SHOW_CURSOR)
    }

    fn clear(&mut self) -> io::Result<()> {
        let mut out = String::new();
        self.back_to_top(&mut out);
        out.push_str(CLEAR_BELOW);
        out.push_str(SHOW_CURSOR);
        self.drawn.clear();
        self.hidden = false;
        self.send(&out)
    }

    fn set_footer(&mut self, text: &str) {
        text.clone_into(&mut self.footer);
    }
}

impl<S: Screen> Drop for Terminal<S> {
    fn drop(&mut self) {
        if self.hidden {
            // Nobody is left to tell that the terminal has gone.
            let _ = self.send(&format!("{END}{WRAP}{SHOW_CURSOR}"));
        }
    }
}
