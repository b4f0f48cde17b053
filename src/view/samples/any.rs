//! Any event and any state, for property tests.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::NOW;
use crate::engine::event::{
    Event, Failure, FailureClass, Found, Level, ServiceInfo, Stamped, Step, VERSION, Verb,
    WatchOutcome,
};
use crate::engine::state::{InstanceState, Phase, ProbeState, ServiceState, State, Work};
use crate::plan::hold::{Gate, Hold};
use crate::plan::observed::{Generation, Status};
use crate::stack::Condition;

/// Variants of [`Event`]; [`event`] makes each of them.
pub const VARIANTS: usize = 20;

pub fn name() -> BoxedStrategy<String> {
    let known = prop_oneof![
        Just("db"),
        Just("cache"),
        Just("migrate"),
        Just("api"),
        Just("web")
    ];
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => pattern("[a-z]{1,40}")].boxed()
}

/// What a service may print or an engine may answer, the worst included.
pub fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => pattern("[ -~]{0,60}"),
        1 => pattern("\\PC{0,40}"),
        1 => pattern("(\\PC|[\\x00-\\x1f\\x7f-\u{9f}]|\\x1b[\\[\\]P(]|[0-9;mJH]|金|👩‍👩‍👧|é){0,60}"),
        1 => Just(String::new()),
    ]
    .boxed()
}

/// Parsed once, where a plain `&str` as a strategy is parsed for every value.
fn pattern(regex: &str) -> BoxedStrategy<String> {
    proptest::string::string_regex(regex).unwrap().boxed()
}

fn time() -> BoxedStrategy<u64> {
    prop_oneof![8 => NOW - 200_000..NOW + 200_000, 1 => any::<u64>(), 1 => Just(0)].boxed()
}

fn generation() -> BoxedStrategy<Generation> {
    (prop_oneof!["a", "b"], text())
        .prop_map(|(id, started_at)| Generation { id, started_at })
        .boxed()
}

fn status() -> BoxedStrategy<Status> {
    let exited = (any::<i64>(), any::<bool>()).prop_map(|(code, out_of_memory)| Status::Exited {
        code,
        out_of_memory,
    });
    let plain = prop_oneof![
        Just(Status::Created),
        Just(Status::Running),
        Just(Status::Paused),
        Just(Status::Restarting),
        Just(Status::Dead),
    ];
    prop_oneof![4 => plain, 1 => exited].boxed()
}

fn found() -> BoxedStrategy<Found> {
    (generation(), status())
        .prop_map(|(generation, status)| Found {
            generation,
            status,
            began: None,
            ended: None,
        })
        .boxed()
}

fn class() -> BoxedStrategy<FailureClass> {
    prop_oneof![
        Just(FailureClass::Engine),
        Just(FailureClass::NoEngine),
        Just(FailureClass::PortTaken),
        Just(FailureClass::ImageMissing),
        Just(FailureClass::Build),
        Just(FailureClass::Exited),
        Just(FailureClass::OutOfMemory),
        Just(FailureClass::NotReady),
        Just(FailureClass::DiskFull),
        Just(FailureClass::Sync),
        Just(FailureClass::AfterSync),
        Just(FailureClass::NameTaken),
        Just(FailureClass::Unresolved),
        Just(FailureClass::Other),
    ]
    .boxed()
}

fn failure() -> BoxedStrategy<Failure> {
    (class(), text(), vec(text(), 0..12), option::of(text()))
        .prop_map(|(class, message, detail, help)| Failure {
            class,
            message,
            detail,
            help,
        })
        .boxed()
}

fn verb() -> BoxedStrategy<Verb> {
    prop_oneof![
        Just(Verb::Pull),
        Just(Verb::Build),
        Just(Verb::Create),
        Just(Verb::Start),
        Just(Verb::Stop),
        Just(Verb::Remove),
        Just(Verb::Update),
        Just(Verb::Copy),
        Just(Verb::Prepare),
        Just(Verb::Provision),
        Just(Verb::Run),
    ]
    .boxed()
}

