//! What accompanies each running container: its probes, the follower of its log, and what has to be set up inside.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::bus::LogEntry;
use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass, Step, Verb};
use super::goal::Goal;
use super::input::Input;
use super::logs::Ring;
use crate::plan::observed::{Generation, ObservedContainer};
use crate::probe::{ProbeReport, Subject, Target};
use crate::runtime::RuntimeError;
use crate::runtime::world::ExecSpec;
use crate::stack::{Probe, ProbeKind};

/// A line of a log is shown in the table this often at most.
const LAST_LINE: Duration = Duration::from_millis(250);
/// Log lines that may wait for a probe; more are dropped, which a pattern that comes once may not survive: so many.
const PROBE_LINES: usize = 4096;
/// Tries of the set-up inside a container before it counts as failed.
const PROVISION_TRIES: u32 = 5;

/// The companions of all instances.
#[derive(Debug)]
pub struct Instances {
    attended: BTreeMap<(String, u32), Attended>,
    /// Execs that may run at once: each costs the machine about 45 ms of CPU.
    execs: Arc<Semaphore>,
}

#[derive(Debug)]
struct Attended {
    generation: Generation,
    probe: Option<Probe>,
    cancel: CancellationToken,
    provision_tries: u32,
    provisioning: bool,
    alive: bool,
}

impl Default for Instances {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            attended: BTreeMap::new(),
            execs: Arc::new(Semaphore::new(cores)),
        }
    }
}

impl Instances {
    /// Ends the companions of one instance; its log is read to the end.
    pub fn end(&mut self, service: &str, index: u32) {
        if let Some(attended) = self.attended.remove(&(service.to_owned(), index)) {
            attended.cancel.cancel();
        }
    }

    pub fn clear(&mut self) {
        for attended in std::mem::take(&mut self.attended).into_values() {
            attended.cancel.cancel();
        }
    }
}

impl Engine {
    /// Gives every running container in scope its companions, and takes them from those that ended.
    pub(super) fn attend(&mut self) {
        if matches!(self.goal, Goal::Stop(_) | Goal::Down(_)) {
            return;
        }
        let scope = self.scope();
        let running: Vec<ObservedContainer> = self
            .observed
            .containers
            .iter()
            .filter(|container| container.is_running() && scope.contains(&container.service))
            .cloned()
            .collect();
        let present: BTreeSet<(String, u32)> = running
            .iter()
            .map(|c| (c.service.clone(), c.index))
            .collect();
        let gone: Vec<_> = self
            .instances
            .attended
            .keys()
            .filter(|key| !present.contains(*key))
            .cloned()
            .collect();
        for (service, index) in gone {
            self.instances.end(&service, index);
        }
        for container in running {
            self.attend_one(&container);
        }
    }

    fn attend_one(&mut self, container: &ObservedContainer) {
        let key = (container.service.clone(), container.index);
        let generation = container.generation();
        let probe = self.readiness_probe(&container.service);
        let known = self.instances.attended.get(&key);
        if known.is_some_and(|known| known.generation == generation && known.probe == probe) {
            return;
        }
        let same_life = known.is_some_and(|known| known.generation == generation);
        self.instances.end(&key.0, key.1);
        let cancel = self.stop.child_token();
        let reads_log = matches!(
            probe.as_ref().map(|probe| &probe.kind),
            Some(ProbeKind::Log { .. })
        );
        let (lines, reader) = mpsc::channel(PROBE_LINES);
        if self.watching || reads_log {
            let lines = reads_log.then(|| lines.clone());
            if !same_life || reads_log {
                self.follow_log(container, lines);
            }
        }
        if let Some(probe) = probe.clone() {
            self.begin_probe(container, probe, reader, cancel.clone());
        }
        let attended = Attended {
            generation: generation.clone(),
            probe: probe.clone(),
            cancel,
            provision_tries: 0,
            provisioning: false,
            alive: false,
        };
        self.instances.attended.insert(key.clone(), attended);
        if probe.is_none() {
            self.became_ready(&key.0, key.1, &generation);
        }
    }

    fn begin_probe(
        &self,
        container: &ObservedContainer,
        probe: Probe,
        lines: mpsc::Receiver<String>,
        cancel: CancellationToken,
    ) {
        let subject = Subject {
            service: container.service.clone(),
            index: container.index,
            generation: container.generation(),
        };
        let prober = self.prober(container, probe, subject, Some(lines));
        let inputs = self.inputs.clone();
        let (reports, mut reported) = mpsc::channel::<ProbeReport>(16);
        self.tasks
            .spawn(async move { prober.run(reports, cancel).await });
        self.tasks.spawn(async move {
            while let Some(report) = reported.recv().await {
                if inputs.send(Input::Probed(report)).await.is_err() {
                    break;
                }
            }
        });
    }

