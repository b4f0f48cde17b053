//! States for tests, as a person would meet them.

pub mod any;

use std::collections::BTreeMap;

use crate::engine::event::{Failure, FailureClass, Found, ServiceInfo, Step, Verb};
use crate::engine::state::{InstanceState, Phase, ProbeState, ServiceState, State, Work};
use crate::plan::hold::{Gate, Hold};
use crate::plan::observed::{Generation, Status};
use crate::stack::Condition;

/// The time of every sample.
pub const NOW: u64 = 1_700_000_000_000;

pub fn generation() -> Generation {
    Generation {
        id: "c0ffee".to_owned(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
    }
}

pub fn service(name: &str, needs: &[&str], address: &str) -> ServiceState {
    let info = ServiceInfo {
        name: name.to_owned(),
        wanted: true,
        stopped: false,
        leaving: false,
        job: name == "migrate",
        source: "build".to_owned(),
        needs: needs
            .iter()
            .map(|need| Gate {
                service: (*need).to_owned(),
                condition: Condition::Ready,
            })
            .collect(),
        optional: Vec::new(),
        addresses: if address.is_empty() {
            Vec::new()
        } else {
            vec![address.to_owned()]
        },
        open_ports: Vec::new(),
        on_host: false,
        on_cluster: false,
        off_host: None,
        probed: name != "migrate",
        provisions: false,
        replicas: 1,
    };
    ServiceState::new(info, NOW - 4_200)
}

/// The example stack, with nothing done yet.
pub fn waiting() -> State {
    let mut state = State {
        name: "gold".to_owned(),
        layers: vec![
            "/src/gold/dev.toml".to_owned(),
            "/src/gold/dev.offline.toml".to_owned(),
        ],
        services: vec![
            service("db", &[], "127.0.0.1:5432"),
            service("cache", &[], "127.0.0.1:6379"),
            service("migrate", &["db"], ""),
            service("api", &["cache", "migrate"], "http://127.0.0.1:8000"),
            service("web", &["api"], "http://127.0.0.1:3000"),
        ],
        shared: BTreeMap::new(),
        rejected: None,
        runtime_up: true,
        settled: false,
        compared: 0,
        ending: false,
        removing: false,
    };
    hold(&mut state, "migrate", &[("db", "waiting")]);
    hold(
        &mut state,
        "api",
        &[("cache", "waiting"), ("migrate", "waiting")],
    );
    hold(&mut state, "web", &[("api", "waiting")]);
    state
}

/// The databases start, the app is built.
pub fn starting() -> State {
    let mut state = waiting();
    enter(&mut state, "db", Phase::Starting, 1_800);
    probe(
        &mut state,
        "db",
        false,
        "postgres 127.0.0.1:5432: the database system is starting up",
    );
    get(&mut state, "db").last_line =
        "2026-01-01 00:00:00 UTC [1] LOG:  starting PostgreSQL 14.11".to_owned();
    enter(&mut state, "cache", Phase::Ready, 900);
    get(&mut state, "cache").last_line = "1:M 01 Jan 2026 * Ready to accept connections".to_owned();
    hold(&mut state, "migrate", &[("db", "starting")]);
    work(
        &mut state,
        "api",
        Verb::Build,
        "RUN pip install -r requirements.txt",
        8,
        14,
    );
    enter(&mut state, "api", Phase::Building, 3_100);
    hold(&mut state, "web", &[("api", "building")]);
    state
}

pub fn pulling() -> State {
    let mut state = waiting();
    work(
        &mut state,
        "db",
        Verb::Pull,
        "extracting",
        58_400_000,
        141_900_000,
    );
    enter(&mut state, "db", Phase::Pulling, 6_100);
    get(&mut state, "cache").work = Some(Work {
        verb: Verb::Pull,
        step: Step::Started,
        since: NOW,
    });
    enter(&mut state, "cache", Phase::Pulling, 100);
    let step = Step::Progress {
        text: "exporting layers".to_owned(),
        done: 0,
        total: 0,
    };
    state.shared.insert(
        "image gold-app".to_owned(),
        Work {
            verb: Verb::Build,
            step,
            since: NOW - 12_000,
        },
    );
    get(&mut state, "api").holds = vec![Hold::Image {
        reference: "gold-app".to_owned(),
    }];
    state
}

pub fn ready() -> State {
    let mut state = waiting();
    for (name, ago) in [
        ("db", 125_000),
        ("cache", 126_000),
        ("api", 118_000),
        ("web", 117_400),
    ] {
        enter(&mut state, name, Phase::Ready, ago);
        probe(&mut state, name, true, "ok");
        get(&mut state, name).holds.clear();
    }
    enter(&mut state, "migrate", Phase::Done, 120_000);
    get(&mut state, "migrate").done = true;
    get(&mut state, "migrate").holds.clear();
    get(&mut state, "db").last_line =
        "LOG:  database system is ready to accept connections".to_owned();
    get(&mut state, "cache").last_line = "1:M 01 Jan 2026 * Ready to accept connections".to_owned();
    get(&mut state, "migrate").last_line =
        "INFO  Running upgrade 4f1 -> 9c2, prices by day".to_owned();
    get(&mut state, "api").last_line =
        "{\"level\":\"info\",\"path\":\"/prices/2026-01-01\",\"status\":200}".to_owned();
    get(&mut state, "web").last_line = "\u{1b}[32mVITE\u{1b}[0m v5.4  ready in 412 ms".to_owned();
    state.settled = true;
    state
}

pub fn failed() -> State {
    let mut state = starting();
    enter(&mut state, "db", Phase::Ready, 3_000);
    enter(&mut state, "migrate", Phase::Failed, 1_000);
    let migrate = get(&mut state, "migrate");
    migrate.holds.clear();
    migrate.gave_up = true;
    migrate.failure = Some(failure());
    get(&mut state, "api").work = None;
    enter(&mut state, "api", Phase::Waiting, 500);
    hold(&mut state, "api", &[("migrate", "failed")]);
    hold(&mut state, "web", &[("api", "waiting")]);
    state
}

pub fn failure() -> Failure {
    Failure {
        class: FailureClass::Exited,
        message: "exited with code 1 after 0.8s: relation \"prices\" does not exist".to_owned(),
        detail: vec![
            "Traceback (most recent call last):".to_owned(),
            "  File \"/app/alembic/env.py\", line 41, in run".to_owned(),
            "    context.run_migrations()".to_owned(),
            String::new(),
            "sqlalchemy.exc.ProgrammingError: relation \"prices\" does not exist".to_owned(),
        ],
        help: Some(
            "see all of it with `dev logs migrate`; `dev restart migrate` tries again".to_owned(),
        ),
    }
}

pub fn degraded() -> State {
    let mut state = ready();
    enter(&mut state, "cache", Phase::Crashed, 2_300);
    let cache = get(&mut state, "cache");
    cache.failure = Some(Failure {
        class: FailureClass::OutOfMemory,
        message: "killed: out of memory".to_owned(),
        detail: Vec::new(),
        help: None,
    });
    cache.restarts = 3;
    cache.holds = vec![Hold::Backoff {
        until: NOW + 1_700,
        attempt: 3,
    }];
    get(&mut state, "api").degraded_by = vec!["cache".to_owned()];
    enter(&mut state, "web", Phase::Unready, 800);
    probe(
        &mut state,
        "web",
        false,
        "GET http://127.0.0.1:3000/: 502 Bad Gateway",
    );
    state
}

/// 40 services: two failed, some at work, the rest ready.
pub fn many() -> State {
    let mut state = State {
        name: "fleet".to_owned(),
        runtime_up: true,
        ..State::default()
    };
    for index in 0..40_u32 {
        let mut one = service(
            &format!("service-{index:02}"),
            &[],
            &format!("127.0.0.1:{}", 9_000 + index),
        );
        one.phase = match index {
            17 | 33 => Phase::Failed,
            5 | 6 => Phase::Starting,
            7..=9 => Phase::Waiting,
            _ => Phase::Ready,
        };
        if one.phase == Phase::Failed {
            one.failure = Some(failure());
        }
        state.services.push(one);
    }
    state
}

pub fn get<'a>(state: &'a mut State, name: &str) -> &'a mut ServiceState {
    state
        .services
        .iter_mut()
        .find(|service| service.info.name == name)
        .expect("a service of the sample")
}

