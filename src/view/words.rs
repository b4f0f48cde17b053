//! The words for how a service is: shared by every view, so that all say the same.

use super::sanitise::cell;
use super::time::age;
use crate::engine::event::{FailureClass, Step, Verb};
use crate::engine::state::{InstanceState, Phase, ServiceState, State};
use crate::plan::hold::Hold;

/// How a state looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    /// At work: it turns.
    Busy,
    Wait,
    Warn,
    /// Failed, and is tried again.
    Alarm,
    /// Failed for good.
    Bad,
    Off,
}

pub(super) fn tone(service: &ServiceState) -> Tone {
    match service.phase {
        Phase::Ready if is_lacking(service) => Tone::Warn,
        Phase::Ready | Phase::Done => Tone::Good,
        Phase::Pulling | Phase::Building | Phase::Creating | Phase::Starting | Phase::Running => {
            Tone::Busy
        }
        Phase::Stopping => Tone::Busy,
        Phase::Waiting => Tone::Wait,
        Phase::Unready | Phase::Paused => Tone::Warn,
        Phase::Crashed => Tone::Alarm,
        Phase::Failed => Tone::Bad,
        Phase::Stopped | Phase::Idle => Tone::Off,
    }
}

pub(super) fn word(service: &ServiceState) -> &'static str {
    if service.phase == Phase::Ready && is_lacking(service) {
        "degraded"
    } else {
        phase(service.phase)
    }
}

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Idle => "idle",
        Phase::Waiting => "waiting",
        Phase::Pulling => "pulling",
        Phase::Building => "building",
        Phase::Creating => "creating",
        Phase::Starting => "starting",
        Phase::Running => "running",
        Phase::Ready => "ready",
        Phase::Done => "done",
        Phase::Unready => "unready",
        Phase::Crashed => "crashed",
        Phase::Failed => "failed",
        Phase::Paused => "paused",
        Phase::Stopping => "stopping",
        Phase::Stopped => "stopped",
    }
}

/// What matters most comes first when there is no room for all.
pub(super) fn urgency(service: &ServiceState) -> u8 {
    match service.phase {
        Phase::Failed => 0,
        Phase::Crashed => 1,
        Phase::Unready | Phase::Paused => 2,
        Phase::Pulling | Phase::Building | Phase::Creating => 3,
        Phase::Starting | Phase::Running | Phase::Stopping => 3,
        Phase::Ready if is_lacking(service) => 4,
        Phase::Waiting => 5,
        Phase::Stopped => 6,
        Phase::Ready => 7,
        Phase::Done => 8,
        Phase::Idle => 9,
    }
}

pub(super) fn is_degraded(service: &ServiceState) -> bool {
    !service.degraded_by.is_empty()
}

/// It runs, but not with all that it should run with.
fn is_lacking(service: &ServiceState) -> bool {
    is_degraded(service) || service.is_half_synced()
}

/// What is done for it before it starts: `copies its files`, `runs pre_start[1]: 3 of 7 tables`.
pub(super) fn preparation(service: &ServiceState) -> Option<String> {
    let work = service.work.as_ref()?;
    match (work.verb, &work.step) {
        (Verb::Copy, _) => Some("copies its files".to_owned()),
        (Verb::Prepare, Step::Progress { text, .. }) => Some(format!("runs {}", cell(text))),
        (Verb::Prepare, _) => Some("runs its `pre_start`".to_owned()),
        _ => None,
    }
}

/// Good as it is: ready, or a job that is done.
pub(super) fn is_settled(service: &ServiceState) -> bool {
    matches!(service.phase, Phase::Ready | Phase::Done)
}

/// Ready, or done, whatever is made of it meanwhile: the one before serves until the new one is there.
pub(super) fn serves(service: &ServiceState) -> bool {
    let is_made = matches!(
        service.phase,
        Phase::Pulling | Phase::Building | Phase::Creating
    );
    is_settled(service) || is_made && service.is_ready()
}

