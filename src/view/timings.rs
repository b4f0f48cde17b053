//! Where the time of an `up` went: each service's parts, and the longest way through what waited for what.

use std::collections::BTreeMap;

use super::Look;
use super::line::{Line, Paint, width};
use super::sanitise::cell;
use super::time::took;
use crate::engine::event::{Event, Stamped, Step, Verb};
use crate::engine::state::State;

/// Takes in what happens until everything is ready, or until nobody asks any more.
#[derive(Debug, Clone, Default)]
pub struct Timings {
    /// When the first event came, in milliseconds since 1970.
    begun: Option<u64>,
    services: BTreeMap<String, Service>,
}

/// Milliseconds of one service; work that was done twice, after a crash for example, counts twice.
#[derive(Debug, Clone, Default)]
struct Service {
    /// Something was done for it.
    worked: bool,
    /// The end of what needs no other service, since 1970.
    prepared: Option<u64>,
    /// Pulled or built.
    image: u64,
    create: u64,
    start: u64,
    /// The end of its last start, since 1970.
    started: Option<u64>,
    /// When it first was ready, since 1970.
    ready: Option<u64>,
}

const HEAD: [&str; 6] = ["", "image", "create", "start", "ready", "at"];

impl Timings {
    /// `state`: with the event applied.
    pub fn see(&mut self, event: &Stamped, state: &State) {
        let begun = *self.begun.get_or_insert(event.at);
        if let Event::Operation {
            service: Some(service),
            verb,
            step: Step::Done { millis },
            ..
        } = &event.event
        {
            let service = self.services.entry(service.clone()).or_default();
            service.worked = true;
            if matches!(verb, Verb::Pull | Verb::Build | Verb::Create) && service.ready.is_none() {
                service.prepared = Some(event.at);
            }
            match verb {
                Verb::Pull | Verb::Build => service.image += millis,
                Verb::Create | Verb::Copy => service.create += millis,
                Verb::Prepare => service.start += millis,
                Verb::Start => {
                    service.start += millis;
                    if service.ready.is_none() {
                        service.started = Some(event.at);
                    }
                }
                Verb::Stop | Verb::Remove | Verb::Update | Verb::Provision | Verb::Run => {}
            }
        }
        for service in state.services.iter().filter(|service| service.is_ready()) {
            let known = self.services.entry(service.info.name.clone()).or_default();
            known.ready.get_or_insert(event.at.max(begun));
        }
    }

