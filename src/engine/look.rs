//! One look at the world, and what it says: the only way in which the engine learns what is there.

use tokio::time::Instant;

use super::core::{Engine, now};
use super::cover::Hashed;
use super::event::{Event, Failure, FailureClass, Found};
use super::goal::{Goal, Outcome};
use super::input::Input;
use super::on_host::is_run_on_host;
use super::supervise::{Supervisor, Verdict};
use crate::plan::Subject;
use crate::plan::desired::{ImageSource, image_references, mounted_images};
use crate::plan::observed::{Home, Observed, ObservedContainer, Status};
use crate::plan::reconcile::Images;
use crate::runtime::RuntimeError;
use crate::runtime::world::{Change, Look};
use crate::stack::{Healthcheck, Probe, Restart};

/// How long a look at the world may take.
const LOOK_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

impl Engine {
    pub(super) fn begin_look(&mut self) {
        self.look.wanted = false;
        self.look.under_way = true;
        self.look.begun += 1;
        self.look.number = self.look.begun;
        self.look.on_host.look_begins();
        self.look.last = Some(Instant::now());
        let ask = self.ask();
        let (epoch, files_epoch) = (self.look.epoch, self.look.files_epoch);
        let world = self.world.clone();
        let hashing = self.hashing();
        self.spawn(async move {
            // Every call has its own deadline; that a look has one must not depend on all of them.
            let look = async {
                match tokio::time::timeout(LOOK_LIMIT, world.look(&ask)).await {
                    Ok(result) => result,
                    Err(_) => Err(RuntimeError::new(
                        FailureClass::Engine,
                        "the container engine does not answer in time",
                    )),
                }
            };
            let (result, sources) = tokio::join!(look, hashing);
            Input::Looked {
                epoch,
                sources: (files_epoch, sources),
                result,
            }
        });
    }

    /// What this look has to cover.
    pub(super) fn ask(&self) -> Look {
        let scope = self.scope();
        let images = match &self.goal {
            Goal::Down(removal) if removal.images != Images::None => {
                let mut images = removal.images.of(&self.stack);
                images.retain(|image| !self.look.let_go.contains(image));
                images
            }
            _ => {
                let mut images = image_references(&self.stack, &scope);
                images.extend(mounted_images(&self.stack, &scope));
                images
            }
        };
        let networks = self
            .stack
            .networks
            .keys()
            .map(|key| self.stack.network_name(key))
            .collect();
        let volumes = self
            .stack
            .volumes
            .keys()
            .map(|key| self.stack.volume_name(key))
            .collect();
        Look {
            project: self.stack.name.clone(),
            images,
            networks,
            volumes,
        }
    }

    pub(super) fn looked(
        &mut self,
        epoch: u64,
        (files_epoch, hashed): (u64, (u64, Hashed)),
        result: Result<Observed, RuntimeError>,
    ) {
        self.look.under_way = false;
        // Else files changed while they were hashed: what was forgotten since must not come back.
        self.take_hashes(hashed, files_epoch == self.look.files_epoch);
        let mut observed = match result {
            Ok(observed) => observed,
            Err(error) => {
                // What it began for has still to be seen of the processes.
                self.look.wanted = true;
                self.runtime_failed(error.to_string());
                return;
            }
        };
        if epoch != self.look.epoch {
            // Something ended while the look was under way: it may show what is no longer so.
            self.look.wanted = true;
            return;
        }
        self.look.failures = 0;
        self.look.believe(self.look.number, |_| true);
        self.looked_at_everything(&mut observed);
        self.look.after_outage = !self.state.runtime_up;
        if self.look.after_outage {
            self.resumed();
        }
        observed.synced = std::mem::take(&mut self.observed.synced);
        observed.recall_builds(&self.builds);
        observed.inputs.clone_from(&self.sources.inputs);
        observed.jobs.clone_from(&self.jobs.records);
        if let Some(dir) = self.other_checkout(&observed) {
            self.outcome = Some(Outcome::OtherCheckout { dir });
            return;
        }
        self.observed = observed;
        self.see_outside();
        self.begin_doubt();
        for bounce in std::mem::take(&mut self.bounce_first) {
            self.bounce(bounce);
        }
        self.look.unseen.clear();
        self.grant_wishes();
        self.supervise_scope();
        // Before its end is told, so that it is done from one moment to the next.
        self.settle_jobs();
        self.see_instances();
        if !self.look.seen && matches!(self.goal, Goal::Up { .. }) {
            self.recall_commands();
        }
        self.look.seen = true;
        self.plan();
        self.inquiries.planned();
        if self.goal == Goal::Observe {
            self.find_failed();
        }
        self.attend();
    }

