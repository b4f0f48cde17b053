//! `dev status`: the table once, or as JSON.

use serde::Serialize;

use super::Look;
use super::line::Line;
use super::table::{Canvas, Kind, frame};
use super::words;
use crate::engine::event::Failure;
use crate::engine::state::{Phase, ServiceState, State};
use crate::plan::hold::{Gate, Hold};

/// Version of the `--json` form.
const VERSION: u32 = 1;
/// Columns of the table where nothing limits them.
const PIPED: usize = 240;

/// The whole table. `columns`: width of the terminal; without one nothing is cut short.
pub fn table(state: &State, now: u64, columns: Option<usize>, look: Look) -> Vec<Line> {
    let kind = if columns.is_some() {
        Kind::Once
    } else {
        Kind::Piped
    };
    let canvas = Canvas {
        now,
        width: columns.unwrap_or(PIPED),
        height: usize::from(u16::MAX),
        look,
        footer: None,
        kind,
    };
    frame(state, &canvas)
}

/// What a person should know beside the table.
pub fn notes(state: &State) -> Vec<String> {
    let open = state.services.iter().filter_map(|service| {
        let info = &service.info;
        let numbers: Vec<String> = info.open_ports.iter().map(u16::to_string).collect();
        let is_there = info.wanted && service.has_started();
        (is_there && !numbers.is_empty())
            .then(|| format!("{} (port {})", info.name, numbers.join(", ")))
    });
    let open: Vec<String> = open.collect();
    let mut notes = Vec::new();
    if !open.is_empty() {
        notes.push(format!(
            "open to the network, as the stack file has it: {}; `dev up --loopback` keeps that to this machine",
            open.join(", ")
        ));
    }
    let mut there = state.services.iter().filter(|s| !s.instances.is_empty());
    if there.next().is_some_and(|first| first.info.on_host) && there.all(|s| s.info.on_host) {
        notes
            .push("all of it runs as processes on the host, without a container engine".to_owned());
    }
    notes
}

/// The same state with only `services`, or all where none is named.
#[must_use]
pub fn only(mut state: State, services: &[String]) -> State {
    if !services.is_empty() {
        state
            .services
            .retain(|service| services.contains(&service.info.name));
    }
    state
}

/// What `dev status --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report<'a> {
    pub v: u32,
    pub name: &'a str,
    pub layers: &'a [String],
    /// Everything asked for is ready, as `dev wait` has it.
    pub ready: bool,
    pub runtime_up: bool,
    /// The error of a stack file that was edited to nonsense.
    pub rejected: Option<&'a str>,
    pub services: Vec<ServiceReport<'a>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceReport<'a> {
    pub name: &'a str,
    pub state: Phase,
    pub ready: bool,
    /// When `state` was entered, milliseconds since 1970.
    pub since: u64,
    /// One line, where there is a reason.
    pub why: Option<String>,
    pub holds: &'a [Hold],
    pub degraded_by: &'a [String],
    pub failure: Option<&'a Failure>,
    pub restarts: u32,
    pub job: bool,
    pub wanted: bool,
    pub source: &'a str,
    pub needs: &'a [Gate],
    pub replicas: u32,
    pub addresses: &'a [String],
    /// Ports of the host that whoever reaches this machine reaches.
    pub open_ports: &'a [u16],
    pub runtime: Runtime,
    pub last_line: &'a str,
}

/// In what it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// Containers.
    Docker,
    /// A process on the host.
    Process,
    /// Pods of a cluster.
    Kubernetes,
}

