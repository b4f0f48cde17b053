use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Where a service can be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The container's own address, where it can be reached from here; loopback for what runs in the host's network.
    pub bridge: Option<IpAddr>,
    /// Host addresses by container port.
    pub published: BTreeMap<u16, SocketAddr>,
    /// Where a process on the host listens itself, by the number in the stack file.
    pub listening: BTreeMap<u16, SocketAddr>,
}

/// One address to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub socket: SocketAddr,
    /// The engine's proxy is between: that it accepts says nothing about the service.
    pub proxied: bool,
}

impl Target {
    /// The truest address of a container port; `None` when nothing here can reach it.
    pub fn address(&self, port: u16) -> Option<Address> {
        if let Some(socket) = self.listening.get(&port) {
            return Some(Address {
                socket: *socket,
                proxied: false,
            });
        }
        if let Some(ip) = self.bridge {
            return Some(Address {
                socket: SocketAddr::new(ip, port),
                proxied: false,
            });
        }
        self.published.get(&port).map(|socket| Address {
            socket: *socket,
            proxied: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_own_address_leads() {
        let published: SocketAddr = "127.0.0.1:32768".parse().unwrap();
        let mut target = Target {
            bridge: Some("172.17.0.2".parse().unwrap()),
            published: [(80, published)].into(),
            ..Target::default()
        };
        let direct = Address {
            socket: "172.17.0.2:80".parse().unwrap(),
            proxied: false,
        };
        assert_eq!(target.address(80), Some(direct));
        target.bridge = None;
        assert_eq!(
            target.address(80),
            Some(Address {
                socket: published,
                proxied: true
            })
        );
        assert_eq!(target.address(81), None);
    }
}
