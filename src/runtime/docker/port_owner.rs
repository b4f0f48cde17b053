//! Who has a host port. Best effort: everything that cannot be read is left out.

use std::net::{IpAddr, SocketAddr};

use bollard::models::PortSummaryTypeEnum;
use bollard::query_parameters::ListContainersOptions;

use super::Docker;
use super::call::{QUICK, within};
use super::classify::port_in;
use super::fault::Fault;
use super::translate::container_port;
use crate::plan::desired::{LABEL_PROJECT, LABEL_SERVICE};
use crate::runtime::RuntimeError;
use crate::stack::Protocol;

impl Docker {
    /// Puts the owner of the port into the error of a start that failed for it.
    pub(super) async fn name_port_owner(
        &self,
        id: &str,
        mut error: RuntimeError,
        fault: &Fault,
    ) -> RuntimeError {
        let Fault::Answer { words, .. } = fault else {
            return error;
        };
        let taken = port_in(words);
        for (address, protocol) in self.wanted_ports(id, taken).await {
            if let Some(owner) = self.port_owner(address, protocol).await {
                error.0.message = format!("the host port {address} is taken by {owner}");
                break;
            }
        }
        error
    }

    /// The ports that the container wants, only the one that the engine complained about where it said so.
    async fn wanted_ports(
        &self,
        id: &str,
        taken: Option<SocketAddr>,
    ) -> Vec<(SocketAddr, Protocol)> {
        let inspected = within(QUICK, self.client().inspect_container(id, None)).await;
        let bindings = inspected
            .ok()
            .and_then(|found| found.host_config?.port_bindings)
            .unwrap_or_default();
        let mut wanted = Vec::new();
        for (name, bindings) in bindings {
            let Some((_, protocol)) = container_port(&name) else {
                continue;
            };
            for binding in bindings.unwrap_or_default() {
                let ip = binding.host_ip.as_deref().filter(|ip| !ip.is_empty());
                let ip = ip.unwrap_or("0.0.0.0").parse::<IpAddr>();
                let port = binding.host_port.unwrap_or_default().parse::<u16>();
                if let (Ok(ip), Ok(port)) = (ip, port)
                    && taken.is_none_or(|taken| taken.port() == port)
                {
                    wanted.push((SocketAddr::new(ip, port), protocol));
                }
            }
        }
        wanted.sort();
        wanted
    }

    /// `container gold-web-1 of project gold`, `process nginx (pid 4711)`.
    pub async fn port_owner(&self, address: SocketAddr, protocol: Protocol) -> Option<String> {
        if let Some(container) = self.container_at(address, protocol).await {
            return Some(container);
        }
        // Processes of another machine cannot be seen from here.
        if !matches!(self.address(), super::Address::Unix(_)) {
            return None;
        }
        tokio::task::spawn_blocking(move || process::owner(address, protocol))
            .await
            .ok()
            .flatten()
    }

    async fn container_at(&self, address: SocketAddr, protocol: Protocol) -> Option<String> {
        let list = self.client().list_containers(None::<ListContainersOptions>);
        let list = within(QUICK, list).await.ok()?;
        let owner = list.into_iter().find(|container| {
            container.ports.iter().flatten().any(|port| {
                let same_protocol = match port.typ {
                    Some(PortSummaryTypeEnum::UDP) => protocol == Protocol::Udp,
                    _ => protocol == Protocol::Tcp,
                };
                let ip = port.ip.as_deref().unwrap_or("0.0.0.0").parse();
                same_protocol
                    && port.public_port == Some(address.port())
                    && ip.is_ok_and(|ip| overlap(ip, address.ip()))
            })
        })?;
        let labels = owner.labels.unwrap_or_default();
        let name = owner.names.unwrap_or_default().into_iter().next()?;
        let name = name.trim_start_matches('/');
        Some(match labels.get(LABEL_PROJECT) {
            Some(project) if labels.contains_key(LABEL_SERVICE) => {
                format!("container {name} of project {project}")
            }
            _ => format!("container {name}"),
        })
    }
}

/// The process of this machine that listens at an address: `process nginx (pid 4711)`. Reads `/proc`, and so blocks.
pub(in crate::runtime) fn process_at(address: SocketAddr, protocol: Protocol) -> Option<String> {
    process::owner(address, protocol)
}

