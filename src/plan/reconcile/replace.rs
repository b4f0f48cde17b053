//! A container that runs is replaced so that it can come back: the new one is made while it serves, it is stopped only
//! then, and it goes only when the new one is ready. See docs/design/rebuild.md.

use super::instance::{Files, observed_subject, subject};
use super::{Builder, Image};
use crate::plan::desired::ContainerSpec;
use crate::plan::observed::{ObservedContainer, Status};
use crate::plan::operation::{Action, Cause, Input, OnceReady, OnlyIf, OpId};
use crate::plan::succession::{Place, successor_name};

impl Builder<'_> {
    /// Makes the new one beside `holder`, which runs, and puts it in its place. `outdated`: an earlier new one, in whose
    /// stead this comes.
    pub(super) fn replace_container(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        holder: &ObservedContainer,
        outdated: Option<&ObservedContainer>,
        cause: &Cause,
        only_if: Option<&OnlyIf>,
    ) {
        let mut after: Vec<OpId> = image.operation().into_iter().collect();
        after.extend(self.networks_and_volumes(spec));
        let first = self.plan.operations.len();
        if let Some(outdated) = outdated {
            after = vec![self.remove_container(outdated, cause, after)];
        }
        let next = as_successor(spec);
        let action = Action::CreateContainer {
            spec: Box::new(next.clone()),
            image: image.input(),
        };
        let create = self.push(subject(&next), action, cause.clone(), after);
        let container = Input::From(create);
        let files = self.files(spec, image);
        let seeded = self.seed(&next, &container, cause, vec![create], files);
        self.take_over(spec, holder, &container, cause, seeded, files);
        for operation in &mut self.plan.operations[first..] {
            operation.only_if = only_if.cloned();
        }
    }

    /// The new one is there, with everything that it needs before its start.
    fn take_over(
        &mut self,
        spec: &ContainerSpec,
        holder: &ObservedContainer,
        container: &Input<String>,
        cause: &Cause,
        mut after: Vec<OpId>,
        files: Files,
    ) {
        let next = as_successor(spec);
        if holder.is_running() || holder.status == Status::Restarting {
            let stop = self.stop_container(holder, cause, after);
            // It serves for as long as the new one could not start anyway.
            self.gate(stop, &spec.service);
            after = vec![stop];
        }
        let begun = self.begin(&next, container, cause, after, files);
        let stopped = ObservedContainer {
            status: Status::Exited {
                code: 0,
                out_of_memory: false,
            },
            ..holder.clone()
        };
        self.finish(spec, &stopped, container, vec![begun]);
    }

    /// Once the new one is ready, the one before goes, and the new one has its name.
    fn finish(
        &mut self,
        spec: &ContainerSpec,
        holder: &ObservedContainer,
        container: &Input<String>,
        after: Vec<OpId>,
    ) {
        let first = self.plan.operations.len();
        let gone = self.remove_container(holder, &Cause::Replaces, after);
        for operation in &mut self.plan.operations[first..] {
            operation.once_ready = Some(OnceReady {
                container: container.clone(),
                name: successor_name(&spec.name),
            });
        }
        self.rename(spec, container, vec![gone]);
    }

    pub(super) fn rename(
        &mut self,
        spec: &ContainerSpec,
        container: &Input<String>,
        after: Vec<OpId>,
    ) {
        let action = Action::RenameContainer {
            container: container.clone(),
            name: spec.name.clone(),
        };
        let next = as_successor(spec);
        self.push(subject(&next), action, Cause::Replaces, after);
    }

    /// A replacement that was begun goes on; with something newer to run, it begins again.
    pub(super) fn succession(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        holder: &ObservedContainer,
        next: &ObservedContainer,
    ) {
        let outdated = self.outdated(spec, image, next);
        if outdated.is_none() && matches!(image, Image::Present(_)) {
            self.go_on(spec, image, holder, next);
            return;
        }
        if !is_up(holder) && !is_up(next) {
            // Whatever comes, something is to serve until then.
            let successor = Some(next);
            self.fall_back(spec, &Place { holder, successor });
            return;
        }
        let only_if = match (&outdated, image) {
            (None, Image::Coming { operation }) => Some(OnlyIf {
                image_of: *operation,
                differs_from: next.image_id.clone(),
            }),
            _ => None,
        };
        let cause = outdated.unwrap_or(Cause::ImageChanged);
        self.replace_container(spec, image, holder, Some(next), &cause, only_if.as_ref());
    }

    fn go_on(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        holder: &ObservedContainer,
        next: &ObservedContainer,
    ) {
        let container = Input::Known(next.id.clone());
        let cause = self.outdated(spec, image, holder);
        let cause = cause.unwrap_or(Cause::Missing);
        match next.status {
            Status::Created => self.resume(spec, image, holder, next, &cause),
            Status::Exited { code, .. } => {
                let cause = Cause::NotRunning { exit: Some(code) };
                self.resume(spec, image, holder, next, &cause);
            }
            Status::Paused => {
                let action = Action::UnpauseContainer {
                    id: next.id.clone(),
                };
                self.push(observed_subject(next), action, Cause::Paused, Vec::new());
            }
            Status::Running | Status::Restarting => {
                let level = self.level(&as_successor(spec), next);
                self.finish(spec, holder, &container, level);
            }
            Status::Dead => {}
        }
    }

    /// The new one is there, and does not run.
    fn resume(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
        holder: &ObservedContainer,
        next: &ObservedContainer,
        cause: &Cause,
    ) {
        let container = Input::Known(next.id.clone());
        let files = self.files_of(spec, Some(image), next);
        let seeded = self.seed(&as_successor(spec), &container, cause, Vec::new(), files);
        self.take_over(spec, holder, &container, cause, seeded, files);
    }

    /// It gave up: what its container was to be replaced by makes way for that.
    pub(super) fn settle_for(&mut self, spec: &ContainerSpec) {
        if let Some(place) = self.wanted.observed.place(&spec.service, spec.index) {
            self.fall_back(spec, &place);
        }
    }

    fn fall_back(&mut self, spec: &ContainerSpec, place: &Place<'_>) {
        let Some(next) = place.successor else { return };
        let mut after = Vec::new();
        if is_up(next) {
            after = vec![self.stop_container(next, &Cause::Rejected, after)];
        }
        let holder = place.holder;
        match holder.status {
            Status::Created | Status::Exited { .. } => {
                let container = Input::Known(holder.id.clone());
                let files = self.files_of(spec, None, holder);
                let cause = Cause::Rejected;
                let seeded = self.seed(spec, &container, &cause, after, files);
                after = vec![self.begin(spec, &container, &cause, seeded, files)];
            }
            _ => {}
        }
        let action = Action::RemoveContainer {
            id: next.id.clone(),
            // They are as new as it is, and nobody has ever relied on them.
            anonymous_volumes: true,
        };
        self.push(observed_subject(next), action, Cause::Rejected, after);
    }
}

fn is_up(container: &ObservedContainer) -> bool {
    container.is_running() || container.status == Status::Restarting
}

/// Under the name that it has until it has taken its place.
fn as_successor(spec: &ContainerSpec) -> ContainerSpec {
    ContainerSpec {
        name: successor_name(&spec.name),
        ..spec.clone()
    }
}
