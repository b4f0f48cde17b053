//! What happens, told in lines: each change once, and nothing for what stays as it was.

mod memory;
mod news;
mod operation;
mod remind;
mod successor;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::memory::Seen;
use super::Look;
use super::line::{Line, Paint, service_paint};
use super::logs::Gutter;
use super::sanitise::{self, Keep, cell};
use super::words;
use crate::engine::event::{Event, Failure, FailureClass, Level, Stamped};
use crate::engine::state::{Phase, ServiceState, State};

/// A line to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub line: Line,
    /// Worth a line even where a live table shows the state: it would be gone from there a moment later.
    pub loud: bool,
}

/// Turns events into lines. Holds what it has told already.
#[derive(Debug)]
pub(super) struct Narrator {
    look: Look,
    gutter: Gutter,
    seen: BTreeMap<String, Seen>,
    /// The last failure told of each service or subject, so that every try does not tell it again.
    failures: BTreeMap<String, Failure>,
    /// Why each service crashed the last time, whatever it was in between.
    crashes: BTreeMap<String, Failure>,
    stack: Option<(String, Vec<String>, (usize, usize))>,
    rejected: Option<String>,
    runtime_down: bool,
    /// Something was told since everything was said to be ready.
    news: bool,
    out: Vec<Told>,
}

impl Narrator {
    pub fn new(look: Look) -> Self {
        Self {
            look,
            gutter: Gutter::new([], look),
            seen: BTreeMap::new(),
            failures: BTreeMap::new(),
            crashes: BTreeMap::new(),
            stack: None,
            rejected: None,
            runtime_down: false,
            news: true,
            out: Vec::new(),
        }
    }

    pub const fn gutter(&self) -> Gutter {
        self.gutter
    }

    /// `state`: with the event applied.
    pub fn event(&mut self, stamped: &Stamped, state: &State) -> Vec<Told> {
        let names = state
            .services
            .iter()
            .map(|service| service.info.name.as_str());
        self.gutter = self.gutter.widened(names);
        self.happened(&stamped.event, state, stamped.at);
        if !matches!(stamped.event, Event::LastLine { .. }) {
            for service in &state.services {
                self.changed(service, stamped.at);
            }
            let known = |name: &String| {
                state
                    .services
                    .iter()
                    .any(|service| service.info.name == *name)
            };
            self.seen.retain(|name, _| known(name));
        }
        if let Event::Settled { ready: true, .. } = stamped.event {
            self.all_ready(state);
        }
        std::mem::take(&mut self.out)
    }

    fn happened(&mut self, event: &Event, state: &State, at: u64) {
        match event {
            Event::Stack {
                name,
                layers,
                services,
            } => self.stack(name, layers, services, state),
            Event::StackRejected { error } => self.rejected(error, state),
            Event::Operation {
                service,
                subject,
                verb,
                step,
                ..
            } => {
                self.operation(service.as_deref(), &state.name, subject, *verb, step);
            }
            Event::NotAlive {
                service, answer, ..
            } => {
                self.say(
                    service,
                    Paint::Warn,
                    "!",
                    true,
                    format!("not alive: {}; restarts", cell(answer)),
                );
            }
            // The table shows the details for as long as it is so.
            Event::GaveUp { service, why } => {
                let known = state
                    .service(service)
                    .filter(|_| why.class == FailureClass::Replacement);
                let then = known
                    .filter(|service| service.is_ready())
                    .map(|_| "the one before serves on");
                self.failed(service, "failed", why, then, false);
            }
            Event::Restarting {
                service,
                failure,
                attempt,
                until,
            } => {
                let then = words::missing(state, service)
                    .unwrap_or_else(|| words::again(*until, *attempt, at));
                self.crashed(service, failure, *attempt, &then);
            }
            Event::Retry { service } => {
                self.failures.remove(service);
            }
            Event::Watched {
                service,
                action,
                files,
                first,
                millis,
                ..
            } => {
                self.watched(service, *action, *files, first, *millis);
            }
            Event::Notice { level, text } => {
                let (paint, mark) = match level {
                    Level::Info => (Paint::Dim, self.look.dot()),
                    Level::Warning => (Paint::Warn, "!"),
                    Level::Error => (Paint::Bad, self.look.cross()),
                };
                self.say(&state.name, paint, mark, true, cell(text));
            }
            Event::Runtime { up, text } => self.runtime(*up, text, state),
            Event::Bye { removed: true, .. } => {
                self.say(
                    &state.name,
                    Paint::Dim,
                    self.look.dot(),
                    false,
                    "is down".to_owned(),
                );
            }
            _ => {}
        }
    }

