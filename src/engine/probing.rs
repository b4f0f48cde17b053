//! How each running instance is asked whether it is ready: where, and what answers count.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::core::Engine;
use super::input::Input;
use crate::plan::observed::ObservedContainer;
use crate::probe::{Objection, ProbeReport, Subject, Target};
use crate::runtime::world::ExecSpec;
use crate::stack::{Probe, ProbeKind};

/// Where a process begins to listen later than this after it has started, nobody is told that it does so on loopback only.
const LISTENS: Duration = Duration::from_secs(60);
const LISTENS_FIRST: Duration = Duration::from_millis(100);

impl Engine {
    /// `answered`: it is known to be ready, and is asked again only after so long.
    pub(super) fn begin_probe(
        &self,
        container: &ObservedContainer,
        probe: Probe,
        lines: mpsc::Receiver<String>,
        answered: Option<Duration>,
        cancel: CancellationToken,
        input: impl Fn(ProbeReport) -> Input + Send + 'static,
    ) {
        let subject = Subject {
            service: container.service.clone(),
            index: container.index,
            generation: container.generation(),
        };
        let prober = crate::probe::Prober {
            answered,
            ..self.prober(container, probe, subject, Some(lines))
        };
        let inputs = self.inputs.clone();
        let (reports, mut reported) = mpsc::channel::<ProbeReport>(16);
        self.tasks
            .spawn(async move { prober.run(reports, cancel).await });
        self.tasks.spawn(async move {
            while let Some(report) = reported.recv().await {
                if inputs.send(input(report)).await.is_err() {
                    break;
                }
            }
        });
    }

    pub(super) fn prober(
        &self,
        container: &ObservedContainer,
        probe: Probe,
        subject: Subject,
        lines: Option<mpsc::Receiver<String>>,
    ) -> crate::probe::Prober {
        let world = self.world.clone();
        let id = container.id.clone();
        let exec: crate::probe::Exec = Arc::new(move |command: Vec<String>, timeout: Duration| {
            let world = world.clone();
            let id = id.clone();
            Box::pin(async move {
                let spec = ExecSpec {
                    command,
                    timeout: Some(timeout),
                    ..ExecSpec::default()
                };
                match world.exec(&id, &spec).await {
                    Ok(output) => Ok((output.code, output.output)),
                    Err(error) => Err(error.to_string()),
                }
            })
        });
        crate::probe::Prober {
            login: self.login(&subject.service, &probe.kind),
            probe,
            target: self.target(container),
            subject,
            lines,
            exec,
            execs: Arc::clone(&self.instances.execs),
            objection: self.objection(container),
            answered: None,
        }
    }

    /// What the service itself is given for the user that the probe asks as.
    fn login(&self, service: &str, kind: &ProbeKind) -> Option<(String, SecretString)> {
        let ProbeKind::Mysql {
            login: Some(login), ..
        } = kind
        else {
            return None;
        };
        let containers = self.desired.containers.iter();
        let containers = containers.map(|spec| (&spec.service, &spec.env));
        let processes = self.desired.processes.iter();
        let processes = processes.map(|spec| (&spec.service, &spec.env));
        let (_, env) = containers.chain(processes).find(|(of, _)| *of == service)?;
        let value = |name: &str| {
            let found = env.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.text.clone())
        };
        Some((value(&login.user)?, value(&login.password)?.into()))
    }

    /// The container that has to reach a process from the engine's network; none where that is no network of this machine,
    /// because then the engine forwards to loopback.
    pub(super) fn asker(&self, container: &ObservedContainer) -> Option<String> {
        if !container.is_process() || !self.world.bridge_is_routable() {
            return None;
        }
        let asker = self.stack.container_asking(&container.service)?;
        self.scope()
            .contains(&asker.name)
            .then(|| asker.name.clone())
    }

    /// What answers for a process has to be that process, and where a container asks, has to be reachable from there.
    fn objection(&self, container: &ObservedContainer) -> Option<Objection> {
        if !container.is_process() {
            return None;
        }
        let (world, id, asker) = (
            self.world.clone(),
            container.id.clone(),
            self.asker(container),
        );
        Some(Arc::new(move |at| {
            let (world, id, asker) = (world.clone(), id.clone(), asker.clone());
            Box::pin(async move {
                let found = world.listening(&id, at).await;
                if let Some(other) = found.other {
                    return Some(format!("{other} answers at {at}, and not this process"));
                }
                let asker = asker.filter(|_| found.loopback_only)?;
                Some(out_of_reach(&asker))
            })
        }))
    }

    /// A process that nobody probes is ready as soon as it runs. Where a container is to reach it, it is told at least that it
    /// does not.
    pub(super) fn watch_listener(&self, container: &ObservedContainer, cancel: CancellationToken) {
        let Some(asker) = self.asker(container) else {
            return;
        };
        let at: Vec<SocketAddr> = self.target(container).listening.into_values().collect();
        let (world, id, inputs) = (
            self.world.clone(),
            container.id.clone(),
            self.inputs.clone(),
        );
        let service = container.service.clone();
        let watch = async move {
            let mut pause = LISTENS_FIRST;
            let until = tokio::time::Instant::now() + LISTENS;
            while tokio::time::Instant::now() < until {
                for at in &at {
                    if world.listening(&id, *at).await.loopback_only {
                        let text = out_of_reach(&asker);
                        // The loop has ended when nobody receives; then there is nothing to tell.
                        let _ended = inputs.send(Input::Remark { service, text }).await;
                        return;
                    }
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
        };
        self.tasks.spawn(async move {
            cancel.run_until_cancelled(watch).await;
        });
    }

    pub(super) fn target(&self, container: &ObservedContainer) -> Target {
        let routable = self.world.bridge_is_routable();
        let published = container.ports.iter().map(|(number, _, address, host)| {
            let ip = if address.is_unspecified() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                *address
            };
            (*number, SocketAddr::new(ip, *host))
        });
        if container.is_process() {
            return Target {
                listening: published.collect(),
                ..Target::default()
            };
        }
        // On the host's network it listens on the host itself.
        let on_host = self
            .stack
            .services
            .get(&container.service)
            .is_some_and(|service| service.host_network);
        let bridge = if on_host {
            Some(std::net::Ipv4Addr::LOCALHOST.into())
        } else {
            container
                .addresses
                .values()
                .next()
                .copied()
                .filter(|_| routable)
        };
        Target {
            bridge,
            published: published.collect(),
            ..Target::default()
        }
    }
}

fn out_of_reach(asker: &str) -> String {
    format!(
        "it listens on loopback only, where the container {asker} does not reach it: let it listen on 0.0.0.0"
    )
}
