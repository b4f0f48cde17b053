//! The ports that the stack file fixes: who has them, and who can reach them.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use crate::runtime::docker::Docker;
use crate::stack::{HostPort, Port, Protocol, Service, Source, Stack};
use crate::view::doctor::Check;

/// A number that only one program can have.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fixed<'a> {
    service: &'a str,
    address: SocketAddr,
    protocol: Protocol,
}

/// `up`: services that are asked for. `running`: those that have their ports by now.
pub async fn taken(
    stack: &Stack,
    up: &BTreeSet<String>,
    running: &BTreeSet<String>,
    docker: Option<&Docker>,
) -> Check {
    const CHECK: &str = "ports";
    let services = stack.services.values();
    let waiting = services.filter(|s| up.contains(&s.name) && !running.contains(&s.name));
    let wanted: Vec<Fixed<'_>> = waiting.flat_map(fixed).collect();
    let mut conflicts = Vec::new();
    for port in &wanted {
        if let Some(owner) = owner(port, docker).await {
            let number = port.address.port();
            conflicts.push(format!("{number} ({}) is taken by {owner}", port.service));
        }
    }
    match (conflicts.is_empty(), wanted.len()) {
        (true, 0) => Check::ok(CHECK, "nothing that is not up fixes one"),
        (true, count) => Check::ok(CHECK, format!("free: {count} that the stack file fixes")),
        _ => Check::failed(
            CHECK,
            conflicts.join("; "),
            "end who has them, or publish another number",
        ),
    }
}

fn fixed(service: &Service) -> Vec<Fixed<'_>> {
    let on_host = matches!(service.source, Source::Run(_));
    let number = |port: &Port| match port.host {
        HostPort::Fixed(number) if port.publish => Some(number),
        _ if on_host => Some(port.container),
        _ => None,
    };
    let ports = service.ports.values();
    ports
        .filter_map(|port| {
            Some(Fixed {
                service: &service.name,
                address: SocketAddr::new(port.bind, number(port)?),
                protocol: port.protocol,
            })
        })
        .collect()
}

async fn owner(port: &Fixed<'_>, docker: Option<&Docker>) -> Option<String> {
    let Fixed {
        address, protocol, ..
    } = *port;
    if let Some(docker) = docker
        && let Some(owner) = docker.port_owner(address, protocol).await
    {
        return Some(owner);
    }
    let bound = match protocol {
        Protocol::Tcp => TcpListener::bind(address).map(drop),
        Protocol::Udp => UdpSocket::bind(address).map(drop),
    };
    // Low numbers are not for everybody to try.
    let is_taken = bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    is_taken.then(|| "another program".to_owned())
}

/// What whoever reaches this machine reaches.
pub fn open(stack: &Stack, up: &BTreeSet<String>) -> Check {
    const CHECK: &str = "open ports";
    let services = stack.services.values().filter(|s| up.contains(&s.name));
    let each = services.filter_map(|service| {
        let open = service.ports.values().filter(|port| port.is_open());
        let numbers: Vec<String> = open
            .map(|port| match port.host {
                HostPort::Fixed(number) => number.to_string(),
                HostPort::Auto => port.container.to_string(),
                HostPort::Within(first, last) => format!("{first}-{last}"),
            })
            .collect();
        (!numbers.is_empty()).then(|| format!("{} (port {})", service.name, numbers.join(", ")))
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() {
        return Check::ok(CHECK, "none: what is published is for this machine");
    }
    Check::warning(
        CHECK,
        format!(
            "open to the network, as the stack file has it: {}",
            each.join(", ")
        ),
        "`dev up --loopback` keeps them to this machine, `\"127.0.0.1:8000:8000\"` in the file for good",
    )
}
