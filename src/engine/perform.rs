//! Operations: begun, watched, and taken in when they end.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::core::{Engine, LookState, now};
use super::event::{Event, Failure, FailureClass, Found, Level, Step, Verb};
use super::execute::{Ending, Launch, Ticket};
use super::input::Input;
use super::replace::is_about_a_successor;
use super::round::is_unsupervised;
use super::supervise::Verdict;
use crate::plan::desired::ImageSource;
use crate::plan::hold::Gate;
use crate::plan::observed::{ObservedContainer, Status};
use crate::plan::{Action, Cause, Operation, Subject};
use crate::runtime::RuntimeError;
use crate::runtime::world::{Call, Output};
use crate::stack::{Service, Stack};

/// Lines of progress that may wait for the loop; further ones are dropped.
const PROGRESS: usize = 64;

/// Whether something of a service ended, or of what the job needs that it is, that no look has seen yet.
fn is_doubtful(look: &LookState, stack: &Stack, service: &str) -> bool {
    let job = stack
        .services
        .get(service)
        .filter(|service| service.is_job());
    look.is_doubtful(service)
        || job.is_some_and(|job| job.needs.keys().any(|need| is_doubtful(look, stack, need)))
}

/// Whether what a service counts on is about to make way for another. A job, which cannot be told when it does, waits for a
/// build as well; anything else does not stand still for as long as that takes.
pub(super) fn is_going(
    ends: &BTreeMap<String, Ending>,
    stack: &Stack,
    asking: Option<&str>,
    service: &str,
) -> bool {
    let is_job = |service: &str| stack.services.get(service).is_some_and(Service::is_job);
    match ends.get(service) {
        Some(Ending::Now) => return true,
        Some(Ending::Later) if asking.is_some_and(is_job) => return true,
        _ => {}
    }
    let Some(job) = stack.services.get(service).filter(|job| job.is_job()) else {
        return false;
    };
    let mut needs = job.needs.keys();
    needs.any(|need| is_going(ends, stack, asking, need))
}

impl Engine {
    /// Begins every operation that may run now.
    pub(super) fn launch(&mut self) {
        let on_host_only = self.is_on_host_only();
        self.walk.keep_to_host(on_host_only);
        let (state, look, stack) = (&self.state, &self.look, &self.stack);
        let (walk, syncing, ends) = (&self.walk, &self.syncing, self.walk.ends());
        let lacking: BTreeSet<String> = (self.stack.services.keys())
            .filter(|name| walk.is_syncing(name) || syncing.owes(name))
            .cloned()
            .collect();
        let is_open = |operation: &Operation, gate: &Gate| {
            state.is_open(gate)
                && !is_doubtful(look, stack, &gate.service)
                && !is_going(&ends, stack, operation.subject.service(), &gate.service)
                && !lacking.contains(&gate.service)
        };
        let proven: BTreeSet<String> = self
            .observed
            .places()
            .filter_map(|place| Some(place.coming()?.id.clone()))
            .filter(|container| self.is_proven(container))
            .collect();
        let is_ready = |container: &str| proven.contains(container);
        for launch in self.walk.launch(is_open, is_ready) {
            self.report(&launch.operation, Step::Started);
            self.begin(launch);
        }
    }

    fn begin(&mut self, launch: Launch) {
        let Launch {
            ticket,
            operation,
            input,
        } = launch;
        if let (Action::Seed { .. }, Subject::Instance { service, index, .. }) =
            (&operation.action, &operation.subject)
        {
            self.begin_seed(ticket, service.clone(), *index, input.unwrap_or_default());
            return;
        }
        if let Action::Sync { .. } = operation.action {
            self.begin_sync(ticket, &input.unwrap_or_default());
            return;
        }
        self.note_job(&operation, input.as_deref());
        self.note_own(&operation.action, input.as_deref());
        let lacking = self.lacking(&operation, input.as_deref());
        let call = Call {
            action: operation.action,
            input,
            labels: self.labels(),
        };
        let cancel = CancellationToken::new();
        self.cancels.insert(ticket, cancel.clone());
        let world = self.world.clone();
        let (progress, mut reports) = mpsc::channel::<crate::runtime::Progress>(PROGRESS);
        let inputs = self.inputs.clone();
        self.tasks.spawn(async move {
            while let Some(report) = reports.recv().await {
                let crate::runtime::Progress { text, done, total } = report;
                if inputs
                    .send(Input::Progress {
                        ticket,
                        text,
                        done,
                        total,
                    })
                    .await
                    .is_err()
                {
                    break;
                }
            }
        });
        self.spawn(async move {
            let begun = tokio::time::Instant::now();
            let performing = async {
                if let Some(lacking) = lacking {
                    lacking.bring().await;
                }
                world.perform(&call, progress).await
            };
            tokio::select! {
                result = performing => {
                    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                    Input::Operated { ticket, millis, result }
                }
                () = cancel.cancelled() => Input::Cancelled { ticket },
            }
        });
    }

