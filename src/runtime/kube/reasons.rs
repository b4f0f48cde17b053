//! Why a workload is not ready: what its containers say, and the events of its pods, rather than "CrashLoopBackOff" alone.

use ::kube::api::{Api, ListParams, LogParams};
use k8s_openapi::api::core::v1::{ContainerStatus, Event, Pod};

use super::Kube;
use super::rollout::refused;
use crate::promote::{INSTANCE, Kind, NAME, Object};

/// Lines of a container's log that are its last words.
const LINES: i64 = 5;
/// What the kubelet answers instead of a log that it has no more.
const GONE: &str = "unable to retrieve container logs";
/// How the reason begins that whatever makes pods gives when it may not.
pub(super) const REFUSED: &str = "FailedCreate";
/// Events that say what is wrong, and not what is done.
const WRONG: [&str; 6] = [
    "FailedScheduling",
    "FailedMount",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "Unhealthy",
    "FailedPostStartHook",
];

impl Kube {
    /// In one line; `None` where nothing more can be told.
    pub(super) async fn why(&self, namespace: &str, object: &Object) -> Option<String> {
        let pods = self.pods(namespace, object).await?;
        // A pod of before may wait too, and is not why.
        if let Some(refused) = self.refused(namespace, object, &pods).await {
            return Some(refused);
        }
        let mut waiting = pods.iter().filter(|pod| !is_ready(pod));
        if let Some(why) = waiting.find_map(said) {
            return Some(why);
        }
        let pod = pods.iter().find(|pod| !is_ready(pod));
        let pod = pod.and_then(|pod| pod.metadata.name.as_deref());
        let of_pod = match pod {
            Some(pod) => self.event(namespace, pod).await,
            None => None,
        };
        match of_pod {
            Some(why) => Some(why),
            // What makes the pods may be refused to.
            None => self.event(namespace, &object.name).await,
        }
    }

    /// The same with the end of the log of what ended.
    pub(super) async fn last_words(&self, namespace: &str, object: &Object) -> Option<String> {
        let why = self.why(namespace, object).await;
        let pods = self.pods(namespace, object).await.unwrap_or_default();
        if let Some(refused) = self.refused(namespace, object, &pods).await {
            return Some(refused);
        }
        let pod = pods.iter().find(|pod| !is_ready(pod));
        let log = match pod {
            Some(pod) => self.log(namespace, pod).await,
            None => None,
        };
        match (why, log) {
            (Some(why), Some(log)) => Some(format!("{why}\n{log}")),
            (why, log) => why.or(log),
        }
    }

    /// Why no new pod can be made, as where a quota is used up: a Deployment says it, the others' events do.
    async fn refused(&self, namespace: &str, object: &Object, pods: &[Pod]) -> Option<String> {
        if object.kind == Kind::Deployment {
            let live = self.find(object.kind, namespace, &object.name).await;
            return live.ok()?.as_ref().and_then(refused);
        }
        let made = pods
            .iter()
            .filter_map(|pod| pod.metadata.creation_timestamp.as_ref());
        let newest = made.max();
        let events = self.events(namespace, &object.name).await;
        let mut events = events.into_iter().rev();
        let refusal = events.find(|event| {
            let reason = event.reason.as_deref().unwrap_or_default();
            reason.starts_with(REFUSED) && event.last_timestamp.as_ref() > newest
        });
        refusal?.message
    }

    async fn pods(&self, namespace: &str, object: &Object) -> Option<Vec<Pod>> {
        let labels = &object.value["spec"]["template"]["metadata"]["labels"];
        let selector = [NAME, INSTANCE]
            .map(|label| format!("{label}={}", labels[label].as_str().unwrap_or_default()));
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let mut pods = api
            .list(&ListParams::default().labels(&selector.join(",")))
            .await
            .ok()?
            .items;
        // The newest says how it is now.
        pods.sort_by(|a, b| {
            b.metadata
                .creation_timestamp
                .cmp(&a.metadata.creation_timestamp)
        });
        Some(pods)
    }

    async fn event(&self, namespace: &str, name: &str) -> Option<String> {
        self.events(namespace, name).await.pop()?.message
    }

