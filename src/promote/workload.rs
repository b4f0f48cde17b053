//! Deployment, StatefulSet, Job, CronJob.

use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentSpec, DeploymentStrategy, StatefulSet, StatefulSetSpec,
};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, Job, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::config::Config;
use super::labels::{meta, select, selector};
use super::object::{Kind, Object};
use super::pod::template;
use super::work::Work;
use crate::stack::{Mount, Probe, Role, Service, Stack, cluster_name};

/// How often a job is tried again before it counts as failed.
const TRIES: i32 = 3;
/// A pod that nobody asks counts once it has run for this long: one that ends right after its start never does.
const SETTLED: i32 = 3;
/// Beyond the probe's own deadline: the image has to get there, and a node has to be found.
const DELIVERY: u64 = 120;

/// How many pods there are at least and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    pub least: u32,
    pub most: u32,
}

pub fn replicas(service: &Service) -> Replicas {
    match &service.kubernetes.scale {
        Some(scale) => Replicas {
            least: scale.min,
            most: scale.max,
        },
        None => {
            let replicas = service.kubernetes.replicas.unwrap_or(service.replicas);
            Replicas {
                least: replicas,
                most: replicas,
            }
        }
    }
}

/// Whether a service has a volume of its own: not one that others made.
pub fn holds(stack: &Stack, service: &Service) -> bool {
    let is_own = |key: &str| {
        stack
            .volumes
            .get(key)
            .is_none_or(|volume| volume.external.is_none())
    };
    let mut mounts = service.mounts.iter();
    mounts.any(|mount| matches!(mount, Mount::Volume { key, .. } if is_own(key)))
}

pub fn kind(stack: &Stack, service: &Service) -> Kind {
    let holds = holds(stack, service);
    match &service.role {
        Role::Job(job) if job.schedule.is_some() => Kind::CronJob,
        Role::Job(_) => Kind::Job,
        Role::Service if holds => Kind::StatefulSet,
        Role::Service => Kind::Deployment,
    }
}

pub fn of(work: &mut Work<'_>, service: &Service, config: &Config) -> Vec<Object> {
    let template = template(work, service, config);
    let object = match kind(work.stack, service) {
        Kind::Job => job(work, service, template),
        Kind::CronJob => cron_job(work, service, template),
        Kind::StatefulSet => stateful_set(work, service, config, template),
        _ => deployment(work, service, template, config.volumes.shared_claim),
    };
    vec![object]
}

/// `None`: the autoscaler says.
fn count(service: &Service) -> Option<i32> {
    match service.kubernetes.scale {
        Some(_) => None,
        None => i32::try_from(replicas(service).most).ok(),
    }
}

/// `None` where a probe says it.
fn settled(template: &PodTemplateSpec) -> Option<i32> {
    let containers = template.spec.iter().flat_map(|spec| &spec.containers);
    let mut unasked = containers.filter(|container| container.readiness_probe.is_none());
    unasked.next().map(|_| SETTLED)
}

fn deployment(
    work: &Work<'_>,
    service: &Service,
    template: PodTemplateSpec,
    alone: bool,
) -> Object {
    let name = cluster_name(&service.name);
    let within = service
        .ready
        .as_ref()
        .map_or(Probe::WITHIN, |probe| probe.within);
    let deployment = Deployment {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(DeploymentSpec {
            replicas: count(service),
            min_ready_seconds: settled(&template),
            selector: select(selector(work.stack, &service.name)),
            progress_deadline_seconds: i32::try_from(within.as_secs() + DELIVERY).ok(),
            // A claim that two pods cannot hold at once: the old one goes first.
            strategy: alone.then(|| DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                rolling_update: None,
            }),
            template,
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    work.object(service, Kind::Deployment, &name, &deployment)
}

fn stateful_set(
    work: &Work<'_>,
    service: &Service,
    config: &Config,
    template: PodTemplateSpec,
) -> Object {
    let name = cluster_name(&service.name);
    let set = StatefulSet {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(StatefulSetSpec {
            replicas: count(service),
            min_ready_seconds: settled(&template),
            selector: select(selector(work.stack, &service.name)),
            service_name: Some(name.clone()),
            template,
            volume_claim_templates: Some(config.volumes.claims.clone()),
            ..StatefulSetSpec::default()
        }),
        status: None,
    };
    let mut comments = Vec::new();
    if service.kubernetes.storage.is_none() {
        comments.push(
            "Nobody said how large its volume is: kubernetes.storage in the stack file.".to_owned(),
        );
    }
    work.object(service, Kind::StatefulSet, &name, &set)
        .comment(comments)
}

fn job_spec(template: PodTemplateSpec) -> JobSpec {
    JobSpec {
        backoff_limit: Some(TRIES),
        template,
        ..JobSpec::default()
    }
}

/// A job is never changed: another one gets another name, and so is run.
fn job(work: &Work<'_>, service: &Service, template: PodTemplateSpec) -> Object {
    let hash = serde_json::to_vec(&template).unwrap_or_default();
    let hash = blake3::hash(&hash).to_hex();
    let name = format!("{}-{}", cluster_name(&service.name), &hash[..8]);
    let job = Job {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(job_spec(template)),
        status: None,
    };
    let comment =
        "Its name says what it is made of: a changed job is another one, and runs.".to_owned();
    work.object(service, Kind::Job, &name, &job)
        .comment([comment])
}

fn cron_job(work: &Work<'_>, service: &Service, template: PodTemplateSpec) -> Object {
    let name = cluster_name(&service.name);
    let schedule = match &service.role {
        Role::Job(job) => job.schedule.clone().unwrap_or_default(),
        Role::Service => String::new(),
    };
    let cron_job = CronJob {
        metadata: meta(&name, &work.namespace, work.labels(service)),
        spec: Some(CronJobSpec {
            schedule,
            // Two of a backup or a clean-up at once seldom do good.
            concurrency_policy: Some("Forbid".to_owned()),
            job_template: JobTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(work.labels(service)),
                    ..ObjectMeta::default()
                }),
                spec: Some(job_spec(template)),
            },
            ..CronJobSpec::default()
        }),
        status: None,
    };
    work.object(service, Kind::CronJob, &name, &cron_job)
}
