//! One round of planning: from what a look found to what runs next.

use std::collections::{BTreeMap, BTreeSet};

use super::core::{Engine, now};
use super::event::{Event, Failure, FailureClass, Level};
use super::execute::Ending;
use super::goal::{Goal, Until};
use super::perform::is_going;
use super::state::{Phase, ServiceState};
use crate::plan::allocate::{Allocations, PortKey, Taken, allocate};
use crate::plan::desired::{Desired, desire};
use crate::plan::hold::{Gate, Hold};
use crate::plan::observed::{Home, ObservedContainer, Status};
use crate::plan::reconcile::{
    RestartOwner, Standing, Wanted, hand_over, job_is_current, reconcile, remove, stop,
};
use crate::plan::{Action, Cause, Operation, Plan};
use crate::runtime::RuntimeError;
use crate::stack::Stack;

/// What `up` would do.
#[derive(Debug, Clone)]
pub struct Preview {
    pub plan: Plan,
    /// Services that cannot be planned for, with why.
    pub unresolved: Vec<(String, Failure)>,
    /// The folder of another checkout that has this stack's name on the engine: then the rest says nothing.
    pub other_checkout: Option<String>,
}

impl Engine {
    /// Compares, and goes on with the difference.
    pub(super) fn plan(&mut self) {
        let plan = self.make_plan();
        self.announce();
        self.update_jobs();
        self.refused.keep(|subject| {
            plan.operations
                .iter()
                .any(|operation| operation.subject == *subject)
        });
        for ticket in self.walk.replace(plan) {
            self.cancel(ticket);
        }
        let refused = &self.refused;
        self.walk
            .hold_back(|operation| is_unsupervised(operation) && refused.holds(&operation.subject));
        // Before anything of it begins: in between, what is to be replaced would be as it should be.
        self.tell_planned();
    }

    /// What would be done now, without doing it.
    pub(super) fn make_plan(&mut self) -> Plan {
        let mut plan = match self.goal.clone() {
            Goal::Up { .. } if self.leaving => {
                let left = self.outside.left();
                hand_over(&self.stack, &self.observed, &self.scope(), &left)
            }
            Goal::Up { stopped, .. } => {
                let mut plan = self.plan_up();
                self.tell_outdated(&plan);
                let stop = stop(&self.stack, &self.observed, &stopped);
                plan.append(match self.is_on_host_only() {
                    true => stop.on_host(),
                    false => stop,
                });
                plan
            }
            Goal::Observe => {
                self.desire();
                Plan::default()
            }
            Goal::Stop(services) if self.at_once => {
                stop(&self.stack, &self.observed, &services).at_once()
            }
            Goal::Stop(services) => stop(&self.stack, &self.observed, &services),
            Goal::Down(removal) if self.at_once => {
                remove(&self.stack, &self.observed, removal).at_once()
            }
            Goal::Down(removal) => remove(&self.stack, &self.observed, removal),
        };
        if self.is_ending() && self.is_on_host_only() {
            // Nobody could end the containers that would be first.
            plan = plan.on_host();
        }
        if let Some(grace) = self.grace {
            plan.stop_within(grace);
        }
        plan
    }

    /// What `up` would do, from one look.
    ///
    /// # Errors
    /// The container engine does not answer.
    pub async fn preview(mut self) -> Result<Preview, RuntimeError> {
        let world = self.world.clone();
        let ask = self.ask();
        let (observed, hashed) = tokio::join!(world.look(&ask), self.hashing());
        self.observed = observed?;
        self.take_hashes(hashed, true);
        self.observed.recall_builds(&self.builds);
        self.observed.inputs.clone_from(&self.sources.inputs);
        self.observed.jobs.clone_from(&self.jobs.records);
        let other_checkout = self.other_checkout(&self.observed);
        self.grant_wishes();
        self.supervise_scope();
        self.acts = false;
        let plan = self.make_plan();
        let unresolved = self.state.services.iter().filter_map(|service| {
            let failure = service.failure.clone().filter(|_| service.gave_up)?;
            Some((service.info.name.clone(), failure))
        });
        Ok(Preview {
            unresolved: unresolved.collect(),
            plan,
            other_checkout,
        })
    }