    /// Those that say what is wrong, the latest last.
    async fn events(&self, namespace: &str, name: &str) -> Vec<Event> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let of = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let Ok(found) = api.list(&of).await else {
            return Vec::new();
        };
        let mut events = found.items;
        events.retain(|event| {
            let reason = event.reason.as_deref().unwrap_or_default();
            WRONG.contains(&reason) || reason.starts_with(REFUSED)
        });
        events.sort_by(|a, b| a.last_timestamp.cmp(&b.last_timestamp));
        events
    }

    async fn log(&self, namespace: &str, pod: &Pod) -> Option<String> {
        let statuses = pod.status.as_ref()?;
        let all = statuses
            .init_container_statuses
            .iter()
            .flatten()
            .chain(statuses.container_statuses.iter().flatten());
        let status = all
            .clone()
            .find(|status| ended(status).is_some())
            .or_else(|| all.last())?;
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let name = pod.metadata.name.as_deref()?;
        // What runs now may have said nothing yet; what waits to be started again has its words under its own name, and where
        // the kubelet has removed that already, under the one before.
        let runs = status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some());
        for previous in [runs && status.restart_count > 0, !runs] {
            let parameters = LogParams {
                container: Some(status.name.clone()),
                tail_lines: Some(LINES),
                previous,
                ..LogParams::default()
            };
            let Ok(text) = api.logs(name, &parameters).await else {
                continue;
            };
            let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
            if !lines.is_empty() && !text.starts_with(GONE) {
                return Some(lines.join("\n"));
            }
        }
        None
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .filter_map(|status| status.conditions.as_ref())
        .flatten();
    let mut ready = conditions.filter(|condition| condition.type_ == "Ready");
    ready.any(|condition| condition.status == "True")
}

/// What the containers of a pod say of themselves.
fn said(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    let words = containers.filter_map(|container| {
        let ended = ended(container);
        let waiting = container
            .state
            .as_ref()
            .and_then(|state| state.waiting.as_ref());
        let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
        match (ended, reason) {
            (Some(ended), _) => Some(format!("{} {ended}", container.name)),
            (None, Some("ContainerCreating" | "PodInitializing") | None) => None,
            (None, Some(reason)) => {
                let message = waiting
                    .and_then(|waiting| waiting.message.as_deref())
                    .unwrap_or_default();
                Some(format!("{}: {}", container.name, plain(reason, message)))
            }
        }
    });
    let unscheduled = || {
        let mut conditions = status.conditions.iter().flatten();
        let condition = conditions
            .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
        condition
            .message
            .clone()
            .map(|message| format!("no node takes it: {message}"))
    };
    words.into_iter().next().or_else(unscheduled)
}

/// The reason in words, with what the kubelet says of it.
pub(super) fn plain(reason: &str, message: &str) -> String {
    let words = match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" => "its image cannot be pulled",
        "InvalidImageName" => "its image has no valid name",
        "CreateContainerConfigError" => "it cannot be configured",
        "CreateContainerError" | "RunContainerError" => "it cannot be started",
        other => other,
    };
    match message {
        "" => words.to_owned(),
        message => format!("{words}: {message}"),
    }
}

/// How a container ended, where it did: now, or before it was started again.
fn ended(container: &ContainerStatus) -> Option<String> {
    let now = container
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let before = container
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let ended = now.or(before).filter(|ended| ended.exit_code != 0)?;
    let again = match container.restart_count {
        0 => String::new(),
        1 => ", and was started again".to_owned(),
        times => format!(", and was started again {times} times"),
    };
    Some(match ended.reason.as_deref() {
        Some("OOMKilled") => format!("was killed for the memory that it took{again}"),
        _ => format!("ended with {}{again}", ended.exit_code),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(container: serde_json::Value) -> Pod {
        let pod = json!({ "metadata": {}, "status": { "containerStatuses": [container] } });
        serde_json::from_value(pod).unwrap()
    }

    fn container(
        state: serde_json::Value,
        last: serde_json::Value,
        restarts: i32,
    ) -> serde_json::Value {
        json!({ "name": "api", "image": "a", "imageID": "", "ready": false, "restartCount": restarts, "state": state, "lastState": last })
    }

    #[test]
    fn a_crash_loop_is_told_by_how_it_ended() {
        let looping = container(
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } }),
            json!({ "terminated": { "exitCode": 3, "reason": "Error" } }),
            2,
        );
        assert_eq!(
            said(&pod(looping)).unwrap(),
            "api ended with 3, and was started again 2 times"
        );
        let killed = container(
            json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } }),
            json!({}),
            0,
        );
        assert_eq!(
            said(&pod(killed)).unwrap(),
            "api was killed for the memory that it took"
        );
    }

    #[test]
    fn a_missing_image_is_named() {
        let waits = container(
            json!({ "waiting": { "reason": "ImagePullBackOff", "message": "no such image x:1" } }),
            json!({}),
            0,
        );
        assert_eq!(
            said(&pod(waits)).unwrap(),
            "api: its image cannot be pulled: no such image x:1"
        );
        let begins = container(
            json!({ "waiting": { "reason": "ContainerCreating" } }),
            json!({}),
            0,
        );
        assert_eq!(said(&pod(begins)), None);
    }
}
