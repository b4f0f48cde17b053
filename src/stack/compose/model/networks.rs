//! Networks and volumes of the project, and how a service is on them.

use std::collections::BTreeMap;

use super::{Making, Read};
use crate::stack::compose::node::Node;
use crate::stack::{Endpoint, Network, NetworkOptions, Pool, Volume, VolumeOptions};

impl Making<'_> {
    pub(super) fn networks(&mut self) -> BTreeMap<String, Network> {
        let section = self.project.section("networks");
        section
            .map(|(key, node)| (key.to_owned(), self.network(key, node)))
            .collect()
    }

    fn network(&self, key: &str, node: &Node) -> Network {
        let name = node.string("name");
        let is_external = node.is_set("external");
        Network {
            external: is_external.then(|| name.clone().unwrap_or_else(|| key.to_owned())),
            name: name.filter(|_| !is_external),
            internal: node.is_set("internal"),
            options: NetworkOptions {
                driver: node.string("driver").filter(|driver| driver != "default"),
                driver_options: node.pairs("driver_opts"),
                attachable: node.is_set("attachable"),
                enable_ipv4: node.flag("enable_ipv4"),
                enable_ipv6: node.flag("enable_ipv6"),
                labels: node.pairs("labels"),
                ..ipam(node)
            },
        }
    }

    pub(super) fn volumes(&mut self) -> BTreeMap<String, Volume> {
        let volume = |(key, node): (&str, &Node)| {
            let name = node.string("name");
            let is_external = node.is_set("external");
            let volume = Volume {
                external: is_external.then(|| name.clone().unwrap_or_else(|| key.to_owned())),
                name: name.filter(|_| !is_external),
                options: VolumeOptions {
                    driver: node.string("driver").filter(|driver| driver != "default"),
                    driver_options: node.pairs("driver_opts"),
                    labels: node.pairs("labels"),
                },
            };
            (key.to_owned(), volume)
        };
        self.project.section("volumes").map(volume).collect()
    }

    /// Keys, the one with the highest priority first: a container begins on that.
    pub(super) fn service_networks(&mut self, node: &Node) -> Vec<String> {
        let mut keys: Vec<(i64, String)> = node
            .section("networks")
            .map(|(key, node)| (-node.int("priority").unwrap_or(0), key.to_owned()))
            .collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    pub(super) fn endpoints(&mut self, node: &Node) -> BTreeMap<String, Endpoint> {
        let mut endpoints = BTreeMap::new();
        for (key, on) in node.section("networks") {
            let endpoint = Endpoint {
                aliases: on.strings("aliases"),
                ipv4: on.string("ipv4_address"),
                ipv6: on.string("ipv6_address"),
                link_local: on.strings("link_local_ips"),
                mac_address: on.string("mac_address"),
                driver_options: on.pairs("driver_opts"),
                interface: on.string("interface_name"),
                gateway_priority: on.int("gw_priority").filter(|priority| *priority != 0),
                priority: on.int("priority").unwrap_or(0),
            };
            endpoints.insert(key.to_owned(), endpoint);
        }
        endpoints
    }
}

fn ipam(node: &Node) -> NetworkOptions {
    let Some(ipam) = node.get("ipam") else {
        return NetworkOptions::default();
    };
    let pools = ipam.list("config").iter().map(|pool| Pool {
        subnet: pool.string("subnet"),
        gateway: pool.string("gateway"),
        ip_range: pool.string("ip_range"),
        aux_addresses: pool.pairs("aux_addresses"),
    });
    NetworkOptions {
        pools: pools.collect(),
        ipam_driver: ipam.string("driver").filter(|driver| driver != "default"),
        ipam_options: ipam.pairs("options"),
        ..NetworkOptions::default()
    }
}
