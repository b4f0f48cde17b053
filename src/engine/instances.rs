//! What accompanies each running container: its probes, the follower of its log, and what has to be set up inside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::candidate::Candidate;
use super::core::{Engine, now};
use super::event::{Event, Found};
use super::goal::Goal;
use super::input::Input;
use super::supervise::Supervisor;
use super::turn::Turn;
use crate::plan::observed::{Generation, ObservedContainer};
use crate::probe::{ProbeReport, Subject, Target, answered};
use crate::stack::{Probe, ProbeKind};

/// How long one has to run at least that replaces another, where no probe says that it is ready: what it replaces waits, and
/// nobody else does.
const TRIAL: Duration = Duration::from_secs(1);
/// Log lines that may wait for a probe; who reads more of them waits.
pub(super) const PROBE_LINES: usize = 4096;

/// How long the log of what has ended is read at most.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The companions of all instances.
#[derive(Debug)]
pub struct Instances {
    pub(super) attended: BTreeMap<(String, u32), Attended>,
    /// Of each instance the one that is to take the place of one that serves.
    pub(super) candidates: BTreeMap<(String, u32), Candidate>,
    /// Counts how often one of those was asked anew.
    pub(super) attempts: u64,
    /// Who follows the log of which life; one that broke off has finished.
    followers: BTreeMap<Generation, JoinHandle<()>>,
    /// What the newest life of each process has of its log.
    pub(super) turns: BTreeMap<(String, u32), Arc<Turn>>,
    /// Execs that may run at once: each costs the machine about 45 ms of CPU.
    pub(super) execs: Arc<Semaphore>,
}

#[derive(Debug)]
pub(super) struct Attended {
    pub(super) generation: Generation,
    probe: Option<Probe>,
    /// The container that has to reach it, where it is a process.
    asker: Option<String>,
    target: Target,
    cancel: CancellationToken,
    pub(super) provision_tries: u32,
    pub(super) provisioning: bool,
    alive: bool,
}

impl Default for Instances {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            attended: BTreeMap::new(),
            candidates: BTreeMap::new(),
            attempts: 0,
            followers: BTreeMap::new(),
            turns: BTreeMap::new(),
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

    pub(super) fn is_followed(&self, generation: &Generation) -> bool {
        let follower = self.followers.get(generation);
        follower.is_some_and(|follower| !follower.is_finished())
    }

    /// It may have broken off since.
    pub(super) fn was_followed(&self, generation: &Generation) -> bool {
        self.followers.contains_key(generation)
    }

    pub(super) fn follow(&mut self, generation: Generation, follower: JoinHandle<()>) {
        self.followers.retain(|_, follower| !follower.is_finished());
        self.followers.insert(generation, follower);
    }

    pub fn clear(&mut self) {
        for attended in std::mem::take(&mut self.attended).into_values() {
            attended.cancel.cancel();
        }
        self.candidates.clear();
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
            .current()
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
        self.attend_candidates();
        self.attend_sync();
    }

    /// Reads a container's log to its end, where nobody does.
    pub(super) fn read_whole_log(&mut self, container: &ObservedContainer) {
        let generation = container.generation();
        if self.watching && !self.instances.is_followed(&generation) {
            let follower = self.follow_log(container, None);
            self.instances.follow(generation, follower);
        }
    }

    /// The same, and tells when that is done.
    pub(super) fn read_last_words_of(&mut self, container: &ObservedContainer) {
        self.read_whole_log(container);
        let Some(follower) = self.instances.followers.remove(&container.generation()) else {
            return;
        };
        self.reads_last_words = true;
        self.spawn(async move {
            // What it says by then is enough.
            let _read = tokio::time::timeout(LAST_WORDS, follower).await;
            Input::LastWords
        });
    }

