//! The pods of a service.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Container, ContainerPort, ExecAction, Lifecycle, LifecycleHandler, LocalObjectReference,
    PodSpec, PodTemplateSpec, ResourceRequirements, TopologySpreadConstraint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::config::Config;
use super::gate::{gates, within};
use super::labels::{CONFIG, select, selector};
use super::probe::{Probes, probes};
use super::refusal::Refusal;
use super::security::{User, container_security, pod_security, user};
use super::service::protocol;
use super::text::literal;
use super::work::Work;
use super::workload::replicas;
use crate::stack::{Service, Template, cluster_name};

/// Requests where nobody says any: without, a node takes more than it can carry.
const CPU: &str = "100m";
const MEMORY: &str = "128Mi";

pub fn template(work: &mut Work<'_>, service: &Service, config: &Config) -> PodTemplateSpec {
    let user = user(work, service);
    if let User::Unsaid(why) = &user {
        work.note(
            service,
            format!("does not pass the restricted Pod Security Standard: {why}"),
        );
    }
    let container = container(work, service, config, &user);
    let gates = gates(work, service);
    let labels = work.labels(service);
    let writes = !config.volumes.claims.is_empty() || config.volumes.shared_claim;
    let secrets = [
        &work.stack.kubernetes.pull_secrets,
        &service.kubernetes.pull_secrets,
    ];
    let secrets = secrets
        .into_iter()
        .flatten()
        .map(|name| LocalObjectReference { name: name.clone() });
    let secrets: Vec<_> = secrets.collect();
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: annotations(service, config),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            // Variables for every Service of the namespace would only be in the way.
            enable_service_links: Some(false),
            init_containers: Some(gates).filter(|gates| !gates.is_empty()),
            containers: vec![container],
            image_pull_secrets: Some(secrets).filter(|secrets| !secrets.is_empty()),
            restart_policy: service.is_job().then(|| "Never".to_owned()),
            security_context: Some(pod_security(&user, writes)),
            termination_grace_period_seconds: Some(grace(service)),
            topology_spread_constraints: spread(work, service),
            volumes: Some(config.volumes.volumes.clone()).filter(|volumes| !volumes.is_empty()),
            ..PodSpec::default()
        }),
    }
}

fn grace(service: &Service) -> i64 {
    i64::try_from(service.stop.grace.as_secs())
        .unwrap_or(i64::MAX)
        .max(1)
}

fn annotations(service: &Service, config: &Config) -> Option<BTreeMap<String, String>> {
    let mut annotations = BTreeMap::new();
    if let Some(hash) = &config.hash {
        annotations.insert(CONFIG.to_owned(), hash.clone());
    }
    if let (Some(path), Some((_, port))) = (&service.metrics, service.main_port()) {
        let scrape = [
            ("prometheus.io/scrape", "true".to_owned()),
            ("prometheus.io/path", path.clone()),
            ("prometheus.io/port", port.container.to_string()),
        ];
        annotations.extend(scrape.map(|(name, value)| (name.to_owned(), value)));
    }
    Some(annotations).filter(|annotations| !annotations.is_empty())
}

/// Several replicas prefer to be on several nodes.
fn spread(work: &Work<'_>, service: &Service) -> Option<Vec<TopologySpreadConstraint>> {
    (replicas(service).most > 1 && !service.is_job()).then(|| {
        vec![TopologySpreadConstraint {
            max_skew: 1,
            topology_key: "kubernetes.io/hostname".to_owned(),
            when_unsatisfiable: "ScheduleAnyway".to_owned(),
            label_selector: Some(select(selector(work.stack, &service.name))),
            ..TopologySpreadConstraint::default()
        }]
    })
}

