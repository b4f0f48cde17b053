//! Standard output of a command that follows a stack.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::StyleArgs;
use super::asked::Asked;
use super::passing;
use super::show::now;
use crate::engine::bus::LogEntry;
use crate::engine::event::{Event, ServiceInfo, Stamped, VERSION};
use crate::engine::state::State;
use crate::view::{
    Labelled, Line, Look, Mode, Pace, Timings, View, bare, on_stderr, on_stdout, summary, why,
};

/// Between two looks whether standard output is still read.
const LOOK_FOR_READER: Duration = Duration::from_millis(200);

/// Columns of what is no terminal.
const UNKNOWN_WIDTH: usize = 80;

/// Why something could not be written to standard output, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// What stands before each line on standard error.
static LABEL: OnceLock<String> = OnceLock::new();

/// A view on standard output. A reader that has gone away ends nothing: the work goes on, unseen.
pub struct Output {
    view: Box<dyn View>,
    mode: Mode,
    look: Look,
    /// Whether log lines of services are shown as they come.
    logs: bool,
    aside: bool,
    /// What services print as it is.
    bare: bool,
    /// Until they are told.
    timings: Option<Timings>,
    /// The services that the view began with.
    begun: Vec<ServiceInfo>,
}

impl Output {
    /// `footer`: what keys do, for the live table. `logs`: show what services print as it comes.
    pub fn open(json: bool, footer: &str, logs: bool) -> Self {
        let mode = mode(json);
        let look = look();
        Self {
            view: on_stdout(mode, look, footer),
            mode,
            look,
            logs,
            aside: false,
            bare: false,
            timings: None,
            begun: Vec::new(),
        }
    }

    /// On standard error, because standard output is another command's. Many may write there at once: `label` tells lines
    /// of this one, what [`to_stderr`] writes among them.
    pub fn aside(json: bool, label: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let mode = Mode::choose(json, terminal, variable);
        let look = Look::detect(terminal, variable);
        let label = if mode == Mode::Plain { label } else { "" };
        // Only the first is this command's.
        let _labelled = LABEL.set(label.to_owned());
        Self {
            view: on_stderr(mode, look, label),
            mode,
            look,
            logs: false,
            aside: true,
            bare: false,
            timings: None,
            begun: Vec::new(),
        }
    }

    /// Tells once, when everything is ready, where the time went.
    #[must_use]
    pub fn with_timings(mut self, wanted: bool) -> Self {
        self.timings = (wanted && self.mode != Mode::Json).then(Timings::default);
        self
    }

    /// Plainer than the terminal allows.
    #[must_use]
    pub fn styled(mut self, style: StyleArgs) -> Self {
        self.bare = style.no_log_prefix && self.mode != Mode::Json;
        if style.no_color && self.mode != Mode::Json {
            self.mode = Mode::Plain;
            self.look.color = false;
            self.view = on_stdout(self.mode, self.look, "");
        }
        self
    }

    /// What there is to begin with: views hear of a stack by its event, and this one came before them.
    pub fn begin(&mut self, state: &State) {
        let services = state.services.iter().map(|service| service.info.clone());
        let services: Vec<ServiceInfo> = services.collect();
        if services == self.begun {
            return;
        }
        self.begun.clone_from(&services);
        let event = Event::Stack {
            name: state.name.clone(),
            layers: state.layers.clone(),
            services,
        };
        self.event(
            state,
            &Stamped {
                v: VERSION,
                at: now(),
                event,
            },
        );
    }

    pub fn event(&mut self, state: &State, event: &Stamped) {
        let told = match self.is_passing() {
            true => passing::event(event),
            false => Cow::Borrowed(event),
        };
        let result = self.view.event(&told, &self.shown(state));
        self.note(result);
        if let Some(timings) = &mut self.timings {
            timings.see(event, state);
        }
        // In front there is no end at which to tell it.
        if self.logs && matches!(event.event, Event::Settled { ready: true, .. }) {
            for line in self.told(state) {
                let result = self.view.log("timings", &line.render(self.look));
                self.note(result);
            }
        }
    }

    fn told(&mut self, state: &State) -> Vec<Line> {
        let timings = self.timings.take();
        timings.map_or_else(Vec::new, |timings| timings.report(state, self.look))
    }

    pub fn log(&mut self, entry: &LogEntry) {
        if !self.logs {
            return;
        }
        if self.bare {
            let cleared = self.view.clear();
            self.note(cleared);
            write_line(&bare(&entry.line, self.look));
            return;
        }
        let result = self.view.log(&entry.service, &entry.line);
        self.note(result);
    }

    /// How often [`Output::frame`] is to be called.
    pub fn pace(&self, state: &State) -> Pace {
        self.view.pace(state)
    }

    pub fn frame(&mut self, state: &State) {
        let result = self.view.tick(&self.shown(state), now());
        self.note(result);
    }

    /// A sentence beside the view; on standard error, so that it is in nobody's way.
    pub fn remark(&mut self, text: &str) {
        if self.mode != Mode::Json {
            // A live table would be drawn over it.
            let result = self.view.clear();
            self.note(result);
            to_stderr(text);
        }
    }

    fn is_passing(&self) -> bool {
        self.aside && self.mode != Mode::Json
    }

