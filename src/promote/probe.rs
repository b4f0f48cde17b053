//! Readiness is the stack's probe, startup carries its deadline, and liveness is only what the file says.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::gate::once;
use crate::stack::{self, ProbeKind};

/// The three of a container.
#[derive(Debug, Default)]
pub struct Probes {
    pub ready: Option<Probe>,
    pub startup: Option<Probe>,
    pub alive: Option<Probe>,
    /// The file's probe cannot be asked there.
    pub unasked: bool,
}

/// Between two questions while a container starts.
const STARTING: i32 = 1;

pub fn probes(ready: Option<&stack::Probe>, alive: Option<&stack::Probe>) -> Probes {
    let handler = ready.and_then(|probe| handler(&probe.kind));
    let liveness =
        alive.and_then(|probe| self::handler(&probe.kind).map(|handler| (handler, probe)));
    // Without a probe of its own for the start, liveness would end what only starts slowly.
    let starting = match (&handler, &liveness) {
        (Some(handler), _) => Some((handler.clone(), ready)),
        (None, Some((handler, probe))) => Some((handler.clone(), Some(*probe))),
        (None, None) => None,
    };
    Probes {
        unasked: ready.is_some() && handler.is_none(),
        startup: starting.and_then(|(handler, probe)| Some(startup(handler, probe?))),
        ready: handler.and_then(|handler| Some(steady(handler, ready?))),
        alive: liveness.map(|(handler, probe)| steady(handler, probe)),
    }
}

fn startup(handler: Probe, probe: &stack::Probe) -> Probe {
    let within = i32::try_from(probe.within.as_secs()).unwrap_or(i32::MAX);
    Probe {
        period_seconds: Some(STARTING),
        timeout_seconds: Some(seconds(probe.timeout)),
        failure_threshold: Some((within / STARTING).max(1)),
        ..handler
    }
}

fn steady(handler: Probe, probe: &stack::Probe) -> Probe {
    Probe {
        period_seconds: Some(seconds(probe.every)),
        timeout_seconds: Some(seconds(probe.timeout)),
        failure_threshold: Some(i32::try_from(probe.retries).unwrap_or(i32::MAX).max(1)),
        ..handler
    }
}

/// At least one: a cluster knows nothing shorter.
fn seconds(time: Duration) -> i32 {
    let whole = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX).max(1)
}

fn handler(kind: &ProbeKind) -> Option<Probe> {
    let number = |port: &u16| IntOrString::Int(i32::from(*port));
    let exec = |command| Probe {
        exec: Some(ExecAction {
            command: Some(command),
        }),
        ..Probe::default()
    };
    Some(match kind {
        ProbeKind::Http { port, path } => Probe {
            http_get: Some(HTTPGetAction {
                path: Some(path.clone()),
                port: number(port),
                ..HTTPGetAction::default()
            }),
            ..Probe::default()
        },
        ProbeKind::Tcp { port } => Probe {
            tcp_socket: Some(TCPSocketAction {
                port: number(port),
                host: None,
            }),
            ..Probe::default()
        },
        ProbeKind::Exec { command } => exec(command.clone()),
        ProbeKind::Log { .. } => return None,
        ProbeKind::Postgres { .. } | ProbeKind::Redis { .. } | ProbeKind::Mysql { .. } => {
            exec(once(kind, "127.0.0.1")?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(kind: ProbeKind) -> stack::Probe {
        stack::Probe {
            within: Duration::from_secs(30),
            every: Duration::from_millis(500),
            ..stack::Probe::new(kind)
        }
    }

    #[test]
    fn startup_carries_the_deadline() {
        let ready = probe(ProbeKind::Tcp { port: 1 });
        let made = probes(Some(&ready), None);
        let startup = made.startup.unwrap();
        assert_eq!(
            (startup.period_seconds, startup.failure_threshold),
            (Some(1), Some(30))
        );
        assert_eq!(made.ready.unwrap().period_seconds, Some(1));
        assert!(made.alive.is_none() && !made.unasked);
    }

    #[test]
    fn liveness_alone_waits_for_the_start_too() {
        let alive = probe(ProbeKind::Tcp { port: 1 });
        let made = probes(None, Some(&alive));
        assert!(made.startup.is_some() && made.alive.is_some() && made.ready.is_none());
    }

    #[test]
    fn a_line_of_the_log_cannot_be_asked_for() {
        let ready = probe(ProbeKind::Log {
            pattern: "up".to_owned(),
        });
        let made = probes(Some(&ready), None);
        assert!(made.unasked && made.ready.is_none() && made.startup.is_none());
    }
}
