use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

/// A port that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Inside the container (or of the host process).
    pub container: u16,
    pub protocol: Protocol,
    pub host: HostPort,
    /// Address of the host that it binds to; loopback unless the file says otherwise.
    pub bind: IpAddr,
    /// It binds to every address that the host has, of either kind; `bind` is a wildcard then.
    pub everywhere: bool,
    /// False: reachable from other services only.
    pub publish: bool,
    /// Scheme of `${service.port.url}`: `http`, `https`, `tcp`, …
    pub scheme: String,
}

impl Port {
    /// Whoever reaches this machine reaches it.
    pub fn is_open(&self) -> bool {
        self.publish && self.bind.is_unspecified()
    }

    /// Binds it to loopback, of the same kind of address, where it binds to all of them.
    pub fn close(&mut self) {
        match self.bind {
            IpAddr::V4(address) if address.is_unspecified() => {
                self.bind = Ipv4Addr::LOCALHOST.into();
            }
            IpAddr::V6(address) if address.is_unspecified() => {
                self.bind = Ipv6Addr::LOCALHOST.into();
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        self.everywhere = false;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Which port of the host is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPort {
    /// The container's number if free, else a free one, which is remembered.
    Auto,
    Fixed(u16),
    /// One of these, the first and the last among them.
    Within(u16, u16),
}
