//! `ports = { http = 8000 }`

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::Code;
use super::formats::{Format, IP, KEY};
use super::reader::Reader;
use super::shape::{Kind, PORT_NUMBER, Shape, TEXT, key};
use super::sink::Finding;
use super::tree::{Entry, Node, Span, Value};
use crate::stack::{HostPort, Port, Protocol};

static PORT: Shape = Shape {
    name: "port",
    keys: &[
        key(
            "port",
            PORT_NUMBER,
            "Inside the container; may be left out where a preset gives it.",
        )
        .or(&["target", "container"]),
        key(
            "host",
            PORT_NUMBER,
            "Fixed port of the host; without it `port` if free, else a free one.",
        )
        .or(&["published"]),
        key(
            "publish",
            Kind::Boolean,
            "false: only other services reach it.",
        ),
        key(
            "bind",
            Kind::Text(&IP),
            "Address of the host; 127.0.0.1 without it.",
        )
        .or(&["host_ip", "address"]),
        key("protocol", Kind::OneOf(&["tcp", "udp"]), "tcp without it."),
        key(
            "scheme",
            TEXT,
            "Of `${service.port.url}`; http without it, unless the port's name says otherwise.",
        ),
    ],
};

static MAPPING: Format = Format {
    expected: "a mapping such as \"18000:8000\"",
    code: Code::BadPort,
    pattern: "^(.+:)?[0-9]+(/(tcp|udp))?$",
    check: |text| mapping(text).map(|_| ()),
};

pub(super) const KIND: Kind = Kind::Map {
    keys: &KEY,
    noun: "port",
    value: &Kind::Either(&[PORT_NUMBER, Kind::Text(&MAPPING), Kind::Table(&PORT)]),
};

/// Names of ports that say which scheme their address has.
const SCHEMES: &[&str] = &[
    "amqp",
    "amqps",
    "ftp",
    "grpc",
    "grpcs",
    "https",
    "imap",
    "kafka",
    "ldap",
    "mongodb",
    "mqtt",
    "mysql",
    "nats",
    "pop3",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "sftp",
    "smtp",
    "smtps",
    "ssh",
    "tcp",
    "ws",
    "wss",
];

/// Ports of the file laid over those of a preset.
#[derive(Debug, Default)]
pub(super) struct Ports {
    pub by_name: BTreeMap<String, Port>,
    pub main: Option<String>,
    /// Something of them is told to be wrong, so that one may be missing.
    pub unclear: bool,
    /// Where each port of the file is written.
    pub spans: BTreeMap<String, Span>,
}

pub(super) fn ports(reader: &mut Reader<'_>, service: &Node, below: &[(String, Port)]) -> Ports {
    let mut found = Ports {
        by_name: below.iter().cloned().collect(),
        unclear: reader.is_wrong_at(service, "ports"),
        ..Ports::default()
    };
    let entries = service.get("ports").map(Node::entries).unwrap_or_default();
    for entry in entries {
        if entry.node.is_false() {
            found.by_name.remove(&entry.key);
        } else if let Some(port) = port(reader, entry, found.by_name.get(&entry.key)) {
            found.by_name.insert(entry.key.clone(), port);
            found.spans.insert(entry.key.clone(), entry.node.span);
        }
    }
    let names = below
        .iter()
        .map(|(name, _)| name)
        .chain(entries.iter().map(|entry| &entry.key));
    found.main = names
        .into_iter()
        .find(|name| found.by_name.contains_key(*name))
        .cloned();
    found
}

