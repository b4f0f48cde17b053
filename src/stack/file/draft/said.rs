//! What a dev.toml can say of a service as well, key by key.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8Path;

use crate::stack::{
    Build, BuildOptions, Condition, HostPort, Mount, Need, Part, Port, Probe, ProbeKind, Protocol,
    Service, Source, Template,
};

/// One line of a service's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// As it is written in TOML.
    pub key: String,
    pub value: String,
    /// A variable of its environment.
    pub env: bool,
    /// What has to be in the Compose files just so.
    pub texts: Vec<String>,
}

impl Said {
    fn new(key: &str, value: String, texts: Vec<String>) -> Self {
        Self {
            key: key.to_owned(),
            value,
            env: false,
            texts,
        }
    }
}

pub(super) fn said(service: &Service, dir: &Utf8Path) -> Vec<Said> {
    let mut all = Vec::new();
    match &service.source {
        Source::Image(name) => all.push(Said::new("image", quoted(name), vec![name.clone()])),
        Source::Build(build) => all.extend(build_of(build, dir)),
        Source::Run(_) => {}
    }
    for (key, command) in [
        ("entrypoint", &service.entrypoint),
        ("command", &service.command),
    ] {
        let words = command.as_ref().and_then(|words| plain_words(words));
        all.extend(words.map(|words| Said::new(key, list(&words), words)));
    }
    for (key, text) in [("user", &service.user), ("workdir", &service.workdir)] {
        let text = text.iter();
        all.extend(text.map(|text| Said::new(key, quoted(text), vec![text.clone()])));
    }
    all.extend(ports(service));
    all.extend(needs(&service.needs));
    all.extend(service.ready.as_ref().and_then(ready));
    all.extend(volumes(&service.mounts, dir));
    all.extend(service.env.iter().filter_map(|(name, value)| {
        let value = plain(value)?;
        Some(Said {
            env: true,
            ..Said::new(&key(name), quoted(&value), vec![name.clone(), value])
        })
    }));
    all
}

fn build_of(build: &Build, dir: &Utf8Path) -> Option<Said> {
    if *build.options != BuildOptions::default() || !build.secrets.is_empty() {
        return None;
    }
    let mut texts = Vec::new();
    let mut parts = vec![format!(
        "context = {}",
        quoted(&relative(&build.context, dir))
    )];
    let dockerfile = file(&build.dockerfile, &build.context);
    if dockerfile != "Dockerfile" {
        parts.push(format!("dockerfile = {}", quoted(&dockerfile)));
    }
    if let Some(target) = &build.target {
        parts.push(format!("target = {}", quoted(target)));
        texts.push(target.clone());
    }
    if !build.args.is_empty() {
        let mut args = Vec::new();
        for (name, value) in &build.args {
            let value = plain(value)?;
            args.push(format!("{} = {}", key(name), quoted(&value)));
            texts.push(value);
        }
        parts.push(format!("args = {}", table(&args)));
    }
    parts.extend(
        build
            .image
            .iter()
            .map(|tag| format!("image = {}", quoted(tag))),
    );
    let lists = [("platforms", &build.platforms)];
    for (name, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        parts.push(format!("{name} = {}", list(values)));
        texts.extend(values.iter().cloned());
    }
    Some(Said::new("build", table(&parts), texts))
}

fn ports(service: &Service) -> Option<Said> {
    let main = service.main_port.as_deref();
    let mut ports: Vec<(&String, &Port)> = service.ports.iter().collect();
    // The first is the main one.
    ports.sort_by_key(|(name, _)| main != Some(name.as_str()));
    let parts: Option<Vec<String>> = ports.into_iter().map(port).collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    Some(Said::new("ports", table(&parts), Vec::new()))
}

/// `None`: open to every address of either kind, or one of a range, which no dev.toml can say.
fn port((name, port): (&String, &Port)) -> Option<String> {
    if port.everywhere {
        return None;
    }
    let mut parts = vec![format!("port = {}", port.container)];
    match port.host {
        HostPort::Fixed(number) => parts.push(format!("host = {number}")),
        HostPort::Auto => {}
        HostPort::Within(..) => return None,
    }
    if !port.publish {
        parts.push("publish = false".to_owned());
    } else if port.bind != std::net::Ipv4Addr::LOCALHOST {
        parts.push(format!("bind = {}", quoted(&port.bind.to_string())));
    }
    if port.protocol == Protocol::Udp {
        parts.push("protocol = \"udp\"".to_owned());
    }
    parts.push(format!("scheme = {}", quoted(&port.scheme)));
    Some(format!("{} = {}", key(name), table(&parts)))
}