    fn shown<'s>(&self, state: &'s State) -> Cow<'s, State> {
        match self.is_passing() {
            true => passing::state(state),
            false => Cow::Borrowed(state),
        }
    }

    fn note(&self, result: std::io::Result<()>) {
        if let Err(error) = result
            && !self.aside
        {
            unwritten(&error);
        }
    }

    /// What keys do from now on, for the live table.
    pub fn footer(&mut self, text: &str) {
        self.view.set_footer(text);
    }

    /// Ends the view; the last call.
    pub fn close(&mut self, state: &State) {
        let result = self.view.close(&self.shown(state), now());
        self.note(result);
    }

    /// Ends the view with what came of it; `done`: what was asked for.
    pub fn conclude(&mut self, asked: &Asked, state: &State, done: bool, elapsed: Duration) {
        self.close(state);
        self.closing(asked, state, done, elapsed);
    }

    /// Ends the view where the time is over: what is not ready, and why, a line each.
    pub fn conclude_late(&mut self, asked: &Asked, state: &State, elapsed: Duration) {
        self.close(state);
        if self.mode != Mode::Json {
            let counts = asked.of(state);
            let wanted = counts.services.iter().filter(|service| service.info.wanted);
            let names = wanted.map(|service| service.info.name.clone()).collect();
            let columns = columns().unwrap_or(UNKNOWN_WIDTH);
            for line in why::each(state, &names, now(), columns, self.look) {
                self.put(&line);
            }
        }
        self.closing(asked, state, false, elapsed);
    }

    fn put(&self, line: &Line) {
        let line = line.render(self.look);
        match self.aside {
            true => to_stderr(&line),
            false => to_stdout(&line),
        }
    }

    pub fn is_json(&self) -> bool {
        self.mode == Mode::Json
    }

    /// A line of what came of it.
    pub fn tell(&mut self, text: &str) {
        if self.mode != Mode::Json {
            to_stdout(text);
        }
    }

    /// Why what was asked for is not ready.
    pub fn explain(&self, state: &State) {
        if self.mode == Mode::Json {
            return;
        }
        for line in why::unready(&self.shown(state), now(), self.look) {
            self.put(&line);
        }
    }

    /// What came of it, in one line.
    pub fn closing(&mut self, asked: &Asked, state: &State, done: bool, elapsed: Duration) {
        if self.mode != Mode::Json {
            for line in self.told(state) {
                to_stdout(&line.render(self.look));
            }
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let line = summary::closing(&asked.of(state), &asked.named, done, millis, self.look);
            self.put(&line);
        }
    }
}

/// The view that standard output asks for.
pub fn mode(json: bool) -> Mode {
    Mode::choose(json, std::io::stdout().is_terminal(), variable)
}

pub fn look() -> Look {
    Look::detect(std::io::stdout().is_terminal(), variable)
}

/// Columns of the terminal on standard output, if it is one.
pub fn columns() -> Option<usize> {
    let term = console::Term::stdout();
    term.is_term().then(|| usize::from(term.size().1))
}

/// One line; a reader that has gone away is no error.
pub fn to_stdout(line: &str) {
    let _gone = write_line(line);
}

/// One line; false when it cannot be written, as when nobody reads any more.
pub fn write_line(line: &str) -> bool {
    let written = writeln!(std::io::stdout().lock(), "{line}");
    written.inspect_err(unwritten).is_ok()
}

/// Remembers what could not be written. A reader that has gone away has read enough: that is no failure.
pub fn unwritten(error: &std::io::Error) {
    if error.kind() != std::io::ErrorKind::BrokenPipe {
        // Only the first is told.
        let _told = UNWRITTEN.set(error.to_string());
    }
}

/// Why something that this command was to say is not on standard output.
pub fn why_unwritten() -> Option<&'static str> {
    UNWRITTEN.get().map(String::as_str)
}

/// Waits until nobody reads standard output any more: a pipe whose other end is closed, a terminal that hung up. Who
/// follows something that is silent would not notice it by writing.
pub async fn reader_gone() {
    let mut looks = tokio::time::interval(LOOK_FOR_READER);
    loop {
        looks.tick().await;
        if is_unread(std::io::stdout()) {
            return;
        }
    }
}

fn is_unread(output: impl AsFd) -> bool {
    // Errors and hang-ups are told whether asked for or not.
    let mut asked = [PollFd::new(&output, PollFlags::empty())];
    poll(&mut asked, Some(&Timespec::default())).is_ok()
        && asked[0]
            .revents()
            .intersects(PollFlags::ERR | PollFlags::HUP)
}

/// One line; a reader that has gone away is no error.
pub fn to_stderr(line: &str) {
    let label = LABEL.get().map_or("", String::as_str);
    let mut out = Labelled::new(std::io::stderr().lock(), label);
    let _gone = writeln!(out, "{line}");
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Asks a person for a yes on the terminal; anything else is a no.
pub fn ask(question: &str) -> bool {
    let mut errors = std::io::stderr().lock();
    let asked = write!(errors, "{question} [y/N] ").and_then(|()| errors.flush());
    let mut answer = String::new();
    asked.is_ok()
        && std::io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}
