//! State and events become text: a live table on a terminal, plain lines elsewhere, JSON for programs. Everything is
//! drawn from snapshots, the time is a parameter, and what comes from outside is made harmless first.

pub mod doctor;
pub mod json;
pub mod logs;
pub mod plain;
pub mod sanitise;
pub mod status;
pub mod summary;
pub mod table;
pub mod terminal;
pub mod timings;
pub mod why;

mod labelled;
mod line;
mod look;
mod narrate;
mod progress;
mod time;
mod words;

#[cfg(test)]
pub(crate) mod samples;

use std::io;

pub use json::Json;
pub use labelled::Labelled;
pub use line::{Line, Paint, service_paint};
pub use logs::{Gutter, bare};
pub use look::{Look, Mode};
pub use plain::Plain;
pub use terminal::{Screen, Terminal};
pub use time::{age, took};
pub use timings::Timings;

use crate::engine::event::Stamped;
use crate::engine::state::State;

/// Where a command shows what happens. A caller gives it events and log lines as they come, ticks it as often as its pace
/// says, and closes it at the end. Every call fails only when the output cannot be written to.
pub trait View {
    /// `state`: with the event applied.
    ///
    /// # Errors
    /// The output cannot be written to.
    fn event(&mut self, event: &Stamped, state: &State) -> io::Result<()>;

    /// A line that a service printed, secrets already taken out.
    ///
    /// # Errors
    /// The output cannot be written to.
    fn log(&mut self, service: &str, text: &str) -> io::Result<()>;

    /// Time has passed: redraws, turns spinners, says what still goes on. `now`: milliseconds since 1970.
    ///
    /// # Errors
    /// The output cannot be written to.
    fn tick(&mut self, state: &State, now: u64) -> io::Result<()>;

    /// How often it wants to be ticked; nobody watches a clock that stands still, so that a quiet stack costs nothing.
    fn pace(&self, state: &State) -> Pace;

    /// The last call: leaves the final table on a terminal, and gives it back.
    ///
    /// # Errors
    /// The output cannot be written to.
    fn close(&mut self, state: &State, now: u64) -> io::Result<()>;

    /// Clears the way for a question or for the output of something else; the next tick draws again. Views that only
    /// add lines have nothing to clear.
    ///
    /// # Errors
    /// The output cannot be written to.
    fn clear(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Says what keys do from now on, where the view shows that.
    fn set_footer(&mut self, _text: &str) {}
}

/// How often a view is ticked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Something moves: as often as is drawn at most.
    Frames,
    /// Once more shortly after something happened, and every second.
    Seconds,
    /// It shows nothing but what happens.
    Never,
}

/// The view of `mode` on standard output. `footer`: see [`Terminal::new`].
pub fn on_stdout(mode: Mode, look: Look, footer: &str) -> Box<dyn View> {
    match mode {
        Mode::Terminal => Box::new(Terminal::new(console::Term::stdout(), look, footer)),
        Mode::Plain => Box::new(Plain::new(io::stdout(), look)),
        Mode::Json => Box::new(Json::new(io::stdout())),
    }
}

/// The same on standard error, for where standard output belongs to another command. `label` stands before plain lines.
pub fn on_stderr(mode: Mode, look: Look, label: &str) -> Box<dyn View> {
    match mode {
        Mode::Terminal => Box::new(Terminal::new(console::Term::stderr(), look, "")),
        Mode::Plain => Box::new(Plain::new(Labelled::new(io::stderr(), label), look)),
        Mode::Json => Box::new(Json::new(io::stderr())),
    }
}
