//! What is published, and where.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::{Making, Read};
use crate::stack::compose::load::too_many_ports;
use crate::stack::compose::node::Node;
use crate::stack::compose::short::MAX_PORTS;
use crate::stack::{HostPort, Port, Protocol};

impl Making<'_> {
    /// By name, and the main one: the first that the file publishes.
    pub(super) fn ports(
        &mut self,
        service: &str,
        node: &Node,
    ) -> (BTreeMap<String, Port>, Option<String>) {
        let mut ports = BTreeMap::new();
        let mut main = None;
        let mut names = Names::default();
        let mut known = BTreeSet::new();
        for item in node.list("ports") {
            if let Some(port) = self.port(service, item) {
                let name = names.free(&port, item.string("name"));
                known.insert((port.container, port.protocol));
                main.get_or_insert_with(|| name.clone());
                ports.insert(name, port);
            }
        }
        for text in node.strings("expose") {
            let (numbers, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
            let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
            let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
                continue;
            };
            let protocol = match protocol {
                "udp" => Protocol::Udp,
                _ => Protocol::Tcp,
            };
            // What extends another service has its ranges, too.
            self.exposed += usize::from(last.saturating_sub(first)) + 1;
            if self.exposed > MAX_PORTS {
                self.sink.push(too_many_ports(node.span));
                break;
            }
            for number in first..=last {
                if known.insert((number, protocol)) {
                    let port = exposed(number, protocol);
                    let name = names.free(&port, None);
                    main.get_or_insert_with(|| name.clone());
                    ports.insert(name, port);
                }
            }
        }
        (ports, main)
    }

    fn port(&mut self, service: &str, item: &Node) -> Option<Port> {
        let target = u16::try_from(item.int("target")?).ok()?;
        let protocol = match item.text_at("protocol").unwrap_or("tcp") {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            other => {
                let message = format!(
                    "services.{service} publishes {target}/{other}, and `dev` publishes tcp and udp only"
                );
                self.refuse(item.span, message, "take it out of `ports`");
                return None;
            }
        };
        let given = item.string("host_ip");
        let bind = match given.as_deref().map(str::parse::<IpAddr>) {
            None => Ipv4Addr::UNSPECIFIED.into(),
            Some(Ok(address)) => address,
            Some(Err(_)) => {
                let message = format!("services.{service}: the host has no address of that kind");
                self.refuse(item.span, message, "`host_ip` is an IP address");
                return None;
            }
        };
        let published = item.string("published");
        let host = published.as_deref().map_or(Some(HostPort::Auto), host_port);
        let Some(host) = host else {
            let message = format!("services.{service}: `published` is no port");
            self.refuse(
                item.span,
                message,
                "it is a number or a range: \"8000-8010\"",
            );
            return None;
        };
        let scheme = item.string("app_protocol");
        Some(Port {
            container: target,
            protocol,
            host,
            bind,
            everywhere: given.is_none(),
            publish: true,
            scheme: scheme.unwrap_or_else(|| scheme_of(target, protocol)),
        })
    }
}

fn host_port(text: &str) -> Option<HostPort> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
    Some(match (first, last) {
        (0, 0) => HostPort::Auto,
        (first, last) if first == last => HostPort::Fixed(first),
        (first, last) => HostPort::Within(first, last),
    })
}

fn exposed(number: u16, protocol: Protocol) -> Port {
    Port {
        container: number,
        protocol,
        host: HostPort::Auto,
        bind: Ipv4Addr::LOCALHOST.into(),
        everywhere: false,
        publish: false,
        scheme: scheme_of(number, protocol),
    }
}

/// What a browser opens is a guess that a wrong one costs nothing.
fn scheme_of(number: u16, protocol: Protocol) -> String {
    let scheme = match (number, protocol) {
        (_, Protocol::Udp) => "udp",
        (443 | 8443, _) => "https",
        (80 | 3000..=3999 | 4200 | 5000 | 5173 | 8000..=8999 | 9000, _) => "http",
        _ => "tcp",
    };
    scheme.to_owned()
}

/// Names that ports have by now.
#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
    /// What comes next behind a name that is taken.
    next: BTreeMap<String, u32>,
}

impl Names {
    /// What the file calls it, else its number: `8000`, `53-udp`, and `8000-2` where it is published twice.
    fn free(&mut self, port: &Port, given: Option<String>) -> String {
        let udp = if port.protocol == Protocol::Udp {
            "-udp"
        } else {
            ""
        };
        let name = given.unwrap_or_else(|| format!("{}{udp}", port.container));
        if self.taken.insert(name.clone()) {
            return name;
        }
        let next = self.next.entry(name.clone()).or_insert(2);
        loop {
            let again = format!("{name}-{next}");
            *next += 1;
            if self.taken.insert(again.clone()) {
                return again;
            }
        }
    }
}