    /// The folder of another checkout that has this stack's name on the engine.
    pub(super) fn other_checkout(&self, observed: &Observed) -> Option<String> {
        let checkout = self.store.checkout();
        let home = Home {
            dir: self.stack.dir.as_str(),
            checkout: &checkout,
        };
        home.other(observed).map(str::to_owned)
    }

    fn resumed(&mut self) {
        self.emit(Event::Runtime {
            up: true,
            text: self.world.describe(),
        });
        for (name, supervisor) in &mut self.supervisors {
            // The time of processes went on.
            if !is_run_on_host(&self.stack, name) {
                supervisor.on_resumed(now());
            }
        }
    }

    /// A supervisor for each service in scope, none for others.
    pub(super) fn supervise_scope(&mut self) {
        let scope = self.scope();
        self.supervisors.retain(|name, _| scope.contains(name));
        for name in scope {
            let Some(service) = self.stack.services.get(&name) else {
                continue;
            };
            let within = self
                .readiness_probe(&name)
                .map_or(Probe::WITHIN, |probe| probe.within);
            let policy = if service.is_job() && service.restart == Restart::Auto {
                Restart::No
            } else {
                service.restart
            };
            match self.supervisors.get_mut(&name) {
                Some(supervisor) => supervisor.configure(policy, service.is_job(), within),
                None => {
                    self.supervisors
                        .insert(name, Supervisor::new(policy, service.is_job(), within));
                }
            }
        }
    }

    /// Compares every instance with what was known of it.
    pub(super) fn see_instances(&mut self) {
        let containers = self.observed.containers.clone();
        let mut current: Vec<ObservedContainer> = self.observed.current().cloned().collect();
        // What is needed comes first: who needs it would else be told to lack it until the look is taken in.
        let order = self.stack.in_order();
        current.sort_by_key(|container| order.iter().position(|name| *name == container.service));
        let outside = &self.outside;
        current.retain(|container| !outside.is_missing(&container.service, container.index));
        for container in &current {
            self.see(container);
        }
        let gone: Vec<(String, u32)> = self
            .state
            .services
            .iter()
            .flat_map(|service| {
                service
                    .instances
                    .keys()
                    .map(|index| (service.info.name.clone(), *index))
            })
            .filter(|(name, index)| {
                !containers
                    .iter()
                    .any(|c| c.service == *name && c.index == *index)
                    || self.outside.is_missing(name, *index)
            })
            .collect();
        for (service, index) in gone {
            self.removed_outside(&service, index);
            self.life_is_over(&service, index);
            self.emit(Event::Instance {
                service,
                index,
                found: None,
            });
        }
        self.see_candidates();
        self.bounce.retain(|generation, _| {
            containers
                .iter()
                .any(|container| container.generation() == *generation)
        });
    }

    /// It ended because it was told to, or is gone: its companions end, and nothing is awaited of it.
    pub(super) fn life_is_over(&mut self, service: &str, index: u32) {
        self.instances.end(service, index);
        let instance = self
            .state
            .service(service)
            .and_then(|service| service.instances.get(&index));
        let life = instance.and_then(|instance| Some(instance.found.as_ref()?.generation.clone()));
        if let (Some(life), Some(supervisor)) = (life, self.supervisors.get_mut(service)) {
            supervisor.on_stopped(&life);
        }
    }

    fn see(&mut self, container: &ObservedContainer) {
        let found = Found::of(container);
        let (service, index) = (container.service.clone(), container.index);
        let known = self
            .state
            .service(&service)
            .and_then(|s| s.instances.get(&index))
            .and_then(|i| i.found.clone());
        let is_known = known.as_ref().is_some_and(|known| {
            known.generation == found.generation && known.status == found.status
        });
        if is_known {
            return;
        }
        let was_running = known.as_ref().is_some_and(|known| {
            known.status == Status::Running && known.generation == found.generation
        });
        // Begun and ended between two looks.
        let is_new = known
            .as_ref()
            .is_some_and(|known| known.generation != found.generation);
        // What ended while the container engine was away, ended with it; processes do not.
        let with_engine = self.look.after_outage && !container.is_process();
        let ended = (was_running || is_new)
            && !with_engine
            && !self.walk.is_ending(&container.id)
            && !self.ended_beside(container);
        self.emit(Event::Instance {
            service: service.clone(),
            index,
            found: Some(found.clone()),
        });
        match container.status {
            Status::Running => {
                if let Some(supervisor) = self.supervisors.get_mut(&service) {
                    supervisor.on_started(&found.generation, now());
                }
            }
            Status::Exited {
                code,
                out_of_memory,
            } if ended => {
                self.judge_end(container, (code, out_of_memory));
            }
            // Who only looks sees what was noted.
            Status::Exited { code: 0, .. }
                if self.goal == Goal::Observe && self.has_finished(container) =>
            {
                self.emit(Event::Job {
                    service,
                    current: true,
                });
            }
            _ => {}
        }
    }

