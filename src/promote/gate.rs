//! A probe as a command that the image of the asked service has: inside its own pods, and in others that wait for it.

use k8s_openapi::api::core::v1::Container;

use super::security::container_security;
use super::text::literal;
use super::work::Work;
use super::{pod, security};
use crate::stack::{Condition, ProbeKind, Protocol, Service, cluster_name};

/// `sh -c` of [`script`], once.
pub fn once(kind: &ProbeKind, host: &str) -> Option<Vec<String>> {
    let (script, arguments) = script(kind, host)?;
    Some(shell(script.to_owned(), arguments))
}

/// The same again and again, until it passes.
pub fn until(kind: &ProbeKind, host: &str) -> Option<Vec<String>> {
    let (script, arguments) = script(kind, host)?;
    Some(shell(
        format!("until {script}; do sleep 1; done"),
        arguments,
    ))
}

/// The same, `tries` times at most.
pub fn within(kind: &ProbeKind, host: &str, tries: u64) -> Option<Vec<String>> {
    let (script, arguments) = script(kind, host)?;
    let script = format!(
        "n=0; until {script}; do n=$((n+1)); [ $n -lt {} ] || exit 1; sleep 1; done",
        tries.max(1)
    );
    Some(shell(script, arguments))
}

fn shell(script: String, arguments: Vec<String>) -> Vec<String> {
    let mut command = vec!["sh".to_owned(), "-c".to_owned(), script, "probe".to_owned()];
    command.extend(arguments);
    command
}

/// For `sh`, and what `$1` and so on are in it. `None` where only the service itself can tell.
fn script(kind: &ProbeKind, host: &str) -> Option<(&'static str, Vec<String>)> {
    let host = host.to_owned();
    Some(match kind {
        ProbeKind::Postgres {
            port,
            user,
            database,
        } => (
            r#"pg_isready -q -h "$1" -p "$2" -U "$3" -d "$4""#,
            vec![host, port.to_string(), user.clone(), database.clone()],
        ),
        ProbeKind::Redis { port } => (
            r#"{ redis-cli -h "$1" -p "$2" ping || valkey-cli -h "$1" -p "$2" ping; } 2>/dev/null | grep -q -e PONG -e NOAUTH"#,
            vec![host, port.to_string()],
        ),
        // It is content with an answer, and needs no password for that.
        ProbeKind::Mysql { port, .. } => (
            r#""$(command -v mariadb-admin || command -v mysqladmin)" ping --silent --host="$1" --port="$2""#,
            vec![host, port.to_string()],
        ),
        ProbeKind::Http { port, path } => (
            r#"{ wget -q -O /dev/null "$1" || curl -fs -o /dev/null "$1" || python3 -c 'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5)' "$1"; } 2>/dev/null"#,
            vec![format!("http://{host}:{port}{path}")],
        ),
        ProbeKind::Tcp { port } => (
            r#"{ nc -z "$1" "$2" || bash -c ': <"/dev/tcp/$0/$1"' "$1" "$2" || python3 -c 'import sys, socket as s; s.create_connection(sys.argv[1:3], 5)' "$1" "$2"; } 2>/dev/null"#,
            vec![host, port.to_string()],
        ),
        ProbeKind::Exec { .. } | ProbeKind::Log { .. } => return None,
    })
}

/// Containers that end when what a service needs is ready, one after the other.
pub fn gates(work: &mut Work<'_>, service: &Service) -> Vec<Container> {
    if !work.facts.gates {
        return Vec::new();
    }
    let stack = work.stack;
    let mut gates = Vec::new();
    for (name, need) in &service.needs {
        let Some(needed) = stack.services.get(name) else {
            continue;
        };
        if need.condition == Condition::Started {
            continue;
        }
        if needed.is_job() {
            let text = format!(
                "nothing in its pods waits for the job {name}: apply in order, or let Argo CD do it by its waves"
            );
            work.note(service, text);
            continue;
        }
        match gate(work, needed) {
            Some(container) => {
                if may_lack_shell(work, needed) {
                    let text = format!(
                        "its pods wait for {name} with that one's image, which has to have sh, and wget, curl or python3 (nc or bash for a \
                         port): where it has not, name one that has as gate_image in the stack's kubernetes table"
                    );
                    work.note(service, text);
                }
                gates.push(container);
            }
            None => work.note(service, format!("its pods do not wait for {name}: only its own pods can tell whether it is ready")),
        }
    }
    gates
}

/// How pods wait for `needed`: its probe, or that its port is open.
fn question(needed: &Service) -> Option<ProbeKind> {
    let asked = needed.ready.as_ref().map(|probe| probe.kind.clone());
    let open = || {
        let (_, port) = needed
            .main_port()
            .filter(|(_, port)| port.protocol == Protocol::Tcp)?;
        Some(ProbeKind::Tcp {
            port: port.container,
        })
    };
    asked
        .filter(|kind| script(kind, "").is_some())
        .or_else(open)
}

/// Any image with the usual tools can ask these. Presets bring what asks them.
fn is_anyones(needed: &Service) -> bool {
    let question = question(needed);
    let is_general = |kind| matches!(kind, ProbeKind::Http { .. } | ProbeKind::Tcp { .. });
    needed.preset.is_none() && question.is_some_and(is_general)
}

fn may_lack_shell(work: &Work<'_>, needed: &Service) -> bool {
    is_anyones(needed) && work.stack.kubernetes.gate_image.is_none()
}

fn gate(work: &Work<'_>, needed: &Service) -> Option<Container> {
    let host = cluster_name(&needed.name);
    let command = until(&question(needed)?, &host)?;
    let common = work.stack.kubernetes.gate_image.as_ref();
    let (image, user) = match common.filter(|_| is_anyones(needed)) {
        Some(image) => (image.clone(), security::nobody()),
        None => {
            let image = work.facts.images.get(&needed.name)?;
            (image.reference.clone(), security::user(work, needed))
        }
    };
    Some(Container {
        name: cluster_name(&format!("wait-for-{}", needed.name)),
        image: Some(image),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(command.iter().map(|word| literal(word)).collect()),
        resources: Some(pod::small()),
        security_context: Some(container_security(&user)),
        ..Container::default()
    })
}