    fn plan_up(&mut self) -> Plan {
        self.desire();
        self.refuse_missing_images();
        self.refuse_missing_externals();
        self.settle_jobs();
        let seed = self.needs_seed();
        let checkout = self.store.checkout();
        let time = now();
        let mut standing: BTreeMap<String, Standing> = BTreeMap::new();
        for (name, supervisor) in &self.supervisors {
            if let Some(state) = supervisor.standing(time) {
                standing.insert(name.clone(), state);
            }
        }
        reconcile(&Wanted {
            stack: &self.stack,
            desired: &self.desired,
            observed: &self.observed,
            standing: &standing,
            bounce: &self.bounce,
            refusing: &self.syncing.refusing(),
            rerun: &self.rerun,
            seed: &seed,
            demands: &self.demands,
            left: &self.outside.left(),
            held: self.outside.held(),
            held_networks: &self.outdated.held,
            restarts: self.restarts(),
            home: Home {
                dir: self.stack.dir.as_str(),
                checkout: &checkout,
            },
        })
    }

    fn restarts(&self) -> RestartOwner {
        match self.until {
            // Nobody of ours stays then.
            Until::Ready | Until::Ended if self.handed_over => RestartOwner::Engine,
            Until::Ready => RestartOwner::DevForNow,
            _ => RestartOwner::Dev,
        }
    }

    fn desire(&mut self) {
        let scope = self.scope();
        self.choose_ports(&scope);
        self.facts.host_ports = self
            .allocations
            .iter()
            .filter(|(key, _)| key.index == 1)
            .map(|(key, port)| ((key.service.clone(), key.port.clone()), *port))
            .collect();
        let mut scope = scope;
        loop {
            let result = desire(
                &self.stack,
                &scope,
                &self.allocations,
                &self.facts,
                &self.sources,
                self.store.key(),
            );
            let errors = match result {
                Ok(desired) => {
                    let before = std::mem::replace(&mut self.desired, desired);
                    self.forgive_changes(&before);
                    return;
                }
                Err(errors) => errors,
            };
            let before = scope.len();
            for error in errors {
                scope.remove(&error.service);
                self.unresolved(&error.service, error.to_string());
            }
            if scope.len() == before {
                self.desired = Desired::default();
                return;
            }
        }
    }

    fn unresolved(&mut self, service: &str, message: String) {
        let known = self
            .supervisors
            .get(service)
            .and_then(|supervisor| supervisor.failure());
        if known.is_some_and(|failure| failure.message == message) {
            return;
        }
        let failure = Failure {
            class: FailureClass::Unresolved,
            message,
            detail: Vec::new(),
            help: None,
        };
        if let Some(supervisor) = self.supervisors.get_mut(service) {
            supervisor.on_failed(failure.clone(), now());
        }
        self.emit(Event::GaveUp {
            service: service.to_owned(),
            why: failure,
        });
    }

    fn choose_ports(&mut self, scope: &BTreeSet<String>) {
        let bound = self.bound_ports();
        let mut taken: Taken = self
            .refused_ports
            .iter()
            .map(|port| (None, *port))
            .collect();
        taken.extend(
            self.taken_on_host(scope, &bound)
                .into_iter()
                .map(|port| (None, port)),
        );
        let mut candidates = std::iter::from_fn(portpicker::pick_unused_port);
        let chosen = allocate(
            &self.stack,
            scope,
            &self.allocations,
            &bound,
            &taken,
            &mut candidates,
        );
        if chosen != self.allocations {
            self.allocations = chosen;
            // Whoever only looks has no lock, and writes nothing.
            if !self.acts {
                return;
            }
            if let Err(error) = self.store.set_ports(&self.allocations) {
                self.notice(
                    Level::Warning,
                    format!("cannot remember the chosen ports: {error}"),
                );
            }
        }
    }

    /// What our own running containers hold now, and processes whose supervisor was killed: those end before another begins.
    fn bound_ports(&self) -> Allocations {
        let mut bound = Allocations::new();
        for container in self
            .observed
            .containers
            .iter()
            .filter(|container| container.is_running() || is_orphan(container))
        {
            let Some(service) = self.stack.services.get(&container.service) else {
                continue;
            };
            for (name, port) in &service.ports {
                let holds = container.ports.iter().find(|(number, protocol, _, _)| {
                    *number == port.container && *protocol == port.protocol
                });
                if let Some((_, _, _, host)) = holds {
                    let key = PortKey {
                        service: service.name.clone(),
                        port: name.clone(),
                        index: container.index,
                    };
                    bound.insert(key, *host);
                }
            }
        }
        bound
    }