    /// What nobody watched failing, and what the last engine saw failing. Whoever stops a container ends it with 0 or by
    /// one of these signals.
    fn find_failed(&mut self) {
        const BY_HAND: [i64; 5] = [0, 128 + 1, 128 + 2, 128 + 9, 128 + 15];
        self.recall_failures();
        let ended =
            self.observed
                .containers
                .iter()
                .filter_map(|container| match container.status {
                    Status::Exited {
                        code,
                        out_of_memory,
                    } if out_of_memory || !BY_HAND.contains(&code) => {
                        Some((container.service.clone(), code, out_of_memory))
                    }
                    _ => None,
                });
        for (service, code, out_of_memory) in ended.collect::<Vec<_>>() {
            let why = exit_failure(&service, code, out_of_memory, self.is_job(&service));
            if self.state.service(&service).is_some_and(|s| !s.gave_up) {
                self.emit(Event::GaveUp { service, why });
            }
        }
    }

    /// A life ended by itself, or by someone else's hand.
    pub(super) fn ended(&mut self, container: &ObservedContainer, code: i64, out_of_memory: bool) {
        let service = container.service.clone();
        if !matches!(self.goal, Goal::Up { .. }) {
            return;
        }
        let is_job = self.is_job(&service);
        if self.aborts(container, code) || (is_job && code == 0) {
            return;
        }
        if code == 0 && self.may_end(&service) {
            if let Some(supervisor) = self.supervisors.get_mut(&service) {
                supervisor.on_finished(&container.generation());
            }
            self.note_finished(container);
            self.emit(Event::Job {
                service,
                current: true,
            });
            return;
        }
        let failure = exit_failure(&service, code, out_of_memory, is_job);
        if self.observed.is_on_trial(container) {
            self.reject(&service, failure);
            return;
        }
        let Some(supervisor) = self.supervisors.get_mut(&service) else {
            return;
        };
        match supervisor.on_exit(&container.generation(), code, failure.clone(), now()) {
            Verdict::GaveUp(why) => self.emit(Event::GaveUp { service, why }),
            Verdict::Again { at, attempt } => self.emit(Event::Restarting {
                service,
                failure,
                attempt,
                until: at,
            }),
            Verdict::Steady => {}
        }
    }

    fn may_end(&self, service: &str) -> bool {
        let service = self.stack.services.get(service);
        service.is_some_and(|service| service.may_end)
    }

    /// The probe that says whether a service is ready: the file's, else the image's own.
    pub(super) fn readiness_probe(&self, service: &str) -> Option<Probe> {
        let spec = self.stack.services.get(service)?;
        if spec.ready.is_some() || spec.is_job() {
            return spec.ready.clone();
        }
        let given = spec.container.health.as_ref();
        if given == Some(&Healthcheck::Disabled) {
            return None;
        }
        let (ImageSource::Pull(reference) | ImageSource::Build(reference)) =
            self.desired.images.get(service)?;
        let of_image = self.observed.images.get(reference)?.healthcheck.as_ref()?;
        match given {
            Some(given) => crate::probe::from_healthcheck(&of_image.with(given)),
            None => crate::probe::from_healthcheck(of_image),
        }
    }

    /// Whether what says that it is ready may lie in an image that was built or pulled after the last look.
    pub(super) fn is_from_unseen_image(&self, container: &ObservedContainer) -> bool {
        let Some(spec) = self.stack.services.get(&container.service) else {
            return false;
        };
        let is_disabled = spec.container.health == Some(Healthcheck::Disabled);
        if spec.ready.is_some() || spec.is_job() || is_disabled {
            return false;
        }
        let source = self.desired.images.get(&container.service);
        source.is_some_and(|source| {
            let seen = self.observed.images.get(source.reference());
            seen.is_none_or(|image| image.id != container.image_id)
        })
    }

    fn is_at_work_on(&self, service: &str) -> bool {
        let concerns = |subject: &Subject| subject.service() == Some(service);
        self.walk.is_at_work(concerns)
    }

    /// That a container began may be told after its start has returned. While no look is under way or to come, one that is
    /// known to run has not ended since.
    fn is_no_news(&self, began: &str) -> bool {
        let mut known = self.observed.containers.iter();
        !self.look.under_way
            && !self.look.wanted
            && known.any(|container| container.id == began && container.is_running())
    }

