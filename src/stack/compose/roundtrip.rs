//! Any project survives the way to a file and back.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::generate::{Generator, RESOLVED, attributes};
use super::tests::Memory;
use super::{Project, Request, load, load_stack, rows, yaml};
use crate::stack::Stack;
use crate::stack::file::{LoadError, render};

type Object = Map<String, Json>;

fn request() -> Request {
    Request {
        start_dir: "/p".into(),
        files: vec!["/p/compose.yaml".into()],
        profiles: vec!["*".to_owned()],
        environment: [("TOKEN".to_owned(), "s3cret".to_owned())].into(),
        ..Request::default()
    }
}

fn memory(text: &str) -> Memory {
    Memory([("/p/compose.yaml".to_owned(), text.to_owned())].into())
}

/// As a file has it.
fn file(project: &Json) -> String {
    yaml(project)
}

fn read(text: &str) -> Result<Project, String> {
    load(&request(), &memory(text)).map_err(|error| told(&error, text))
}

fn stack(text: &str) -> Result<Stack, String> {
    let run = load_stack(&request(), &memory(text)).map_err(|error| told(&error, text))?;
    Ok(run.stack)
}

fn told(error: &LoadError, text: &str) -> String {
    format!("{}\n{text}", render(error, false, 100))
}

/// A `$` in what is written stands for itself.
fn doubled(value: Json) -> Json {
    match value {
        Json::String(text) => Json::String(text.replace('$', "$$")),
        Json::Array(items) => Json::Array(items.into_iter().map(doubled).collect()),
        Json::Object(map) => Json::Object(map.into_iter().map(|(k, v)| (k, doubled(v))).collect()),
        other => other,
    }
}

/// Makes what refers to something else refer to something that is there, and takes away what cannot stand together.
pub(super) fn fit(project: &mut Json) {
    if let Some(object) = project.as_object_mut() {
        object.insert("name".to_owned(), json!("any"));
    }
    for (section, path) in [("secrets", "/p/secret"), ("configs", "/p/config")] {
        for (number, item) in items(project, section).enumerate() {
            item.1.remove("external");
            let source = match number {
                0 => ("file", json!(path)),
                1 => ("environment", json!("TOKEN")),
                _ if section == "configs" => ("content", json!("a: $b\n")),
                _ => ("file", json!(path)),
            };
            for key in ["file", "environment", "content"] {
                item.1.remove(key);
            }
            item.1.insert(source.0.to_owned(), source.1);
        }
    }
    for section in ["volumes", "networks"] {
        for (name, item) in items(project, section) {
            item.remove("external");
            item.insert("name".to_owned(), json!(format!("own-{name}")));
            if name == "n2" {
                let only = json!({"external": true, "name": "of-others"});
                *item = only.as_object().cloned().unwrap_or_default();
            }
        }
    }
    for (name, service) in items(project, "services") {
        fit_service(name, service);
    }
}

fn items<'a>(
    of: &'a mut Json,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a mut Object)> {
    let section = of.get_mut(section).and_then(Json::as_object_mut);
    let entries = section.into_iter().flatten();
    entries.filter_map(|(name, item)| {
        if item.is_null() {
            *item = json!({});
        }
        Some((name, item.as_object_mut()?))
    })
}

/// The tables of a list.
fn each<'a>(of: &'a mut Object, key: &str) -> impl Iterator<Item = &'a mut Object> {
    let list = of.get_mut(key).and_then(Json::as_array_mut);
    list.into_iter().flatten().filter_map(Json::as_object_mut)
}

fn set(of: &mut Object, key: &str, value: Json) {
    if let Some(there) = of.get_mut(key) {
        *there = value;
    }
}

fn fit_service(name: &str, service: &mut Object) {
    let below = &["n0", "n1"][..usize::from(name.as_bytes()[1] - b'0')];
    service.insert("image".to_owned(), json!(format!("{name}:1")));
    set(service, "container_name", json!(format!("of-{name}")));
    set(service, "expose", json!(["7000", "8000-8001/udp"]));
    set(service, "platform", json!("linux/amd64"));
    set(service, "external_links", json!(["a:b", "c"]));
    set(service, "restart", json!("on-failure:3"));
    set(service, "ipc", json!("shareable"));
    set(service, "network_mode", json!("none"));
    set(service, "pid", json!("host"));
    set(service, "mac_address", json!("02:42:ac:11:00:01"));
    set(service, "tmpfs", json!(["/t:size=1m", "/u"]));
    set(service, "profiles", json!(["one", "two"]));
    set(service, "dns", json!(["10.0.0.1", "10.0.0.2"]));
    let first = below.first();
    for (key, value) in [
        (
            "links",
            first.map(|first| json!([first, format!("{first}:alias")])),
        ),
        (
            "volumes_from",
            first.map(|first| json!([format!("{first}:ro"), "container:a"])),
        ),
    ] {
        match value {
            Some(value) => set(service, key, value),
            None => drop(service.remove(key)),
        }
    }
    if let Some(needs) = service.get_mut("depends_on").and_then(Json::as_object_mut) {
        needs.retain(|name, _| below.contains(&name.as_str()));
    }
    // Who is waited for has to have one; nobody waits for the last.
    if let Some(check) = service.get_mut("healthcheck").and_then(Json::as_object_mut)
        && name != "n2"
    {
        check.remove("disable");
        set(check, "test", json!(["CMD", "true"]));
    }
    if service.contains_key("networks") {
        service.remove("network_mode");
    }
    if service.contains_key("deploy") {
        for key in [
            "scale",
            "cpus",
            "mem_limit",
            "pids_limit",
            "mem_reservation",
            "container_name",
        ] {
            service.remove(key);
        }
    }
    if service.contains_key("scale") {
        service.remove("container_name");
    }
    if let Some(Json::Object(policy)) = service
        .get_mut("deploy")
        .and_then(|deploy| deploy.get_mut("restart_policy"))
    {
        set(policy, "condition", json!("on-failure"));
    }
    fit_lists(service);
    if let Some(build) = service.get_mut("build").and_then(Json::as_object_mut) {
        fit_build(build);
    }
    if let Some(Json::Object(devices)) = service
        .get_mut("deploy")
        .and_then(|deploy| deploy.pointer_mut("/resources/reservations"))
    {
        for device in each(devices, "devices") {
            fit_device(device);
        }
    }
}