    /// Ports that something else listens on, as far as this side of the engine can tell; its own bind decides.
    fn taken_on_host(&self, scope: &BTreeSet<String>, bound: &Allocations) -> BTreeSet<u16> {
        let ours: BTreeSet<u16> = bound.values().copied().collect();
        let services = scope
            .iter()
            .filter_map(|name| self.stack.services.get(name));
        let mut ask: BTreeSet<u16> = services
            .flat_map(|service| service.ports.values())
            .filter(|port| port.publish)
            .map(|port| port.container)
            .collect();
        ask.extend(
            self.allocations
                .iter()
                .filter(|(key, _)| !bound.contains_key(*key))
                .map(|(_, port)| *port),
        );
        ask.retain(|port| !ours.contains(port));
        ask.into_iter()
            .filter(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_err())
            .collect()
    }

    /// What failed, and is now made from something else, starts with a clean slate: once for each change, so that a
    /// change that cannot be carried out is not tried without a pause.
    fn forgive_changes(&mut self, before: &Desired) {
        let processes = self.desired.processes.iter().map(|spec| &spec.service);
        let changed: Vec<String> = self
            .desired
            .images
            .keys()
            .chain(processes)
            .filter(|service| makings(before, service) != makings(&self.desired, service))
            .cloned()
            .collect();
        for service in changed {
            self.retry(&service);
        }
    }

    /// Clean slate for one service.
    pub(super) fn retry(&mut self, service: &str) {
        if let Some(supervisor) = self.supervisors.get_mut(service) {
            supervisor.reset(now());
        }
        self.await_candidates(service, now());
        let shows = self
            .state
            .service(service)
            .is_some_and(|s| s.gave_up || s.failure.is_some() || s.restarts > 0);
        if shows {
            self.emit(Event::Retry {
                service: service.to_owned(),
            });
        }
    }

    fn update_jobs(&mut self) {
        let jobs = self
            .state
            .services
            .iter()
            .filter(|service| service.info.job);
        let changes: Vec<(String, bool)> = jobs
            .filter_map(|service| {
                let name = &service.info.name;
                let current = !self.rerun.contains(name)
                    && job_is_current(&self.stack, &self.desired, &self.observed, name);
                (current != service.done).then(|| (name.clone(), current))
            })
            .collect();
        for (service, current) in changes {
            self.emit(Event::Job { service, current });
        }
    }

    /// Tells why each service that does not go on does not.
    pub(super) fn update_holds(&mut self) {
        let gated: BTreeMap<String, Vec<Gate>> = self
            .walk
            .gated()
            .into_iter()
            .map(|(service, gates)| (service.to_owned(), gates.to_vec()))
            .collect();
        let (time, ends) = (now(), self.walk.ends());
        let mut changes = Vec::new();
        for service in &self.state.services {
            let name = &service.info.name;
            let gates = match gated.get(name) {
                None if self.waits_unplanned(service) => Some(&service.info.needs),
                gates => gates,
            };
            let mut holds = self.holds(name, &ends, gates.into_iter().flatten());
            if let Some(at) = self
                .supervisors
                .get(name)
                .and_then(|s| s.paused_until(time))
            {
                // Nothing of it is planned yet, and it will not start without what it needs either.
                if holds.is_empty() && !service.has_started() {
                    holds = self.holds(name, &ends, &service.info.needs);
                }
                holds.push(Hold::Backoff {
                    until: at,
                    attempt: service.restarts,
                });
            }
            if self.is_not_up(service) {
                holds = vec![Hold::NotUp];
            }
            if holds != service.holds {
                changes.push((name.clone(), holds));
            }
        }
        for (service, holds) in changes {
            // In the order of the graph: what is waited for has its time already.
            let at = self.held_since(&holds).unwrap_or_else(now);
            self.emit_at(at, Event::Held { service, holds });
        }
    }

    /// Who only looks has no plan in which it waits, and it waits all the same.
    fn waits_unplanned(&self, service: &ServiceState) -> bool {
        self.goal == Goal::Observe && self.look.seen && service.phase == Phase::Waiting
    }

    /// Who only looks starts nothing: what is not there stays so, unless someone tried and something that it needs went wrong.
    fn is_not_up(&self, service: &ServiceState) -> bool {
        self.goal == Goal::Observe
            && self.look.seen
            && service.instances.is_empty()
            && service.failure.is_none()
            && !service.done
            && !self.needs_what_went_wrong(service)
    }

    fn needs_what_went_wrong(&self, service: &ServiceState) -> bool {
        let needs = service.info.needs.iter();
        let mut needed = needs.filter_map(|need| self.state.service(&need.service));
        needed.any(|need| {
            let is_there = !need.instances.is_empty() && !need.is_ready() && !need.done;
            let runs = is_there && need.phase != Phase::Stopped;
            need.failure.is_some() || runs || self.needs_what_went_wrong(need)
        })
    }

