use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::engine::event::{Event, VERSION, WatchOutcome};
use crate::engine::state::Phase;
use crate::view::samples::{self, NOW, any};

const LOOK: Look = Look {
    color: true,
    unicode: true,
};

/// As much of a terminal as the view uses.
#[derive(Debug)]
struct Grid {
    columns: usize,
    rows: usize,
    lines: Vec<Vec<char>>,
    /// Index into `lines`, which grow downwards; the last `rows` of them are on the screen.
    row: usize,
    column: usize,
    wraps: bool,
    cursor: bool,
    writes: usize,
}

#[derive(Debug, Clone)]
struct Emulator(Rc<RefCell<Grid>>);

impl Emulator {
    fn new(columns: usize, rows: usize) -> Self {
        Self(Rc::new(RefCell::new(Grid {
            columns,
            rows,
            lines: vec![Vec::new()],
            row: 0,
            column: 0,
            wraps: true,
            cursor: true,
            writes: 0,
        })))
    }

    fn text(&self) -> String {
        let lines = self
            .0
            .borrow()
            .lines
            .iter()
            .map(|line| line.iter().collect::<String>())
            .collect::<Vec<_>>();
        lines
            .iter()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect::<String>()
            .trim_end()
            .to_owned()
    }

    fn writes(&self) -> usize {
        self.0.borrow().writes
    }
}

impl Grid {
    fn put(&mut self, c: char) {
        let width = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if self.column + width > self.columns {
            assert!(self.wraps, "the table is wider than the terminal at {c:?}");
            self.down();
            self.column = 0;
        }
        let line = &mut self.lines[self.row];
        while line.len() <= self.column {
            line.push(' ');
        }
        line[self.column] = c;
        self.column += width;
    }

    fn down(&mut self) {
        self.row += 1;
        if self.row == self.lines.len() {
            self.lines.push(Vec::new());
        }
    }

    fn control(&mut self, parameters: &str, end: char) {
        let number = parameters.parse().unwrap_or(1);
        match (parameters, end) {
            (_, 'A') => {
                let top = self.lines.len().saturating_sub(self.rows);
                assert!(self.row - number >= top, "moves above the screen");
                self.row -= number;
            }
            (_, 'K') => self.lines[self.row].truncate(self.column),
            (_, 'J') => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            ("?25", 'h' | 'l') => self.cursor = end == 'h',
            ("?7", 'h' | 'l') => self.wraps = end == 'h',
            ("?2026", _) | (_, 'm') => {}
            other => panic!("sequence {other:?}"),
        }
    }
}

