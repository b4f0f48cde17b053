//! A container as it should be, in the engine's terms. Pure.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Mount, MountType,
    NetworkingConfig, PortBinding, PortMap, RestartPolicy, RestartPolicyNameEnum,
};

use super::network::table;
use super::options;
use super::version::ApiVersion;
use crate::plan::desired::{
    ContainerSpec, LABEL_CONFIG, LABEL_CONFIG_HASH, LABEL_IMAGE, MountSpec, NetworkAttachment,
    PortSpec,
};
use crate::stack::{self, Endpoint, Protocol, Restart};

/// Label of a container: the engine's names of its networks, with commas between. See `translate::is_attached`.
pub(super) const LABEL_NETWORKS: &str = "dev.networks";
/// From here on, a health check has a pace of its own while its container starts; before, it is refused.
const START_INTERVAL: ApiVersion = ApiVersion::new(1, 44);
/// From here on, a container can be created on several networks at once.
const MANY_NETWORKS: ApiVersion = ApiVersion::new(1, 44);
/// From here on, the engine knows the host's address.
const HOST_GATEWAY: ApiVersion = ApiVersion::new(1, 41);

/// From here on, the device of a network is called inside as the file says; before, nobody is told that it is not.
pub(super) const INTERFACE_NAME: ApiVersion = ApiVersion::new(1, 49);
/// From here on, a mount is read-only with all below it, and can be asked to be; before, nobody is told that it is not.
pub(super) const READ_ONLY_BELOW: ApiVersion = ApiVersion::new(1, 44);
const INTERFACE: &str = "com.docker.network.endpoint.ifname";
/// From here on, a folder of a volume can be mounted; before, all of it is.
pub(super) const VOLUME_SUBPATH: ApiVersion = ApiVersion::new(1, 45);
/// From here on, the files of an image can be mounted.
pub(super) const IMAGE_MOUNT: ApiVersion = ApiVersion::new(1, 48);
/// Label of a container: the images whose files are mounted into it, `REFERENCE=ID` with commas between.
pub(super) const LABEL_MOUNTED: &str = "dev.mounted";

/// For whom the body is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Engine {
    pub version: ApiVersion,
    pub podman: bool,
}

/// The body of the create call, and the networks that have to be attached after it.
pub(super) fn body<'a>(
    spec: &'a ContainerSpec,
    image: &str,
    engine: Engine,
) -> (ContainerCreateBody, &'a [NetworkAttachment]) {
    let networks: &[NetworkAttachment] = if spec.host_network || spec.options.network.is_some() {
        &[]
    } else {
        &spec.networks
    };
    let at_once = if engine.version >= MANY_NETWORKS {
        networks.len()
    } else {
        networks.len().min(1)
    };
    let (now, later) = networks.split_at(at_once);
    let mut body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: texts(spec.command.as_deref()),
        entrypoint: texts(spec.entrypoint.as_deref()),
        env: Some(
            spec.env
                .iter()
                .map(|(name, value)| format!("{name}={}", value.text))
                .collect(),
        ),
        user: spec.user.clone(),
        working_dir: spec.workdir.clone(),
        labels: Some(labels(spec, networks, image)),
        exposed_ports: Some(spec.ports.iter().map(port_key).collect()),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: Some(seconds(spec.stop_grace).into()),
        host_config: Some(host_config(spec, networks, engine)),
        networking_config: (!now.is_empty()).then(|| NetworkingConfig {
            endpoints_config: Some(
                now.iter()
                    .map(|network| (network.network.clone(), endpoint(network)))
                    .collect(),
            ),
        }),
        ..ContainerCreateBody::default()
    };
    options::body(&mut body, &spec.options);
    if engine.version < START_INTERVAL
        && let Some(check) = &mut body.healthcheck
    {
        check.start_interval = None;
    }
    (body, later)
}

fn texts(values: Option<&[stack::resolve::Value]>) -> Option<Vec<String>> {
    Some(values?.iter().map(|value| value.text.clone()).collect())
}

fn labels(
    spec: &ContainerSpec,
    networks: &[NetworkAttachment],
    image: &str,
) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = spec.labels.iter().cloned().collect();
    labels.insert(LABEL_CONFIG.to_owned(), spec.hash.clone());
    labels.insert(LABEL_CONFIG_HASH.to_owned(), spec.hash.clone());
    labels.insert(LABEL_IMAGE.to_owned(), image.to_owned());
    let names: Vec<&str> = networks.iter().map(|n| n.network.as_str()).collect();
    labels.insert(LABEL_NETWORKS.to_owned(), names.join(","));
    labels
}