pub fn enter(state: &mut State, name: &str, phase: Phase, ago: u64) {
    let service = get(state, name);
    service.phase = phase;
    service.since = NOW - ago;
}

pub fn hold(state: &mut State, name: &str, on: &[(&str, &str)]) {
    get(state, name).holds = on
        .iter()
        .map(|(on, phase)| Hold::Needs {
            on: (*on).to_owned(),
            condition: Condition::Ready,
            phase: (*phase).to_owned(),
        })
        .collect();
}

pub fn probe(state: &mut State, name: &str, passed: bool, answer: &str) {
    let found = Found {
        generation: generation(),
        status: Status::Running,
        began: None,
        ended: None,
    };
    let failures = if passed { 0 } else { 12 };
    let probe = ProbeState {
        passed,
        answer: answer.to_owned(),
        at: NOW - 20,
        ever: passed,
        failed: !passed,
        failures,
    };
    let instance = InstanceState {
        found: Some(found),
        seen: NOW,
        probe: Some(probe),
        provisioned: false,
        last_line: String::new(),
        successor: None,
    };
    get(state, name).instances.insert(1, instance);
}

/// A new one beside what serves, which its probe has not found ready.
pub fn beside(state: &mut State, name: &str, answer: &str) {
    let mut apart = state.clone();
    probe(&mut apart, name, false, answer);
    let mut next = get(&mut apart, name)
        .instances
        .remove(&1)
        .expect("just made");
    next.seen = NOW - 4_000;
    if let Some(found) = &mut next.found {
        found.generation.id = "next".to_owned();
    }
    let one = get(state, name).instances.get_mut(&1).expect("it serves");
    one.successor = Some(Box::new(next));
}

pub fn work(state: &mut State, name: &str, verb: Verb, text: &str, done: u64, total: u64) {
    let step = Step::Progress {
        text: text.to_owned(),
        done,
        total,
    };
    get(state, name).work = Some(Work {
        verb,
        step,
        since: NOW - 3_000,
    });
}