fn needs(needs: &BTreeMap<String, Need>) -> Option<Said> {
    if needs.is_empty() || needs.values().any(|need| !need.required) {
        return None;
    }
    let is_plain = |need: &Need| need.condition == Condition::Ready && !need.restart;
    if needs.values().all(is_plain) {
        let names: Vec<String> = needs.keys().cloned().collect();
        return Some(Said::new("needs", list(&names), Vec::new()));
    }
    let parts: Vec<String> = needs
        .iter()
        .map(|(name, need)| {
            let condition = match need.condition {
                Condition::Ready => "\"ready\"",
                Condition::Started => "\"started\"",
            };
            match need.restart {
                false => format!("{} = {condition}", key(name)),
                true => format!(
                    "{} = {{ condition = {condition}, restart = true }}",
                    key(name)
                ),
            }
        })
        .collect();
    Some(Said::new("needs", table(&parts), Vec::new()))
}

fn ready(probe: &Probe) -> Option<Said> {
    let ProbeKind::Exec { command } = &probe.kind else {
        return None;
    };
    let mut parts = vec![format!("exec = {}", list(command))];
    for (name, time, usual) in [
        ("every", probe.every, Probe::EVERY),
        ("timeout", probe.timeout, Probe::TIMEOUT),
        ("within", probe.within, Probe::WITHIN),
    ] {
        if time != usual {
            parts.push(format!("{name} = {}", quoted(&duration(time))));
        }
    }
    if probe.retries != Probe::RETRIES {
        parts.push(format!("retries = {}", probe.retries));
    }
    // A shell is of `CMD-SHELL`, and not written there.
    let words = match command.as_slice() {
        [shell, flag, script] if shell == "/bin/sh" && flag == "-c" => vec![script.clone()],
        words => words.to_vec(),
    };
    Some(Said::new("ready", table(&parts), words))
}

fn volumes(mounts: &[Mount], dir: &Utf8Path) -> Option<Said> {
    let mount = |mount: &Mount| {
        let (from, target, read_only) = match mount {
            Mount::Volume {
                key,
                target,
                read_only,
            } => (key.clone(), target, *read_only),
            Mount::Bind {
                source,
                target,
                read_only,
            } => (relative(source, dir), target, *read_only),
            Mount::Tmpfs { .. } | Mount::Anonymous { .. } | Mount::Image { .. } => return None,
        };
        let suffix = if read_only { ":ro" } else { "" };
        Some(format!("{from}:{target}{suffix}"))
    };
    let all: Option<Vec<String>> = mounts.iter().map(mount).collect();
    let all = all.filter(|all| !all.is_empty())?;
    Some(Said::new("volumes", list(&all), Vec::new()))
}

/// Text that refers to nothing. A `$` is written in another way in either file.
fn plain(template: &Template) -> Option<String> {
    let text = match template.parts.as_slice() {
        [] => "",
        [Part::Text(text)] => text.as_str(),
        _ => return None,
    };
    (!text.contains('$')).then(|| text.to_owned())
}

fn plain_words(words: &[Template]) -> Option<Vec<String>> {
    words.iter().map(plain).collect()
}

/// As it is written in a file in `dir`: `.`, `./site`, `../data`; absolute where they have only the root in common.
pub(super) fn relative(path: &Utf8Path, dir: &Utf8Path) -> String {
    let mut above = dir.ancestors().enumerate();
    let shared = above.find_map(|(ups, folder)| {
        let rest = path.strip_prefix(folder).ok()?;
        folder.parent()?;
        Some((ups, rest.as_str()))
    });
    match shared {
        None => path.to_string(),
        Some((0, "")) => ".".to_owned(),
        Some((0, rest)) => format!("./{rest}"),
        Some((ups, rest)) => format!("{}{rest}", "../".repeat(ups)),
    }
}

/// The same for what can be nothing but a path.
pub(super) fn file(path: &Utf8Path, dir: &Utf8Path) -> String {
    let text = relative(path, dir);
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

/// `1500ms`, `10s`.
fn duration(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Bare where TOML takes it so.
pub(super) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

fn table(parts: &[String]) -> String {
    format!("{{ {} }}", parts.join(", "))
}
