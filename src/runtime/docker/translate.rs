//! The engine's answers in the plan's terms. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum,
    ImageInspect, Network, NetworkSettings, RestartPolicyNameEnum, Volume,
};
use chrono::DateTime;

use super::create::{LABEL_MOUNTED, LABEL_NETWORKS};
use super::inherit::is_anonymous;
use crate::plan::desired::{
    LABEL_CHECKOUT, LABEL_CONFIG, LABEL_CREATED, LABEL_DIR, LABEL_NUMBER, LABEL_PROJECT,
    LABEL_SERVICE, LABEL_WORKING_DIR,
};
use crate::plan::observed::{
    Healthy, ImageHealthcheck, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume,
    Status,
};
use crate::stack::Protocol;

/// `None` for a container without an id, which no engine sends.
pub(super) fn container(found: ContainerInspectResponse) -> Option<ObservedContainer> {
    let config = found.config.unwrap_or_default();
    let stop_grace = config
        .stop_timeout
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map(std::time::Duration::from_secs);
    let labels = config.labels.unwrap_or_default();
    let label = |name: &str| labels.get(name).cloned();
    let state = found.state.unwrap_or_default();
    let network_settings = found.network_settings.unwrap_or_default();
    let mounts = found.mounts.unwrap_or_default();
    let healthy = healthy(config.healthcheck.and_then(|check| check.test), &state);
    let complete = is_attached(&network_settings, labels.get(LABEL_NETWORKS));
    let restart_policy = found
        .host_config
        .and_then(|config| config.restart_policy)
        .and_then(|policy| policy.name)
        .filter(|name| *name != RestartPolicyNameEnum::EMPTY);
    Some(ObservedContainer {
        id: found.id?,
        name: found
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        service: label(LABEL_SERVICE).unwrap_or_default(),
        index: label(LABEL_NUMBER)
            .and_then(|number| number.parse().ok())
            .unwrap_or(1),
        config: label(LABEL_CONFIG).filter(|_| complete),
        dir: label(LABEL_DIR).or_else(|| label(LABEL_WORKING_DIR)),
        checkout: label(LABEL_CHECKOUT),
        image_id: found.image.unwrap_or_default(),
        status: status(&state),
        started_at: state.started_at.unwrap_or_default(),
        finished_at: state
            .finished_at
            .filter(|at| !at.starts_with("0001-"))
            .unwrap_or_default(),
        ports: ports(&network_settings),
        aliases: aliases(&network_settings),
        addresses: addresses(network_settings),
        restart_policy: restart_policy.map_or_else(|| "no".to_owned(), |name| name.to_string()),
        stop_grace,
        anonymous_volumes: mounts.iter().any(is_anonymous),
        mounted: mounted(labels.get(LABEL_MOUNTED)),
        healthy,
    })
}

/// What the engine says of a check that it made before this life, or that did not end well, is nothing to go by.
fn healthy(test: Option<Vec<String>>, state: &ContainerState) -> Option<Healthy> {
    let health = state.health.as_ref()?;
    let last = health.log.as_ref()?.last()?;
    let began = DateTime::parse_from_rfc3339(state.started_at.as_deref()?).ok()?;
    let (asked, answered) = (last.start?, last.end?);
    let went_well = health.status == Some(HealthStatusEnum::HEALTHY) && last.exit_code == Some(0);
    let at = u64::try_from(answered.timestamp_millis()).ok()?;
    (went_well && asked > began).then_some(Healthy { test: test?, at })
}

/// Older engines attach networks one by one. A container where that was cut short, or from which a network was taken
/// away later, is not what its hash says.
fn is_attached(settings: &NetworkSettings, wanted: Option<&String>) -> bool {
    let Some(wanted) = wanted else { return true };
    let networks = settings.networks.as_ref();
    wanted
        .split(',')
        .filter(|name| !name.is_empty())
        .all(|name| networks.is_some_and(|networks| networks.contains_key(name)))
}

fn status(state: &ContainerState) -> Status {
    match state.status {
        Some(ContainerStateStatusEnum::CREATED) => Status::Created,
        Some(ContainerStateStatusEnum::RUNNING | ContainerStateStatusEnum::STOPPING) => {
            Status::Running
        }
        Some(ContainerStateStatusEnum::PAUSED) => Status::Paused,
        Some(ContainerStateStatusEnum::RESTARTING) => Status::Restarting,
        Some(ContainerStateStatusEnum::EXITED) => Status::Exited {
            code: state.exit_code.unwrap_or(0),
            out_of_memory: state.oom_killed.unwrap_or(false),
        },
        Some(ContainerStateStatusEnum::REMOVING | ContainerStateStatusEnum::DEAD) => Status::Dead,
        Some(ContainerStateStatusEnum::EMPTY) | None => {
            if state.running.unwrap_or(false) {
                Status::Running
            } else {
                Status::Dead
            }
        }
    }
}