/// Why it is not (quite) ready, in a few words that can follow its state; nothing where the state says it all.
pub(super) fn reason(service: &ServiceState, now: u64) -> Option<String> {
    match service.phase {
        Phase::Failed => failure(service),
        Phase::Crashed => match (failure(service), then(service, now)) {
            (Some(what), Some(then)) => Some(format!("{what}; {then}")),
            (what, then) => what.or(then),
        },
        Phase::Waiting => waits(&service.holds)
            .or_else(|| says(&service.holds))
            .or_else(|| backoff(service, now))
            .or_else(|| Some("for its turn".to_owned())),
        Phase::Creating => preparation(service),
        Phase::Idle if service.info.off_host.is_some() => off_host(service),
        Phase::Idle if is_not_up(service) => Some(format!("not {}", up(service))),
        Phase::Starting | Phase::Running | Phase::Unready => answer(service),
        Phase::Ready if is_degraded(service) => {
            Some(format!("{} not ready", are(&service.degraded_by)))
        }
        Phase::Ready if is_rejected(service) => {
            failure(service).map(|what| format!("{what}; the one before runs"))
        }
        Phase::Ready => failure(service)
            .map(|what| format!("an older version: {what}"))
            .or_else(|| coming(service))
            .or_else(|| sync_failure(service)),
        _ => None,
    }
    .filter(|reason| !reason.is_empty())
}

/// `cannot run on the host: it is built as an image`
pub(super) fn off_host(service: &ServiceState) -> Option<String> {
    let why = service.info.off_host.as_ref()?;
    Some(format!("cannot run on the host: {}", cell(why)))
}

/// What one does about a stack that is not up.
pub(super) const fn up(service: &ServiceState) -> &'static str {
    match service.info.on_cluster {
        true => "up: `dev promote` brings it up",
        false => "up: `dev up` brings it up",
    }
}

/// Nobody has the stack up.
pub(super) fn is_not_up(service: &ServiceState) -> bool {
    service.holds.contains(&Hold::NotUp)
}

/// `for db (starting), migrate`
pub(super) fn waits(holds: &[Hold]) -> Option<String> {
    let on: Vec<String> = holds
        .iter()
        .filter_map(|hold| match hold {
            // That what is waited for waits itself says nothing new.
            Hold::Needs { on, phase, .. } if matches!(phase.as_str(), "" | "waiting") => {
                Some(cell(on))
            }
            Hold::Needs { on, phase, .. } => Some(cell(&format!("{on} ({phase})"))),
            Hold::Image { reference } => Some(cell(&format!("image {reference}"))),
            Hold::Backoff { .. } | Hold::Probe { .. } | Hold::NotUp | Hold::Cluster { .. } => None,
        })
        .collect();
    (!on.is_empty()).then(|| format!("for {}", on.join(", ")))
}

/// What a cluster says of why it does not begin.
pub(super) fn says(holds: &[Hold]) -> Option<String> {
    holds.iter().find_map(|hold| match hold {
        Hold::Cluster { says } => Some(cell(says)),
        _ => None,
    })
}

/// The services and images that it waits for, and what a cluster says of it.
pub(super) fn held_by(service: &ServiceState) -> Vec<String> {
    let names = service.holds.iter().filter_map(|hold| match hold {
        Hold::Needs { on, .. } => Some(on.clone()),
        Hold::Image { reference } => Some(reference.clone()),
        Hold::Cluster { says } => Some(says.clone()),
        Hold::Backoff { .. } | Hold::Probe { .. } | Hold::NotUp => None,
    });
    names.collect()
}

/// When the next try is due, where it waits for one.
pub(super) fn backoff(service: &ServiceState, now: u64) -> Option<String> {
    service.holds.iter().find_map(|hold| match hold {
        Hold::Backoff { until, attempt } => Some(again(*until, *attempt, now)),
        _ => None,
    })
}

/// What a crashed one waits for: what it needs comes before the end of a pause.
pub(super) fn then(service: &ServiceState, now: u64) -> Option<String> {
    waits(&service.holds)
        .map(|waits| format!("waits {waits}"))
        .or_else(|| backoff(service, now))
}