    pub(super) fn attend_one(&mut self, container: &ObservedContainer) {
        let key = (container.service.clone(), container.index);
        if self.look.unseen.contains(&container.service) {
            return;
        }
        let generation = container.generation();
        let probe = self.readiness_probe(&container.service);
        let known = self.instances.attended.get(&key);
        let asker = self.asker(container);
        // It is another where a container was attached to its network anew.
        let target = self.target(container);
        let is_known = known.is_some_and(|known| {
            known.generation == generation
                && known.probe == probe
                && known.asker == asker
                && known.target == target
        });
        // Whoever is asked anew, is asked because something about it has changed.
        let is_new = known.is_none_or(|known| known.generation != generation);
        let reads_log = matches!(
            probe.as_ref().map(|probe| &probe.kind),
            Some(ProbeKind::Log { .. })
        );
        let (lines, reader) = mpsc::channel(PROBE_LINES);
        let mut for_probe = (reads_log && !is_known).then_some(lines);
        if self.watching && !self.instances.is_followed(&generation) {
            let follower = self.follow_log(container, for_probe.take());
            self.instances.follow(generation.clone(), follower);
        }
        if is_known {
            return;
        }
        self.instances.end(&key.0, key.1);
        let cancel = self.stop.child_token();
        if let Some(lines) = for_probe {
            self.read_log(container, lines, cancel.clone());
        }
        if let Some(probe) = probe.clone() {
            let healthy = container.healthy.as_ref().filter(|_| is_new);
            let answered = healthy.and_then(|healthy| answered(&probe, healthy, now()));
            let cancel = cancel.clone();
            self.begin_probe(container, probe, reader, answered, cancel, Input::Probed);
        }
        let listened = cancel.clone();
        let attended = Attended {
            generation: generation.clone(),
            probe: probe.clone(),
            asker,
            target,
            cancel,
            provision_tries: 0,
            provisioning: false,
            alive: false,
        };
        self.instances.attended.insert(key.clone(), attended);
        if probe.is_none() {
            self.watch_listener(container, listened);
            match self.is_job(&key.0) {
                true => self.became_ready(&key.0, key.1, &generation),
                false => self.await_proof(container),
            }
        }
    }

    /// Nobody says that it is ready: it is once it has run for long enough.
    fn await_proof(&mut self, container: &ObservedContainer) {
        let key = (container.service.clone(), container.index);
        let Some(cancel) = self.instances.attended.get(&key).map(|a| a.cancel.clone()) else {
            return;
        };
        let Some(proof) = self.proof(&key.0) else {
            return;
        };
        let crashed = self
            .supervisors
            .get(&key.0)
            .is_some_and(Supervisor::has_crashed);
        let began = Found::of(container).began.filter(|_| !crashed);
        let ran = began.map_or(0, |began| now().saturating_sub(began));
        let left = proof.saturating_sub(Duration::from_millis(ran));
        if left.is_zero() {
            self.probed(has_run(container, proof));
            return;
        }
        if crashed {
            let seconds = proof.as_secs_f64();
            let answer =
                format!("it crashed, and has no probe: ready once it has run for {seconds:.1} s");
            self.probed(ProbeReport {
                passed: false,
                answer,
                ..has_run(container, proof)
            });
        }
        self.report_after(left, Input::Probed(has_run(container, proof)), cancel);
    }

    /// For how long a service has to run before it counts as ready, where no probe says so.
    pub(super) fn proof(&self, service: &str) -> Option<Duration> {
        let proof = Duration::from_millis(self.supervisors.get(service)?.proof());
        Some(match self.has_trial(service) {
            true => proof.max(TRIAL),
            false => proof,
        })
    }

    pub(super) fn report_after(&self, wait: Duration, report: Input, cancel: CancellationToken) {
        let inputs = self.inputs.clone();
        self.tasks.spawn(async move {
            let run = async {
                tokio::time::sleep(wait).await;
                // The loop has ended when nobody receives; then there is nothing to tell.
                let _ended = inputs.send(report).await;
            };
            cancel.run_until_cancelled(run).await;
        });
    }

    pub(super) fn probed(&mut self, report: ProbeReport) {
        let ProbeReport {
            service,
            index,
            generation,
            passed,
            answer,
            failures,
        } = report;
        let known = self.instances.attended.get(&(service.clone(), index));
        if known.is_none_or(|known| known.generation != generation) {
            return;
        }
        // Nobody reaches it just then. If that lasts, its probe says so again.
        if !passed && self.walk.is_attaching(&generation.id) {
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
            failures,
        });
        if passed {
            self.provision_or_ready(&service, index, &generation);
        } else if was_ready {
            if let Some(supervisor) = self.supervisors.get_mut(&service) {
                supervisor.on_unready(now());
            }
            self.look.wanted = true;
        }
    }

    pub(super) fn became_ready(&mut self, service: &str, index: u32, generation: &Generation) {
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
            .spawn(async move { prober.run_alive(reports, cancel).await });
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
            ..
        } = report;
        let is_known = self.bounce.contains_key(&generation);
        if passed || is_known || self.walk.is_attaching(&generation.id) {
            return;
        }
        self.bounce.insert(generation, crate::plan::Cause::NotAlive);
        self.emit(Event::NotAlive {
            service,
            index,
            answer,
        });
        self.look.wanted = true;
    }
}

/// What is said of one that nobody asks, once it has run for long enough.
pub(super) fn has_run(container: &ObservedContainer, proof: Duration) -> ProbeReport {
    ProbeReport {
        service: container.service.clone(),
        index: container.index,
        generation: container.generation(),
        passed: true,
        answer: format!("has run for {:.1} s", proof.as_secs_f64()),
        failures: 0,
    }
}

/// `api-1`: names the log and the notes of one instance.
pub fn instance_name(service: &str, index: u32) -> String {
    format!("{service}-{index}")
}
