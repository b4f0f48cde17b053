//! `ready = { … }` and `alive = { … }`.

use super::Code;
use super::formats::{HTTP_PATH, KEY, REGEX, duration};
use super::ports::Ports;
use super::reader::Reader;
use super::shape::{COMMAND, Kind, PACE, PORT_NUMBER, Shape, key};
use super::sink::{Finding, nearest};
use super::tree::{Node, Value};
use crate::stack::{Probe, ProbeKind};

const PORT: Kind = Kind::Either(&[PORT_NUMBER, Kind::Text(&KEY)]);

static PROBE: Shape = Shape {
    name: "probe",
    keys: &[
        key(
            "http",
            Kind::Text(&HTTP_PATH),
            "Path that answers with a status from 200 to 399.",
        )
        .or(&["httpGet", "path", "url"]),
        key(
            "tcp",
            Kind::Either(&[Kind::True, PORT_NUMBER, Kind::Text(&KEY)]),
            "true, or a port that something listens on.",
        )
        .or(&["tcpSocket"]),
        key(
            "exec",
            COMMAND,
            "Command that exits 0 inside the container; one text is run by a shell.",
        )
        .or(&["test", "command", "cmd"]),
        key(
            "log",
            Kind::Text(&REGEX),
            "Regular expression that a line of the log matches.",
        )
        .or(&["regex"]),
        key(
            "port",
            PORT,
            "Number or name; without it the first port of the service.",
        ),
        key(
            "every",
            PACE,
            "Pause between probes once ready; \"10s\" without it.",
        )
        .or(&["interval", "periodSeconds"]),
        key("timeout", PACE, "Of one attempt; \"5s\" without it.").or(&["timeoutSeconds"]),
        key(
            "within",
            PACE,
            "From the start of the container until it has to be ready; \"2m\" without it.",
        )
        .or(&["start_period", "deadline"]),
        key(
            "retries",
            Kind::Integer { min: 1, max: 1000 },
            "Failures in a row that make it unready; 3 without it.",
        )
        .or(&["failureThreshold"]),
    ],
};

/// `false` beside a preset takes its probe away.
pub(super) const KIND: Kind = Kind::Either(&[Kind::False, Kind::Table(&PROBE)]);

pub(super) fn probe(reader: &mut Reader<'_>, node: &Node, ports: &Ports) -> Option<Probe> {
    let kind = kind(reader, node, ports)?;
    let time = |key: &str, default| {
        node.get(key)
            .and_then(Node::text)
            .and_then(|t| duration(t).ok())
            .unwrap_or(default)
    };
    Some(Probe {
        kind,
        every: time("every", Probe::EVERY),
        timeout: time("timeout", Probe::TIMEOUT),
        within: time("within", Probe::WITHIN),
        retries: node
            .get("retries")
            .and_then(Node::number)
            .unwrap_or(Probe::RETRIES),
    })
}

fn kind(reader: &mut Reader<'_>, node: &Node, ports: &Ports) -> Option<ProbeKind> {
    node.table()?;
    let given: Vec<&str> = ["http", "tcp", "exec", "log"]
        .into_iter()
        .filter(|key| node.get(key).is_some())
        .collect();
    let help = "write one of { http = \"/health\" }, { tcp = true }, { exec = [\"…\"] } or { log = \"…\" }";
    let [way] = given.as_slice() else {
        if reader.is_wrong(node) {
            return None;
        }
        let finding = match given.is_empty() {
            true => Finding::new(Code::MissingKey, "this probe asks nothing"),
            false => Finding::new(
                Code::Conflict,
                format!(
                    "this probe asks in {} ways: {}",
                    given.len(),
                    given.join(", ")
                ),
            ),
        };
        reader.report(finding.at(node.span, "one question is needed").help(help));
        return None;
    };
    let question = node.get(way)?;
    match *way {
        "http" => Some(ProbeKind::Http {
            path: question.text()?.to_owned(),
            port: port(reader, node, None, ports)?,
        }),
        "tcp" => Some(ProbeKind::Tcp {
            port: port(reader, node, Some(question), ports)?,
        }),
        "exec" => Some(ProbeKind::Exec {
            command: reader.plain_command(question),
        }),
        _ => Some(ProbeKind::Log {
            pattern: question.text()?.to_owned(),
        }),
    }
}

/// The container's port: as `own` says it (the value of `tcp`), as `port` says it, or the service's main port.
fn port(reader: &mut Reader<'_>, probe: &Node, own: Option<&Node>, ports: &Ports) -> Option<u16> {
    let written = own
        .filter(|node| node.boolean().is_none())
        .or_else(|| probe.get("port"));
    match written.map(|node| (node, &node.value)) {
        Some((node, Value::Integer(_))) => node.number(),
        Some((node, Value::Text(name))) => {
            let known = ports.by_name.get(name).map(|port| port.container);
            if known.is_none() && !ports.unclear {
                let message = format!("service `{}` has no port `{name}`", reader.service);
                let help = match nearest(name, ports.by_name.keys().map(String::as_str)) {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "write a number, or name the port in `ports`".to_owned(),
                };
                reader.report(
                    Finding::new(Code::UnknownPort, message)
                        .at(node.span, "no such port")
                        .help(help),
                );
            }
            known
        }
        Some(_) => None,
        None => {
            let main = ports
                .main
                .as_ref()
                .and_then(|name| ports.by_name.get(name))
                .map(|port| port.container);
            if main.is_none() && !ports.unclear {
                let message = format!(
                    "this probe has no port, because service `{}` has none",
                    reader.service
                );
                let help = "write `ports = { http = 8000 }` on the service, or `port = 8000` here";
                reader.report(
                    Finding::new(Code::MissingKey, message)
                        .at(probe.span, "which port?")
                        .help(help),
                );
            }
            main
        }
    }
}
