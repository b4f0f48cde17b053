use std::net::IpAddr;

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
