//! What only Compose can say of a container, in the engine's terms. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigLogConfig, MountBindOptions,
    MountBindOptionsPropagationEnum, MountImageOptions, MountTmpfsOptions, MountType,
    MountVolumeOptions, ResourcesBlkioWeightDevice, ResourcesUlimits, ThrottleDevice,
};

use super::network::table;
use crate::plan::desired::OptionsSpec;
use crate::stack::{ContainerResources, Healthcheck, MountOptions};

/// Lays the options over a body that has everything else.
pub(super) fn body(body: &mut ContainerCreateBody, options: &OptionsSpec) {
    let given = &options.given;
    body.hostname.clone_from(&given.hostname);
    body.domainname.clone_from(&given.domainname);
    body.tty = given.tty.then_some(true);
    body.open_stdin = given.stdin_open.then_some(true);
    body.healthcheck = given.health.as_ref().map(health);
    if let Some(host) = &mut body.host_config {
        namespaces(host, options);
        confinement(host, options);
        devices(host, options);
        resources(host, &given.resources);
        names(host, options);
    }
}

fn health(check: &Healthcheck) -> HealthConfig {
    match check {
        Healthcheck::Disabled => HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        },
        Healthcheck::Asked {
            test,
            interval,
            timeout,
            retries,
            start_period,
            start_interval,
        } => HealthConfig {
            test: test.clone(),
            interval: *interval,
            timeout: *timeout,
            retries: *retries,
            start_period: *start_period,
            start_interval: *start_interval,
        },
    }
}

fn namespaces(host: &mut HostConfig, options: &OptionsSpec) {
    let of = &options.given.namespaces;
    if let Some(network) = &options.network {
        host.network_mode = Some(network.clone());
        host.port_bindings = None;
        // It is in the hands of whoever has that namespace.
        if network.starts_with("container:") || network == "none" {
            host.extra_hosts = None;
        }
    }
    host.ipc_mode.clone_from(&options.ipc);
    if options.pid.is_some() {
        host.pid_mode.clone_from(&options.pid);
    }
    host.uts_mode.clone_from(&of.uts);
    host.userns_mode.clone_from(&of.user);
    host.cgroupns_mode = of.cgroup.as_deref().map(|mode| match mode {
        "host" => HostConfigCgroupnsModeEnum::HOST,
        _ => HostConfigCgroupnsModeEnum::PRIVATE,
    });
}

fn list(items: &[String]) -> Option<Vec<String>> {
    (!items.is_empty()).then(|| items.to_vec())
}

fn confinement(host: &mut HostConfig, options: &OptionsSpec) {
    let given = &options.given;
    host.privileged = given.privileged.then_some(true);
    host.readonly_rootfs = given.read_only.then_some(true);
    host.init = given.init;
    host.runtime.clone_from(&given.runtime);
    host.cap_add = list(&given.cap_add);
    host.cap_drop = list(&given.cap_drop);
    host.group_add = list(&given.group_add);
    host.security_opt = list(&given.security_options);
    host.sysctls = table(&given.sysctls);
    host.annotations = table(&given.annotations);
    host.storage_opt = table(&given.storage_options);
    host.volumes_from = list(&options.volumes_from);
    host.log_config = given.logging.as_ref().map(|logging| HostConfigLogConfig {
        typ: logging.driver.clone(),
        config: table(&logging.options),
    });
    let ulimits = given.ulimits.iter().map(|(name, limit)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    });
    host.ulimits = (!given.ulimits.is_empty()).then(|| ulimits.collect());
}

fn devices(host: &mut HostConfig, options: &OptionsSpec) {
    let given = &options.given;
    let devices = given.devices.iter().map(|device| DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.target.clone()),
        cgroup_permissions: Some(device.permissions.clone()),
    });
    host.devices = (!given.devices.is_empty()).then(|| devices.collect());
    host.device_cgroup_rules = list(&given.device_rules);
    let requests = given.device_requests.iter().map(|request| DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: list(&request.ids),
        capabilities: Some(vec![request.capabilities.clone()]),
        options: table(&request.options),
    });
    host.device_requests = (!given.device_requests.is_empty()).then(|| requests.collect());
}

