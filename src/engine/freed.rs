//! Fixed host ports that somebody else had: once one is free, what failed for it is tried again.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;

use super::core::Engine;
use super::event::FailureClass;
use super::goal::Until;

/// Between two looks at the ports.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Freed {
    /// Services that failed for a port, and whether this side of the engine saw that it was taken: only then can it tell
    /// that it is not any more.
    waiting: BTreeMap<String, bool>,
    last: Option<Instant>,
}

impl Engine {
    /// How long until the ports are looked at, if anybody waits for one.
    pub(super) fn next_look_at_ports(&self) -> Option<Duration> {
        let freed = &self.freed;
        let waits = self.until != Until::Ready && freed.waiting.values().any(|seen| *seen);
        let since = freed.last.map(|last| last.elapsed());
        waits.then(|| PAUSE.saturating_sub(since.unwrap_or(PAUSE)))
    }

    /// Tries again what failed for a port that is free by now.
    pub(super) fn look_at_ports(&mut self) {
        let supervisors = self.supervisors.iter();
        let failed = supervisors.filter(|(_, supervisor)| {
            let failure = supervisor.failure();
            failure.is_some_and(|failure| failure.class == FailureClass::PortTaken)
        });
        let failed: Vec<String> = failed.map(|(name, _)| name.clone()).collect();
        self.freed
            .waiting
            .retain(|service, _| failed.contains(service));
        let is_due = self.next_look_at_ports() == Some(Duration::ZERO);
        if is_due {
            self.freed.last = Some(Instant::now());
        }
        for service in failed {
            match self.freed.waiting.get(&service) {
                None => {
                    let seen = self.is_port_taken(&service);
                    self.freed.waiting.insert(service, seen);
                }
                Some(true) if is_due && !self.is_port_taken(&service) => {
                    self.freed.waiting.remove(&service);
                    self.retry(&service);
                    self.look.wanted = true;
                }
                Some(_) => {}
            }
        }
    }

    /// Whether somebody listens where the service has a fixed port.
    fn is_port_taken(&self, service: &str) -> bool {
        let containers = self.desired.containers.iter();
        let processes = self.desired.processes.iter();
        let specs = containers
            .map(|spec| (&spec.service, &spec.ports))
            .chain(processes.map(|spec| (&spec.service, &spec.ports)));
        let ports = specs
            .filter(|(of, _)| *of == service)
            .flat_map(|(_, ports)| ports);
        let mut fixed = ports.filter(|port| !port.auto).filter_map(|port| port.host);
        fixed.any(|port| TcpListener::bind(("127.0.0.1", port)).is_err())
    }
}