    /// Compares a service with what was told of it.
    fn changed(&mut self, service: &ServiceState, at: u64) {
        let name = &service.info.name;
        let mut seen = self.seen.remove(name).unwrap_or_default();
        if seen.phase != Some(service.phase) {
            if !seen.is_told(service) {
                self.entered(service, &seen, at);
            }
            seen.enter(service);
        }
        let holds: Vec<String> = words::held_by(service);
        if service.phase == Phase::Waiting && holds.iter().any(|on| !seen.held_by.contains(on)) {
            let waits = words::waits(&service.holds).map(|waits| format!("waits {waits}"));
            let says = || words::says(&service.holds).map(|says| format!("waits: {says}"));
            if let Some(text) = waits.or_else(says) {
                self.say(name, Paint::Dim, self.look.dot(), false, text);
            }
            seen.held_by = holds;
        }
        let degraded: &[String] = if service.phase == Phase::Ready {
            &service.degraded_by
        } else {
            &[]
        };
        if seen.degraded_by != degraded && service.phase == Phase::Ready {
            match words::reason(service, at).filter(|_| words::is_degraded(service)) {
                Some(reason) => {
                    self.say(name, Paint::Warn, "!", true, format!("degraded: {reason}"))
                }
                None => self.say(
                    name,
                    Paint::Good,
                    self.look.tick(),
                    true,
                    "no longer degraded".to_owned(),
                ),
            }
            seen.degraded_by = degraded.to_vec();
        }
        self.successor(service, &mut seen, at);
        self.seen.insert(name.clone(), seen);
    }

    fn entered(&mut self, service: &ServiceState, seen: &Seen, at: u64) {
        let name = &service.info.name;
        let (tick, dot) = (self.look.tick(), self.look.dot());
        match service.phase {
            Phase::Ready if words::is_rejected(service) => {
                let text = format!(
                    "the one before is ready{}{}",
                    seen.took(at),
                    addresses(service)
                );
                self.say(name, Paint::Warn, "!", true, text);
            }
            Phase::Ready => {
                self.failures.remove(name);
                let text = format!("ready{}{}", seen.took(at), addresses(service));
                self.say(name, Paint::Good, tick, false, text);
            }
            Phase::Done if seen.phase == Some(Phase::Running) => {
                self.failures.remove(name);
                self.say(
                    name,
                    Paint::Good,
                    tick,
                    false,
                    format!("done{}", seen.took(at)),
                );
            }
            Phase::Done => self.say(
                name,
                Paint::Good,
                tick,
                false,
                "done before, from the same inputs".to_owned(),
            ),
            Phase::Running => self.say(name, Paint::Busy, dot, false, "running".to_owned()),
            // Who comes later has not heard of it.
            Phase::Failed if seen.phase.is_none() => {
                if let Some(failure) = &service.failure {
                    self.failed(name, "failed", failure, None, false);
                }
            }
            Phase::Unready => {
                let answer = words::answer(service)
                    .map(|answer| format!(": {answer}"))
                    .unwrap_or_default();
                self.say(
                    name,
                    Paint::Warn,
                    "!",
                    true,
                    format!("not ready any more{answer}"),
                );
            }
            Phase::Paused => self.say(
                name,
                Paint::Warn,
                "!",
                true,
                format!(
                    "paused from outside; `docker unpause` or `dev start {name}` lets it go on"
                ),
            ),
            // What has never run here needs no word, nor what was said to be removed; what came of a crash is told next.
            Phase::Stopped if is_told_to_stop(service, seen) => {
                self.say(name, Paint::Dim, "-", false, "stopped".to_owned());
            }
            _ => {}
        }
    }