    fn labels(&self) -> Vec<(String, String)> {
        use crate::plan::desired::{LABEL_CHECKOUT, LABEL_DIR, LABEL_PROJECT};
        vec![
            (LABEL_PROJECT.to_owned(), self.stack.name.clone()),
            (LABEL_DIR.to_owned(), self.stack.dir.to_string()),
            (LABEL_CHECKOUT.to_owned(), self.store.checkout()),
        ]
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if let Some(cancel) = self.cancels.get(&ticket) {
            cancel.cancel();
        }
    }

    pub(super) fn cancelled(&mut self, ticket: Ticket) {
        self.cancels.remove(&ticket);
        if let Some(operation) = self.walk.operation(ticket) {
            self.report(&operation, Step::Cancelled);
        }
        self.walk.failed(ticket);
        self.look.epoch += 1;
        self.look.wanted = true;
    }

    pub(super) fn progressed(&mut self, ticket: Ticket, text: String, done: u64, total: u64) {
        if let Some(operation) = self.walk.operation(ticket) {
            self.report(&operation, Step::Progress { text, done, total });
        }
    }

    pub(super) fn operated(
        &mut self,
        ticket: Ticket,
        millis: u64,
        result: Result<Output, RuntimeError>,
    ) {
        self.cancels.remove(&ticket);
        self.look.epoch += 1;
        let Some(operation) = self.walk.operation(ticket) else {
            return;
        };
        self.build_ended(&operation, result.is_ok());
        let result = match result {
            Err(error) if self.is_for_later(&operation, &error) => Ok(Output::Nothing),
            result => result,
        };
        if let Action::Sync { container, .. } = &operation.action
            && let Some(id) = self.walk.input_of(&operation, container)
        {
            self.sync_ended(&id, result.is_ok());
        }
        match result {
            Ok(output) => {
                let input = operation.action.input();
                let input = input.and_then(|input| self.walk.input_of(&operation, input));
                let as_planned = self.walk.done(ticket, output.clone());
                self.refused.forget(&operation.subject);
                // What came of it is known before it is over: in between, a service that was stopped would be ready.
                self.changed_by(&operation, input, output);
                self.report(&operation, Step::Done { millis });
                self.look.wanted |= !as_planned;
                self.look.owed = true;
            }
            Err(RuntimeError(failure)) => {
                self.look.wanted = true;
                if self.port_refused(&operation, &failure) {
                    self.report(&operation, Step::Cancelled);
                    self.walk.failed(ticket);
                    return;
                }
                let step = match operation.action {
                    // Whoever brings the files has told what is wrong.
                    Action::Sync { .. } => Step::Cancelled,
                    _ => Step::Failed {
                        failure: failure.clone(),
                    },
                };
                self.report(&operation, step);
                let mut hit = self.walk.failed(ticket);
                if self.holds_network(&operation) {
                    return;
                }
                if is_unsupervised(&operation) {
                    let first = self.refused.note(&operation.subject, &failure, now());
                    // One that ended meanwhile has no policy to change: the next look knows.
                    let told = matches!(
                        operation.action,
                        Action::SetRestartPolicy { .. } | Action::Sync { .. }
                    );
                    if first && !told {
                        self.notice(Level::Error, failure.message);
                    }
                    return;
                }
                hit.extend(self.image_users(&operation.subject));
                let replaces = is_about_a_successor(&operation);
                self.operation_failed(hit, &failure, replaces);
            }
        }
    }

