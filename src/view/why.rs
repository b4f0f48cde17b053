//! Why a service is not ready, followed down to the probe that fails.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Look;
use super::line::{Line, Paint, service_paint};
use super::progress::{Amount, figures};
use super::sanitise::{self, Keep, cell};
use super::time::{age, took};
use super::words;
use crate::engine::event::{Failure, Step};
use crate::engine::state::{InstanceState, Phase, ProbeState, ServiceState, State};
use crate::plan::hold::Hold;

/// Version of the `--json` form.
const VERSION: u32 = 1;

/// Explains `service`: a sentence, and indented beneath it the same for what it waits for. `None`: no such service.
pub fn why(state: &State, service: &str, now: u64, look: Look) -> Option<Vec<Line>> {
    state.service(service)?;
    let mut teller = Teller::new(state, now, look);
    teller.tell(service, &Indent::default());
    Some(teller.lines)
}

/// Explains everything that was asked for and is not ready, each thing once.
pub fn unready(state: &State, now: u64, look: Look) -> Vec<Line> {
    let mut teller = Teller::new(state, now, look);
    let is_open = |service: &&ServiceState| service.info.wanted && !words::serves(service);
    let open = || state.services.iter().filter(is_open);
    // What nothing else waits for leads down to all the others, but for those in a circle.
    let awaited: BTreeSet<String> = open().flat_map(|s| blockers(state, s)).collect();
    let (beneath, first): (Vec<_>, Vec<_>) = open().partition(|s| awaited.contains(&s.info.name));
    for service in first.into_iter().chain(beneath) {
        if !teller.told.contains(&service.info.name) {
            teller.tell(&service.info.name, &Indent::default());
        }
    }
    teller.lines
}

/// A line each, at most `columns` wide: those of `names` that are not, or not quite, ready, and what stands in their way.
pub fn each(
    state: &State,
    names: &BTreeSet<String>,
    now: u64,
    columns: usize,
    look: Look,
) -> Vec<Line> {
    let mut open: Vec<&ServiceState> = state
        .services
        .iter()
        .filter(|service| names.contains(&service.info.name) && is_unsettled(service))
        .collect();
    let mut at = 0;
    while let Some(service) = open.get(at) {
        for blocker in blockers(state, service) {
            let known = open.iter().any(|known| known.info.name == blocker);
            open.extend(state.service(&blocker).filter(|_| !known));
        }
        at += 1;
    }
    let teller = Teller::new(state, now, look);
    // What is needed first says why the others wait.
    let services = state.services.iter();
    let services = services.filter(|s| open.iter().any(|open| open.info.name == s.info.name));
    services
        .map(|service| {
            let (paint, text) = teller.sentence(service, &blockers(state, service));
            Line::new()
                .with(service_paint(&service.info.name), cell(&service.info.name))
                .with(paint, format!(" {text}"))
                .cut(columns, look)
        })
        .collect()
}

/// What `dev why --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report<'a> {
    pub v: u32,
    pub name: &'a str,
    /// One for each service that was asked about.
    pub services: Vec<Explanation<'a>>,
}

/// Why one service is as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation<'a> {
    pub service: &'a str,
    pub state: Phase,
    /// When `state` was entered, milliseconds since 1970.
    pub since: u64,
    /// The sentence that people read, without the service's name.
    pub text: String,
    pub holds: &'a [Hold],
    pub failure: Option<&'a Failure>,
    pub probes: Vec<Answer<'a>>,
    /// The same for each service that stands between it and being ready.
    pub waits_for: Vec<Explanation<'a>>,
}

/// The last answer of one replica's probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer<'a> {
    pub index: u32,
    pub passed: bool,
    pub answer: &'a str,
    /// Milliseconds since 1970.
    pub at: u64,
    /// In a row.
    pub failures: u32,
}

/// The same for programs; `services` that are not in the stack are left out.
pub fn report<'a>(state: &'a State, services: &[String], now: u64) -> Report<'a> {
    let mut all = Vec::new();
    for service in services {
        let look = Look {
            color: false,
            unicode: true,
        };
        let mut teller = Teller {
            state,
            now,
            look,
            told: BTreeSet::new(),
            lines: Vec::new(),
        };
        all.extend(teller.explain(service));
    }
    Report {
        v: VERSION,
        name: &state.name,
        services: all,
    }
}

