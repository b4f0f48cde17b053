//! Who listens on the ports of this machine. Best effort: what cannot be read is left out. Reads `/proc`, and so blocks.
//! Source: proc(5), "/proc/net/tcp", "/proc/pid/fd".

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::stack::Protocol;

/// A socket that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    pub address: IpAddr,
    inode: String,
}

/// Whether both addresses cannot be listened on at once.
pub fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}

/// What listens at a port, at whatever address.
pub fn listeners(port: u16, protocol: Protocol) -> Vec<Listener> {
    let tables = match protocol {
        Protocol::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
        Protocol::Udp => ["/proc/net/udp", "/proc/net/udp6"],
    };
    let tables = tables
        .iter()
        .filter_map(|table| fs_err::read_to_string(table).ok());
    tables
        .flat_map(|table| listening(&table, port, protocol))
        .collect()
}

/// Those of the processes that have one of the sockets open.
pub fn holders(
    pids: impl IntoIterator<Item = i32>,
    sockets: &[Listener],
) -> impl Iterator<Item = i32> {
    let wanted: BTreeSet<String> = sockets
        .iter()
        .map(|socket| format!("socket:[{}]", socket.inode))
        .collect();
    pids.into_iter().filter(move |pid| {
        let Ok(open) = fs_err::read_dir(format!("/proc/{pid}/fd")) else {
            return false;
        };
        open.flatten().any(|file| {
            let target = fs_err::read_link(file.path()).ok();
            target.is_some_and(|target| target.to_str().is_some_and(|name| wanted.contains(name)))
        })
    })
}

/// Every process that can be seen.
pub fn processes() -> Vec<i32> {
    let Ok(entries) = fs_err::read_dir("/proc") else {
        return Vec::new();
    };
    let entries = entries.filter_map(Result::ok);
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The process that listens at an address: `process nginx (pid 4711)`.
pub fn owner(address: SocketAddr, protocol: Protocol) -> Option<String> {
    let mut sockets = listeners(address.port(), protocol);
    sockets.retain(|socket| overlap(socket.address, address.ip()));
    if sockets.is_empty() {
        return None;
    }
    Some(match holders(processes(), &sockets).next() {
        Some(pid) => {
            let name = fs_err::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            format!("process {} (pid {pid})", name.trim())
        }
        None => "a process of another user".to_owned(),
    })
}

fn listening(table: &str, wanted: u16, protocol: Protocol) -> Vec<Listener> {
    // LISTEN; an unconnected UDP socket is in state CLOSE.
    let state = match protocol {
        Protocol::Tcp => "0A",
        Protocol::Udp => "07",
    };
    let lines = table.lines().skip(1);
    let sockets = lines.filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (ip, port) = fields.get(1)?.split_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let socket = Listener {
            address: parse(ip)?,
            inode: (*fields.get(9)?).to_owned(),
        };
        (port == wanted && *fields.get(3)? == state).then_some(socket)
    });
    sockets.collect()
}

/// Words of 32 bits in the machine's byte order: `0100007F` is 127.0.0.1 on a little-endian one.
fn parse(hex: &str) -> Option<IpAddr> {
    let words: Vec<[u8; 4]> = (0..hex.len() / 8)
        .map(|i| {
            let word = u32::from_str_radix(hex.get(i * 8..i * 8 + 8)?, 16).ok()?;
            Some(word.to_ne_bytes())
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0000000000000000 20 4 30 10 -1
";

    #[test]
    fn only_listeners_count() {
        let find = |port: u16| {
            let found = listening(TABLE, port, Protocol::Tcp).into_iter();
            found
                .map(|socket| (socket.address.to_string(), socket.inode))
                .collect::<Vec<_>>()
        };
        assert_eq!(find(8000), [("127.0.0.1".to_owned(), "4711".to_owned())]);
        assert_eq!(find(80), [("0.0.0.0".to_owned(), "4712".to_owned())]);
        assert_eq!(find(40_000), []);
    }

    #[test]
    fn an_address_is_in_the_way_of_itself_and_of_all() {
        let ip = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert!(overlap(ip("127.0.0.1"), ip("0.0.0.0")));
        assert!(!overlap(ip("127.0.0.1"), ip("127.0.0.2")));
    }

    #[test]
    fn this_process_is_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = std::net::TcpListener::bind(address).unwrap();
            let owner = owner(listener.local_addr().unwrap(), Protocol::Tcp).unwrap();
            let own = format!("(pid {})", std::process::id());
            assert!(owner.ends_with(&own), "{owner}");
        }
    }
}