fn container(work: &mut Work<'_>, service: &Service, config: &Config, user: &User) -> Container {
    let Probes {
        ready,
        startup,
        alive,
        unasked,
    } = match service.is_job() {
        true => Probes::default(),
        false => probes(service.ready.as_ref(), service.alive.as_ref()),
    };
    if unasked {
        work.note(
            service,
            "is ready as soon as it runs: a cluster does not read logs",
        );
    }
    let image = work
        .facts
        .images
        .get(&service.name)
        .map(|image| image.reference.clone());
    if image.is_none() && !matches!(service.source, crate::stack::Source::Run(_)) {
        work.refusals.push(Refusal::NoImage {
            service: service.name.clone(),
        });
    }
    let command = words(work, service, "entrypoint", service.entrypoint.as_deref());
    let args = words(work, service, "command", service.command.as_deref());
    Container {
        name: cluster_name(&service.name),
        // What was delivered is there and nowhere else; a digest or a tag says the same tomorrow.
        image_pull_policy: Some("IfNotPresent".to_owned()),
        image,
        command,
        args,
        working_dir: service.workdir.clone(),
        env: Some(config.env.clone()).filter(|env| !env.is_empty()),
        env_from: config.env_from(service),
        ports: Some(ports(service)).filter(|ports| !ports.is_empty()),
        resources: Some(resources(service)),
        lifecycle: lifecycle(work, service),
        readiness_probe: ready,
        startup_probe: startup,
        liveness_probe: alive,
        security_context: Some(container_security(user)),
        volume_mounts: Some(config.volumes.mounts.clone()).filter(|mounts| !mounts.is_empty()),
        ..Container::default()
    }
}

fn words(
    work: &mut Work<'_>,
    service: &Service,
    field: &str,
    words: Option<&[Template]>,
) -> Option<Vec<String>> {
    let words = work.words(service, field, words?);
    Some(words.iter().map(|word| literal(word)).collect())
}

fn ports(service: &Service) -> Vec<ContainerPort> {
    let mut ports: Vec<ContainerPort> = Vec::new();
    for port in service.ports.values() {
        let port = ContainerPort {
            container_port: i32::from(port.container),
            protocol: Some(protocol(port.protocol).to_owned()),
            ..ContainerPort::default()
        };
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// What the stack file says for a cluster; else its limits, and requests to begin with.
fn resources(service: &Service) -> ResourceRequirements {
    let quantities = |map: &BTreeMap<String, String>| -> BTreeMap<String, Quantity> {
        map.iter()
            .map(|(name, value)| (name.clone(), Quantity(value.clone())))
            .collect()
    };
    let own = service.kubernetes.resources.as_ref();
    let mut limits = own.map(|own| quantities(&own.limits)).unwrap_or_default();
    let mut requests = own.map(|own| quantities(&own.requests)).unwrap_or_default();
    if let Some(bytes) = service.limits.memory {
        limits
            .entry("memory".to_owned())
            .or_insert(Quantity(bytes.to_string()));
    }
    if let Some(millis) = service.limits.cpu_millis {
        limits
            .entry("cpu".to_owned())
            .or_insert(Quantity(format!("{millis}m")));
    }
    // A limit without a request is its request, too.
    for (name, value) in [("cpu", CPU), ("memory", MEMORY)] {
        if !limits.contains_key(name) {
            requests
                .entry(name.to_owned())
                .or_insert(Quantity(value.to_owned()));
        }
    }
    ResourceRequirements {
        limits: Some(limits).filter(|limits| !limits.is_empty()),
        requests: Some(requests).filter(|requests| !requests.is_empty()),
        claims: None,
    }
}

/// For containers that only wait.
pub fn small() -> ResourceRequirements {
    let of = |cpu: &str, memory: &str| {
        let pair = |name: &str, value: &str| (name.to_owned(), Quantity(value.to_owned()));
        Some([pair("cpu", cpu), pair("memory", memory)].into())
    };
    ResourceRequirements {
        limits: of("100m", "64Mi"),
        requests: of("10m", "32Mi"),
        claims: None,
    }
}

/// What is done in a container once it can be asked and before anybody may ask it: as at home, each command may run again.
fn lifecycle(work: &mut Work<'_>, service: &Service) -> Option<Lifecycle> {
    if service.provision.is_empty() {
        return None;
    }
    let commands: Vec<Vec<String>> = service
        .provision
        .iter()
        .map(|command| work.words(service, "provision", command))
        .collect();
    let asked = service
        .ready
        .as_ref()
        .and_then(|probe| within(&probe.kind, "127.0.0.1", probe.within.as_secs()));
    let mut script = vec!["set -eu".to_owned()];
    script.extend(asked.iter().chain(&commands).map(|command| quoted(command)));
    Some(Lifecycle {
        post_start: Some(LifecycleHandler {
            exec: Some(ExecAction {
                command: Some(vec!["sh".to_owned(), "-c".to_owned(), script.join("\n")]),
            }),
            ..LifecycleHandler::default()
        }),
        ..Lifecycle::default()
    })
}

/// For `sh`.
fn quoted(words: &[String]) -> String {
    let is_plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./:=".contains(&b))
    };
    let word = |word: &String| match is_plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}