    /// A table with a line for each wanted service, in the order in which they were ready, those of the longest way
    /// marked; then that way in words. One line where nothing had to be done; empty when nothing happened.
    pub fn report(&self, state: &State, look: Look) -> Vec<Line> {
        let Some(begun) = self.begun else {
            return Vec::new();
        };
        if let Some(line) = self.nothing_done(state, begun) {
            return vec![line];
        }
        let way = self.longest_way(state);
        let mut names: Vec<&str> = state
            .services
            .iter()
            .filter(|service| service.info.wanted)
            .map(|service| service.info.name.as_str())
            .collect();
        names.sort_by_key(|name| self.ready(name).unwrap_or(u64::MAX));
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(names.iter().map(|name| self.row(name, begun, look)));
        let widths: Vec<usize> = (0..HEAD.len())
            .map(|column| {
                rows.iter()
                    .map(|row| width(&row[column]))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut lines = Vec::new();
        for (n, row) in rows.iter().enumerate() {
            let marked = n > 0 && way.contains(&names[n - 1]);
            let mark = if marked { look.bullet() } else { " " };
            let mut line = Line::new().with(Paint::Busy, format!("{mark} "));
            let paint = if n == 0 { Paint::Dim } else { Paint::Plain };
            line.push(paint, row[0].clone());
            line.pad(2 + widths[0]);
            for (column, text) in row.iter().enumerate().skip(1) {
                let blanks = widths[column] - width(text);
                line.push(paint, format!("  {}{text}", " ".repeat(blanks)));
            }
            lines.push(line);
        }
        if way.len() > 1 {
            let arrow = format!(" {} ", look.arrow());
            let words: Vec<String> = way.iter().map(|name| cell(name)).collect();
            lines.push(Line::plain(format!("longest way: {}", words.join(&arrow))));
        }
        lines
    }

    fn ready(&self, name: &str) -> Option<u64> {
        self.services.get(name)?.ready
    }

    fn row(&self, name: &str, begun: u64, look: Look) -> [String; 6] {
        let nothing = || look.dash().to_owned();
        let known = self.services.get(name).cloned().unwrap_or_default();
        let part = |millis: u64| if millis == 0 { nothing() } else { took(millis) };
        let until_ready = known
            .ready
            .zip(known.started)
            .map(|(ready, started)| took(ready.saturating_sub(started)));
        [
            cell(name),
            part(known.image),
            part(known.create),
            part(known.start),
            until_ready.unwrap_or_else(nothing),
            known.ready.map_or_else(nothing, |at| took(at - begun)),
        ]
    }

    /// A table of dashes would say no more.
    fn nothing_done(&self, state: &State, begun: u64) -> Option<Line> {
        let wanted = state.services.iter().filter(|service| service.info.wanted);
        let known = wanted.map(|service| self.services.get(&service.info.name));
        let ready = known.map(|known| known.filter(|known| !known.worked)?.ready);
        let ready: Vec<u64> = ready.collect::<Option<_>>()?;
        let at = took(ready.iter().max()? - begun);
        let all = ready.len();
        let text = format!("nothing had to be done: all {all} were ready after {at}");
        Some(Line::plain(text))
    }

    /// From the one that was ready last, back over what each had to wait for the longest; the first of it first.
    fn longest_way<'a>(&self, state: &'a State) -> Vec<&'a str> {
        let latest = |names: &mut dyn Iterator<Item = &'a str>| {
            names
                .filter_map(|name| Some((self.ready(name)?, name)))
                .max()
                .map(|(_, name)| name)
        };
        let wanted = state.services.iter().filter(|service| service.info.wanted);
        let mut at = latest(&mut wanted.map(|service| service.info.name.as_str()));
        let mut way = Vec::new();
        while let Some(name) = at {
            way.push(name);
            let needs = state.service(name).map(|service| &service.info.needs);
            let needs = needs.into_iter().flatten();
            let needs = needs.map(|need| need.service.as_str());
            let mut waited = needs.filter(|need| self.waited_for(name, need));
            at = latest(&mut waited).filter(|need| !way.contains(need));
        }
        way.reverse();
        way
    }

    /// Not where it was at work itself until later, nor where both were there already.
    fn waited_for(&self, name: &str, need: &str) -> bool {
        let (Some(own), Some(need)) = (self.services.get(name), self.services.get(need)) else {
            return false;
        };
        match own.prepared {
            Some(prepared) => need.ready.is_some_and(|ready| ready > prepared),
            None => own.worked && need.worked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::VERSION;
    use crate::view::samples;

    const LOOK: Look = Look {
        color: false,
        unicode: true,
    };

    fn stamped(at: u64, event: Event) -> Stamped {
        Stamped {
            v: VERSION,
            at: samples::NOW + at,
            event,
        }
    }

    fn done(service: &str, verb: Verb, at: u64, millis: u64) -> Stamped {
        stamped(
            at,
            Event::Operation {
                service: Some(service.to_owned()),
                subject: format!("gold-{service}-1"),
                verb,
                cause: "it is not there".to_owned(),
                step: Step::Done { millis },
            },
        )
    }

    fn text(timings: &Timings, state: &State) -> String {
        let lines = timings.report(state, LOOK);
        let lines: Vec<String> = lines.iter().map(|line| line.render(LOOK)).collect();
        lines.join("\n")
    }

    #[test]
    fn shows_parts_and_the_longest_way() {
        let mut timings = Timings::default();
        let waiting = samples::waiting();
        for event in [
            done("api", Verb::Build, 0, 1_500),
            done("db", Verb::Create, 40, 40),
            done("db", Verb::Start, 350, 310),
            done("cache", Verb::Create, 45, 45),
            done("cache", Verb::Start, 400, 300),
        ] {
            timings.see(&event, &waiting);
        }
        let ready = samples::ready();
        timings.see(&done("api", Verb::Start, 2_600, 290), &samples::starting());
        timings.see(
            &done("migrate", Verb::Start, 2_700, 90),
            &samples::starting(),
        );
        timings.see(&done("web", Verb::Start, 3_100, 250), &ready);
        insta::assert_snapshot!(text(&timings, &ready));
    }

    #[test]
    fn the_way_begins_where_nobody_was_waited_for() {
        // Its own image took until after what it needs was there.
        let mut timings = Timings::default();
        timings.see(&done("db", Verb::Start, 300, 250), &samples::waiting());
        timings.see(&done("cache", Verb::Start, 300, 250), &samples::starting());
        timings.see(
            &done("api", Verb::Build, 8_000, 7_000),
            &samples::starting(),
        );
        timings.see(&done("api", Verb::Start, 8_500, 300), &samples::ready());
        let told = text(&timings, &samples::ready());
        assert!(!told.contains("cache → api"), "{told}");
        // What was there already was not waited for.
        let mut timings = Timings::default();
        timings.see(&done("api", Verb::Start, 8_000, 200), &samples::waiting());
        timings.see(&done("web", Verb::Start, 9_000, 250), &samples::ready());
        let told = text(&timings, &samples::ready());
        assert!(told.ends_with("longest way: api → web"), "{told}");
    }

    #[test]
    fn says_in_one_line_that_nothing_had_to_be_done() {
        let mut timings = Timings::default();
        timings.see(
            &stamped(
                0,
                Event::Settled {
                    ready: false,
                    operations: 0,
                },
            ),
            &samples::waiting(),
        );
        timings.see(
            &stamped(
                107,
                Event::Settled {
                    ready: true,
                    operations: 0,
                },
            ),
            &samples::ready(),
        );
        let line = "nothing had to be done: all 5 were ready after 107ms";
        assert_eq!(text(&timings, &samples::ready()), line);
    }

    #[test]
    fn says_nothing_of_nothing() {
        assert_eq!(text(&Timings::default(), &samples::ready()), "");
    }
}