/// Reads `app:1=sha256:…,other:2=sha256:…`.
fn mounted(label: Option<&String>) -> BTreeMap<String, String> {
    let images = label.into_iter().flat_map(|label| label.split(','));
    images
        .filter_map(|image| image.split_once('='))
        .map(|(reference, id)| (reference.to_owned(), id.to_owned()))
        .collect()
}

/// Reads `8000/tcp`.
pub(super) fn container_port(text: &str) -> Option<(u16, Protocol)> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return None,
    };
    Some((port.parse().ok()?, protocol))
}

fn ports(settings: &NetworkSettings) -> Vec<(u16, Protocol, IpAddr, u16)> {
    let mut found = Vec::new();
    for (name, bindings) in settings.ports.iter().flatten() {
        let Some((port, protocol)) = container_port(name) else {
            continue;
        };
        for binding in bindings.iter().flatten() {
            let ip = binding.host_ip.as_deref().filter(|ip| !ip.is_empty());
            let ip = ip.unwrap_or("0.0.0.0").parse();
            let host = binding.host_port.as_deref().map(str::parse);
            if let (Ok(ip), Some(Ok(host))) = (ip, host) {
                found.push((port, protocol, ip, host));
            }
        }
    }
    found.sort();
    found
}

fn aliases(settings: &NetworkSettings) -> BTreeMap<String, BTreeSet<String>> {
    let networks = settings.networks.iter().flatten();
    let names = |aliases: &Option<Vec<String>>| aliases.iter().flatten().cloned().collect();
    networks
        .map(|(name, endpoint)| (name.clone(), names(&endpoint.aliases)))
        .collect()
}

fn addresses(settings: NetworkSettings) -> BTreeMap<String, IpAddr> {
    let networks = settings.networks.unwrap_or_default();
    networks
        .into_iter()
        .filter_map(|(name, endpoint)| {
            let address = [endpoint.ip_address, endpoint.global_ipv6_address]
                .into_iter()
                .flatten()
                .find_map(|text| text.parse().ok())?;
            Some((name, address))
        })
        .collect()
}

pub(super) fn network(found: Network, project: &str) -> Option<(String, ObservedNetwork)> {
    let labels = found.labels.unwrap_or_default();
    Some((
        found.name?,
        ObservedNetwork {
            id: found.id?,
            twins: Vec::new(),
            ours: is_ours(&labels, project),
            dir: labels.get(LABEL_DIR).cloned(),
            config: labels.get(LABEL_CONFIG).cloned(),
        },
    ))
}

pub(super) fn volume(found: Volume, project: &str) -> (String, ObservedVolume) {
    let created = match found.labels.get(LABEL_CREATED) {
        Some(random) => random.clone(),
        None => found
            .created_at
            .map(|at| at.to_rfc3339())
            .unwrap_or_default(),
    };
    let volume = ObservedVolume {
        ours: is_ours(&found.labels, project),
        created,
        dir: found.labels.get(LABEL_DIR).cloned(),
        checkout: found.labels.get(LABEL_CHECKOUT).cloned(),
        config: found.labels.get(LABEL_CONFIG).cloned(),
    };
    (found.name, volume)
}

fn is_ours(labels: &HashMap<String, String>, project: &str) -> bool {
    labels
        .get(LABEL_PROJECT)
        .is_some_and(|found| found == project)
}

pub(super) fn image(found: ImageInspect) -> Option<ObservedImage> {
    let config = found.config.unwrap_or_default();
    let healthcheck = config.healthcheck.and_then(|check| {
        let test = check.test.unwrap_or_default();
        // `HEALTHCHECK NONE` switches off what the base image has.
        if test.first().is_none_or(|first| first == "NONE") {
            return None;
        }
        Some(ImageHealthcheck {
            test,
            interval: check.interval.unwrap_or(0),
            timeout: check.timeout.unwrap_or(0),
            retries: check.retries.unwrap_or(0),
            start_period: check.start_period.unwrap_or(0),
        })
    });
    // An engine that does not know says the year 1.
    let tagged = found.metadata.and_then(|metadata| {
        let millis = metadata.last_tag_time?.timestamp_millis();
        Some(Duration::from_millis(u64::try_from(millis).ok()?))
    });
    Some(ObservedImage {
        id: found.id?,
        tagged,
        healthcheck,
        ..ObservedImage::default()
    })
}

#[cfg(test)]
mod tests;