fn port(reader: &mut Reader<'_>, entry: &Entry, below: Option<&Port>) -> Option<Port> {
    let node = &entry.node;
    match &node.value {
        Value::Integer(_) => Some(plain(&entry.key, node.number()?)),
        Value::Text(text) => {
            let mapping = mapping(text).ok()?;
            let mut port = plain(&entry.key, mapping.container);
            port.host = mapping.host.map_or(HostPort::Auto, HostPort::Fixed);
            port.bind = mapping.bind.unwrap_or(port.bind);
            if mapping.protocol == Protocol::Udp {
                set_protocol(&mut port, &entry.key, Protocol::Udp);
            }
            Some(port)
        }
        Value::Table(_) => {
            let Some(mut port) = node
                .get("port")
                .and_then(Node::number)
                .map(|n| plain(&entry.key, n))
                .or_else(|| below.cloned())
            else {
                if node.get("port").is_none() {
                    let message = format!("port `{}` has no number", entry.key);
                    let finding =
                        Finding::new(Code::MissingKey, message).at(node.span, "`port` is missing");
                    reader.report(
                        finding.help("write { port = 8000, … } with the port inside the container"),
                    );
                }
                return None;
            };
            options(&mut port, &entry.key, node);
            Some(port)
        }
        _ => None,
    }
}

fn options(port: &mut Port, name: &str, node: &Node) {
    if let Some(host) = node.get("host").and_then(Node::number) {
        port.host = HostPort::Fixed(host);
    }
    if let Some(publish) = node.get("publish").and_then(Node::boolean) {
        port.publish = publish;
    }
    if let Some(bind) = node
        .get("bind")
        .and_then(Node::text)
        .and_then(|text| text.parse().ok())
    {
        port.bind = bind;
    }
    match node.get("protocol").and_then(Node::text) {
        Some("udp") => set_protocol(port, name, Protocol::Udp),
        Some("tcp") => set_protocol(port, name, Protocol::Tcp),
        _ => {}
    }
    if let Some(scheme) = node.text_of("scheme") {
        port.scheme = scheme;
    }
}

fn plain(name: &str, container: u16) -> Port {
    Port {
        container,
        protocol: Protocol::Tcp,
        host: HostPort::Auto,
        bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        publish: true,
        scheme: scheme(name, Protocol::Tcp),
        everywhere: false,
    }
}

fn set_protocol(port: &mut Port, name: &str, protocol: Protocol) {
    if port.protocol != protocol {
        port.protocol = protocol;
        port.scheme = scheme(name, protocol);
    }
}

fn scheme(name: &str, protocol: Protocol) -> String {
    match (protocol, SCHEMES.contains(&name)) {
        (_, true) => name.to_owned(),
        (Protocol::Tcp, false) => "http".to_owned(),
        (Protocol::Udp, false) => "udp".to_owned(),
    }
}

struct Mapping {
    container: u16,
    host: Option<u16>,
    bind: Option<IpAddr>,
    protocol: Protocol,
}

/// `8000`, `18000:8000`, `127.0.0.1:18000:8000`, `[::1]:18000:8000`, each with `/udp` behind it.
fn mapping(text: &str) -> Result<Mapping, String> {
    let help = || {
        "write \"HOST:CONTAINER\" or \"ADDRESS:HOST:CONTAINER\", such as \"18000:8000\"".to_owned()
    };
    let (numbers, protocol) = match text.rsplit_once('/') {
        Some((numbers, "udp")) => (numbers, Protocol::Udp),
        Some((numbers, "tcp")) => (numbers, Protocol::Tcp),
        Some(_) => return Err("a protocol is `/tcp` or `/udp`".to_owned()),
        None => (text, Protocol::Tcp),
    };
    let number = |text: &str| match text.parse::<u16>() {
        Ok(0) => Err("a port is a number from 1 to 65535".to_owned()),
        Ok(number) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            Err("a port is a number from 1 to 65535".to_owned())
        }
        _ => Err(help()),
    };
    let Some((before, container)) = numbers.rsplit_once(':') else {
        return Ok(Mapping {
            container: number(numbers)?,
            host: None,
            bind: None,
            protocol,
        });
    };
    let (bind, host) = match before.rsplit_once(':') {
        Some((address, host)) => (
            Some(address.trim_start_matches('[').trim_end_matches(']')),
            host,
        ),
        None => (None, before),
    };
    let bind = bind
        .map(|text| {
            text.parse()
                .map_err(|_| format!("`{text}` is no address of the host"))
        })
        .transpose()?;
    Ok(Mapping {
        container: number(container)?,
        host: Some(number(host)?),
        bind,
        protocol,
    })
}
