//! One look at a cluster: a handful of lists, whatever the size of the stack.

use std::collections::BTreeMap;

use ::kube::api::{Api, ListParams};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use serde_json::Value;

use super::pod_seen::pod_seen;
use super::rollout::refused;
use super::{Kube, Seen, Sight, State, judge};
use crate::promote::{Kind, LABEL_MANAGED, LABEL_PART_OF, MANAGER, NAME};
use crate::runtime::RuntimeError;

/// The number of a Deployment's template, on its ReplicaSets too.
const NUMBER: &str = "deployment.kubernetes.io/revision";
/// Which template a pod is from.
const OF_DEPLOYMENT: &str = "pod-template-hash";
const OF_SET: &str = "controller-revision-hash";
const OF_JOB: &str = "batch.kubernetes.io/job-name";

impl Kube {
    /// What there is of the stack `name`.
    ///
    /// # Errors
    /// The API server does not answer, or refuses to tell.
    pub async fn sight(&self, name: &str, namespace: &str) -> Result<Sight, RuntimeError> {
        let ours = ListParams::default().labels(&ours(name));
        let warnings = ListParams::default().fields("type=Warning");
        let (deployments, sets, jobs, cron_jobs, replica_sets, pods, events) = tokio::try_join!(
            self.workloads(Kind::Deployment, namespace, &ours),
            self.workloads(Kind::StatefulSet, namespace, &ours),
            self.workloads(Kind::Job, namespace, &ours),
            self.workloads(Kind::CronJob, namespace, &ours),
            self.listed::<ReplicaSet>(namespace, &ours),
            self.listed::<Pod>(namespace, &ours),
            self.listed::<Event>(namespace, &warnings),
        )?;
        let around = Around {
            replica_sets,
            pods,
            events: by_object(events),
            now: u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or(0),
        };
        let mut sight = Sight::default();
        let workloads = [
            (Kind::Deployment, deployments),
            (Kind::StatefulSet, sets),
            (Kind::Job, newest(jobs)),
            // After its jobs, whose place it takes.
            (Kind::CronJob, cron_jobs),
        ];
        for (kind, live) in workloads
            .iter()
            .flat_map(|(kind, all)| all.iter().map(move |live| (*kind, live)))
        {
            let Some(service) = live["metadata"]["labels"][NAME].as_str() else {
                continue;
            };
            let seen = match (kind, sight.services.get(service)) {
                // The last job of a schedule says how it goes.
                (Kind::CronJob, Some(job)) => Seen {
                    kind,
                    ..job.clone()
                },
                _ => around.seen(service, kind, live),
            };
            sight.services.insert(service.to_owned(), seen);
        }
        Ok(sight)
    }

    async fn workloads(
        &self,
        kind: Kind,
        namespace: &str,
        which: &ListParams,
    ) -> Result<Vec<Value>, RuntimeError> {
        let listed = self.api(kind, namespace).list(which).await;
        let listed = listed.map_err(|error| self.unlisted(kind.plural(), &error))?;
        let values = listed.items.into_iter();
        Ok(values
            .map(|object| serde_json::to_value(object).unwrap_or(Value::Null))
            .collect())
    }

    pub(super) async fn listed<K>(
        &self,
        namespace: &str,
        which: &ListParams,
    ) -> Result<Vec<K>, RuntimeError>
    where
        K: ::kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let listed = api.list(which).await;
        let listed = listed.map_err(|error| self.unlisted(&K::plural(&()), &error))?;
        Ok(listed.items)
    }

    fn unlisted(&self, plural: &str, error: &::kube::Error) -> RuntimeError {
        self.failed(&format!("cannot list {plural}"), error)
    }
}

/// What `dev` made for a stack, whoever applied it.
pub(super) fn ours(name: &str) -> String {
    format!("{LABEL_MANAGED}={MANAGER},{LABEL_PART_OF}={name}")
}

/// Of each service the job that was made last: those before are about to go, or are of an earlier time of a schedule.
fn newest(mut jobs: Vec<Value>) -> Vec<Value> {
    let made = |job: &Value| {
        job["metadata"]["creationTimestamp"]
            .as_str()
            .map(str::to_owned)
    };
    jobs.sort_by_key(made);
    jobs
}

/// What is told of an object, the latest last.
type Events = BTreeMap<String, Vec<Event>>;

fn by_object(events: Vec<Event>) -> Events {
    let mut by_object = Events::new();
    for event in events {
        let name = event.involved_object.name.clone().unwrap_or_default();
        by_object.entry(name).or_default().push(event);
    }
    for events in by_object.values_mut() {
        events.sort_by_key(super::pod_seen::at);
    }
    by_object
}

/// What a workload is judged with beside itself.
struct Around {
    replica_sets: Vec<ReplicaSet>,
    pods: Vec<Pod>,
    events: Events,
    /// Milliseconds since 1970.
    now: u64,
}