fn host_config(spec: &ContainerSpec, networks: &[NetworkAttachment], engine: Engine) -> HostConfig {
    let (mounts, binds) = mounts(spec);
    HostConfig {
        network_mode: if spec.host_network {
            Some("host".to_owned())
        } else {
            networks.first().map(|network| network.network.clone())
        },
        pid_mode: spec.host_pid.then(|| "host".to_owned()),
        port_bindings: (!spec.host_network).then(|| port_bindings(&spec.ports)),
        mounts: Some(mounts),
        binds: Some(binds).filter(|binds| !binds.is_empty()),
        tmpfs: Some(options::tmpfs(&spec.options)).filter(|mounts| !mounts.is_empty()),
        // Restarts are gated, so they are not the engine's while `dev` is there.
        restart_policy: Some(restart_policy(Restart::No)),
        extra_hosts: extra_hosts(spec, engine),
        memory: spec.memory.map(signed),
        nano_cpus: spec
            .cpu_millis
            .map(|millis| signed(millis.saturating_mul(1_000_000))),
        pids_limit: spec.pids.map(signed),
        ..HostConfig::default()
    }
}

/// A container reaches the host as `host.docker.internal` everywhere, as it does under Docker Desktop. Podman has
/// that name by itself.
fn extra_hosts(spec: &ContainerSpec, engine: Engine) -> Option<Vec<String>> {
    let address = if spec.host_network {
        "127.0.0.1"
    } else {
        "host-gateway"
    };
    (!engine.podman && engine.version >= HOST_GATEWAY)
        .then(|| vec![format!("host.docker.internal:{address}")])
}

fn port_key(port: &PortSpec) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    format!("{}/{protocol}", port.container)
}

fn port_bindings(ports: &[PortSpec]) -> PortMap {
    let mut map = PortMap::new();
    for port in ports {
        if let Some(host) = port.host {
            let bindings = map.entry(port_key(port)).or_default();
            bindings.get_or_insert_default().push(PortBinding {
                host_ip: (!port.everywhere).then(|| port.bind.to_string()),
                host_port: Some(host.to_string()),
            });
        }
    }
    map
}

/// And those that are told in the engine's older way.
fn mounts(spec: &ContainerSpec) -> (Vec<Mount>, Vec<String>) {
    let given = &spec.options.given.mounts;
    let (mut mounts, mut binds) = (Vec::new(), Vec::new());
    for of in &spec.mounts {
        let mut mount = mount(of);
        if let Some(options) = given.get(of.mount.target()) {
            if options.raw.is_some() {
                continue;
            }
            if let Some(bind) = options::labelled(&mount, options) {
                binds.push(bind);
                continue;
            }
            options::mount(&mut mount, options);
        }
        mounts.push(mount);
    }
    (mounts, binds)
}

fn mount(spec: &MountSpec) -> Mount {
    let (typ, source, read_only) = match &spec.mount {
        stack::Mount::Volume { key, read_only, .. } => (
            MountType::VOLUME,
            Some(spec.volume.clone().unwrap_or_else(|| key.clone())),
            *read_only,
        ),
        stack::Mount::Bind {
            source, read_only, ..
        } => (MountType::BIND, Some(source.to_string()), *read_only),
        stack::Mount::Tmpfs { .. } => (MountType::TMPFS, None, false),
        stack::Mount::Anonymous { read_only, .. } => (MountType::VOLUME, None, *read_only),
        stack::Mount::Image {
            reference,
            read_only,
            ..
        } => (MountType::IMAGE, Some(reference.clone()), *read_only),
    };
    Mount {
        target: Some(spec.mount.target().to_owned()),
        source,
        typ: Some(typ),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

pub(super) fn endpoint(network: &NetworkAttachment) -> EndpointSettings {
    EndpointSettings {
        aliases: Some(network.aliases.clone()),
        links: (!network.links.is_empty()).then(|| network.links.clone()),
        mac_address: network.endpoint.mac_address.clone(),
        driver_opts: table(&driver_options(&network.endpoint)),
        gw_priority: network.endpoint.gateway_priority,
        ipam_config: addresses(&network.endpoint),
        ..EndpointSettings::default()
    }
}

/// What the file says of the device's name counts more than an option of the driver that says it.
fn driver_options(endpoint: &Endpoint) -> BTreeMap<String, String> {
    let mut options = endpoint.driver_options.clone();
    options.extend(
        endpoint
            .interface
            .iter()
            .map(|name| (INTERFACE.to_owned(), name.clone())),
    );
    options
}

fn addresses(endpoint: &Endpoint) -> Option<EndpointIpamConfig> {
    let config = EndpointIpamConfig {
        ipv4_address: endpoint.ipv4.clone(),
        ipv6_address: endpoint.ipv6.clone(),
        link_local_ips: (!endpoint.link_local.is_empty()).then(|| endpoint.link_local.clone()),
    };
    (config != EndpointIpamConfig::default()).then_some(config)
}

pub(super) fn restart_policy(restart: Restart) -> RestartPolicy {
    let (name, maximum) = match restart {
        Restart::Auto | Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::OnFailure { max } => (RestartPolicyNameEnum::ON_FAILURE, max.map(i64::from)),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
    };
    RestartPolicy {
        name: Some(name),
        maximum_retry_count: maximum,
    }
}

/// Whole seconds, which is all the engine takes; never less than asked.
pub(super) fn seconds(time: std::time::Duration) -> i32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