/// The services that `dev why` without names explains: those asked for that are not, or not quite, ready.
pub fn unsettled(state: &State) -> Vec<&str> {
    let services = state.services.iter();
    let open = services.filter(|service| service.info.wanted && is_unsettled(service));
    open.map(|service| service.info.name.as_str()).collect()
}

fn is_unsettled(service: &ServiceState) -> bool {
    let whole = words::is_settled(service) && !words::is_degraded(service);
    !whole || service.coming().is_some() || service.trouble().is_some()
}

/// What stands left of a node's first line and of the lines beneath it.
#[derive(Default)]
struct Indent {
    first: String,
    rest: String,
}

struct Teller<'a> {
    state: &'a State,
    now: u64,
    look: Look,
    told: BTreeSet<String>,
    lines: Vec<Line>,
}

impl<'a> Teller<'a> {
    fn new(state: &'a State, now: u64, look: Look) -> Self {
        Self {
            state,
            now,
            look,
            told: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    fn tell(&mut self, name: &str, indent: &Indent) {
        let mut line = Line::new()
            .with(Paint::Dim, indent.first.clone())
            .with(service_paint(name), cell(name));
        let Some(service) = self.state.service(name) else {
            line.push(Paint::Plain, " is not in the stack");
            self.lines.push(line);
            return;
        };
        if !self.told.insert(name.to_owned()) {
            line.push(
                Paint::Dim,
                format!(" is {}, see above", words::word(service)),
            );
            self.lines.push(line);
            return;
        }
        let blockers = blockers(self.state, service);
        let (paint, text) = self.sentence(service, &blockers);
        line.push(paint, format!(" {text}"));
        self.lines.push(line);
        self.beneath(service, indent, !blockers.is_empty());
        let last = blockers.len().saturating_sub(1);
        for (index, blocker) in blockers.iter().enumerate() {
            self.tell(blocker, &self.branch(indent, index == last));
        }
    }

    /// What was explained above has nothing beneath it.
    fn explain(&mut self, name: &str) -> Option<Explanation<'a>> {
        let service = self.state.service(name)?;
        let blockers = blockers(self.state, service);
        let (_, text) = self.sentence(service, &blockers);
        let mut waits_for = Vec::new();
        if self.told.insert(name.to_owned()) {
            for blocker in &blockers {
                waits_for.extend(self.explain(blocker));
            }
        }
        let probe = |(index, instance): (&u32, &'a InstanceState)| {
            let probe = instance.probe.as_ref()?;
            Some(Answer {
                index: *index,
                passed: probe.passed,
                answer: &probe.answer,
                at: probe.at,
                failures: probe.failures,
            })
        };
        Some(Explanation {
            service: &service.info.name,
            state: service.phase,
            since: service.since,
            text,
            holds: &service.holds,
            failure: service.trouble(),
            probes: service.instances.iter().filter_map(probe).collect(),
            waits_for,
        })
    }

    fn branch(&self, indent: &Indent, last: bool) -> Indent {
        let (corner, stem) = match (self.look.unicode, last) {
            (true, true) => ("└─ ", "   "),
            (true, false) => ("├─ ", "│  "),
            (false, true) => ("`- ", "   "),
            (false, false) => ("|- ", "|  "),
        };
        Indent {
            first: format!("{}{corner}", indent.rest),
            rest: format!("{}{stem}", indent.rest),
        }
    }

    fn sentence(&self, service: &ServiceState, blockers: &[String]) -> (Paint, String) {
        let since = self.now.saturating_sub(service.since);
        let (since, ago) = (age(since), format!("{} ago", took(since)));
        let failure = service
            .failure
            .as_ref()
            .map(|failure| cell(&failure.message))
            .unwrap_or_default();
        match service.phase {
            Phase::Ready if words::is_degraded(service) => (
                Paint::Warn,
                format!(
                    "is ready for {since}, but degraded: {} not ready",
                    cell(&blockers.join(", "))
                ),
            ),
            Phase::Ready if words::is_rejected(service) => (
                Paint::Warn,
                format!("is ready for {since}, but {failure}; the one before runs"),
            ),
            Phase::Ready if !failure.is_empty() => (
                Paint::Warn,
                format!("is ready for {since}, but an older version: {failure}"),
            ),
            Phase::Ready if service.coming().is_some() => {
                (Paint::Plain, self.coming(service, &since))
            }
            Phase::Ready => match words::sync_failure(service) {
                Some(what) => (Paint::Warn, format!("is ready for {since}, but {what}")),
                None => (Paint::Good, format!("is ready for {since}{}", by(service))),
            },
            Phase::Done => (Paint::Good, format!("is done for {since}")),
            Phase::Failed => {
                let restarts = match service.restarts {
                    0 => String::new(),
                    1 => " (1 restart)".to_owned(),
                    n => format!(" ({n} restarts)"),
                };
                let text = colon("failed", &failure, &ago);
                (Paint::Bad, format!("{text}{restarts}"))
            }
            Phase::Crashed => {
                let then = words::then(service, self.now);
                let then = then.map(|then| format!("; {then}")).unwrap_or_default();
                (
                    Paint::Bad,
                    format!("{}{then}", colon("crashed", &failure, &ago)),
                )
            }
            Phase::Waiting if !blockers.is_empty() => (
                Paint::Plain,
                format!("waits for {} ({since})", cell(&blockers.join(", "))),
            ),
            Phase::Waiting => (Paint::Plain, self.waiting(service, &since)),
            Phase::Idle if service.info.off_host.is_some() => {
                let why = words::off_host(service).unwrap_or_default();
                (Paint::Dim, why)
            }
            Phase::Idle if words::is_not_up(service) => {
                (Paint::Dim, format!("is not {}", words::up(service)))
            }
            Phase::Idle => (
                Paint::Dim,
                format!(
                    "was not asked for; `dev up {}` starts it",
                    cell(&service.info.name)
                ),
            ),
            Phase::Stopped if service.info.stopped => (
                Paint::Dim,
                format!(
                    "was stopped by hand {ago}; `dev start {}` starts it",
                    cell(&service.info.name)
                ),
            ),
            Phase::Stopped => (
                Paint::Dim,
                format!(
                    "is stopped for {since}; `dev start {}` starts it",
                    cell(&service.info.name)
                ),
            ),
            Phase::Unready => (
                Paint::Warn,
                self.probed(service, &format!("was ready, and is not for {since}")),
            ),
            Phase::Starting => (
                Paint::Plain,
                self.probed(service, &format!("is starting for {since}")),
            ),
            Phase::Paused => (
                Paint::Warn,
                format!(
                    "is paused for {since}, from outside; `docker unpause` or `dev start {}` lets it go on",
                    cell(&service.info.name)
                ),
            ),
            phase => (Paint::Plain, at_work(service, words::phase(phase), &since)),
        }
    }

    fn waiting(&self, service: &ServiceState, since: &str) -> String {
        let holds = words::waits(&service.holds).or_else(|| words::backoff(service, self.now));
        match (holds, words::says(&service.holds)) {
            (Some(holds), _) => format!("waits {holds}"),
            (None, Some(says)) => format!("waits: {says} ({since})"),
            (None, None) => format!("has waited for its turn for {since}; nothing holds it"),
        }
    }

    /// Nothing but the probe is missing: what it said, how often it was asked, and when.
    fn probed(&self, service: &ServiceState, text: &str) -> String {
        let failing = |probe: &&ProbeState| !probe.passed;
        let probes = || {
            service
                .instances
                .values()
                .filter_map(|instance| instance.probe.as_ref())
        };
        if let Some(probe) = probes().find(failing) {
            return format!("{text}: {}", self.said(probe));
        }
        if service.info.provisions && probes().next().is_some() {
            return format!("{text}: its probe passes, and its databases are being set up");
        }
        match words::answer(service) {
            Some(answer) => format!("{text}: {answer}"),
            None => format!("{text}: its probe has not answered yet"),
        }
    }

    /// `connection refused (asked 4 times, last 20ms ago)`
    fn said(&self, probe: &ProbeState) -> String {
        let (answer, ago) = (cell(&probe.answer), took(self.now.saturating_sub(probe.at)));
        match probe.failures {
            0 => answer,
            1 => format!("{answer} (asked once, last {ago} ago)"),
            n => format!("{answer} (asked {n} times, last {ago} ago)"),
        }
    }

    /// It serves, and what is to take its place does not yet.
    fn coming(&self, service: &ServiceState, since: &str) -> String {
        let text = format!("is ready for {since} with the version before");
        let Some(next) = service.coming() else {
            return text;
        };
        if next.is_ready(&service.info) {
            return format!("{text}; the new one is ready and takes over");
        }
        let began = age(self.now.saturating_sub(next.seen));
        let text = format!("{text}; a new one is starting beside it for {began}");
        match next.probe.as_ref().filter(|probe| !probe.passed) {
            Some(probe) => format!("{text}: {}", self.said(probe)),
            None => format!("{text}: its probe has not answered yet"),
        }
    }

    fn beneath(&mut self, service: &ServiceState, indent: &Indent, has_branches: bool) {
        if !matches!(service.phase, Phase::Failed | Phase::Crashed | Phase::Ready) {
            return;
        }
        let Some(failure) = service.trouble() else {
            return;
        };
        let stem = if has_branches { self.look.bar() } else { " " };
        let start = Line::new().with(Paint::Dim, format!("{}{stem} ", indent.rest));
        let Failure { detail, help, .. } = failure;
        for text in detail {
            let text = sanitise::line(text, Keep::Nothing);
            let line = start.clone().with(Paint::Bad, self.look.bar());
            self.lines
                .push(line.with(Paint::Plain, format!(" {}", text.trim_end())));
        }
        if let Some(help) = help {
            let line = start.with(Paint::Good, self.look.arrow());
            self.lines
                .push(line.with(Paint::Plain, format!(" {}", cell(help))));
        }
    }
}

/// The services that stand between this one and being ready.
fn blockers(state: &State, service: &ServiceState) -> Vec<String> {
    match service.phase {
        Phase::Waiting => {
            let held = held_by_needs(service);
            if !held.is_empty() || !service.holds.is_empty() {
                return held;
            }
            let needs = service.info.needs.iter();
            let missing =
                needs.filter(|need| state.service(&need.service).is_some() && !state.is_open(need));
            missing.map(|need| need.service.clone()).collect()
        }
        Phase::Crashed => held_by_needs(service),
        Phase::Ready | Phase::Unready | Phase::Starting => service.degraded_by.clone(),
        _ => Vec::new(),
    }
}

fn held_by_needs(service: &ServiceState) -> Vec<String> {
    let held = service.holds.iter().filter_map(|hold| match hold {
        Hold::Needs { on, .. } => Some(on.clone()),
        _ => None,
    });
    held.collect()
}

/// `, its probe said: 200 OK`
fn by(service: &ServiceState) -> String {
    if !service.info.probed {
        return "; nothing probes it: running counts".to_owned();
    }
    let probe = service
        .instances
        .values()
        .find_map(|instance| instance.probe.as_ref());
    let answer = probe
        .map(|probe| cell(&probe.answer))
        .filter(|answer| !answer.is_empty());
    answer
        .map(|answer| format!(", its probe said: {answer}"))
        .unwrap_or_default()
}

fn at_work(service: &ServiceState, word: &str, since: &str) -> String {
    let preparation = words::preparation(service);
    let step = match service.work.as_ref().map(|work| &work.step) {
        _ if preparation.is_some() => format!(": {}", preparation.unwrap_or_default()),
        Some(Step::Progress { text, done, total }) if *total > 0 => {
            let bytes = service.phase == Phase::Pulling;
            let amount = Amount {
                done: *done,
                total: *total,
                bytes,
            };
            format!(": {} {}", figures(amount), cell(text))
        }
        Some(Step::Progress { text, .. }) => format!(": {}", cell(text)),
        _ if !service.last_line.is_empty() => format!("; it printed: {}", cell(&service.last_line)),
        _ => String::new(),
    };
    format!("is {word} for {since}{step}")
}

fn colon(word: &str, message: &str, ago: &str) -> String {
    if message.is_empty() {
        format!("{word} {ago}")
    } else {
        format!("{word} {ago}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{FailureClass, Verb};
    use crate::engine::state::Work;
    use crate::view::samples::{self, NOW};

    const LOOK: Look = Look {
        color: false,
        unicode: true,
    };

    fn text(state: &State, service: &str) -> String {
        let lines = why(state, service, NOW, LOOK).expect("a service of the sample");
        lines
            .iter()
            .map(|line| format!("{}\n", line.render(LOOK)))
            .collect()
    }

    #[test]
    fn one_that_is_given_its_files_waits_for_nothing_else() {
        let mut state = samples::starting();
        let api = samples::get(&mut state, "api");
        api.phase = Phase::Creating;
        api.holds.clear();
        api.work = Some(Work {
            verb: Verb::Copy,
            step: Step::Started,
            since: NOW - 4_000,
        });
        let told = text(&state, "api");
        assert!(told.contains(": copies its files\n"), "{told}");
        let reason = words::reason(state.service("api").unwrap(), NOW);
        assert_eq!(reason.as_deref(), Some("copies its files"));
    }

    #[test]
    fn one_whose_steps_run_before_it_waits_for_nothing_else() {
        let mut state = samples::starting();
        let api = samples::get(&mut state, "api");
        api.phase = Phase::Creating;
        api.work = Some(Work {
            verb: Verb::Prepare,
            step: Step::Progress {
                text: "pre_start[0]: creates tables".to_owned(),
                done: 0,
                total: 0,
            },
            since: NOW - 4_000,
        });
        let told = text(&state, "api");
        assert!(
            told.contains(": runs pre_start[0]: creates tables\n"),
            "{told}"
        );
    }

    #[test]
    fn what_was_not_taken_in_is_said_of_what_is_ready() {
        let mut state = samples::ready();
        let failure = Failure {
            class: FailureClass::AfterSync,
            message: "the command after the sync, `msgfmt`, ended with exit code 1".to_owned(),
            detail: vec!["no such locale".to_owned()],
            help: None,
        };
        samples::get(&mut state, "api").sync_failure = Some(failure);
        let told = text(&state, "api");
        assert!(
            told.contains(", but the command after the sync, `msgfmt`, ended with exit code 1\n"),
            "{told}"
        );
        assert!(told.contains("no such locale"), "{told}");
        assert_eq!(unsettled(&state), ["api"]);
        let reason = words::reason(state.service("api").unwrap(), NOW);
        assert!(reason.unwrap().starts_with("the command after the sync"));
        assert_eq!(words::word(state.service("api").unwrap()), "degraded");
    }

    #[test]
    fn what_cannot_run_on_the_host_says_why() {
        let mut state = samples::starting();
        samples::enter(&mut state, "api", Phase::Idle, 4_000);
        let api = samples::get(&mut state, "api");
        api.holds = vec![Hold::NotUp];
        api.info.off_host = Some("it is built as an image".to_owned());
        let told = "cannot run on the host: it is built as an image";
        assert_eq!(text(&state, "api"), format!("api {told}\n"));
        let api = state.service("api").unwrap();
        assert_eq!(words::reason(api, NOW).as_deref(), Some(told));
    }

    #[test]
    fn what_is_not_up_says_what_to_do() {
        let mut state = samples::starting();
        samples::enter(&mut state, "api", Phase::Idle, 4_000);
        samples::get(&mut state, "api").holds = vec![Hold::NotUp];
        assert_eq!(
            text(&state, "api"),
            "api is not up: `dev up` brings it up\n"
        );
        let api = state.service("api").unwrap();
        let reason = words::reason(api, NOW).unwrap();
        assert_eq!(reason, "not up: `dev up` brings it up");
    }

    #[test]
    fn down_to_the_last_answer() {
        let mut state = samples::starting();
        samples::enter(&mut state, "api", Phase::Waiting, 4_000);
        samples::hold(&mut state, "api", &[("migrate", "waiting")]);
        assert_eq!(
            text(&state, "api"),
            "api waits for migrate (4s)\n\
             └─ migrate waits for db (4s)\n   \
                └─ db is starting for 1s: postgres 127.0.0.1:5432: the database system is starting up (asked 12 times, \
             last 20ms ago)\n"
        );
    }

    #[test]
    fn a_crashed_one_whose_need_is_down() {
        let mut state = samples::ready();
        samples::enter(&mut state, "api", Phase::Crashed, 4_000);
        samples::enter(&mut state, "db", Phase::Stopping, 3_000);
        samples::hold(&mut state, "api", &[("db", "stopping")]);
        let api = state
            .services
            .iter_mut()
            .find(|service| service.info.name == "api");
        if let Some(api) = api {
            api.holds.push(Hold::Backoff {
                until: NOW + 100,
                attempt: 1,
            });
        }
        assert_eq!(
            text(&state, "api"),
            "api crashed 4.0s ago; waits for db (stopping)\n└─ db is stopping for 3s; it printed: LOG: \
             database system is ready to accept connections\n"
        );
    }

    #[test]
    fn all_that_is_not_ready_is_explained_once() {
        let mut state = samples::starting();
        for (name, on) in [("api", "migrate"), ("web", "api")] {
            samples::enter(&mut state, name, Phase::Waiting, 4_000);
            samples::hold(&mut state, name, &[(on, "waiting")]);
        }
        let lines = unready(&state, NOW, LOOK);
        let told: Vec<String> = lines.iter().map(|line| line.render(LOOK)).collect();
        let told = told.join("\n");
        insta::assert_snapshot!("why_unready", told);
    }

    #[test]
    fn what_was_not_ready_in_time_has_a_line_each() {
        let mut state = samples::starting();
        for (name, on) in [("api", "migrate"), ("web", "api")] {
            samples::enter(&mut state, name, Phase::Waiting, 4_000);
            samples::hold(&mut state, name, &[(on, "waiting")]);
        }
        let told = |names: &[&str]| -> Vec<String> {
            let names = names.iter().map(|&name| name.to_owned()).collect();
            let lines = each(&state, &names, NOW, 80, LOOK);
            lines.iter().map(|line| line.render(LOOK)).collect()
        };
        assert_eq!(
            told(&["api"]),
            [
                "db is starting for 1s: postgres 127.0.0.1:5432: the database system is starting…",
                "migrate waits for db (4s)",
                "api waits for migrate (4s)",
            ]
        );
        assert_eq!(told(&["web"]).len(), 4);
        let wide = told(&["web"]).iter().any(|line| line.chars().count() > 80);
        assert!(!wide);
        assert_eq!(
            each(&samples::ready(), &["api".to_owned()].into(), NOW, 80, LOOK),
            []
        );
    }

    #[test]
    fn one_that_was_stopped_by_hand() {
        let mut state = samples::ready();
        samples::enter(&mut state, "web", Phase::Stopped, 5_000);
        for service in &mut state.services {
            let is_web = service.info.name == "web";
            service.info.stopped = is_web;
            service.info.wanted &= !is_web;
        }
        assert_eq!(
            text(&state, "web"),
            "web was stopped by hand 5.0s ago; `dev start web` starts it\n"
        );
        assert!(crate::view::status::report(&state, NOW).ready);
    }

    #[test]
    fn every_sample() {
        let mut all = String::new();
        for state in [
            samples::waiting(),
            samples::pulling(),
            samples::ready(),
            samples::failed(),
            samples::degraded(),
        ] {
            for service in ["web", "api", "db"] {
                all += &text(&state, service);
                all.push('\n');
            }
            all += &format!("unsettled: {}\n\n", unsettled(&state).join(", "));
        }
        insta::assert_snapshot!("why", all);
    }

    #[test]
    fn for_programs() {
        let mut state = samples::starting();
        samples::enter(&mut state, "api", Phase::Waiting, 4_000);
        samples::hold(&mut state, "api", &[("migrate", "waiting")]);
        let report = report(&state, &["api".to_owned(), "nope".to_owned()], NOW);
        insta::assert_snapshot!("why_json", serde_json::to_string_pretty(&report).unwrap());
    }

    #[test]
    fn a_circle_ends_and_an_unknown_service_is_none() {
        let mut state = samples::waiting();
        samples::hold(&mut state, "db", &[("web", "waiting")]);
        assert!(text(&state, "web").contains("see above"));
        assert!(why(&state, "nope", NOW, LOOK).is_none());
        assert_eq!(report(&state, &["web".to_owned()], NOW).services.len(), 1);
    }

    #[test]
    fn a_new_version_that_is_not_ready_is_explained() {
        let mut state = samples::ready();
        samples::beside(&mut state, "api", "503 Service Unavailable");
        assert_eq!(unsettled(&state), ["api"]);
        let lines = why(&state, "api", NOW, LOOK).unwrap();
        assert_eq!(
            lines[0].render(LOOK),
            "api is ready for 1m with the version before; a new one is starting beside it for 4s: \
             503 Service Unavailable (asked 12 times, last 20ms ago)"
        );
    }
}