impl Around {
    fn seen(&self, service: &str, kind: Kind, live: &Value) -> Seen {
        let state = match kind {
            // Nothing of it ran yet: its time comes.
            Kind::CronJob => State::Ready,
            _ => judge(kind, live),
        };
        let template = self.template(kind, live);
        let is_of = |pod: &&Pod| label(&pod.metadata, NAME) == Some(service);
        let is_whole = |pod: &&Pod| match kind {
            Kind::Job => template.is_some() && label(&pod.metadata, OF_JOB) == template.as_deref(),
            _ => true,
        };
        let mut pods: Vec<(&Pod, bool)> = self
            .pods
            .iter()
            .filter(is_of)
            .filter(is_whole)
            .map(|pod| (pod, is_current(kind, pod, template.as_deref())))
            .collect();
        pods.sort_by_key(|(pod, current)| (!current, number(kind, pod), made(&pod.metadata)));
        if kind == Kind::Job {
            // Each try has a pod of its own, and the last one counts.
            pods = pods.pop().into_iter().collect();
        }
        let none = Vec::new();
        let events =
            |name: Option<&str>| name.and_then(|name| self.events.get(name)).unwrap_or(&none);
        let own = live["metadata"]["name"].as_str();
        // A pod that nobody asks counts once it has run for a while.
        let least = live["spec"]["minReadySeconds"].as_u64().unwrap_or(0);
        let settled = self.now.saturating_sub(least * 1_000);
        Seen {
            kind,
            replicas: match kind {
                Kind::Job | Kind::CronJob => 1,
                _ => u32::try_from(live["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(1),
            },
            state,
            overdue: overdue(live),
            refused: refused(live).or_else(|| not_made(events(own), &pods)),
            pods: pods
                .into_iter()
                .map(|(pod, current)| {
                    let events = events(pod.metadata.name.as_deref());
                    let mut seen = pod_seen(service, pod, current, events);
                    seen.ready = seen.ready.filter(|since| least == 0 || *since <= settled);
                    seen
                })
                .collect(),
        }
    }

    /// What pods of the newest template are labelled with.
    fn template(&self, kind: Kind, live: &Value) -> Option<String> {
        match kind {
            Kind::Job => live["metadata"]["name"].as_str().map(str::to_owned),
            Kind::StatefulSet => live["status"]["updateRevision"].as_str().map(str::to_owned),
            Kind::Deployment => {
                let number = live["metadata"]["annotations"][NUMBER].as_str()?;
                let uid = live["metadata"]["uid"].as_str();
                let is_newest = |set: &&ReplicaSet| {
                    let annotations = set.metadata.annotations.as_ref();
                    let mut owners = set.metadata.owner_references.iter().flatten();
                    annotations
                        .and_then(|all| all.get(NUMBER))
                        .map(String::as_str)
                        == Some(number)
                        && owners.any(|owner| Some(owner.uid.as_str()) == uid)
                };
                let newest = self.replica_sets.iter().find(is_newest)?;
                label(&newest.metadata, OF_DEPLOYMENT).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// Of a template that nobody knows yet, none is known to be of an older one.
fn is_current(kind: Kind, pod: &Pod, template: Option<&str>) -> bool {
    let of = match kind {
        Kind::Deployment => OF_DEPLOYMENT,
        Kind::StatefulSet => OF_SET,
        _ => return true,
    };
    template.is_none() || label(&pod.metadata, of) == template
}

/// `2` of `db-2`, the third pod of a StatefulSet.
fn number(kind: Kind, pod: &Pod) -> u32 {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    match kind {
        Kind::StatefulSet => name
            .rsplit_once('-')
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or(0),
        _ => 0,
    }
}

fn made(metadata: &ObjectMeta) -> (Option<&Time>, Option<&str>) {
    (
        metadata.creation_timestamp.as_ref(),
        metadata.name.as_deref(),
    )
}

fn label<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(name).map(String::as_str)
}

/// A rollout that came to a stop, and how long it had.
fn overdue(live: &Value) -> Option<u64> {
    let conditions = live
        .pointer("/status/conditions")
        .and_then(Value::as_array)?;
    let mut stopped = conditions.iter().filter(|condition| {
        condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded"
    });
    stopped.next()?;
    live.pointer("/spec/progressDeadlineSeconds")
        .and_then(Value::as_u64)
}

/// A set or a job says by events alone that it may not make a pod; after the pod that it made, that is of before.
fn not_made(events: &[Event], pods: &[(&Pod, bool)]) -> Option<String> {
    let made = pods
        .iter()
        .filter_map(|(pod, _)| pod.metadata.creation_timestamp.as_ref());
    let newest = made.max().map(|time| time.0.as_millisecond());
    let refusal = events.iter().rev().find(|event| {
        let reason = event.reason.as_deref().unwrap_or_default();
        reason.starts_with(super::reasons::REFUSED) && super::pod_seen::at(event) > newest
    });
    refusal?.message.clone()
}
