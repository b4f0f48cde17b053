//! Lines where there is no terminal to draw on: a log of continuous integration, a file, a pipe.

use std::io::{self, Write};

use super::narrate::Narrator;
use super::{Look, Pace, View};
use crate::engine::event::Stamped;
use crate::engine::state::State;

/// One line for each thing that happens.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    look: Look,
    narrator: Narrator,
}

impl<W: Write> Plain<W> {
    pub fn new(out: W, look: Look) -> Self {
        Self {
            out,
            look,
            narrator: Narrator::new(look),
        }
    }

    fn tell(&mut self, told: Vec<super::narrate::Told>) -> io::Result<()> {
        if told.is_empty() {
            return Ok(());
        }
        for told in told {
            writeln!(self.out, "{}", told.line.render(self.look))?;
        }
        self.out.flush()
    }
}

impl<W: Write> View for Plain<W> {
    fn event(&mut self, event: &Stamped, state: &State) -> io::Result<()> {
        let told = self.narrator.event(event, state);
        self.tell(told)
    }

    fn log(&mut self, service: &str, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", self.narrator.gutter().log(service, text))?;
        self.out.flush()
    }

    fn tick(&mut self, state: &State, now: u64) -> io::Result<()> {
        let told = self.narrator.remind(state, now);
        self.tell(told)
    }

    fn pace(&self, _state: &State) -> Pace {
        Pace::Seconds
    }

    fn close(&mut self, _state: &State, _now: u64) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Event, Level, VERSION};
    use crate::view::samples::{self, NOW};

    #[test]
    fn events_and_logs_share_one_column() {
        let mut out = Vec::new();
        let mut plain = Plain::new(
            &mut out,
            Look {
                color: false,
                unicode: true,
            },
        );
        let state = samples::ready();
        let event = Event::Notice {
            level: Level::Info,
            text: "watching".to_owned(),
        };
        plain
            .event(
                &Stamped {
                    v: VERSION,
                    at: NOW,
                    event,
                },
                &state,
            )
            .unwrap();
        plain.log("api", "GET / 200\n").unwrap();
        plain.tick(&state, NOW + 60_000).unwrap();
        plain.close(&state, NOW + 60_000).unwrap();
        insta::assert_snapshot!("plain", String::from_utf8(out).unwrap());
    }
}
