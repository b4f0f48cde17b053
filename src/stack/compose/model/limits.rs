//! What a container may use.

use std::collections::BTreeMap;

use super::{Making, Read};
use crate::stack::compose::node::{Node, Value};
use crate::stack::{Blkio, ContainerResources, Device, DeviceRequest, Limits, Ulimit};

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

impl Making<'_> {
    /// What `deploy` says leads.
    pub(super) fn limits(&mut self, node: &Node) -> Limits {
        let limits = at(node, &["deploy", "resources", "limits"]);
        let memory = limits.and_then(|limits| limits.int("memory"));
        let cpus = limits.and_then(|limits| limits.float("cpus"));
        let memory = memory.or(node.int("mem_limit")).filter(|bytes| *bytes > 0);
        let cpus = cpus.or(node.float("cpus")).filter(|cpus| *cpus > 0.0);
        Limits {
            memory: memory.and_then(|bytes| u64::try_from(bytes).ok()),
            cpu_millis: cpus.map(|cpus| (cpus * 1000.0).round() as u64),
            pids: None,
            log: None,
        }
    }
}

pub(super) fn resources(node: &Node) -> ContainerResources {
    let reserved = at(node, &["deploy", "resources", "reservations"]);
    let limits = at(node, &["deploy", "resources", "limits"]);
    let not_zero = |key: &str| node.int(key).filter(|number| *number != 0);
    let memory = reserved.and_then(|reserved| reserved.int("memory"));
    ContainerResources {
        memory_reservation: memory.or(not_zero("mem_reservation")),
        memory_swap: not_zero("memswap_limit"),
        memory_swappiness: not_zero("mem_swappiness"),
        shm_size: not_zero("shm_size"),
        oom_kill_disable: node.flag("oom_kill_disable").filter(|flag| *flag),
        oom_score_adj: not_zero("oom_score_adj"),
        cpu_shares: not_zero("cpu_shares"),
        cpu_period: not_zero("cpu_period"),
        cpu_quota: not_zero("cpu_quota"),
        cpu_rt_period: not_zero("cpu_rt_period"),
        cpu_rt_runtime: not_zero("cpu_rt_runtime"),
        cpuset: node.string("cpuset"),
        cgroup_parent: node.string("cgroup_parent"),
        pids: limits
            .and_then(|limits| limits.int("pids"))
            .or(node.int("pids_limit"))
            .filter(|pids| *pids != 0),
        blkio: node.get("blkio_config").map(blkio).unwrap_or_default(),
    }
}

fn blkio(node: &Node) -> Blkio {
    let pairs = |key: &str, number: &str| -> Vec<(String, i64)> {
        let items = node.list(key).iter();
        items
            .filter_map(|item| Some((item.string("path")?, item.int(number)?)))
            .filter(|(_, number)| *number != 0)
            .collect()
    };
    Blkio {
        weight: node
            .int("weight")
            .filter(|weight| *weight != 0)
            .and_then(|weight| u16::try_from(weight).ok()),
        weight_devices: pairs("weight_device", "weight"),
        read_bps: pairs("device_read_bps", "rate"),
        write_bps: pairs("device_write_bps", "rate"),
        read_iops: pairs("device_read_iops", "rate"),
        write_iops: pairs("device_write_iops", "rate"),
    }
}

pub(super) fn ulimits(node: &Node) -> BTreeMap<String, Ulimit> {
    let limit = |node: &Node| match &node.value {
        Value::Int(both) => Ulimit {
            soft: *both,
            hard: *both,
        },
        _ => Ulimit {
            soft: node.int("soft").unwrap_or(0),
            hard: node.int("hard").unwrap_or(0),
        },
    };
    let section = node.section("ulimits");
    section
        .map(|(name, node)| (name.to_owned(), limit(node)))
        .collect()
}

pub(super) fn devices(node: &Node) -> Vec<Device> {
    let items = node.list("devices").iter();
    items
        .filter_map(|item| {
            let source = item.string("source")?;
            Some(Device {
                target: item.string("target").unwrap_or_else(|| source.clone()),
                permissions: item
                    .string("permissions")
                    .unwrap_or_else(|| "rwm".to_owned()),
                source,
            })
        })
        .collect()
}

/// `gpus`, and what `deploy` reserves.
pub(super) fn device_requests(node: &Node) -> Vec<DeviceRequest> {
    let reserved = at(node, &["deploy", "resources", "reservations"]);
    let reserved = reserved
        .map(|node| node.list("devices"))
        .unwrap_or_default();
    let request = |item: &Node| DeviceRequest {
        driver: item.string("driver"),
        count: item.int("count"),
        ids: item.strings("device_ids"),
        capabilities: item.strings("capabilities"),
        options: item.pairs("options"),
    };
    let gpus = node.list("gpus").iter().map(|item| {
        let mut request = request(item);
        if !request.capabilities.iter().any(|name| name == "gpu") {
            request.capabilities.push("gpu".to_owned());
        }
        request
    });
    reserved.iter().map(request).chain(gpus).collect()
}