fn resources(host: &mut HostConfig, given: &ContainerResources) {
    host.memory_reservation = given.memory_reservation;
    host.memory_swap = given.memory_swap;
    host.memory_swappiness = given.memory_swappiness;
    host.shm_size = given.shm_size;
    host.oom_kill_disable = given.oom_kill_disable;
    host.oom_score_adj = given.oom_score_adj;
    host.cpu_shares = given.cpu_shares;
    host.cpu_period = given.cpu_period;
    host.cpu_quota = given.cpu_quota;
    host.cpu_realtime_period = given.cpu_rt_period;
    host.cpu_realtime_runtime = given.cpu_rt_runtime;
    host.cpuset_cpus.clone_from(&given.cpuset);
    host.cgroup_parent.clone_from(&given.cgroup_parent);
    if given.pids.is_some() {
        host.pids_limit = given.pids;
    }
    let blkio = &given.blkio;
    let throttles = |limits: &[(String, i64)]| {
        let limits = limits.iter().map(|(path, rate)| ThrottleDevice {
            path: Some(path.clone()),
            rate: Some(*rate),
        });
        let limits: Vec<ThrottleDevice> = limits.collect();
        (!limits.is_empty()).then_some(limits)
    };
    host.blkio_weight = blkio.weight;
    host.blkio_device_read_bps = throttles(&blkio.read_bps);
    host.blkio_device_write_bps = throttles(&blkio.write_bps);
    host.blkio_device_read_iops = throttles(&blkio.read_iops);
    host.blkio_device_write_iops = throttles(&blkio.write_iops);
    let weights = blkio.weight_devices.iter();
    let weights = weights.map(|(path, weight)| ResourcesBlkioWeightDevice {
        path: Some(path.clone()),
        weight: usize::try_from(*weight).ok(),
    });
    host.blkio_weight_device = (!blkio.weight_devices.is_empty()).then(|| weights.collect());
}

fn names(host: &mut HostConfig, options: &OptionsSpec) {
    let given = &options.given;
    host.dns = list(&given.dns);
    host.dns_options = list(&given.dns_options);
    host.dns_search = list(&given.dns_search);
    if !given.extra_hosts.is_empty() {
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned());
        let own: Vec<String> = given.extra_hosts.iter().filter_map(|l| name(l)).collect();
        let hosts = host.extra_hosts.get_or_insert_default();
        // What the file says of a name is all that is said of it.
        hosts.retain(|line| name(line).is_none_or(|name| !own.contains(&name)));
        hosts.extend(given.extra_hosts.iter().cloned());
    }
}

/// What a mount has beside source and target.
pub(super) fn mount(mount: &mut bollard::models::Mount, options: &MountOptions) {
    if options.read_only {
        mount.read_only = Some(true);
    }
    match mount.typ {
        Some(MountType::BIND) => {
            let propagation = options.propagation.as_deref().and_then(propagation);
            let given = MountBindOptions {
                propagation,
                non_recursive: options.non_recursive.then_some(true),
                read_only_non_recursive: options.writable_below.then_some(true),
                read_only_force_recursive: options.read_only_below.then_some(true),
                ..MountBindOptions::default()
            };
            mount.bind_options = Some(given).filter(|given| *given != MountBindOptions::default());
        }
        Some(MountType::VOLUME)
            if options.no_copy || options.subpath.is_some() || !options.labels.is_empty() =>
        {
            mount.volume_options = Some(MountVolumeOptions {
                no_copy: options.no_copy.then_some(true),
                subpath: options.subpath.clone(),
                labels: table(&options.labels),
                ..MountVolumeOptions::default()
            });
        }
        Some(MountType::IMAGE) if options.subpath.is_some() => {
            mount.image_options = Some(MountImageOptions {
                subpath: options.subpath.clone(),
            });
        }
        Some(MountType::TMPFS) if options.size.is_some() || options.mode.is_some() => {
            mount.tmpfs_options = Some(MountTmpfsOptions {
                size_bytes: options.size,
                mode: options.mode,
                ..MountTmpfsOptions::default()
            });
        }
        _ => {}
    }
}

/// The same as one text, which is the engine's only way to say how SELinux is to label it, and which it does not need otherwise.
/// `None` besides where that text cannot say all of it: the engine takes no label then.
pub(super) fn labelled(mount: &bollard::models::Mount, options: &MountOptions) -> Option<String> {
    let label = options.selinux.as_deref()?;
    let is_more = options.non_recursive
        || options.writable_below
        || options.read_only_below
        || options.subpath.is_some();
    let (source, target) = (mount.source.as_deref()?, mount.target.as_deref()?);
    let is_one = matches!(mount.typ, Some(MountType::BIND | MountType::VOLUME));
    if is_more || !is_one {
        return None;
    }
    let access = match mount.read_only {
        Some(true) => "ro",
        _ => "rw",
    };
    let no_copy = options.no_copy.then_some("nocopy");
    let more = [Some(label), options.propagation.as_deref(), no_copy];
    let more: Vec<&str> = more.into_iter().flatten().collect();
    Some(format!("{source}:{target}:{access},{}", more.join(",")))
}

fn propagation(text: &str) -> Option<MountBindOptionsPropagationEnum> {
    use MountBindOptionsPropagationEnum as Propagation;
    Some(match text {
        "private" => Propagation::PRIVATE,
        "rprivate" => Propagation::RPRIVATE,
        "shared" => Propagation::SHARED,
        "rshared" => Propagation::RSHARED,
        "slave" => Propagation::SLAVE,
        "rslave" => Propagation::RSLAVE,
        _ => return None,
    })
}

/// Mounts of memory with options of their own, which the engine takes apart itself.
pub(super) fn tmpfs(options: &OptionsSpec) -> HashMap<String, String> {
    let mounts = options.given.mounts.iter();
    mounts
        .filter_map(|(target, options)| Some((target.clone(), options.raw.clone()?)))
        .collect()
}
