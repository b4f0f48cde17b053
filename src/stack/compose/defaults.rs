//! What a file need not say.

use super::node::{Map, Node, Value};
use super::variables::Environment;

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// The items of a list in a table.
fn items<'a>(table: &'a mut Node, key: &str) -> impl Iterator<Item = &'a mut Node> {
    let list = table.get_mut(key);
    list.map(Node::items_mut).unwrap_or_default().iter_mut()
}

/// What holds for a project by itself, before others include it: its paths and its environment are its own.
pub(super) fn defaults(project: &mut Node, environment: &Environment) {
    for (_, service) in project.section_mut("services") {
        if let Some(build) = service.get_mut("build") {
            build.default("context", text("."));
        }
        for secret in items(service, "secrets") {
            if let Some(source) = secret.text_at("source") {
                let target = format!("/run/secrets/{source}");
                secret.default("target", text(target));
            }
        }
        for port in items(service, "ports") {
            port.default("protocol", text("tcp"));
            port.default("mode", text("ingress"));
        }
        for mount in items(service, "volumes") {
            if let Some(bind) = mount.get_mut("bind") {
                bind.default("create_host_path", Value::Bool(true));
            }
        }
        for file in items(service, "env_file") {
            file.default("required", Value::Bool(true));
        }
        for (_, dependency) in service.section_mut("depends_on") {
            dependency.default("required", Value::Bool(true));
        }
        devices(service);
        if let Some(variables) = service.get_mut("environment").and_then(Node::as_map_mut) {
            from_environment(variables, environment);
        }
    }
}

/// Requests for devices ask for all where they name none.
fn devices(service: &mut Node) {
    let all = |device: &mut Node| {
        if device.get("device_ids").is_none() {
            device.default("count", Value::Int(-1));
        }
    };
    items(service, "gpus").for_each(all);
    let reservations = service
        .get_mut("deploy")
        .and_then(|deploy| deploy.get_mut("resources"))
        .and_then(|resources| resources.get_mut("reservations"));
    if let Some(reservations) = reservations {
        items(reservations, "devices").for_each(all);
    }
}

/// Variables without a value have that of the environment.
fn from_environment(variables: &mut Map, environment: &Environment) {
    for (name, entry) in variables {
        if entry.node.is_null()
            && let Some(value) = environment.get(name)
        {
            entry.node.value = text(value);
        }
    }
}

/// What follows for the whole: names of resources, networks that everything is on, what services wait for.
pub(super) fn normalize(project: &mut Node, name: &str, environment: &Environment) {
    let mut uses_default = false;
    for (_, service) in project.section_mut("services") {
        uses_default |= networks(service);
        build(service, environment);
        dependencies(service);
        for mount in items(service, "volumes") {
            if let Some(target) = mount.text_at("target") {
                let target = crate::stack::path::clean_text(target);
                mount.set("target", text(target));
            }
        }
        if service.text_at("pull_policy") == Some("if_not_present") {
            service.set("pull_policy", text("missing"));
        }
        if let Some(image) = service.text_at("image").map(text) {
            for hook in items(service, "pre_start") {
                hook.default("image", image.clone());
            }
        }
    }
    if uses_default {
        project.default("networks", Value::Map(Map::new()));
        if let Some(networks) = project.get_mut("networks") {
            networks.default("default", Value::Null);
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (key, resource) in project.section_mut(section) {
            if resource.is_null() {
                resource.value = Value::Map(Map::new());
            }
            let is_external =
                resource.get("external").map(|node| &node.value) == Some(&Value::Bool(true));
            let named = if is_external {
                key.clone()
            } else {
                format!("{name}_{key}")
            };
            resource.default("name", text(named));
        }
    }
    project.set("name", text(name));
}

/// Whether the service is on the default network.
fn networks(service: &mut Node) -> bool {
    if service.get("provider").is_some() || service.get("network_mode").is_some() {
        return false;
    }
    service.default("networks", Value::Map(Map::new()));
    let Some(networks) = service.get_mut("networks") else {
        return false;
    };
    if networks.as_map().is_none_or(Map::is_empty) {
        networks.value = Value::Map(Map::new());
        networks.default("default", Value::Null);
    }
    networks.get("default").is_some()
}

fn build(service: &mut Node, environment: &Environment) {
    let Some(build) = service.get_mut("build") else {
        return;
    };
    if build.get("dockerfile_inline").is_none() {
        build.default("dockerfile", text("Dockerfile"));
    }
    if let Some(arguments) = build.get_mut("args").and_then(Node::as_map_mut) {
        from_environment(arguments, environment);
        arguments.retain(|_, entry| !entry.node.is_null());
    }
}

/// Services that it is connected to have to be there first.
fn dependencies(service: &mut Node) {
    let mut found: Vec<(String, bool)> = Vec::new();
    let texts = |key: &str| {
        let list = service.get(key).map(Node::items).unwrap_or_default();
        list.iter().filter_map(Node::as_text).collect::<Vec<_>>()
    };
    for link in texts("links") {
        let parts: Vec<&str> = link.split(':').collect();
        let target = if parts.len() == 2 { parts[0] } else { link };
        found.push((target.to_owned(), true));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let shared = service
            .text_at(key)
            .and_then(|mode| mode.strip_prefix("service:"));
        found.extend(shared.map(|target| (target.to_owned(), true)));
    }
    for source in texts("volumes_from") {
        if !source.starts_with("container:") {
            let target = source.split(':').next().unwrap_or(source);
            found.push((target.to_owned(), false));
        }
    }
    if found.is_empty() {
        return;
    }
    service.default("depends_on", Value::Map(Map::new()));
    let span = service.span;
    let Some(depends_on) = service.get_mut("depends_on") else {
        return;
    };
    for (target, restart) in found {
        let dependency = Node::table(
            [
                ("condition", text("service_started")),
                ("required", Value::Bool(true)),
                ("restart", Value::Bool(restart)),
            ],
            span,
        );
        depends_on.default(&target, dependency.value);
    }
}