    /// `then`: what follows from it, after its sentence.
    fn failed(
        &mut self,
        name: &str,
        word: &str,
        failure: &Failure,
        then: Option<&str>,
        loud: bool,
    ) {
        if self.failures.get(name) == Some(failure) {
            return;
        }
        self.failures.insert(name.to_owned(), failure.clone());
        let then = then.map(|then| format!("; {then}")).unwrap_or_default();
        self.say(
            name,
            Paint::Bad,
            self.look.cross(),
            true,
            format!("{word}: {}{then}", cell(&failure.message)),
        );
        self.details(failure, loud);
    }

    /// `nth`: how often by now. The same as the last time is told shortly.
    fn crashed(&mut self, name: &str, failure: &Failure, nth: u32, then: &str) {
        let before = self.crashes.insert(name.to_owned(), failure.clone());
        if nth > 1 && before.as_ref() == Some(failure) {
            let text = format!("crashed again, {nth} times by now; {then}");
            return self.say(name, Paint::Bad, "!", true, text);
        }
        let text = format!("crashed: {}; {then}", cell(&failure.message));
        self.say(name, Paint::Bad, "!", true, text);
        if self.failures.get(name) != Some(failure) {
            self.failures.insert(name.to_owned(), failure.clone());
            self.details(failure, true);
        }
    }

    fn details(&mut self, failure: &Failure, loud: bool) {
        for line in &failure.detail {
            self.beneath(Paint::Plain, self.look.bar(), Paint::Bad, line, loud);
        }
        if let Some(help) = &failure.help {
            self.beneath(Paint::Plain, self.look.arrow(), Paint::Good, help, loud);
        }
    }

    fn all_ready(&mut self, state: &State) {
        let (ready, all) = words::tally(state);
        if std::mem::take(&mut self.news) && ready == all && all > 0 {
            self.say(
                &state.name,
                Paint::Good,
                self.look.tick(),
                false,
                format!("all {all} ready"),
            );
            self.news = false;
        }
    }

    /// `api      ✓ ready in 1.9s`; without colours the mark is left out, the words say it.
    fn say(&mut self, name: &str, paint: Paint, mark: &str, loud: bool, text: String) {
        self.news = true;
        let mark = if self.look.color { mark } else { " " };
        let line = self.gutter.name(name, service_paint(name), mark, paint);
        let body = if paint == Paint::Good {
            Paint::Plain
        } else {
            paint
        };
        self.out.push(Told {
            line: line.with(body, format!(" {text}")),
            loud,
        });
    }

    fn beneath(&mut self, paint: Paint, mark: &str, mark_paint: Paint, text: &str, loud: bool) {
        let text = sanitise::line(text, Keep::Nothing);
        let line = self.gutter.name("", Paint::Plain, mark, mark_paint);
        self.out.push(Told {
            line: line.with(paint, format!(" {}", text.trim_end())),
            loud,
        });
    }
}

/// It stopped, and did not crash.
fn is_told_to_stop(service: &ServiceState, seen: &Seen) -> bool {
    let asked = service.info.stopped || seen.phase == Some(Phase::Stopping);
    seen.phase.is_some() && !service.instances.is_empty() && (asked || !service.ended_badly())
}

/// `  http://127.0.0.1:8000`
fn addresses(service: &ServiceState) -> String {
    service
        .info
        .addresses
        .iter()
        .map(|address| format!("  {}", cell(address)))
        .collect()
}