    pub(super) fn changed(&mut self, change: Change) {
        if let Change::Container {
            id, began: true, ..
        } = &change
        {
            self.started_outside(id);
        }
        match change {
            Change::Container {
                id,
                began: true,
                service: Some(service),
            } if self.is_at_work_on(&service) || self.is_no_news(&id) => {}
            Change::Container { began, service, .. } => {
                self.look.wanted = true;
                if let Some(service) = service.filter(|service| !began && !self.is_job(service)) {
                    self.look.doubt(service);
                }
            }
            Change::Ended { id, code, at } => {
                self.look.wanted = true;
                let container = self.observed.containers.iter().find(|c| c.id == id);
                let service = container.map(|container| container.service.clone());
                if let Some(service) = service.filter(|service| !self.is_job(service)) {
                    self.look.doubt(service);
                }
                if code == 0 {
                    self.job_ended(&id, at);
                }
            }
            Change::Signalled {
                id,
                service,
                may_stop,
            } => {
                if may_stop {
                    self.outside.signalled(&id);
                }
                self.changed(Change::Container {
                    id,
                    service: Some(service),
                    began: false,
                });
            }
            Change::Stopped {
                id,
                service,
                index,
                at,
            } => self.stopped_outside(id, service, index, at),
            Change::Other => self.look.wanted |= self.walk.is_idle(),
            Change::Lost(text) => {
                // What a look under way has found may be from before.
                self.look.epoch += 1;
                self.doubt_outside();
                self.runtime_failed(text);
                self.follow_changes();
            }
        }
    }

    /// A job's success is known from the engine's event alone, so that what waits for it does not also wait until the
    /// engine has cleaned up. Every other end is for the look that follows.
    fn job_ended(&mut self, id: &str, at: i64) {
        let container = self
            .observed
            .containers
            .iter_mut()
            .find(|container| container.id == id);
        let Some(container) = container.filter(|container| container.status == Status::Running)
        else {
            return;
        };
        let started = chrono::DateTime::parse_from_rfc3339(&container.started_at).ok();
        // An event of an earlier life of the same container says nothing about this one.
        let of_this_life = started
            .and_then(|started| started.timestamp_nanos_opt())
            .is_some_and(|started| started < at);
        let is_job = self
            .stack
            .services
            .get(&container.service)
            .is_some_and(crate::stack::Service::is_job);
        if of_this_life && is_job && !self.walk.is_ending(&container.id) {
            container.status = Status::Exited {
                code: 0,
                out_of_memory: false,
            };
            let container = container.clone();
            // A look that began before this may still show it running.
            self.look.epoch += 1;
            self.settle_jobs();
            self.see(&container);
        }
    }

    /// Turns the engine's own events into inputs, until the stream is lost.
    pub(super) fn follow_changes(&mut self) {
        use futures_util::StreamExt;
        let mut changes = self.world.changes(&self.stack.name);
        let inputs = self.inputs.clone();
        let stop = self.stop.clone();
        let pause = std::time::Duration::from_millis(if self.look.failures > 0 { 300 } else { 0 });
        self.tasks.spawn(async move {
            let follow = async {
                tokio::time::sleep(pause).await;
                while let Some(change) = changes.next().await {
                    let lost = matches!(change, Change::Lost(_));
                    if inputs.send(Input::Changed(change)).await.is_err() || lost {
                        break;
                    }
                }
            };
            tokio::select! { () = follow => {}, () = stop.cancelled() => {} }
        });
    }
}

pub(super) fn exit_failure(service: &str, code: i64, out_of_memory: bool, job: bool) -> Failure {
    if out_of_memory {
        return Failure {
            class: FailureClass::OutOfMemory,
            message: "killed because it ran out of memory".to_owned(),
            detail: Vec::new(),
            help: Some(format!(
                "raise `limits.memory` of `{service}`, or find what it keeps"
            )),
        };
    }
    let help = match code {
        126 => "the command was found but cannot be executed".to_owned(),
        127 => "the command was not found".to_owned(),
        0 if !job => {
            "if it is meant to end, say `job = true`; a server has to stay in the foreground"
                .to_owned()
        }
        _ => format!("`dev logs {service}` shows what it said"),
    };
    let how = match code {
        129..=159 => format!("ended by signal {}", code - 128),
        _ => format!("ended with exit code {code}"),
    };
    Failure {
        class: FailureClass::Exited,
        message: how,
        detail: Vec::new(),
        help: Some(help),
    }
}
