//! Who is behind the port of a process: what answers there need not be what was started.

use std::net::SocketAddr;

use super::record::Record;
use super::{ProcessWorld, name_of, system};
use crate::runtime::sockets::{holders, listeners, overlap, processes};
use crate::runtime::world::Listening;
use crate::stack::Protocol;

impl ProcessWorld {
    /// Who listens where the process `id` should. Blocks.
    pub fn listening(&self, id: &str, address: SocketAddr) -> Listening {
        let Ok(name) = name_of(id) else {
            return Listening::default();
        };
        let Some(record) = self.place.read(name).filter(Record::is_near) else {
            return Listening::default();
        };
        let sockets = listeners(address.port(), Protocol::Tcp);
        let mut answering = sockets.clone();
        answering.retain(|socket| overlap(socket.address, address.ip()));
        if answering.is_empty() {
            return Listening::default();
        }
        let mut own = system::descendants(record.supervisor);
        own.insert(record.pid);
        let is_own = holders(own, &answering).next().is_some();
        // Anything else may well listen for it, as a container engine does for `docker run`.
        let other = if is_own {
            None
        } else {
            holders(processes(), &answering).find_map(system::supervised)
        };
        Listening {
            other: other.filter(|other| *other != record.name),
            loopback_only: sockets.iter().all(|socket| socket.address.is_loopback()),
        }
    }
}