/// `waits for db, cache`: what it needs and is not there, before anybody has planned for it.
pub(super) fn missing(state: &State, service: &str) -> Option<String> {
    let needs = state.service(service)?.info.needs.iter();
    let missing = needs
        .filter(|need| state.service(&need.service).is_some() && !state.is_open(need))
        .map(|need| cell(&need.service));
    let missing: Vec<String> = missing.collect();
    (!missing.is_empty()).then(|| format!("waits for {}", missing.join(", ")))
}

/// `starts again in 2s, try 3`
pub(super) fn again(until: u64, attempt: u32, now: u64) -> String {
    let left = until.saturating_sub(now);
    let when = if left < 500 {
        "now".to_owned()
    } else {
        format!("in {}", age(left.saturating_add(999)))
    };
    format!("starts again {when}, try {attempt}")
}

/// The last answer of a probe that fails.
pub(super) fn answer(service: &ServiceState) -> Option<String> {
    let failing = service
        .instances
        .values()
        .filter_map(|instance| instance.probe.as_ref())
        .find(|probe| !probe.passed)
        .map(|probe| cell(&probe.answer));
    failing.or_else(|| {
        service.holds.iter().find_map(|hold| match hold {
            Hold::Probe { answer } => Some(cell(answer)),
            _ => None,
        })
    })
}

/// A new one did not get ready, and the one before runs.
pub(super) fn is_rejected(service: &ServiceState) -> bool {
    let failure = service.failure.as_ref();
    failure.is_some_and(|failure| failure.class == FailureClass::Replacement)
}

fn failure(service: &ServiceState) -> Option<String> {
    service
        .failure
        .as_ref()
        .map(|failure| cell(&failure.message))
}

/// What was not taken in.
pub(super) fn sync_failure(service: &ServiceState) -> Option<String> {
    let failure = service.sync_failure.as_ref();
    failure.map(|failure| match failure.detail.first() {
        Some(first) if service.lacks_files() => cell(&format!("files not synced: {first}")),
        _ => cell(&failure.message),
    })
}

/// `a new version starts: 503`: what is to take its place, and why it has not.
fn coming(service: &ServiceState) -> Option<String> {
    let next = service.coming()?;
    if next.is_ready(&service.info) {
        return Some("a new version takes over".to_owned());
    }
    let answer = failing(next).map(|answer| format!(": {answer}"));
    Some(format!(
        "a new version starts{}",
        answer.unwrap_or_default()
    ))
}

/// What the probe of one container says against it.
pub(super) fn failing(instance: &InstanceState) -> Option<String> {
    let probe = instance.probe.as_ref().filter(|probe| !probe.passed)?;
    Some(cell(&probe.answer)).filter(|answer| !answer.is_empty())
}

/// `db is`, `db and cache are`
fn are(names: &[String]) -> String {
    match names {
        [one] => format!("{} is", cell(one)),
        [head @ .., last] => format!("{} and {} are", cell(&head.join(", ")), cell(last)),
        [] => String::new(),
    }
}

/// `3 of 6 ready`, over what was asked for.
pub(super) fn tally(state: &State) -> (usize, usize) {
    let wanted = state.services.iter().filter(|service| service.info.wanted);
    wanted.fold((0, 0), |(ready, all), service| {
        (ready + usize::from(serves(service)), all + 1)
    })
}

/// The overlays of the stack, as `--env` names them: `dev.offline.toml` is `offline`.
pub(super) fn overlays(state: &State) -> Vec<String> {
    let file = |layer: &String| cell(layer.rsplit(['/', '\\']).next().unwrap_or(layer));
    let short = |name: String| {
        let inner = name
            .strip_prefix("dev.")
            .and_then(|rest| rest.strip_suffix(".toml"));
        inner.map(str::to_owned).unwrap_or(name)
    };
    // The first one is the stack file itself, whatever its name.
    state
        .layers
        .iter()
        .map(file)
        .skip(1)
        .filter(|name| name != "dev.toml")
        .map(short)
        .collect()
}
