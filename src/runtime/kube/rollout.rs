//! Whether what was applied is there: each workload by its own conditions, with a deadline for the wave.

use std::time::Duration;

use serde_json::Value;

use super::Kube;
use super::failure::is_passing;
use crate::promote::{Kind, Object};
use crate::runtime::RuntimeError;

/// Between two looks.
const PACE: Duration = Duration::from_millis(150);
/// Why something is not ready is looked for this often: it asks more.
const REASONS: u32 = 7;

/// Where a workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Ready,
    /// What is still missing, in a few words.
    Waiting(String),
    /// It will not get there by itself.
    Failed(String),
}

/// A workload that is not ready, and why as far as it can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub service: String,
    pub kind: Kind,
    pub name: String,
    pub why: String,
}

/// What came of waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ready,
    NotInTime(Vec<Pending>),
    Failed(Vec<Pending>),
}

/// By the fields that `kubectl rollout status` goes by.
pub fn judge(kind: Kind, live: &Value) -> State {
    let number = |path: &str| live.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    let seen = number("/status/observedGeneration") >= number("/metadata/generation");
    match kind {
        Kind::Job => job(live),
        _ if !seen => State::Waiting("not looked at yet".to_owned()),
        Kind::Deployment => {
            let wanted = live
                .pointer("/spec/replicas")
                .and_then(Value::as_i64)
                .unwrap_or(1);
            let (updated, all) = (
                number("/status/updatedReplicas"),
                number("/status/replicas"),
            );
            let available = number("/status/availableReplicas");
            if updated >= wanted && all <= updated && available >= updated {
                State::Ready
            } else if let Some(refused) = refused(live) {
                State::Waiting(refused)
            } else if available >= wanted && updated >= wanted {
                State::Waiting("its old pods end".to_owned())
            } else {
                State::Waiting(format!("{} of {wanted} ready", available.min(updated)))
            }
        }
        Kind::StatefulSet => {
            let wanted = live
                .pointer("/spec/replicas")
                .and_then(Value::as_i64)
                .unwrap_or(1);
            let updated = number("/status/updatedReplicas");
            // Where pods have to have run for a while, ready is not enough yet.
            let ready = match number("/spec/minReadySeconds") {
                0 => number("/status/readyReplicas"),
                _ => number("/status/availableReplicas"),
            };
            let is_one =
                live.pointer("/status/currentRevision") == live.pointer("/status/updateRevision");
            // Without an update the number of updated ones is not kept by every version.
            if ready >= wanted && (is_one || updated >= wanted) {
                State::Ready
            } else {
                State::Waiting(format!("{} of {wanted} ready", ready.min(wanted)))
            }
        }
        _ => State::Ready,
    }
}

/// Why no pod can be made, as where a quota is used up.
pub(super) fn refused(live: &Value) -> Option<String> {
    let conditions = live
        .pointer("/status/conditions")
        .and_then(Value::as_array)?;
    let failure = conditions
        .iter()
        .find(|condition| condition["type"] == "ReplicaFailure" && condition["status"] == "True")?;
    failure["message"].as_str().map(str::to_owned)
}

fn job(live: &Value) -> State {
    let conditions = live.pointer("/status/conditions").and_then(Value::as_array);
    let holds = |name: &str| {
        let mut conditions = conditions.into_iter().flatten();
        conditions.find(|condition| condition["type"] == name && condition["status"] == "True")
    };
    if holds("Complete").is_some() {
        return State::Ready;
    }
    match holds("Failed") {
        Some(failed) => State::Failed(failed["message"].as_str().unwrap_or("it failed").to_owned()),
        None => State::Waiting("it runs".to_owned()),
    }
}