impl Write for Emulator {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut grid = self.0.borrow_mut();
        grid.writes += 1;
        let mut rest = std::str::from_utf8(bytes).unwrap().chars();
        while let Some(c) = rest.next() {
            match c {
                '\r' => grid.column = 0,
                '\n' => grid.down(),
                '\x1b' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut parameters = String::new();
                    let end = loop {
                        match rest.next().unwrap() {
                            c if c.is_ascii_alphabetic() => break c,
                            c => parameters.push(c),
                        }
                    };
                    grid.control(&parameters, end);
                }
                c => grid.put(c),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen for Emulator {
    fn size(&self) -> (usize, usize) {
        let grid = self.0.borrow();
        (grid.columns, grid.rows)
    }
}

fn stamped(event: Event) -> Stamped {
    Stamped {
        v: VERSION,
        at: NOW,
        event,
    }
}

#[test]
fn logs_stream_above_the_table() {
    let screen = Emulator::new(80, 24);
    let mut terminal = Terminal::new(screen.clone(), LOOK, "Ctrl-C stops the stack");
    let mut state = samples::starting();
    terminal.tick(&state, NOW).unwrap();
    terminal
        .log("cache", "Ready to accept connections")
        .unwrap();
    terminal
        .log("api", &format!("long {}", "x".repeat(90)))
        .unwrap();
    terminal.tick(&state, NOW + 100).unwrap();
    state = samples::ready();
    let (service, first) = ("api".to_owned(), "app/main.py".to_owned());
    let watched = Event::Watched {
        service,
        action: WatchOutcome::Synced,
        files: 1,
        first,
        millis: 8,
        failure: None,
    };
    terminal.event(&stamped(watched), &state).unwrap();
    terminal.log("api", "GET / 200").unwrap();
    terminal.tick(&state, NOW + 200).unwrap();
    insta::assert_snapshot!("streaming", screen.text());
    assert!(!screen.0.borrow().cursor);
    terminal.close(&state, NOW + 300).unwrap();
    insta::assert_snapshot!("closed", screen.text());
    assert!(screen.0.borrow().cursor);
}

#[test]
fn a_frame_that_says_the_same_is_not_written_and_no_two_come_too_fast() {
    let screen = Emulator::new(80, 24);
    let mut terminal = Terminal::new(screen.clone(), LOOK, "");
    let mut state = samples::ready();
    terminal.tick(&state, NOW).unwrap();
    let before = screen.writes();
    for millis in 1..90 {
        samples::enter(&mut state, "api", Phase::Starting, 0);
        terminal.tick(&state, NOW + millis).unwrap();
    }
    assert_eq!(screen.writes(), before);
    terminal.tick(&state, NOW + 100).unwrap();
    assert_eq!(screen.writes(), before + 1);
    let state = samples::ready();
    terminal.tick(&state, NOW + 200).unwrap();
    terminal.tick(&state, NOW + 300).unwrap();
    assert_eq!(screen.writes(), before + 2);
}

#[test]
fn a_flood_of_logs_is_cut_and_said_so() {
    let screen = Emulator::new(80, 24);
    let mut terminal = Terminal::new(screen.clone(), LOOK, "");
    for line in 0..QUEUE + 5 {
        terminal.log("api", &line.to_string()).unwrap();
    }
    terminal.tick(&samples::ready(), NOW).unwrap();
    let text = screen.text();
    assert!(
        text.starts_with("… 5 lines left out here; `dev logs` has them\napi      │ 5\n"),
        "{}",
        &text[..200]
    );
}

#[test]
fn the_cursor_comes_back_when_the_view_is_dropped_and_the_table_goes_for_a_question() {
    let screen = Emulator::new(80, 24);
    let mut terminal = Terminal::new(screen.clone(), LOOK, "");
    terminal.log("api", "hello").unwrap();
    terminal.tick(&samples::ready(), NOW).unwrap();
    terminal.clear().unwrap();
    assert_eq!(screen.text(), "api      │ hello");
    assert!(screen.0.borrow().cursor);
    terminal.tick(&samples::ready(), NOW + 100).unwrap();
    assert!(!screen.0.borrow().cursor);
    drop(terminal);
    assert!(screen.0.borrow().cursor);
    assert!(screen.0.borrow().wraps);
}

#[test]
fn a_wider_or_lower_terminal_leaves_nothing_behind() {
    let screen = Emulator::new(80, 24);
    let mut terminal = Terminal::new(screen.clone(), LOOK, "");
    terminal.tick(&samples::ready(), NOW).unwrap();
    screen.0.borrow_mut().columns = 120;
    terminal.tick(&samples::ready(), NOW + 100).unwrap();
    assert_eq!(screen.text().matches("── gold").count(), 1);
    screen.0.borrow_mut().rows = 10;
    terminal.tick(&samples::failed(), NOW + 200).unwrap();
    assert!(screen.text().lines().count() <= 10, "{}", screen.text());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The emulator panics when the table is wider than the screen or drawn above it.
    #[test]
    fn whatever_happens_the_frame_fits(
        events in proptest::collection::vec((any::stamped(), any::text()), 0..40),
        sizes in proptest::collection::vec((1..200_usize, 1..60_usize), 4),
    ) {
        for (columns, rows) in sizes {
            let screen = Emulator::new(columns, rows);
            let mut terminal = Terminal::new(screen.clone(), LOOK, "Ctrl-C stops the stack");
            let mut state = State::default();
            let mut now = NOW;
            for (event, text) in &events {
                state.apply(event);
                terminal.event(event, &state).unwrap();
                terminal.log("api", text).unwrap();
                now += 100;
                terminal.tick(&state, now).unwrap();
            }
            terminal.close(&state, now).unwrap();
            prop_assert!(screen.0.borrow().cursor);
        }
    }
}