fn step() -> BoxedStrategy<Step> {
    let amount = || prop_oneof![0..2_000_000_000_u64, any::<u64>()];
    prop_oneof![
        Just(Step::Started),
        (text(), amount(), amount()).prop_map(|(text, done, total)| Step::Progress {
            text,
            done,
            total
        }),
        any::<u64>().prop_map(|millis| Step::Done { millis }),
        Just(Step::Skipped),
        failure().prop_map(|failure| Step::Failed { failure }),
        Just(Step::Cancelled),
    ]
    .boxed()
}

fn hold() -> BoxedStrategy<Hold> {
    let condition = prop_oneof![Just(Condition::Ready), Just(Condition::Started)];
    prop_oneof![
        (name(), condition, text()).prop_map(|(on, condition, phase)| Hold::Needs {
            on,
            condition,
            phase
        }),
        (time(), any::<u32>()).prop_map(|(until, attempt)| Hold::Backoff { until, attempt }),
        text().prop_map(|answer| Hold::Probe { answer }),
        text().prop_map(|reference| Hold::Image { reference }),
        Just(Hold::NotUp),
        text().prop_map(|says| Hold::Cluster { says }),
    ]
    .boxed()
}

fn gate() -> BoxedStrategy<Gate> {
    let condition = prop_oneof![Just(Condition::Ready), Just(Condition::Started)];
    (name(), condition)
        .prop_map(|(service, condition)| Gate { service, condition })
        .boxed()
}

fn info() -> BoxedStrategy<ServiceInfo> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (
        name(),
        flags,
        text(),
        vec(gate(), 0..4),
        vec(text(), 0..3),
        0..4_u32,
    )
        .prop_map(
            |(name, (wanted, job, probed, provisions), source, needs, addresses, replicas)| {
                ServiceInfo {
                    name,
                    wanted,
                    stopped: !wanted && probed,
                    leaving: !wanted && provisions,
                    job,
                    source,
                    needs,
                    optional: Vec::new(),
                    addresses,
                    open_ports: Vec::new(),
                    on_host: false,
                    on_cluster: false,
                    off_host: None,
                    probed,
                    provisions,
                    replicas,
                }
            },
        )
        .boxed()
}

pub fn event() -> BoxedStrategy<Event> {
    prop_oneof![about_services(), about_the_rest()].boxed()
}

fn about_services() -> BoxedStrategy<Event> {
    let action = prop_oneof![
        Just(WatchOutcome::Synced),
        Just(WatchOutcome::SyncedRestarts),
        Just(WatchOutcome::Restarted),
        Just(WatchOutcome::Rebuilding),
        Just(WatchOutcome::Rerun),
        Just(WatchOutcome::Failed),
    ];
    prop_oneof![
        (name(), 0..3_u32, option::of(found())).prop_map(|(service, index, found)| {
            Event::Instance {
                service,
                index,
                found,
            }
        }),
        (name(), 0..3_u32, option::of(found())).prop_map(|(service, index, found)| {
            Event::Successor {
                service,
                index,
                found,
            }
        }),
        (name(), vec(hold(), 0..4)).prop_map(|(service, holds)| Event::Held { service, holds }),
        (name(), 0..3_u32, generation(), any::<bool>(), text()).prop_map(
            |(service, index, generation, passed, answer)| Event::Probe {
                failures: u32::from(!passed),
                service,
                index,
                generation,
                passed,
                answer
            }
        ),
        (name(), 0..3_u32, text()).prop_map(|(service, index, answer)| Event::NotAlive {
            service,
            index,
            answer
        }),
        (name(), failure()).prop_map(|(service, why)| Event::GaveUp { service, why }),
        name().prop_map(|service| Event::Retry { service }),
        (name(), 0..3_u32, generation()).prop_map(|(service, index, generation)| {
            Event::Provisioned {
                service,
                index,
                generation,
            }
        }),
        (name(), failure(), any::<u32>(), time()).prop_map(|(service, failure, attempt, until)| {
            Event::Restarting {
                service,
                failure,
                attempt,
                until,
            }
        }),
        (name(), any::<bool>()).prop_map(|(service, current)| Event::Job { service, current }),
        (
            name(),
            action,
            any::<usize>(),
            text(),
            any::<u64>(),
            option::of(failure())
        )
            .prop_map(|(service, action, files, first, millis, failure)| {
                Event::Watched {
                    service,
                    action,
                    files: files % 100_000,
                    first,
                    millis,
                    failure,
                }
            }),
        (name(), text()).prop_map(|(service, line)| Event::LastLine {
            service,
            line,
            generation: None
        }),
    ]
    .boxed()
}