/// The state for programs.
pub fn report(state: &State, now: u64) -> Report<'_> {
    let is_ready = |service: &ServiceState| words::serves(service) && service.is_as_asked();
    let mut wanted = state.services.iter().filter(|service| service.info.wanted);
    let services = state.services.iter().map(|service| ServiceReport {
        name: &service.info.name,
        state: service.phase,
        ready: is_ready(service),
        since: service.since,
        why: words::reason(service, now),
        holds: &service.holds,
        degraded_by: &service.degraded_by,
        failure: service.trouble(),
        restarts: service.restarts,
        job: service.info.job,
        wanted: service.info.wanted,
        source: &service.info.source,
        needs: &service.info.needs,
        replicas: service.info.replicas,
        addresses: &service.info.addresses,
        open_ports: &service.info.open_ports,
        runtime: match &service.info {
            info if info.on_cluster => Runtime::Kubernetes,
            info if info.on_host => Runtime::Process,
            _ => Runtime::Docker,
        },
        last_line: &service.last_line,
    });
    Report {
        v: VERSION,
        name: &state.name,
        layers: &state.layers,
        ready: wanted.all(is_ready),
        runtime_up: state.runtime_up,
        rejected: state.rejected.as_deref(),
        services: services.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Event, FailureClass, Stamped, Step, Verb};
    use crate::engine::goal::Outcome;
    use crate::view::samples::{self, NOW};

    const LOOK: Look = Look {
        color: false,
        unicode: true,
    };

    fn text(state: &State, columns: Option<usize>) -> String {
        table(state, NOW, columns, LOOK)
            .iter()
            .map(|line| format!("{}\n", line.render(LOOK)))
            .collect()
    }

    #[test]
    fn on_a_terminal_and_in_a_pipe() {
        let mut state = samples::degraded();
        samples::enter(&mut state, "web", Phase::Idle, 9_000);
        let once = text(&state, Some(80));
        let piped = text(&only(state, &["db".to_owned(), "cache".to_owned()]), None);
        insta::assert_snapshot!("status", format!("{once}\n{piped}"));
    }

    #[test]
    fn ports_that_are_open_to_the_network_are_named() {
        let mut state = samples::degraded();
        assert!(notes(&state).is_empty());
        samples::enter(&mut state, "web", Phase::Ready, 9_000);
        for service in &mut state.services {
            if ["api", "web"].contains(&service.info.name.as_str()) {
                service.info.open_ports = vec![8000, 8001];
            }
        }
        let api = only(state, &["api".to_owned()]);
        assert_eq!(
            notes(&api),
            [
                "open to the network, as the stack file has it: api (port 8000, 8001); \
              `dev up --loopback` keeps that to this machine"
            ]
        );
    }

    #[test]
    fn a_step_before_a_start_is_named_for_people_and_programs() {
        let step = |text: &str| Step::Progress {
            text: text.to_owned(),
            done: 0,
            total: 0,
        };
        let told = |step: Step| {
            let mut state = samples::waiting();
            state.apply(&Stamped {
                v: VERSION,
                at: NOW - 3_000,
                event: Event::Operation {
                    service: Some("api".to_owned()),
                    subject: "gold-api-1".to_owned(),
                    verb: Verb::Prepare,
                    cause: "missing".to_owned(),
                    step,
                },
            });
            let text = text(&only(state.clone(), &["api".to_owned()]), None);
            let report = report(&state, NOW);
            let api = report.services.iter().find(|service| service.name == "api");
            let api = api.unwrap();
            assert_eq!(api.state, Phase::Creating);
            let why = api.why.clone().unwrap();
            assert!(text.contains(&why) && text.contains("creating"), "{text}");
            why
        };
        assert_eq!(told(Step::Started), "runs its `pre_start`");
        assert_eq!(told(step("pre_start[1]")), "runs pre_start[1]");
        assert_eq!(
            told(step("pre_start[1]: 3 of 7 tables")),
            "runs pre_start[1]: 3 of 7 tables"
        );
    }

    #[test]
    fn what_runs_without_a_container_engine_is_told() {
        let mut state = samples::ready();
        assert!(notes(&state).is_empty());
        for service in &mut state.services {
            service.info.on_host = service.info.name != "db";
        }
        assert!(notes(&state).is_empty());
        for service in &mut state.services {
            service.info.on_host = true;
        }
        assert_eq!(
            notes(&state),
            ["all of it runs as processes on the host, without a container engine"]
        );
    }

    #[test]
    fn for_programs() {
        let state = only(samples::failed(), &["migrate".to_owned()]);
        insta::assert_snapshot!(
            "status_json",
            serde_json::to_string_pretty(&report(&state, NOW)).unwrap()
        );
    }

    #[test]
    fn ready_is_what_wait_waits_for() {
        let ready = |state: &State| {
            let report = report(state, NOW);
            let api = report.services.iter().find(|service| service.name == "api");
            (report.ready, api.unwrap().ready)
        };
        let mut state = samples::ready();
        assert_eq!(ready(&state), (true, true));
        let failure = |class| Failure {
            class,
            ..samples::failure()
        };
        samples::get(&mut state, "api").sync_failure = Some(failure(FailureClass::Sync));
        assert_eq!(ready(&state), (false, false));
        assert!(
            state
                .verdict()
                .is_some_and(|verdict| verdict != Outcome::Done)
        );
        let mut state = samples::ready();
        samples::get(&mut state, "api").failure = Some(failure(FailureClass::Build));
        assert_eq!(ready(&state), (false, false));
        assert!(
            state
                .verdict()
                .is_some_and(|verdict| verdict != Outcome::Done)
        );
    }
}
