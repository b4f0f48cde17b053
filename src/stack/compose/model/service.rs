//! One service.

use std::collections::BTreeMap;
use std::time::Duration;

use super::health::healthcheck;
use super::{Making, Read};
use crate::stack::compose::node::{Node, Value};
use crate::stack::compose::units;
use crate::stack::file::{Code, Finding};
use crate::stack::{
    Condition, Healthcheck, Job, Kubernetes, Namespace, Need, Promote, Pull, Restart, Role,
    Service, Source, Stop, Template, UpdateOrder,
};

/// Of Compose.
const GRACE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Of one service: an engine gives a network a thousand addresses at most.
const MAX_REPLICAS: u32 = 1_000;

impl Making<'_> {
    pub(super) fn service(&mut self, name: &str, node: &Node) -> Service {
        let is_one_shot = self.one_shots.contains(name);
        let restart = self.restart(name, node);
        let role = match is_one_shot {
            true => Role::Job(Job {
                again: true,
                ..Job::default()
            }),
            false => Role::Service,
        };
        let container = self.container(name, node);
        let host = |key| node.text_at(key) == Some("host");
        let mode = container.namespaces.network.clone();
        let (ports, main_port) = self.ports(name, node);
        let (mounts, mount_options) = self.mounts(name, node);
        let mut service = Service {
            name: name.to_owned(),
            source: self.source(name, node),
            preset: None,
            role,
            command: words(node, "command"),
            entrypoint: words(node, "entrypoint"),
            env: environment(node),
            user: node.string("user"),
            workdir: node.string("working_dir"),
            ports,
            main_port,
            needs: self.needs(name, node),
            ready: self.ready(name, node),
            alive: None,
            provision: Vec::new(),
            outputs: BTreeMap::new(),
            databases: Vec::new(),
            watch: self.watch(name, node),
            mounts,
            networks: self.service_networks(node),
            host_network: host("network_mode"),
            host_pid: host("pid"),
            restart,
            stop: Stop {
                signal: node.string("stop_signal"),
                grace: node
                    .duration("stop_grace_period")
                    .and_then(|nanos| u64::try_from(nanos).ok())
                    .map_or(GRACE, Duration::from_nanos),
            },
            limits: self.limits(node),
            replicas: self.replicas(node),
            // Of one that a chosen profile has, none is left to choose.
            profiles: match self.disabled.contains(name) {
                true => node.strings("profiles"),
                false => Vec::new(),
            },
            labels: self.labels(node),
            metrics: None,
            promote: Promote::default(),
            kubernetes: Kubernetes::default(),
            may_end: !is_one_shot && matches!(restart, Restart::No | Restart::OnFailure { .. }),
            pull: pull(node),
            update: UpdateOrder::default(),
            container,
        };
        service.container.mounts = mount_options;
        if mode == Some(Namespace::Mode("host".to_owned())) {
            service.container.namespaces.network = None;
        }
        service.update = self.update(node, &service);
        service
    }

    /// Where two cannot run at once, a file that others read too is no worse for asking.
    fn update(&mut self, node: &Node, service: &Service) -> UpdateOrder {
        let deploy = node.get("deploy");
        let order = deploy
            .and_then(|deploy| deploy.get("update_config")?.get("order"))
            .and_then(|order| Some((UpdateOrder::of_word(order.as_text()?), order.span)));
        let span = match order {
            Some((UpdateOrder::StartFirst, span)) => span,
            Some((order, _)) => return order,
            None => return UpdateOrder::Auto,
        };
        match service.overlap_obstacle() {
            None => UpdateOrder::StartFirst,
            Some(obstacle) => {
                let message = format!(
                    "`services.{}.deploy.update_config.order: start-first` counts as `stop-first`: {}",
                    service.name, obstacle.why
                );
                self.no_effect(span, message);
                UpdateOrder::StopFirst
            }
        }
    }

    fn source(&mut self, name: &str, node: &Node) -> Source {
        match node.get("build") {
            Some(build) => Source::Build(self.build(name, node, build)),
            None => Source::Image(node.string("image").unwrap_or_default()),
        }
    }

    fn needs(&mut self, service: &str, node: &Node) -> BTreeMap<String, Need> {
        let mut needs = BTreeMap::new();
        for (name, dependency) in node.section("depends_on") {
            let required = dependency.flag("required") != Some(false);
            // One that is not wanted now, and need not be there.
            let there = self.project.get("services").and_then(|all| all.get(name));
            let is_off = self.disabled.contains(name) && !self.disabled.contains(service);
            if there.is_none() || is_off {
                continue;
            }
            let condition = match dependency.text_at("condition") {
                Some("service_started") | None => Condition::Started,
                Some("service_healthy")
                    if there.and_then(healthcheck) == Some(Healthcheck::Disabled) =>
                {
                    self.never_healthy(service, name, dependency);
                    Condition::Ready
                }
                Some(_) => Condition::Ready,
            };
            let need = Need {
                condition,
                restart: dependency.is_set("restart"),
                required,
            };
            needs.insert(name.to_owned(), need);
        }
        needs
    }

    /// `docker compose` tells that when it waits for it.
    fn never_healthy(&mut self, service: &str, needed: &str, dependency: &Node) {
        let at = dependency.get("condition").unwrap_or(dependency).span;
        let message = format!(
            "`{service}` waits for `{needed}` to be healthy, and the health check of `{needed}` is switched off"
        );
        let finding = Finding::new(Code::Conflict, message).at(at, "never true");
        self.sink.push(finding.help(format!(
            "write `condition: service_started`, or give `{needed}` a `healthcheck`"
        )));
    }

    fn restart(&mut self, service: &str, node: &Node) -> Restart {
        let policy = node
            .get("deploy")
            .and_then(|deploy| deploy.get("restart_policy"));
        if let Some(policy) = policy {
            let max = policy.int("max_attempts");
            let max = max.and_then(|max| u32::try_from(max).ok());
            let condition = policy.text_at("condition");
            if let Some(at) = policy.get("max_attempts")
                && max.is_some_and(|max| max > 0)
                && condition != Some("on-failure")
            {
                let message = format!(
                    "`services.{service}.deploy.restart_policy.max_attempts` has no effect: only `condition: on-failure` is counted"
                );
                self.no_effect(at.span, message);
            }
            return match condition {
                Some("none" | "no") => Restart::No,
                Some("on-failure") => Restart::OnFailure {
                    max: max.or(Some(u32::MAX)),
                },
                Some("unless-stopped") => Restart::UnlessStopped,
                Some("any" | "always") | None => Restart::Always,
                Some(other) => {
                    let span = policy
                        .get("condition")
                        .map_or(policy.span, |node| node.span);
                    self.refuse(
                        span,
                        format!("`{other}` is no condition of a restart"),
                        "there are: none, on-failure, unless-stopped, any",
                    );
                    Restart::No
                }
            };
        }
        let Some(text) = node.text_at("restart") else {
            return Restart::No;
        };
        let (word, times) = text.split_once(':').unwrap_or((text, ""));
        match (word, times.parse::<u32>()) {
            ("no" | "none" | "", _) => Restart::No,
            ("always" | "any", _) => Restart::Always,
            ("unless-stopped", _) => Restart::UnlessStopped,
            ("on-failure", Ok(max)) if max > 0 => Restart::OnFailure { max: Some(max) },
            // As often as it takes.
            ("on-failure", _) => Restart::OnFailure {
                max: Some(u32::MAX),
            },
            _ => {
                let span = node.get("restart").map_or(node.span, |node| node.span);
                self.refuse(
                    span,
                    format!("`{text}` is no way of restarting"),
                    "there are: no, always, unless-stopped, on-failure, on-failure:3",
                );
                Restart::No
            }
        }
    }

    fn replicas(&mut self, node: &Node) -> u32 {
        let of_deploy = node.get("deploy").and_then(|deploy| deploy.int("replicas"));
        let wanted = node.int("scale").or(of_deploy).unwrap_or(1);
        match u32::try_from(wanted) {
            Ok(wanted) if wanted <= MAX_REPLICAS => wanted,
            _ => {
                let span = node.get("scale").or_else(|| node.get("deploy"));
                let span = span.map_or(node.span, |node| node.span);
                let message = format!("{wanted} replicas are more than one machine runs");
                let help = format!("there may be {MAX_REPLICAS}");
                self.refuse(span, message, &help);
                1
            }
        }
    }

    /// Those of `deploy` are of the service, which only a cluster has.
    fn labels(&mut self, node: &Node) -> BTreeMap<String, String> {
        node.pairs("labels")
    }
}