fn about_the_rest() -> BoxedStrategy<Event> {
    let level = prop_oneof![Just(Level::Info), Just(Level::Warning), Just(Level::Error)];
    prop_oneof![
        (name(), vec(text(), 0..3), vec(info(), 0..6)).prop_map(|(name, layers, services)| {
            Event::Stack {
                name,
                layers,
                services,
            }
        }),
        text().prop_map(|error| Event::StackRejected { error }),
        (option::of(name()), text(), verb(), text(), step()).prop_map(
            |(service, subject, verb, cause, step)| {
                Event::Operation {
                    service,
                    subject,
                    verb,
                    cause,
                    step,
                }
            }
        ),
        (level, text()).prop_map(|(level, text)| Event::Notice { level, text }),
        (any::<bool>(), text()).prop_map(|(up, text)| Event::Runtime { up, text }),
        (any::<bool>(), 0..9_usize)
            .prop_map(|(ready, operations)| Event::Settled { ready, operations }),
        any::<bool>().prop_map(|removes| Event::Ending { removes }),
        any::<bool>().prop_map(|removed| Event::Bye {
            removed,
            failure: None
        }),
    ]
    .boxed()
}

pub fn stamped() -> BoxedStrategy<Stamped> {
    (time(), event())
        .prop_map(|(at, event)| Stamped {
            v: VERSION,
            at,
            event,
        })
        .boxed()
}

fn phase() -> BoxedStrategy<Phase> {
    prop_oneof![
        Just(Phase::Idle),
        Just(Phase::Waiting),
        Just(Phase::Pulling),
        Just(Phase::Building),
        Just(Phase::Creating),
        Just(Phase::Starting),
        Just(Phase::Running),
        Just(Phase::Ready),
        Just(Phase::Done),
        Just(Phase::Unready),
        Just(Phase::Crashed),
        Just(Phase::Failed),
        Just(Phase::Paused),
        Just(Phase::Stopping),
        Just(Phase::Stopped),
    ]
    .boxed()
}

fn work() -> BoxedStrategy<Work> {
    (verb(), step(), time())
        .prop_map(|(verb, step, since)| Work { verb, step, since })
        .boxed()
}

fn service() -> BoxedStrategy<ServiceState> {
    let probe =
        (any::<bool>(), text(), time(), any::<u32>()).prop_map(|(passed, answer, at, failures)| {
            ProbeState {
                failed: false,
                passed,
                answer,
                at,
                ever: passed,
                failures,
            }
        });
    let instance =
        (option::of(found()), option::of(probe)).prop_map(|(found, probe)| InstanceState {
            last_line: String::new(),
            seen: NOW,
            found,
            probe,
            provisioned: false,
            successor: None,
        });
    let parts = (
        vec(hold(), 0..3),
        btree_map(0..3_u32, instance, 0..3),
        option::of(work()),
        option::of(failure()),
    );
    (
        info(),
        phase(),
        time(),
        parts,
        any::<u32>(),
        text(),
        vec(name(), 0..3),
    )
        .prop_map(
            |(
                info,
                phase,
                since,
                (holds, instances, work, failure),
                restarts,
                last_line,
                degraded_by,
            )| {
                ServiceState {
                    phase,
                    since,
                    holds,
                    instances,
                    work,
                    failure,
                    restarts,
                    last_line,
                    degraded_by,
                    ..ServiceState::new(info, 0)
                }
            },
        )
        .boxed()
}

/// Any state, those that no sequence of events leads to included.
pub fn state() -> BoxedStrategy<State> {
    let services = prop_oneof![8 => vec(service(), 0..6), 1 => vec(service(), 20..30)];
    let shared = btree_map(text(), work(), 0..3);
    (
        text(),
        vec(text(), 0..3),
        services,
        shared,
        option::of(text()),
        any::<bool>(),
    )
        .prop_map(
            |(name, layers, services, shared, rejected, runtime_up)| State {
                name,
                layers,
                services,
                shared,
                rejected,
                runtime_up,
                settled: false,
                compared: 0,
                ending: false,
                removing: false,
            },
        )
        .boxed()
}