impl Kube {
    /// Waits until every workload among `objects` is ready, or one will not be, or the time is over. `tell` hears of each
    /// that gets ready and of every new reason why one is not.
    ///
    /// # Errors
    /// The API server refuses to tell. One that is away is waited for, within the time.
    pub async fn wait(
        &self,
        namespace: &str,
        objects: &[&Object],
        within: Duration,
        tell: &mut (dyn FnMut(&str, Option<&str>) + Send),
    ) -> Result<Outcome, RuntimeError> {
        let end = tokio::time::Instant::now() + within;
        let mut left: Vec<(&Object, String)> = objects
            .iter()
            .filter(|object| object.kind.is_workload())
            .map(|object| (*object, String::new()))
            .collect();
        for round in 0_u32.. {
            let mut waiting = Vec::new();
            for (object, told) in left {
                let service = object.service.as_deref().unwrap_or(&object.name);
                match self.state(namespace, object).await? {
                    State::Ready => tell(service, None),
                    State::Failed(why) => {
                        let why = self.last_words(namespace, object).await.unwrap_or(why);
                        return Ok(Outcome::Failed(vec![pending(object, why)]));
                    }
                    State::Waiting(_) if round == 0 || !round.is_multiple_of(REASONS) => {
                        waiting.push((object, told))
                    }
                    State::Waiting(state) => {
                        let why = self.why(namespace, object).await.unwrap_or(state);
                        if why != told {
                            tell(service, Some(&why));
                        }
                        waiting.push((object, why));
                    }
                }
            }
            left = waiting;
            if left.is_empty() {
                return Ok(Outcome::Ready);
            }
            if tokio::time::Instant::now() >= end {
                break;
            }
            tokio::time::sleep(PACE).await;
        }
        let mut late = Vec::new();
        for (object, told) in left {
            let why = match self.last_words(namespace, object).await {
                Some(why) => why,
                None if told.is_empty() => "it is not ready".to_owned(),
                None => told,
            };
            late.push(pending(object, why));
        }
        Ok(Outcome::NotInTime(late))
    }

    async fn state(&self, namespace: &str, object: &Object) -> Result<State, RuntimeError> {
        match self.find(object.kind, namespace, &object.name).await {
            Ok(Some(live)) => Ok(judge(object.kind, &live)),
            Ok(None) => Ok(State::Failed("somebody took it away".to_owned())),
            Err(error) if is_passing(&error) => {
                Ok(State::Waiting("the API server does not answer".to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

fn pending(object: &Object, why: String) -> Pending {
    Pending {
        service: object.service.clone().unwrap_or_default(),
        kind: object.kind,
        name: object.name.clone(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(updated: i64, all: i64, available: i64) -> State {
        let live = json!({
            "metadata": { "generation": 2 },
            "spec": { "replicas": 2 },
            "status": { "observedGeneration": 2, "updatedReplicas": updated, "replicas": all, "availableReplicas": available },
        });
        judge(Kind::Deployment, &live)
    }

    #[test]
    fn a_rollout_is_over_when_only_new_pods_are_left_and_all_are_ready() {
        assert_eq!(deployment(2, 2, 2), State::Ready);
        let old = "its old pods end".to_owned();
        assert_eq!(deployment(2, 3, 3), State::Waiting(old));
        assert!(
            matches!(deployment(1, 2, 2), State::Waiting(_)),
            "one is not new"
        );
        assert_eq!(
            deployment(2, 2, 1),
            State::Waiting("1 of 2 ready".to_owned())
        );
    }

    #[test]
    fn a_set_whose_pods_have_to_run_for_a_while_is_ready_when_they_have() {
        let set = |available: i64| {
            let live = json!({
                "spec": { "replicas": 1, "minReadySeconds": 3 },
                "status": { "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": available },
            });
            judge(Kind::StatefulSet, &live)
        };
        assert_eq!(set(0), State::Waiting("0 of 1 ready".to_owned()));
        assert_eq!(set(1), State::Ready);
    }

    #[test]
    fn a_refused_pod_is_told() {
        let live = json!({ "spec": { "replicas": 1 }, "status": {
            "conditions": [{ "type": "ReplicaFailure", "status": "True", "message": "exceeded quota" }],
        } });
        let waits = State::Waiting("exceeded quota".to_owned());
        assert_eq!(judge(Kind::Deployment, &live), waits);
    }

    #[test]
    fn what_the_controller_has_not_seen_says_nothing() {
        let live = json!({
            "metadata": { "generation": 3 },
            "spec": { "replicas": 1 },
            "status": { "observedGeneration": 2, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1, "readyReplicas": 1 },
        });
        for kind in [Kind::Deployment, Kind::StatefulSet] {
            assert!(matches!(judge(kind, &live), State::Waiting(_)));
        }
    }

    #[test]
    fn a_job_is_ready_when_it_is_done() {
        let with = |name: &str| json!({ "status": { "conditions": [{ "type": name, "status": "True", "message": "m" }] } });
        assert_eq!(judge(Kind::Job, &with("Complete")), State::Ready);
        assert_eq!(
            judge(Kind::Job, &with("Failed")),
            State::Failed("m".to_owned())
        );
        assert!(matches!(judge(Kind::Job, &json!({})), State::Waiting(_)));
    }
}