/// `null` and nothing at all: the image's.
fn words(node: &Node, key: &str) -> Option<Vec<Template>> {
    let node = node.get(key)?;
    matches!(node.value, Value::List(_)).then(|| {
        let words = node.items().iter().filter_map(Node::as_text);
        words.map(Template::text).collect()
    })
}

/// Variables without a value are not set.
fn environment(node: &Node) -> BTreeMap<String, Template> {
    let set = node
        .section("environment")
        .filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| {
        let value = super::text(&value.value).unwrap_or_default();
        (name.to_owned(), Template::text(value))
    })
    .collect()
}

fn pull(node: &Node) -> Pull {
    match node.text_at("pull_policy") {
        Some("never") => Pull::Never,
        Some("always") => Pull::Always,
        Some("daily") => Pull::After(DAY),
        Some("weekly") => Pull::After(7 * DAY),
        Some("refresh") => {
            let age = node.duration("pull_refresh_after");
            let age = age.and_then(|nanos| u64::try_from(nanos).ok());
            age.map_or(Pull::Missing, |nanos| {
                Pull::After(Duration::from_nanos(nanos))
            })
        }
        Some(text) => {
            let age = text.strip_prefix("every_").and_then(units::duration);
            let age = age.and_then(|nanos| u64::try_from(nanos).ok());
            age.map_or(Pull::Missing, |nanos| {
                Pull::After(Duration::from_nanos(nanos))
            })
        }
        None => Pull::Missing,
    }
}