    fn prober(
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
            probe,
            target: self.target(container),
            subject,
            lines,
            exec,
            execs: Arc::clone(&self.instances.execs),
        }
    }

    fn target(&self, container: &ObservedContainer) -> Target {
        let routable = self.world.bridge_is_routable();
        let published = container.ports.iter().map(|(number, _, address, host)| {
            let ip = if address.is_unspecified() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                *address
            };
            (*number, SocketAddr::new(ip, *host))
        });
        Target {
            bridge: container
                .addresses
                .values()
                .next()
                .copied()
                .filter(|_| routable),
            published: published.collect(),
        }
    }

    pub(super) fn probed(&mut self, report: ProbeReport) {
        let ProbeReport {
            service,
            index,
            generation,
            passed,
            answer,
        } = report;
        let known = self.instances.attended.get(&(service.clone(), index));
        if known.is_none_or(|known| known.generation != generation) {
            return;
        }
        let was_ready = self
            .state
            .service(&service)
            .is_some_and(super::state::ServiceState::is_ready);
        self.emit(Event::Probe {
            service: service.clone(),
            index,
            generation: generation.clone(),
            passed,
            answer,
        });
        if passed {
            self.provision_or_ready(&service, index, &generation);
        } else if was_ready {
            self.look.wanted = true;
        }
    }

    fn provision_or_ready(&mut self, service: &str, index: u32, generation: &Generation) {
        let commands = self
            .desired
            .provision
            .get(service)
            .cloned()
            .unwrap_or_default();
        let done = self
            .state
            .service(service)
            .and_then(|state| state.instances.get(&index))
            .is_some_and(|instance| instance.provisioned);
        if commands.is_empty() || done {
            self.became_ready(service, index, generation);
            return;
        }
        let key = (service.to_owned(), index);
        let Some(attended) = self.instances.attended.get_mut(&key) else {
            return;
        };
        if attended.provisioning {
            return;
        }
        attended.provisioning = true;
        attended.provision_tries += 1;
        let commands: Vec<Vec<String>> = commands
            .into_iter()
            .map(|command| command.into_iter().map(|value| value.text).collect())
            .collect();
        let world = self.world.clone();
        let (service, generation) = (service.to_owned(), generation.clone());
        self.report_provision(&service, Step::Started);
        self.spawn(async move {
            let mut result = Ok(());
            for command in commands {
                result = provision(world.as_ref(), &generation.id, command).await;
                if result.is_err() {
                    break;
                }
            }
            Input::Provisioned {
                service,
                index,
                generation,
                result,
            }
        });
    }

    pub(super) fn provisioned(
        &mut self,
        service: String,
        index: u32,
        generation: Generation,
        result: Result<(), RuntimeError>,
    ) {
        let Some(attended) = self.instances.attended.get_mut(&(service.clone(), index)) else {
            return;
        };
        if attended.generation != generation {
            return;
        }
        attended.provisioning = false;
        match result {
            Ok(()) => {
                self.report_provision(&service, Step::Done { millis: 0 });
                self.emit(Event::Provisioned {
                    service: service.clone(),
                    index,
                    generation: generation.clone(),
                });
                self.became_ready(&service, index, &generation);
            }
            Err(error) => {
                let failure = error.0;
                self.report_provision(
                    &service,
                    Step::Failed {
                        failure: failure.clone(),
                    },
                );
                let spent = self
                    .instances
                    .attended
                    .get(&(service.clone(), index))
                    .is_some_and(|attended| attended.provision_tries >= PROVISION_TRIES);
                if spent {
                    self.give_up(service, failure);
                } else {
                    // The next answer of the probe tries again.
                    self.reprobe(&service, index);
                }
            }
        }
    }

    fn reprobe(&mut self, service: &str, index: u32) {
        let found = self
            .observed
            .containers
            .iter()
            .find(|c| c.service == service && c.index == index)
            .cloned();
        let tries = self
            .instances
            .attended
            .get(&(service.to_owned(), index))
            .map_or(0, |a| a.provision_tries);
        if let Some(container) = found {
            self.instances.end(service, index);
            self.attend_one(&container);
            if let Some(attended) = self
                .instances
                .attended
                .get_mut(&(service.to_owned(), index))
            {
                attended.provision_tries = tries;
            }
        }
    }

    pub(super) fn give_up(&mut self, service: String, failure: Failure) {
        if let Some(supervisor) = self.supervisors.get_mut(&service) {
            supervisor.on_failed(failure.clone(), now());
        }
        self.emit(Event::GaveUp {
            service,
            why: failure,
        });
    }

    fn report_provision(&mut self, service: &str, step: Step) {
        self.emit(Event::Operation {
            service: Some(service.to_owned()),
            subject: service.to_owned(),
            verb: Verb::Provision,
            cause: "it needs databases of its own".to_owned(),
            step,
        });
    }

    fn became_ready(&mut self, service: &str, index: u32, generation: &Generation) {
        let ready = self
            .state
            .service(service)
            .is_some_and(super::state::ServiceState::is_ready);
        if ready && let Some(supervisor) = self.supervisors.get_mut(service) {
            supervisor.on_ready(now());
        }
        self.watch_alive(service, index, generation);
    }

    /// Liveness is asked from the first readiness on.
    fn watch_alive(&mut self, service: &str, index: u32, generation: &Generation) {
        let Some(probe) = self
            .stack
            .services
            .get(service)
            .and_then(|service| service.alive.clone())
        else {
            return;
        };
        let found = self
            .observed
            .containers
            .iter()
            .find(|c| c.generation() == *generation)
            .cloned();
        let key = (service.to_owned(), index);
        let Some(attended) = self.instances.attended.get_mut(&key) else {
            return;
        };
        let Some(container) = found else { return };
        if attended.alive {
            return;
        }
        attended.alive = true;
        let cancel = attended.cancel.clone();
        let subject = Subject {
            service: service.to_owned(),
            index,
            generation: generation.clone(),
        };
        let prober = self.prober(&container, probe, subject, None);
        let inputs = self.inputs.clone();
        let (reports, mut reported) = mpsc::channel::<ProbeReport>(16);
        self.tasks
            .spawn(async move { prober.run(reports, cancel).await });
        self.tasks.spawn(async move {
            while let Some(report) = reported.recv().await {
                if inputs.send(Input::Alive(report)).await.is_err() {
                    break;
                }
            }
        });
    }

    pub(super) fn alive(&mut self, report: ProbeReport) {
        let ProbeReport {
            service,
            index,
            generation,
            passed,
            answer,
        } = report;
        if passed || self.bounce.contains(&generation) {
            return;
        }
        self.bounce.insert(generation);
        self.emit(Event::NotAlive {
            service,
            index,
            answer,
        });
        self.look.wanted = true;
    }

    /// Reads a container's log into the ring on disk, to the views, and to a probe that waits for a line.
    fn follow_log(&self, container: &ObservedContainer, probe: Option<mpsc::Sender<String>>) {
        let (service, index) = (container.service.clone(), container.index);
        let limit = self
            .stack
            .services
            .get(&service)
            .and_then(|service| service.limits.log);
        let name = format!("{service}-{index}");
        let mut ring = match Ring::open(
            &self.store.logs(),
            &name,
            limit.map_or(super::logs::DEFAULT_LIMIT, |l| l / 2),
        ) {
            Ok(ring) => Some(ring),
            Err(_) => None,
        };
        let newest = ring.as_ref().map_or(0, Ring::newest);
        let started = chrono::DateTime::parse_from_rfc3339(&container.started_at);
        let started = started
            .ok()
            .and_then(|at| at.timestamp_nanos_opt())
            .map_or(0, i128::from);
        // A probe has to see this life's lines from the first one on; the ring takes only what is new to it.
        let since = if probe.is_some() {
            started
        } else {
            newest.max(started)
        };
        let mut lines = self.world.logs(&container.id, since, true);
        let bus = self.bus.clone();
        let redactor = Arc::clone(&self.redactor);
        let inputs = self.inputs.clone();
        let stop = self.stop.clone();
        let follow = async move {
            let mut shown: Option<tokio::time::Instant> = None;
            while let Some(mut line) = lines.next().await {
                line.line = redactor.redact(&line.line).into_owned();
                if let Some(probe) = &probe {
                    // A full queue loses a line for the probe only.
                    let _full = probe.try_send(line.line.clone());
                }
                if line.at <= newest {
                    continue;
                }
                if ring
                    .as_mut()
                    .is_some_and(|ring| ring.append(index, &line).is_err())
                {
                    ring = None;
                }
                if shown.is_none_or(|at| at.elapsed() >= LAST_LINE) && !line.line.trim().is_empty()
                {
                    shown = Some(tokio::time::Instant::now());
                    let last = Input::LastLine {
                        service: service.clone(),
                        line: line.line.clone(),
                    };
                    let _later = inputs.try_send(last);
                }
                let at = u64::try_from(line.at / 1_000_000).unwrap_or(0);
                bus.log(LogEntry {
                    service: service.clone(),
                    index,
                    at,
                    error: line.error,
                    line: line.line,
                });
            }
        };
        self.tasks.spawn(async move {
            tokio::select! { () = follow => {}, () = stop.cancelled() => {} }
        });
    }
}

async fn provision(
    world: &dyn crate::runtime::world::World,
    container: &str,
    command: Vec<String>,
) -> Result<(), RuntimeError> {
    let spec = ExecSpec {
        command,
        timeout: Some(Duration::from_secs(30)),
        ..ExecSpec::default()
    };
    let output = world.exec(container, &spec).await?;
    if output.code == 0 {
        return Ok(());
    }
    let lines = output.output.lines().map(str::to_owned).collect();
    Err(RuntimeError::new(
        FailureClass::Other,
        format!("setting it up failed with exit code {}", output.code),
    )
    .detail(lines))
}