/// Whether both addresses cannot be listened on at once.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}

#[cfg(not(target_os = "linux"))]
mod process {
    use super::*;

    pub fn owner(_: SocketAddr, _: Protocol) -> Option<String> {
        None
    }
}

/// Source: proc(5), "/proc/net/tcp", "/proc/pid/fd".
#[cfg(target_os = "linux")]
mod process {
    use super::*;

    pub fn owner(address: SocketAddr, protocol: Protocol) -> Option<String> {
        let tables = match protocol {
            Protocol::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
            Protocol::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        };
        let inodes: Vec<String> = tables
            .iter()
            .filter_map(|table| fs_err::read_to_string(table).ok())
            .flat_map(|table| listeners(&table, address, protocol))
            .map(|inode| format!("socket:[{inode}]"))
            .collect();
        if inodes.is_empty() {
            return None;
        }
        let mut owners = fs_err::read_dir("/proc")
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
                has_one_of(pid, &inodes).then_some(pid)
            });
        Some(match owners.next() {
            Some(pid) => {
                let name = fs_err::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                format!("process {} (pid {pid})", name.trim())
            }
            None => "a process of another user".to_owned(),
        })
    }

    fn has_one_of(pid: u32, inodes: &[String]) -> bool {
        let Ok(open) = fs_err::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        open.flatten().any(|file| {
            fs_err::read_link(file.path())
                .ok()
                .and_then(|target| Some(inodes.contains(&target.to_str()?.to_owned())))
                .unwrap_or(false)
        })
    }

    /// Inodes of the sockets of a table that stand in the way of `address`.
    pub(super) fn listeners(table: &str, address: SocketAddr, protocol: Protocol) -> Vec<String> {
        // LISTEN; an unconnected UDP socket is in state CLOSE.
        let state = match protocol {
            Protocol::Tcp => "0A",
            Protocol::Udp => "07",
        };
        let lines = table.lines().skip(1);
        lines
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let (ip, port) = fields.get(1)?.split_once(':')?;
                let port = u16::from_str_radix(port, 16).ok()?;
                let in_the_way = *fields.get(3)? == state
                    && port == address.port()
                    && overlap(parse(ip)?, address.ip());
                let inode = (*fields.get(9)?).to_owned();
                in_the_way.then_some(inode)
            })
            .collect()
    }

    /// Words of 32 bits in the machine's byte order: `0100007F` is 127.0.0.1 on a little-endian one.
    fn parse(hex: &str) -> Option<IpAddr> {
        let words: Vec<[u8; 4]> = (0..hex.len() / 8)
            .map(|i| {
                Some(
                    u32::from_str_radix(hex.get(i * 8..i * 8 + 8)?, 16)
                        .ok()?
                        .to_ne_bytes(),
                )
            })
            .collect::<Option<_>>()?;
        match words.as_slice() {
            [word] => Some(IpAddr::from(*word)),
            [a, b, c, d] => {
                let mut bytes = [0; 16];
                for (chunk, word) in bytes.chunks_exact_mut(4).zip([a, b, c, d]) {
                    chunk.copy_from_slice(word);
                }
                Some(std::net::Ipv6Addr::from(bytes).to_canonical())
            }
            _ => None,
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000000000000000 20 4 30 10 -1
";

    #[test]
    fn only_listeners_in_the_way_count() {
        let find =
            |address: &str| process::listeners(TABLE, address.parse().unwrap(), Protocol::Tcp);
        assert_eq!(find("127.0.0.1:8000"), ["4711"]);
        assert_eq!(find("0.0.0.0:8000"), ["4711"]);
        assert_eq!(find("127.0.0.2:8000"), Vec::<String>::new());
        assert_eq!(find("127.0.0.1:80"), ["4712"]);
    }

    #[test]
    fn this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = process::owner(listener.local_addr().unwrap(), Protocol::Tcp).unwrap();
        assert!(
            owner.ends_with(&format!("(pid {})", std::process::id())),
            "{owner}"
        );
        let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
        let owner = process::owner(listener.local_addr().unwrap(), Protocol::Tcp).unwrap();
        assert!(
            owner.ends_with(&format!("(pid {})", std::process::id())),
            "{owner}"
        );
    }
}