    /// What is known at once, without a look.
    fn changed_by(&mut self, operation: &Operation, input: Option<String>, output: Output) {
        if let Action::BuildImage(spec) = &operation.action {
            // The image has what was synced since the one before.
            self.seed.retain(|service| !spec.services.contains(service));
            if let Output::Image(id) = &output {
                self.note_built(spec, id);
            }
            let built = |service: &String| spec.services.contains(service);
            self.demands.build.retain(|service| !built(service));
        }
        if let Action::RemoveImage { reference } = &operation.action {
            self.look.let_go.insert(reference.clone());
        }
        if let Action::PullImage { reference, .. } = &operation.action {
            for service in self.made_from(reference) {
                self.demands.pull.remove(&service);
            }
            self.demands.pulled_for_steps(reference);
        }
        let Subject::Instance { service, index, .. } = &operation.subject else {
            return;
        };
        let (service, index) = (service.clone(), *index);
        match (&operation.action, output) {
            (
                Action::StartContainer { .. } | Action::StartProcess { .. },
                Output::Started(container),
            ) => self.started(*container),
            (Action::SetAliases { .. }, Output::Started(container)) => {
                self.attached_anew(*container);
            }
            (Action::StopContainer { id, .. }, _) => {
                let stopped = self
                    .observed
                    .containers
                    .iter_mut()
                    .find(|container| container.id == *id);
                if let Some(container) = stopped {
                    container.status = Status::Exited {
                        code: 0,
                        out_of_memory: false,
                    };
                    let id = container.id.clone();
                    self.tell_place(&service, index, &id);
                }
            }
            (Action::RemoveContainer { id, .. }, _) => {
                self.demands.forget(id);
                self.observed
                    .containers
                    .retain(|container| container.id != *id);
                self.tell_place(&service, index, id);
                if !self.stack.services.contains_key(&service) {
                    self.announce();
                }
            }
            (Action::RenameContainer { name, .. }, _) => {
                let mut containers = self.observed.containers.iter_mut();
                let renamed = containers.find(|container| Some(&container.id) == input.as_ref());
                if let Some(container) = renamed {
                    container.name.clone_from(name);
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, container: ObservedContainer) {
        self.outside.runs(&container);
        let generation = container.generation();
        let over =
            |known: &&ObservedContainer| known.generation() == generation && !known.is_running();
        let over = self.observed.containers.iter().find(over).cloned();
        if let Some(known) = over {
            // A look was faster, and has seen its end, too. It could not tell that this life was begun here.
            if let Status::Exited {
                code,
                out_of_memory,
            } = known.status
            {
                self.ended(&known, code, out_of_memory);
            }
            return;
        }
        // One that has ended already did run: the next look, which knows everything else too, says how it ended.
        self.look.wanted |= container.status != Status::Running;
        let found = Found {
            status: Status::Running,
            ended: None,
            ..Found::of(&container)
        };
        let (service, index) = (container.service.clone(), container.index);
        self.observed
            .containers
            .retain(|other| other.id != container.id);
        let unseen = self.is_from_unseen_image(&container);
        if self.stands_beside(&container) {
            // Its image may say how it is to be asked.
            self.look.wanted |= unseen;
            let status = Status::Running;
            let container = ObservedContainer {
                status,
                ..container
            };
            self.observed.containers.push(container.clone());
            self.see_candidate(&container);
            self.attend();
            return;
        }
        if unseen {
            self.look.unseen.insert(service.clone());
            self.look.wanted = true;
            self.announce();
        }
        self.observed.containers.push(container);
        self.emit(Event::Instance {
            service: service.clone(),
            index,
            found: Some(found.clone()),
        });
        if let Some(supervisor) = self.supervisors.get_mut(&service) {
            supervisor.on_started(&found.generation, now());
        }
        self.attend();
    }

    fn operation_failed(&mut self, services: BTreeSet<String>, failure: &Failure, replaces: bool) {
        if services.is_empty() {
            self.notice(Level::Error, failure.message.clone());
        }
        for service in services {
            let Some(supervisor) = self.supervisors.get_mut(&service) else {
                continue;
            };
            match supervisor.on_failed(failure.clone(), now()) {
                Verdict::GaveUp(why) if replaces => self.reject(&service, why),
                Verdict::GaveUp(why) => self.emit(Event::GaveUp { service, why }),
                Verdict::Again { at, attempt } => {
                    self.emit(Event::Restarting {
                        service,
                        failure: failure.clone(),
                        attempt,
                        until: at,
                    });
                }
                Verdict::Steady => {}
            }
        }
    }

    /// The services whose image is pulled as this one.
    fn made_from(&self, name: &str) -> Vec<String> {
        let pulls = |source: &ImageSource| matches!(source, ImageSource::Pull(reference) if reference == name);
        let images = self.desired.images.iter();
        images
            .filter(|(_, source)| pulls(source))
            .map(|(service, _)| service.clone())
            .collect()
    }

    /// The services whose image this is, or that need it, too: nothing of theirs stands in the plan when it fails for all of them.
    fn image_users(&self, subject: &Subject) -> Vec<String> {
        let Subject::Image(name) = subject else {
            return Vec::new();
        };
        let mut users = self.made_from(name);
        let needs = |service: &&String| {
            let service = self.stack.services.get(*service);
            service.is_some_and(|service| service.further_images().any(|image| image == name))
        };
        users.extend(self.desired.images.keys().filter(needs).cloned());
        // What is only a base of others is in nobody's way but theirs.
        let builds = self.users(name).into_iter();
        users.extend(builds.filter(|service| self.desired.images.contains_key(service)));
        users.sort();
        users.dedup();
        users
    }

    /// A port that `dev` chose itself is taken after all: the next plan takes another one.
    fn port_refused(&mut self, operation: &Operation, failure: &Failure) -> bool {
        let Subject::Instance { service, index, .. } = &operation.subject else {
            return false;
        };
        if failure.class != FailureClass::PortTaken {
            return false;
        }
        let containers = self.desired.containers.iter();
        let processes = self.desired.processes.iter();
        let ports = containers
            .map(|spec| (&spec.service, spec.index, &spec.ports))
            .chain(processes.map(|spec| (&spec.service, spec.index, &spec.ports)))
            .find(|(of, at, _)| *of == service && at == index);
        let Some((_, _, ports)) = ports else {
            return false;
        };
        let fixed = ports.iter().any(|port| port.host.is_some() && !port.auto);
        let names_fixed = ports.iter().any(|port| {
            !port.auto
                && port
                    .host
                    .is_some_and(|host| failure.message.contains(&host.to_string()))
        });
        let chosen: Vec<u16> = ports
            .iter()
            .filter(|port| port.auto)
            .filter_map(|port| port.host)
            .collect();
        let named: Vec<u16> = chosen
            .iter()
            .copied()
            .filter(|host| failure.message.contains(&host.to_string()))
            .collect();
        if chosen.is_empty() || names_fixed || (fixed && named.is_empty()) {
            return false;
        }
        let taken = if named.is_empty() { chosen } else { named };
        let text = taken
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        self.notice(
            Level::Warning,
            format!("{service}: {}; port {text} is left to it", failure.message),
        );
        self.refused_ports.extend(taken);
        if let Action::StartContainer { container, .. } = &operation.action
            && let Some(id) = self.walk.input_of(operation, container)
        {
            self.demands.renew.insert(id, Cause::PortTaken);
        }
        true
    }

    pub(super) fn report(&mut self, operation: &Operation, step: Step) {
        let verb = match &operation.action {
            Action::PullImage { .. } => Verb::Pull,
            Action::BuildImage(_) => Verb::Build,
            Action::CreateNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::CreateContainer { .. } => Verb::Create,
            // Nothing of the service itself goes.
            _ if matches!(operation.cause, Cause::Replaces | Cause::Rejected)
                && !matches!(operation.action, Action::StartContainer { .. }) =>
            {
                Verb::Update
            }
            // Neither when one goes that does not count yet.
            Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. }
                if self.was_beside_one_that_serves(operation, id) =>
            {
                Verb::Update
            }
            Action::RemoveNetwork { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::RemoveContainer { .. } => Verb::Remove,
            Action::Seed { .. } => Verb::Copy,
            Action::Sync { .. }
            | Action::RenameContainer { .. }
            | Action::SetAliases { .. }
            | Action::SetRestartPolicy { .. } => Verb::Update,
            Action::Prepare { .. } => Verb::Prepare,
            Action::StartContainer { .. }
            | Action::StartProcess { .. }
            | Action::UnpauseContainer { .. } => Verb::Start,
            Action::StopContainer { .. } => Verb::Stop,
        };
        let users = self.image_users(&operation.subject);
        let services = match operation.subject.service() {
            Some(service) => vec![Some(service.to_owned())],
            None if users.is_empty() => vec![None],
            None => users.into_iter().map(Some).collect(),
        };
        for service in services {
            self.emit(Event::Operation {
                service,
                subject: operation.subject.to_string(),
                verb,
                cause: operation.cause.to_string(),
                step: step.clone(),
            });
        }
    }
}