    /// Since when all that it waits for is as it is, where nobody saw it begin to wait.
    fn held_since(&self, holds: &[Hold]) -> Option<u64> {
        if self.goal != Goal::Observe {
            return None;
        }
        let since = holds.iter().filter_map(|hold| match hold {
            Hold::Needs { on, .. } => Some(self.state.service(on)?.since),
            _ => None,
        });
        since.min()
    }

    /// Each that is waited for once: a job that is done may hold for what another gate names already.
    fn holds<'a>(
        &self,
        service: &str,
        ends: &BTreeMap<String, Ending>,
        gates: impl IntoIterator<Item = &'a Gate>,
    ) -> Vec<Hold> {
        let mut holds: Vec<Hold> = Vec::new();
        let held = gates.into_iter().filter_map(|gate| {
            let hold = self.hold(gate);
            hold.or_else(|| self.hold_by_end(service, ends, gate))
        });
        for hold in held {
            let is_told = |known: &Hold| matches!((known, &hold), (Hold::Needs { on: a, .. }, Hold::Needs { on: b, .. }) if a == b);
            if !holds.iter().any(is_told) {
                holds.push(hold);
            }
        }
        holds
    }

    /// What it needs is ready, and about to make way for another.
    fn hold_by_end(
        &self,
        service: &str,
        ends: &BTreeMap<String, Ending>,
        gate: &Gate,
    ) -> Option<Hold> {
        let goes = is_going(ends, &self.stack, Some(service), &gate.service);
        goes.then(|| Hold::Needs {
            on: gate.service.clone(),
            condition: gate.condition,
            phase: "to be replaced".to_owned(),
        })
    }

    fn hold(&self, gate: &Gate) -> Option<Hold> {
        if self.state.is_open(gate) {
            return None;
        }
        let mut on = &gate.service;
        // A job that is done holds only for what it needs itself.
        while let Some(job) = self
            .state
            .service(on)
            .filter(|service| service.info.job && service.done)
        {
            let missing = |need: &&Gate| !self.state.is_open(need);
            match job.info.needs.iter().find(missing) {
                Some(need) => on = &need.service,
                None => break,
            }
        }
        let phase = self
            .state
            .service(on)
            .map_or_else(String::new, |service| service.phase.to_string());
        Some(Hold::Needs {
            on: on.clone(),
            condition: gate.condition,
            phase,
        })
    }
}

/// Whether nobody counts its failures: it is about something that is not to be there, or not to run, or only about who
/// restarts it, or brings files to what runs.
pub(super) fn is_unsupervised(operation: &Operation) -> bool {
    matches!(operation.action, Action::Sync { .. })
        || matches!(
            operation.cause,
            Cause::Orphan
                | Cause::Twin
                | Cause::Surplus
                | Cause::Down
                | Cause::Attach
                | Cause::Detach
                | Cause::Rejected
                | Cause::Replaces
                | Cause::Unattached
        )
}

fn is_orphan(container: &ObservedContainer) -> bool {
    container.is_process() && container.status == Status::Dead
}

/// The hashes of everything that a service is made from.
fn makings<'a>(desired: &'a Desired, service: &str) -> Vec<&'a str> {
    let containers = desired
        .containers
        .iter()
        .filter(|spec| spec.service == *service);
    let processes = desired
        .processes
        .iter()
        .filter(|spec| spec.service == *service);
    let builds = desired
        .builds
        .iter()
        .filter(|build| build.services.iter().any(|user| user == service));
    let job = desired.jobs.get(service).map(String::as_str);
    containers
        .map(|spec| spec.hash.as_str())
        .chain(processes.map(|spec| spec.hash.as_str()))
        .chain(builds.map(|build| build.hash.as_str()))
        .chain(job)
        .collect()
}

/// Of the default services those that can run, with all that they need: on the host not all can.
pub fn able_services(stack: &Stack) -> BTreeSet<String> {
    let mut able = default_services(stack);
    able.retain(|name| stack.off_host_of([name.as_str()]).is_empty());
    able
}

/// The services of a stack without profiles, which `dev up` without names means.
pub fn default_services(stack: &Stack) -> BTreeSet<String> {
    stack
        .services
        .values()
        .filter(|service| service.profiles.is_empty())
        .map(|s| s.name.clone())
        .collect()
}
