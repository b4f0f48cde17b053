//! One instance: what has to happen so that its container is the wanted one and runs.

use chrono::{DateTime, FixedOffset};

use super::{Builder, Image, RestartOwner, Standing};
use crate::plan::desired::ContainerSpec;
use crate::plan::hold::Gate;
use crate::plan::observed::{Has, ObservedContainer, Status};
use crate::plan::operation::{Action, Cause, Input, OnlyIf, OpId, Subject};
use crate::stack::{Need, Restart, UpdateOrder};

/// When a container gets what its service's rules sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files {
    /// It has everything, or nothing is synced.
    There,
    Before,
    /// As far as can be known it has everything: comparing tells.
    After,
}

impl Builder<'_> {
    pub(super) fn instance(&mut self, spec: &ContainerSpec) {
        let wanted = self.wanted;
        let asked = wanted.rerun.contains(&spec.service);
        if spec.job && !asked && self.has_run(&spec.service) {
            return;
        }
        let Some(image) = self.image(&spec.service) else {
            return;
        };
        self.images_of_steps_asked_for(spec);
        let Some(place) = wanted.observed.place(&spec.service, spec.index) else {
            let only_if = image.operation().zip(self.has_run_from(spec));
            let only_if = only_if.map(|(image_of, differs_from)| OnlyIf {
                image_of,
                differs_from,
            });
            let only_if = only_if.as_ref();
            self.create_and_start(spec, &image, &Cause::Missing, Vec::new(), only_if);
            return;
        };
        if wanted.demands.create_only && place.current().is_running() {
            return;
        }
        match place.successor {
            Some(next) if !spec.job => self.succession(spec, &image, place.holder, next),
            _ => self.existing(spec, &image, place.holder, asked),
        }
    }

    /// Why a container cannot stay as it is, as far as that is known now.
    pub(super) fn outdated(
        &self,
        spec: &ContainerSpec,
        image: &Image,
        container: &ObservedContainer,
    ) -> Option<Cause> {
        let demands = self.wanted.demands;
        if demands.keep.contains(&container.id) && container.status != Status::Dead {
            return demands.renew.get(&container.id).cloned();
        }
        if container.config.as_deref() != Some(spec.hash.as_str()) {
            Some(Cause::ConfigChanged)
        } else if let Some(cause) = demands.renew.get(&container.id) {
            Some(cause.clone())
        } else if container.status == Status::Dead {
            Some(Cause::NotRunning { exit: None })
        } else if matches!(image, Image::Present(id) if *id != container.image_id)
            || self.mounts_another(spec, container)
        {
            Some(Cause::ImageChanged)
        } else if !container.is_running() && self.lacks_network(spec) {
            Some(Cause::NetworkGone)
        } else {
            None
        }
    }

    fn existing(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        container: &ObservedContainer,
        asked: bool,
    ) {
        if container.is_successor() && !container.is_process() {
            // What it has replaced is gone already. Whatever else there is to do comes after.
            self.name_again(spec, container, &Cause::Replaces);
            self.rename(spec, &Input::Known(container.id.clone()), Vec::new());
            return;
        }
        let ran_from = image.operation().and(self.has_run_from(spec));
        let cause = self.outdated(spec, image, container).or_else(|| {
            // A job starts from a clean container each time it runs.
            let ended = matches!(container.status, Status::Exited { .. });
            let ended = spec.job && ended && ran_from.is_none();
            ended.then_some(if asked {
                Cause::Asked
            } else {
                Cause::InputsChanged
            })
        });
        let wanted = self.wanted;
        let comes_back = !spec.job && container.is_running() && !container.is_process();
        let mut images: Vec<OpId> = image.operation().into_iter().collect();
        images.extend(self.images_mounted(spec));
        if let Some(cause) = cause {
            if comes_back {
                self.replace_container(spec, image, container, None, &cause, None);
                return;
            }
            let gone = self.remove_container(container, &cause, images);
            self.create_and_start(spec, image, &cause, vec![gone], None);
            return;
        }
        let stays = wanted.demands.keep.contains(&container.id);
        let only_if = match image {
            Image::Coming { operation } => Some(OnlyIf {
                image_of: *operation,
                differs_from: ran_from.unwrap_or_else(|| container.image_id.clone()),
            }),
            Image::Present(_) => self.if_mounted_differs(spec, container),
        };
        if let Some(only_if) = only_if.filter(|_| !stays) {
            let cause = Cause::ImageChanged;
            if comes_back {
                self.replace_container(spec, image, container, None, &cause, Some(&only_if));
                return;
            }
            let first = self.plan.operations.len();
            let gone = self.remove_container(container, &cause, images);
            for operation in &mut self.plan.operations[first..] {
                operation.only_if = Some(only_if.clone());
            }
            self.create_and_start(spec, image, &cause, vec![gone], Some(&only_if));
            // With the same image the next round keeps it, and starts it if it does not run.
            return;
        }
        self.keep(spec, image, container);
    }

    /// The engine keeps the id of a network in the container, so one of the same name made anew does not serve it.
    fn lacks_network(&self, spec: &ContainerSpec) -> bool {
        let networks = &self.wanted.observed.networks;
        spec.networks
            .iter()
            .any(|attached| !networks.contains_key(&attached.network))
    }

    /// The container is the wanted one; it may still not run, or have to be bounced.
    fn keep(&mut self, spec: &ContainerSpec, image: &Image, container: &ObservedContainer) {
        let subject = subject(spec);
        self.restart_policy(subject.clone(), spec.job, spec.restart, container);
        let service = self.wanted.stack.services.get(&spec.service);
        // It may have given them up to one that is gone again; what the others are may have changed since.
        if service.is_some_and(|service| service.update != UpdateOrder::StopFirst) {
            self.name_again(spec, container, &Cause::Replaces);
        }
        match container.status {
            Status::Paused if self.wanted.held.contains(&container.id) => {}
            Status::Paused => {
                let action = Action::UnpauseContainer {
                    id: container.id.clone(),
                };
                self.push(subject, action, Cause::Paused, Vec::new());
            }
            Status::Running => self.running(spec, container),
            Status::Restarting => self.bounce(spec, container, None, Vec::new()),
            // The start, or the files before it, did not come to pass.
            Status::Created => self.start_again(spec, image, container, &Cause::Missing),
            Status::Exited { code, .. } => {
                let cause = Cause::NotRunning { exit: Some(code) };
                self.start_again(spec, image, container, &cause);
            }
            Status::Dead => {}
        }
    }

    /// It has to have what its rules sync, and may have to be bounced: after that, unless it refuses it.
    fn running(&mut self, spec: &ContainerSpec, container: &ObservedContainer) {
        let mut sync = self.level(spec, container);
        if self.wanted.refusing.contains(&container.generation()) {
            sync.clear();
        }
        let known = self.wanted.observed.synced.get(&container.id);
        let restarts = !sync.is_empty() && known == Some(&Has::Lacks { restarts: true });
        self.bounce(
            spec,
            container,
            restarts.then_some(Cause::FilesChanged),
            sync,
        );
    }

    /// Brings what one that runs lacks, or may lack.
    pub(super) fn level(
        &mut self,
        spec: &ContainerSpec,
        container: &ObservedContainer,
    ) -> Vec<OpId> {
        let known = self.wanted.observed.synced.get(&container.id);
        if !self.is_synced(&spec.service) || known == Some(&Has::Everything) {
            return Vec::new();
        }
        let cause = match known {
            Some(_) => Cause::FilesChanged,
            None => Cause::FilesUnknown,
        };
        let id = Input::Known(container.id.clone());
        vec![self.sync(spec, id, cause, Vec::new())]
    }

    /// Starts a container that is there, with what it lacks.
    fn start_again(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        container: &ObservedContainer,
        cause: &Cause,
    ) {
        let id = Input::Known(container.id.clone());
        let files = self.files_of(spec, Some(image), container);
        self.start_with(spec, &id, cause, Vec::new(), files);
    }

    /// When this container, which does not run, gets what its rules sync. `image`: the one that it is from, where that is
    /// known.
    pub(super) fn files_of(
        &self,
        spec: &ContainerSpec,
        image: Option<&Image>,
        container: &ObservedContainer,
    ) -> Files {
        if self.is_synced_into_memory(&spec.service) {
            return Files::After;
        }
        match (self.wanted.observed.synced.get(&container.id), image) {
            (Some(Has::Everything), _) => Files::There,
            (Some(Has::Lacks { .. }), _) => Files::Before,
            // It ended before anybody could compare: that may be why.
            (None, _) if self.is_synced(&spec.service) && has_ended(container) => Files::Before,
            (None, Some(image)) => self.files(spec, image),
            (None, None) if self.is_synced(&spec.service) => Files::After,
            (None, None) => Files::There,
        }
    }

    /// When a container that nothing is known of gets what its rules sync.
    pub(super) fn files(&self, spec: &ContainerSpec, image: &Image) -> Files {
        if self.is_synced_into_memory(&spec.service) {
            // What an archive brings before the start lies below what is mounted then.
            Files::After
        } else if self.needs_files(&spec.service, image) {
            Files::Before
        } else if self.is_synced(&spec.service) {
            Files::After
        } else {
            Files::There
        }
    }

    /// Why a life is to end and to begin anew: somebody asked, or a need with `restart = true` began a new life.
    pub(super) fn bounce_cause(&self, container: &ObservedContainer) -> Option<Cause> {
        let asked = self.wanted.bounce.get(&container.generation()).cloned();
        asked.or_else(|| self.newer_need(container).map(Cause::Needs))
    }

    /// Stops and starts the same container, where there is a cause; `other`: one beside the usual.
    fn bounce(
        &mut self,
        spec: &ContainerSpec,
        container: &ObservedContainer,
        other: Option<Cause>,
        after: Vec<OpId>,
    ) {
        let Some(cause) = self.bounce_cause(container).or(other) else {
            return;
        };
        let stop = self.stop_container(container, &cause, after);
        let id = Input::Known(container.id.clone());
        let start = self.start(spec, id.clone(), cause, vec![stop]);
        if self.is_synced_into_memory(&spec.service) {
            self.sync(spec, id, Cause::FilesUnknown, vec![start]);
        }
    }

    /// A service that this one wants to be restarted with, and that was started after it.
    fn newer_need(&self, container: &ObservedContainer) -> Option<String> {
        let service = self.wanted.stack.services.get(&container.service)?;
        let mine = time(&container.started_at)?;
        service
            .needs
            .iter()
            .filter(|(_, need)| need.restart)
            .find_map(|(name, _)| {
                let newer = self.wanted.observed.current().any(|other| {
                    other.service == *name
                        && other.is_running()
                        && time(&other.started_at).is_some_and(|at| at > mine)
                });
                newer.then(|| name.clone())
            })
    }

    pub(super) fn restart_policy(
        &mut self,
        subject: Subject,
        job: bool,
        restart: Restart,
        container: &ObservedContainer,
    ) {
        let (policy, cause) = match self.wanted.restarts {
            RestartOwner::DevForNow if container.is_running() => return,
            RestartOwner::Dev | RestartOwner::DevForNow => (Restart::No, Cause::Attach),
            RestartOwner::Engine => (if job { Restart::No } else { restart }, Cause::Detach),
        };
        let observed = if container.restart_policy.is_empty() {
            "no"
        } else {
            container.restart_policy.as_str()
        };
        if observed != policy.engine_name() {
            let action = Action::SetRestartPolicy {
                id: container.id.clone(),
                policy,
            };
            self.push(subject, action, cause, Vec::new());
        }
    }

    fn create_and_start(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        cause: &Cause,
        mut after: Vec<OpId>,
        only_if: Option<&OnlyIf>,
    ) {
        after.extend(image.operation());
        after.extend(self.networks_and_volumes(spec));
        let first = self.plan.operations.len();
        let action = Action::CreateContainer {
            spec: Box::new(spec.clone()),
            image: image.input(),
        };
        let create = self.push(subject(spec), action, cause.clone(), after);
        let files = self.files(spec, image);
        self.start_with(spec, &Input::From(create), cause, vec![create], files);
        for operation in &mut self.plan.operations[first..] {
            operation.only_if = only_if.cloned();
        }
    }

    /// Starts a container that does not run, with the files that it lacks.
    fn start_with(
        &mut self,
        spec: &ContainerSpec,
        container: &Input<String>,
        cause: &Cause,
        after: Vec<OpId>,
        files: Files,
    ) {
        let after = self.seed(spec, container, cause, after, files);
        self.begin(spec, container, cause, after, files);
    }

    /// The files that a container gets before its start; returns what the start comes after.
    pub(super) fn seed(
        &mut self,
        spec: &ContainerSpec,
        container: &Input<String>,
        cause: &Cause,
        after: Vec<OpId>,
        files: Files,
    ) -> Vec<OpId> {
        if files != Files::Before {
            return after;
        }
        let action = Action::Seed {
            container: container.clone(),
            service: spec.service.clone(),
        };
        vec![self.push(subject(spec), action, cause.clone(), after)]
    }

    /// Starts it, and compares where that is what tells; returns the last of both.
    pub(super) fn begin(
        &mut self,
        spec: &ContainerSpec,
        container: &Input<String>,
        cause: &Cause,
        after: Vec<OpId>,
        files: Files,
    ) -> OpId {
        let after = self.prepare(spec, container, cause, after);
        let start = self.start(spec, container.clone(), cause.clone(), after);
        match files {
            Files::After => self.sync(spec, container.clone(), Cause::FilesUnknown, vec![start]),
            Files::There | Files::Before => start,
        }
    }

    pub(super) fn sync(
        &mut self,
        spec: &ContainerSpec,
        container: Input<String>,
        cause: Cause,
        after: Vec<OpId>,
    ) -> OpId {
        let service = spec.service.clone();
        let action = Action::Sync { container, service };
        self.push(subject(spec), action, cause, after)
    }

    pub(super) fn start(
        &mut self,
        spec: &ContainerSpec,
        container: Input<String>,
        cause: Cause,
        after: Vec<OpId>,
    ) -> OpId {
        let service = self.wanted.stack.services.get(&spec.service);
        let hooks = service.map(|service| service.container.post_start.clone());
        let hooks = hooks.unwrap_or_default();
        let action = Action::StartContainer { container, hooks };
        let id = self.push(subject(spec), action, cause, after);
        self.gate(id, &spec.service);
        id
    }

    /// An operation waits for what its service needs.
    pub(super) fn gate(&mut self, id: OpId, service: &str) {
        let needs = self.wanted.stack.services.get(service).map(|s| &s.needs);
        let standing = self.wanted.standing;
        let is_waited_for = |name: &String, need: &Need| {
            need.required || standing.get(name) != Some(&Standing::GaveUp)
        };
        let needs = needs.into_iter().flatten();
        let needs = needs.filter(|(name, need)| is_waited_for(name, need));
        let gates = needs.map(|(name, need)| Gate {
            service: name.clone(),
            condition: need.condition,
        });
        self.plan.operations[id].gates = gates.collect();
    }

    pub(super) fn stop_container(
        &mut self,
        container: &ObservedContainer,
        cause: &Cause,
        after: Vec<OpId>,
    ) -> OpId {
        let (signal, grace) = super::down::manner(self.wanted.stack, container);
        let action = Action::StopContainer {
            id: container.id.clone(),
            signal,
            grace,
            hooks: super::down::before(self.wanted.stack, container),
        };
        self.push(observed_subject(container), action, cause.clone(), after)
    }

    /// Stops it where it runs, then removes it; returns the removal.
    pub(super) fn remove_container(
        &mut self,
        container: &ObservedContainer,
        cause: &Cause,
        mut after: Vec<OpId>,
    ) -> OpId {
        if container.is_running() || container.status == Status::Restarting {
            after = vec![self.stop_container(container, cause, after)];
        }
        let action = Action::RemoveContainer {
            id: container.id.clone(),
            anonymous_volumes: match cause {
                Cause::Surplus => super::down::is_fleeting(self.wanted.stack, container),
                _ => self.wanted.demands.drop_volumes.contains(&container.id),
            },
        };
        self.push(observed_subject(container), action, cause.clone(), after)
    }
}

fn has_ended(container: &ObservedContainer) -> bool {
    matches!(container.status, Status::Exited { .. })
}

pub(super) fn subject(spec: &ContainerSpec) -> Subject {
    Subject::Instance {
        service: spec.service.clone(),
        index: spec.index,
        name: spec.name.clone(),
    }
}

pub(super) fn observed_subject(container: &ObservedContainer) -> Subject {
    Subject::Instance {
        service: container.service.clone(),
        index: container.index,
        name: container.name.clone(),
    }
}

/// The engine writes times with and without trailing zeros, so text does not compare.
fn time(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}
