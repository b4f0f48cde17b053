//! What only Compose can say of a container.

use super::{Making, Read, health, limits};
use crate::stack::compose::node::Node;
use crate::stack::{ContainerOptions, Hook, Logging, Namespace, Namespaces, PreStart, VolumesFrom};

impl Making<'_> {
    pub(super) fn container(&mut self, service: &str, node: &Node) -> ContainerOptions {
        let links = node.strings("links").into_iter().map(|link| {
            let (name, alias) = link.split_once(':').unwrap_or((&link, &link));
            (name.to_owned(), alias.to_owned())
        });
        let external = node.strings("external_links").into_iter();
        let external = external.map(|link| match link.contains(':') {
            true => link,
            false => format!("{link}:{link}"),
        });
        ContainerOptions {
            name: node.string("container_name"),
            hostname: node.string("hostname"),
            domainname: node.string("domainname"),
            mac_address: node.string("mac_address"),
            platform: node.string("platform"),
            runtime: node.string("runtime"),
            init: node.flag("init"),
            tty: node.is_set("tty"),
            stdin_open: node.is_set("stdin_open"),
            privileged: node.is_set("privileged"),
            read_only: node.is_set("read_only"),
            health: health::healthcheck(node),
            namespaces: self.namespaces(node),
            endpoints: self.endpoints(node),
            links: links.collect(),
            external_links: external.collect(),
            dns: node.strings("dns"),
            dns_options: node.strings("dns_opt"),
            dns_search: node.strings("dns_search"),
            extra_hosts: hosts(node),
            cap_add: node.strings("cap_add"),
            cap_drop: node.strings("cap_drop"),
            group_add: node.strings("group_add"),
            security_options: node.strings("security_opt"),
            sysctls: node.pairs("sysctls"),
            annotations: node.pairs("annotations"),
            storage_options: node.pairs("storage_opt"),
            logging: node.get("logging").map(|logging| Logging {
                driver: logging.string("driver"),
                options: logging.pairs("options"),
            }),
            devices: limits::devices(node),
            device_rules: node.strings("device_cgroup_rules"),
            device_requests: limits::device_requests(node),
            ulimits: limits::ulimits(node),
            resources: limits::resources(node),
            mounts: std::collections::BTreeMap::new(),
            volumes_from: volumes_from(node),
            files: self.container_files(service, node),
            pre_start: node.list("pre_start").iter().map(pre_start).collect(),
            post_start: hooks(node, "post_start"),
            pre_stop: hooks(node, "pre_stop"),
            api_socket: node.is_set("use_api_socket"),
            keeps_anonymous_volumes: true,
        }
    }

    fn namespaces(&mut self, node: &Node) -> Namespaces {
        Namespaces {
            network: node.string("network_mode").map(|mode| namespace(&mode)),
            ipc: node.string("ipc").map(|mode| namespace(&mode)),
            pid: node
                .string("pid")
                .filter(|mode| mode != "host")
                .map(|mode| namespace(&mode)),
            uts: node.string("uts"),
            user: node.string("userns_mode"),
            cgroup: node.string("cgroup"),
        }
    }
}

fn namespace(mode: &str) -> Namespace {
    match mode.strip_prefix("service:") {
        Some(service) => Namespace::Service(service.to_owned()),
        None => Namespace::Mode(mode.to_owned()),
    }
}

/// `NAME=ADDRESS` or `NAME:ADDRESS`, of which the engine takes the latter.
fn hosts(node: &Node) -> Vec<String> {
    let lines = node.strings("extra_hosts").into_iter();
    lines
        .map(|line| match line.split_once('=') {
            Some((name, address)) => format!("{name}:{address}"),
            None => line,
        })
        .collect()
}

fn volumes_from(node: &Node) -> Vec<VolumesFrom> {
    let read = |text: String| {
        let (text, is_of_container) = match text.strip_prefix("container:") {
            Some(rest) => (rest.to_owned(), true),
            None => (text, false),
        };
        let (name, mode) = text.split_once(':').unwrap_or((&text, "rw"));
        VolumesFrom {
            from: match is_of_container {
                true => Namespace::Mode(name.to_owned()),
                false => Namespace::Service(name.to_owned()),
            },
            read_only: mode == "ro",
        }
    };
    node.strings("volumes_from").into_iter().map(read).collect()
}

fn hooks(node: &Node, key: &str) -> Vec<Hook> {
    node.list(key).iter().map(hook).collect()
}

pub(super) fn hook(node: &Node) -> Hook {
    Hook {
        command: node.strings("command"),
        user: node.string("user"),
        workdir: node.string("working_dir"),
        env: node.pairs("environment"),
        privileged: node.is_set("privileged"),
    }
}

fn pre_start(node: &Node) -> PreStart {
    let Hook {
        command,
        user,
        workdir,
        env,
        privileged,
    } = hook(node);
    PreStart {
        image: node.string("image"),
        command: Some(command).filter(|command| !command.is_empty()),
        user,
        workdir,
        env,
        privileged,
        per_replica: node.is_set("per_replica"),
    }
}
