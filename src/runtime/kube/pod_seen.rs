//! What a pod says of itself, and what events say of it.

use k8s_openapi::api::core::v1::{
    ContainerStateTerminated, ContainerStateWaiting, ContainerStatus, Event, Pod, PodStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::reasons::plain;
use super::sight::{Answer, End, Life, PodSeen};
use crate::engine::event::FailureClass;

/// Events that say why a pod does not begin.
const NOT_BEGUN: [&str; 4] = [
    "FailedScheduling",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
];
const UNHEALTHY: &str = "Unhealthy";
/// How the kubelet begins what a probe answered.
const ANSWERS: [&str; 2] = ["Readiness probe failed: ", "Startup probe failed: "];
/// So long after its start a container that is not ready has been: before, the condition is of its beginning.
const SETTLING: u64 = 1_500;

/// `events` are the pod's, the latest last.
pub(super) fn pod_seen(service: &str, pod: &Pod, current: bool, events: &[Event]) -> PodSeen {
    let nothing = PodStatus::default();
    let status = pod.status.as_ref().unwrap_or(&nothing);
    let own = status.container_statuses.iter().flatten();
    let own = own.into_iter().find(|container| container.name == service);
    let spec = pod.spec.iter().flat_map(|spec| &spec.containers);
    let image = spec
        .into_iter()
        .find(|container| container.name == service)
        .and_then(|container| container.image.clone());
    let life = life(own);
    let ready = condition(status, "Ready");
    let is_ready = ready.is_some_and(|(holds, _)| holds);
    let began = match life {
        Life::Running { began } => Some(began),
        _ => None,
    };
    let lost = ready.and_then(|(holds, since)| since.filter(|_| !holds));
    PodSeen {
        name: pod.metadata.name.clone().unwrap_or_default(),
        container: service.to_owned(),
        image: image.unwrap_or_default(),
        current,
        ending: pod.metadata.deletion_timestamp.is_some(),
        ready: ready.and_then(|(holds, since)| since.filter(|_| holds && began.is_some())),
        created: millis(pod.metadata.creation_timestamp.as_ref()).unwrap_or(0),
        restarts: own.map_or(0, |own| u32::try_from(own.restart_count).unwrap_or(0)),
        before: own
            .and_then(|own| own.last_state.as_ref()?.terminated.as_ref())
            .map(end),
        was_ready: lost.filter(|lost| began.is_some_and(|began| *lost > began + SETTLING)),
        answer: began
            .and_then(|began| answer(events, began))
            .filter(|_| !is_ready),
        says: match life {
            Life::Waiting => says(status, own, events),
            _ => None,
        },
        life,
    }
}

fn life(own: Option<&ContainerStatus>) -> Life {
    let Some(state) = own.and_then(|own| own.state.as_ref()) else {
        return Life::Waiting;
    };
    if let Some(running) = &state.running {
        let began = millis(running.started_at.as_ref()).unwrap_or(0);
        return Life::Running { began };
    }
    if let Some(ended) = &state.terminated {
        return Life::Ended(end(ended));
    }
    let before = || own?.last_state.as_ref()?.terminated.as_ref();
    match (&state.waiting, before()) {
        (Some(waiting), before) => waits(waiting, before),
        (None, _) => Life::Waiting,
    }
}

fn waits(waiting: &ContainerStateWaiting, before: Option<&ContainerStateTerminated>) -> Life {
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let class = match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
            FailureClass::ImageMissing
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            FailureClass::Other
        }
        _ => return before.map_or(Life::Waiting, |before| Life::Ended(end(before))),
    };
    let message = waiting.message.as_deref().unwrap_or_default();
    Life::Stuck {
        class,
        why: plain(reason, message),
    }
}

fn end(ended: &ContainerStateTerminated) -> End {
    End {
        code: i64::from(ended.exit_code),
        out_of_memory: ended.reason.as_deref() == Some("OOMKilled"),
        began: millis(ended.started_at.as_ref()).filter(|at| *at > 0),
        at: millis(ended.finished_at.as_ref()).filter(|at| *at > 0),
        message: ended.message.clone().filter(|message| !message.is_empty()),
    }
}

/// Whether a condition holds, and since when it is so.
fn condition(status: &PodStatus, name: &str) -> Option<(bool, Option<u64>)> {
    let mut conditions = status.conditions.iter().flatten();
    let found = conditions.find(|condition| condition.type_ == name)?;
    Some((
        found.status == "True",
        millis(found.last_transition_time.as_ref()),
    ))
}

/// The last one of this life.
fn answer(events: &[Event], began: u64) -> Option<Answer> {
    let is_answer = |event: &&Event| {
        let text = event.message.as_deref().unwrap_or_default();
        event.reason.as_deref() == Some(UNHEALTHY)
            && ANSWERS.iter().any(|start| text.starts_with(start))
    };
    let last = events.iter().rev().find(is_answer)?;
    // Events are told in whole seconds.
    let at = at(last).and_then(|at| u64::try_from(at).ok())?;
    let text = last.message.as_deref().unwrap_or_default();
    let text = ANSWERS
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .unwrap_or(text);
    (at + 1_000 > began).then(|| Answer {
        text: text.trim_end().to_owned(),
        at,
        times: last
            .count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
    })
}

/// Why it has not begun.
fn says(status: &PodStatus, own: Option<&ContainerStatus>, events: &[Event]) -> Option<String> {
    let mut conditions = status.conditions.iter().flatten();
    let unplaced = conditions
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(unplaced) = unplaced {
        let why = unplaced.message.clone().unwrap_or_default();
        return Some(format!("no node takes it: {why}"));
    }
    let told = events.iter().rev().find(|event| {
        let reason = event.reason.as_deref().unwrap_or_default();
        NOT_BEGUN.contains(&reason)
    });
    if let Some(why) = told.and_then(|event| event.message.clone()) {
        return Some(why);
    }
    let waiting = own.and_then(|own| own.state.as_ref()?.waiting.as_ref());
    let gates = status.init_container_statuses.iter().flatten();
    let gate = gates.into_iter().find(|gate| !gate.ready);
    match (waiting.and_then(|waiting| waiting.reason.as_deref()), gate) {
        (_, Some(gate)) => Some(format!("its init container {} has not ended", gate.name)),
        _ => Some("its container is being made".to_owned()),
    }
}

/// When it was told last, milliseconds since 1970.
pub(super) fn at(event: &Event) -> Option<i64> {
    let last = event
        .last_timestamp
        .as_ref()
        .map(|time| time.0.as_millisecond());
    let micro = event
        .event_time
        .as_ref()
        .map(|time| time.0.as_millisecond());
    last.or(micro)
}

fn millis(time: Option<&Time>) -> Option<u64> {
    u64::try_from(time?.0.as_millisecond()).ok()
}
