//! The autoscaler, and how many pods may be away at once.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec,
    MetricTarget, ResourceMetricSource,
};
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::labels::{meta, select, selector};
use super::object::{Kind, Object};
use super::work::Work;
use super::workload::replicas;
use crate::stack::{Scale, Service, cluster_name};

/// Where `scale` names no measure.
const CPU: u32 = 80;

pub fn of(work: &Work<'_>, service: &Service) -> Vec<Object> {
    if service.is_job() {
        return Vec::new();
    }
    let name = cluster_name(&service.name);
    let mut objects = Vec::new();
    if let Some(scale) = &service.kubernetes.scale {
        let autoscaler = HorizontalPodAutoscaler {
            metadata: meta(&name, &work.namespace, work.labels(service)),
            spec: Some(spec(
                scale,
                &name,
                super::workload::kind(work.stack, service),
            )),
            status: None,
        };
        objects.push(work.object(service, Kind::HorizontalPodAutoscaler, &name, &autoscaler));
    }
    if replicas(service).least > 1 {
        let budget = PodDisruptionBudget {
            metadata: meta(&name, &work.namespace, work.labels(service)),
            spec: Some(PodDisruptionBudgetSpec {
                max_unavailable: Some(IntOrString::Int(1)),
                selector: Some(select(selector(work.stack, &service.name))),
                ..PodDisruptionBudgetSpec::default()
            }),
            status: None,
        };
        objects.push(work.object(service, Kind::PodDisruptionBudget, &name, &budget));
    }
    objects
}

fn spec(scale: &Scale, name: &str, kind: Kind) -> HorizontalPodAutoscalerSpec {
    let cpu = scale.cpu.or(scale.memory.is_none().then_some(CPU));
    let metrics = [("cpu", cpu), ("memory", scale.memory)];
    let metrics = metrics
        .into_iter()
        .filter_map(|(name, percent)| Some(metric(name, percent?)));
    HorizontalPodAutoscalerSpec {
        scale_target_ref: CrossVersionObjectReference {
            api_version: Some("apps/v1".to_owned()),
            kind: kind.name().to_owned(),
            name: name.to_owned(),
        },
        min_replicas: Some(number(scale.min)),
        max_replicas: number(scale.max),
        metrics: Some(metrics.collect()),
        behavior: None,
    }
}

fn metric(name: &str, percent: u32) -> MetricSpec {
    MetricSpec {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricSource {
            name: name.to_owned(),
            target: MetricTarget {
                type_: "Utilization".to_owned(),
                average_utilization: Some(number(percent)),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
