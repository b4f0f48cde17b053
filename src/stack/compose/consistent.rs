//! Whether what services refer to is there, and whether what they say goes together.

use std::collections::BTreeMap;

use super::node::{Node, Value};
use crate::stack::file::{Code, Finding, Sink, Span, nearest};

/// What a check works with.
pub(super) struct Check<'a> {
    pub project: &'a Node,
    /// Services that no chosen profile has.
    disabled: &'a [String],
    pub sink: &'a mut Sink,
}

pub(super) fn check(project: &Node, disabled: &[String], sink: &mut Sink) {
    let mut check = Check {
        project,
        disabled,
        sink,
    };
    for (name, service) in project.section("services") {
        check.source(name, service);
        check.references(name, service);
        check.mounts(name, service);
        check.twice_said(name, service);
        check.watch(name, service);
    }
    check.resources();
    check.container_names();
    check.cycles();
}

fn number(node: Option<&Node>) -> Option<f64> {
    match node.map(|node| &node.value) {
        Some(Value::Int(number)) => Some(*number as f64),
        Some(Value::Float(number)) => Some(*number),
        _ => None,
    }
}

pub(super) fn within<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

impl Check<'_> {
    pub fn report(&mut self, code: Code, message: String, span: Span) {
        self.sink.push(Finding::new(code, message).at(span, "here"));
    }

    fn source(&mut self, name: &str, service: &Node) {
        let Some(build) = service.get("build") else {
            let has_image = service
                .text_at("image")
                .is_some_and(|image| !image.is_empty());
            if !has_image && service.get("provider").is_none() {
                let message = format!("`services.{name}` has neither `image` nor `build`");
                self.report(Code::NoSource, message, service.span);
            }
            return;
        };
        if build.get("dockerfile").is_some() && build.get("dockerfile_inline").is_some() {
            let message =
                format!("`services.{name}.build` has both `dockerfile` and `dockerfile_inline`");
            self.report(Code::Conflict, message, build.span);
        }
        let platforms = build.get("platforms").map(Node::items).unwrap_or_default();
        if let Some(platform) = service
            .text_at("platform")
            .filter(|_| !platforms.is_empty())
            && !platforms
                .iter()
                .any(|node| node.as_text() == Some(platform))
        {
            let message =
                format!("`services.{name}.build.platforms` is without its `platform`, {platform}");
            self.report(Code::Conflict, message, build.span);
        }
        for (_, context) in build.section("additional_contexts") {
            let other = context
                .as_text()
                .and_then(|text| text.strip_prefix("service:"));
            let Some(other) = other else { continue };
            match within(self.project, &["services", other]) {
                None => self.unknown(
                    Code::UnknownService,
                    "service",
                    other,
                    "services",
                    context.span,
                ),
                Some(target) if target.get("build").is_none() => {
                    let message =
                        format!("`{other}` is not built, so it cannot be a build context");
                    self.report(Code::Conflict, message, context.span);
                }
                Some(_) => {}
            }
        }
    }

    fn references(&mut self, name: &str, service: &Node) {
        if service.get("network_mode").is_some()
            && let Some(networks) = service.get("networks")
            && networks.as_map().is_some_and(|map| !map.is_empty())
        {
            let message = format!("`services.{name}` has both `network_mode` and `networks`");
            self.report(Code::Conflict, message, networks.span);
        }
        for (network, node) in service.section("networks") {
            self.known(
                Code::UnknownNetwork,
                "network",
                network,
                "networks",
                node.span,
            );
        }
        for (other, node) in service.section("depends_on") {
            self.dependency(other, node);
        }
        for (model, node) in service.section("models") {
            self.known(Code::UnknownService, "model", model, "models", node.span);
        }
        let shared = service.get("network_mode");
        let shared =
            shared.and_then(|node| Some((node.as_text()?.strip_prefix("service:")?, node.span)));
        if let Some((other, span)) = shared {
            self.known(Code::UnknownService, "service", other, "services", span);
        }
        for mount in service.get("volumes").map(Node::items).unwrap_or_default() {
            if mount.text_at("type") == Some("volume")
                && let Some(source) = mount.get("source")
                && let Some(volume) = source.as_text().filter(|text| !text.is_empty())
            {
                self.known(
                    Code::UnknownVolume,
                    "volume",
                    volume,
                    "volumes",
                    source.span,
                );
            }
        }
        let build_secrets = within(service, &["build", "secrets"]);
        for (list, section, what, code) in [
            (
                service.get("secrets"),
                "secrets",
                "secret",
                Code::UnknownSecret,
            ),
            (build_secrets, "secrets", "secret", Code::UnknownSecret),
            (
                service.get("configs"),
                "configs",
                "config",
                Code::UnknownConfig,
            ),
        ] {
            for item in list.map(Node::items).unwrap_or_default() {
                let source = item.text_at("source").unwrap_or_default();
                self.known(code, what, source, section, item.span);
            }
        }
    }

    fn dependency(&mut self, other: &str, node: &Node) {
        let is_required = node.get("required").map(|node| &node.value) != Some(&Value::Bool(false));
        if self.disabled.iter().any(|name| name == other) {
            if is_required {
                let message = format!("the service `{other}` is in no chosen profile");
                let help = "choose its profile, or write `required: false`";
                let finding = Finding::new(Code::UnknownService, message);
                self.sink
                    .push(finding.at(node.span, "needed here").help(help));
            }
            return;
        }
        self.known(
            Code::UnknownService,
            "service",
            other,
            "services",
            node.span,
        );
    }

    fn known(&mut self, code: Code, what: &str, name: &str, section: &str, span: Span) {
        let is_known =
            within(self.project, &[section]).is_some_and(|node| node.get(name).is_some());
        if !is_known {
            self.unknown(code, what, name, section, span);
        }
    }

    fn unknown(&mut self, code: Code, what: &str, name: &str, section: &str, span: Span) {
        let names = self.project.section(section).map(|(name, _)| name);
        let near = nearest(name, names);
        let finding =
            Finding::new(code, format!("there is no {what} `{name}`")).at(span, "named here");
        self.sink.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding.help(format!("declare it in `{section}`")),
        });
    }

    fn mounts(&mut self, name: &str, service: &Node) {
        let mut targets: BTreeMap<&str, Span> = BTreeMap::new();
        let tmpfs = service.get("tmpfs").map(Node::items).unwrap_or_default();
        let of_tmpfs = tmpfs
            .iter()
            .filter_map(|node| Some((node.as_text()?.split(':').next()?, node.span)));
        let volumes = service.get("volumes").map(Node::items).unwrap_or_default();
        let of_volumes = volumes
            .iter()
            .map(|node| (node.text_at("target").unwrap_or_default(), node.span));
        for (target, span) in of_tmpfs.chain(of_volumes).collect::<Vec<_>>() {
            if let Some(first) = targets.insert(target, span) {
                let message = format!("`services.{name}` mounts two things at {target}");
                let finding = Finding::new(Code::Conflict, message);
                self.sink.push(
                    finding
                        .at(span, "the second one")
                        .at(first, "the first one"),
                );
            }
        }
        for mount in volumes {
            if mount.get("target").is_none() {
                let message = format!("a mount of `services.{name}` needs `target`");
                self.report(Code::MissingKey, message, mount.span);
            }
            if mount.text_at("type") == Some("bind") && mount.get("source").is_none() {
                let message = format!("a bind mount of `services.{name}` needs `source`");
                self.report(Code::MissingKey, message, mount.span);
            }
        }
        let test = within(service, &["healthcheck", "test"]);
        if let Some(test) = test
            && let Some(kind) = test.items().first().and_then(Node::as_text)
            && !["CMD", "CMD-SHELL", "NONE"].contains(&kind)
        {
            let message = format!("`services.{name}.healthcheck.test` begins with `{kind}`");
            let finding = Finding::new(Code::BadValue, message).at(test.span, "this");
            self.sink
                .push(finding.help("a list begins with `CMD`, `CMD-SHELL` or `NONE`"));
        }
        for port in service.get("ports").map(Node::items).unwrap_or_default() {
            let ip = port.text_at("host_ip").unwrap_or_default();
            if port.get("host_ip").is_some() && ip.parse::<std::net::IpAddr>().is_err() {
                self.report(Code::BadPort, format!("`{ip}` is no IP address"), port.span);
            }
        }
    }

    /// The same thing said in two places has to be the same.
    fn twice_said(&mut self, name: &str, service: &Node) {
        let Some(deploy) = service.get("deploy") else {
            return self.single_name(name, service);
        };
        const TWICE: &[(&str, &[&str])] = &[
            ("scale", &["replicas"]),
            ("cpus", &["resources", "limits", "cpus"]),
            ("mem_limit", &["resources", "limits", "memory"]),
            ("pids_limit", &["resources", "limits", "pids"]),
            ("mem_reservation", &["resources", "reservations", "memory"]),
        ];
        for (key, path) in TWICE {
            let Some(node) = service.get(key) else {
                continue;
            };
            let Some(own) = number(Some(node)) else {
                continue;
            };
            let is_scale = *key == "scale";
            if own == 0.0 && !is_scale {
                continue;
            }
            let parent = within(deploy, &path[..path.len() - 1]);
            let other = number(within(deploy, path));
            // Limits that are given without this one say that there is none.
            let differs = match (parent, other) {
                (Some(_), Some(other)) => (other - own).abs() > 1e-6,
                (Some(_), None) => !is_scale,
                (None, _) => false,
            };
            if differs {
                let message = format!(
                    "`services.{name}` says one thing in `{key}` and another in `deploy.{}`",
                    path.join(".")
                );
                self.report(Code::Conflict, message, node.span);
            }
        }
        self.single_name(name, service);
    }

    fn single_name(&mut self, name: &str, service: &Node) {
        let scale = service
            .get("scale")
            .or_else(|| within(service, &["deploy", "replicas"]));
        if number(scale).is_some_and(|scale| scale > 1.0)
            && let Some(own) = service.get("container_name")
        {
            let message =
                format!("`services.{name}` has several containers and one `container_name`");
            self.report(Code::Conflict, message, own.span);
        }
    }

    fn watch(&mut self, name: &str, service: &Node) {
        let rules = within(service, &["develop", "watch"]);
        for rule in rules.map(Node::items).unwrap_or_default() {
            let action = rule.text_at("action").unwrap_or_default();
            let target = rule.text_at("target").unwrap_or_default();
            if target.is_empty() && action.starts_with("sync") {
                let message = format!("a rule of `services.{name}.develop.watch` needs `target`");
                self.report(Code::MissingKey, message, rule.span);
            }
            if rule.text_at("path") == Some("") {
                let message =
                    format!("a rule of `services.{name}.develop.watch` has an empty path");
                self.report(Code::BadValue, message, rule.span);
            }
        }
        let devices = within(service, &["deploy", "resources", "reservations", "devices"]);
        for list in [service.get("gpus"), devices] {
            for device in list.map(Node::items).unwrap_or_default() {
                if device.get("count").is_some() && device.get("device_ids").is_some() {
                    let message =
                        format!("a device of `services.{name}` has `count` and `device_ids`");
                    self.report(Code::Conflict, message, device.span);
                }
            }
        }
    }
}