/// So many, or these.
fn fit_device(device: &mut Object) {
    if device.contains_key("device_ids") {
        device.remove("count");
    }
}

fn fit_build(build: &mut Object) {
    build.insert("context".to_owned(), json!("/p/context"));
    set(build, "dockerfile", json!("sub/Dockerfile"));
    if build.contains_key("dockerfile") {
        build.remove("dockerfile_inline");
    }
    set(build, "platforms", json!(["linux/amd64", "linux/arm64"]));
    set(build, "additional_contexts", json!({"more": "/p/more"}));
    for secret in each(build, "secrets") {
        secret.insert("source".to_owned(), json!("n0"));
    }
}

fn fit_lists(service: &mut Object) {
    for (number, port) in each(service, "ports").enumerate() {
        port.insert("target".to_owned(), json!(8000 + number));
        port.insert("published".to_owned(), json!((18_000 + number).to_string()));
        set(port, "host_ip", json!("127.0.0.1"));
        set(port, "protocol", json!(["tcp", "udp"][number % 2]));
    }
    for key in ["secrets", "configs"] {
        for (number, given) in each(service, key).enumerate() {
            given.insert("source".to_owned(), json!(format!("n{number}")));
            set(given, "target", json!(format!("/given/{number}")));
            for key in ["uid", "gid"] {
                set(given, key, json!("1000"));
            }
        }
    }
    for (number, mount) in each(service, "volumes").enumerate() {
        mount.insert("target".to_owned(), json!(format!("/mounted/{number}")));
        let (kind, source) = match mount.get("type").and_then(Json::as_str) {
            Some("bind") => ("bind", Some(json!("/p/bound"))),
            Some("tmpfs") => ("tmpfs", None),
            Some("image") => ("image", Some(json!("tool:1"))),
            _ => ("volume", Some(json!("n1"))),
        };
        mount.insert("type".to_owned(), json!(kind));
        mount.remove("source");
        mount.extend(source.map(|source| ("source".to_owned(), source)));
        if let Some(bind) = mount.get_mut("bind").and_then(Json::as_object_mut) {
            set(bind, "recursive", json!("disabled"));
        }
    }
    for device in each(service, "gpus") {
        fit_device(device);
    }
    for (number, device) in each(service, "devices").enumerate() {
        device.insert("target".to_owned(), json!(format!("/dev/{number}")));
    }
    let develop = service.get_mut("develop").and_then(Json::as_object_mut);
    for rule in develop
        .into_iter()
        .flat_map(|develop| each(develop, "watch"))
    {
        rule.insert("path".to_owned(), json!("/p/watched"));
        rule.insert("target".to_owned(), json!("/app"));
        if rule.get("action") == Some(&json!("sync+exec")) {
            rule.entry("exec")
                .or_insert_with(|| json!({"command": ["a"]}));
        }
    }
}

/// Secrets and configs that others keep are for a cluster alone, and have nothing beside their name.
const ELSEWHERE: &[&str] = &["configs.NAME.external", "secrets.NAME.external"];

#[test]
fn what_is_generated_has_every_attribute() {
    let mut seen = BTreeSet::new();
    for seed in 0..160_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .take(12_000)
        .collect();
        seen.extend(attributes(&Generator::new(&bytes, false).project()));
    }
    let known = rows().into_iter().map(|row| row.path);
    let missing: Vec<String> = known
        .filter(|path| !seen.contains(path))
        .filter(|path| !ELSEWHERE.contains(&path.as_str()))
        .filter(|path| !RESOLVED.iter().any(|resolved| path.starts_with(resolved)))
        .collect();
    assert_eq!(missing, [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_canonical_file_is_read_as_what_it_was_printed_from(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let project = doubled(Generator::new(&bytes, false).project());
        let first = read(&file(&project)).map_err(TestCaseError::fail)?.canonical;
        let second = read(&file(&first)).map_err(TestCaseError::fail)?.canonical;
        prop_assert_eq!(first, second);
    }

    #[test]
    fn a_canonical_file_means_the_same_stack(bytes in prop::collection::vec(any::<u8>(), 0..4_000)) {
        let text = file(&doubled(Generator::new(&bytes, true).project()));
        let mut first = stack(&text).map_err(TestCaseError::fail)?;
        let canonical = read(&text).map_err(TestCaseError::fail)?.canonical;
        let second = stack(&file(&canonical)).map_err(TestCaseError::fail)?;
        // What nobody uses is not printed.
        first.networks.retain(|name, _| second.networks.contains_key(name));
        first.volumes.retain(|name, _| second.volumes.contains_key(name));
        prop_assert_eq!(first, second);
    }
}
