//! A container that runs is replaced so that it can come back: the new one is made while it serves, it is stopped only
//! then, and it goes only when the new one is ready. See docs/design/rebuild.md.

use std::time::Duration;

use super::instance::{Files, observed_subject, subject};
use super::{Builder, Image};
use crate::plan::desired::ContainerSpec;
use crate::plan::observed::{ObservedContainer, Status};
use crate::plan::operation::{Action, Cause, Input, OnceReady, OnlyIf, OpId, Subject};
use crate::plan::succession::{Place, successor_name};
use crate::stack::UpdateOrder;

/// Who had asked for the name before it was taken away, and met the moment in which the container was detached, tries again
/// a second later: Linux repeats the first packet of a connection then.
const DRAIN: Duration = Duration::from_millis(1500);

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
            // It may be the one that is found.
            if holder.is_running() && holder.lacks_names(spec) {
                let id = Input::Known(holder.id.clone());
                let subject = observed_subject(holder);
                after = vec![self.set_aliases(subject, id, spec, cause, after)];
            }
            after = vec![self.remove_container(outdated, cause, after)];
        }
        let next = match self.overlaps(spec, holder, None) {
            true => unnamed(as_successor(spec)),
            false => as_successor(spec),
        };
        let action = Action::CreateContainer {
            spec: Box::new(next.clone()),
            image: image.input(),
        };
        let create = self.push(subject(&next), action, cause.clone(), after);
        let container = Input::From(create);
        let files = self.files(spec, image);
        let seeded = self.seed(&next, &container, cause, vec![create], files);
        self.take_over(spec, (holder, None), &container, cause, seeded, files);
        for operation in &mut self.plan.operations[first..] {
            operation.only_if = only_if.cloned();
        }
    }

    /// The new one is there, with everything that it needs before its start: `next`, where it was made earlier.
    fn take_over(
        &mut self,
        spec: &ContainerSpec,
        (holder, next): (&ObservedContainer, Option<&ObservedContainer>),
        container: &Input<String>,
        cause: &Cause,
        mut after: Vec<OpId>,
        files: Files,
    ) {
        let named = as_successor(spec);
        if self.overlaps(spec, holder, next) {
            let is_named = next.is_some_and(|next| next.has_a_name(spec));
            if is_named {
                // It ended once it was called: nobody is to be sent to it before it is ready again.
                let bare = unnamed(named.clone());
                let subject = subject(&named);
                after = vec![self.set_aliases(subject, container.clone(), &bare, cause, after)];
            }
            let begun = self.begin(&named, container, cause, after, files);
            let next = next.filter(|_| !is_named);
            self.hand_over(spec, (holder, next), container, cause, vec![begun]);
            return;
        }
        if next.is_some_and(|next| next.lacks_names(spec)) {
            let subject = subject(&named);
            after = vec![self.set_aliases(subject, container.clone(), spec, cause, after)];
        }
        if holder.status.is_up() {
            let stop = self.stop_container(holder, cause, after);
            // It serves for as long as the new one could not start anyway.
            self.gate(stop, &spec.service);
            after = vec![stop];
        }
        let begun = self.begin(&named, container, cause, after, files);
        self.finish(spec, &stopped(holder), container, vec![begun]);
    }

    /// Whether the new one is to get ready while the one before serves.
    pub(super) fn starts_first(&self, spec: &ContainerSpec) -> bool {
        let stack = self.wanted.stack;
        let service = stack.services.get(&spec.service);
        let healthcheck = self.has_healthcheck(spec);
        service.is_some_and(|service| stack.kept_apart(service, healthcheck).is_none())
    }

    /// Whether the image, as far as it is known by now, says how it is asked.
    fn has_healthcheck(&self, spec: &ContainerSpec) -> bool {
        let wanted = self.wanted;
        let source = wanted.desired.images.get(&spec.service);
        let seen = source.and_then(|source| wanted.observed.images.get(source.reference()));
        seen.is_some_and(|image| image.healthcheck.is_some())
    }

    /// Whether the new one is started beside this one: it serves, and nothing that is known of the two is against it.
    fn overlaps(
        &self,
        spec: &ContainerSpec,
        holder: &ObservedContainer,
        next: Option<&ObservedContainer>,
    ) -> bool {
        let service = self.wanted.stack.services.get(&spec.service);
        let is_asked_for = service.is_some_and(|s| s.update == UpdateOrder::StartFirst);
        // The new one is given them, and both would write there.
        let hands_on = holder.anonymous_volumes && spec.options.given.keeps_anonymous_volumes;
        let alone = &self.wanted.demands.alone;
        let is_alone = next.is_some_and(|next| alone.contains_key(&next.id));
        holder.status == Status::Running
            && self.starts_first(spec)
            && (is_asked_for || !(hands_on || is_alone))
    }

    /// Both run. Whoever asks for the service is at any moment sent to one that is ready: the new one has its names before the
    /// one before loses them, and that is only stopped once nobody is sent to it any more.
    fn hand_over(
        &mut self,
        spec: &ContainerSpec,
        (holder, next): (&ObservedContainer, Option<&ObservedContainer>),
        container: &Input<String>,
        cause: &Cause,
        mut after: Vec<OpId>,
    ) {
        let first = self.plan.operations.len();
        let successor = as_successor(spec);
        if next.is_none_or(|next| next.lacks_names(spec)) {
            let subject = subject(&successor);
            after = vec![self.set_aliases(subject, container.clone(), spec, cause, after)];
        }
        if self.starts_first(spec) && holder.status == Status::Running && holder.has_a_name(spec) {
            let (subject, bare) = (observed_subject(holder), unnamed(spec.clone()));
            let id = Input::Known(holder.id.clone());
            after = vec![self.set_aliases(subject, id, &bare, &Cause::Replaces, after)];
        }
        if holder.status.is_up() {
            after = vec![self.stop_container(holder, &Cause::Replaces, after)];
        }
        self.once_ready(first, spec, container);
        self.finish(spec, &stopped(holder), container, after);
    }

    /// Operations from `first` on wait until the new one is ready.
    fn once_ready(&mut self, first: OpId, spec: &ContainerSpec, container: &Input<String>) {
        for operation in &mut self.plan.operations[first..] {
            operation.once_ready = Some(OnceReady {
                container: container.clone(),
                name: successor_name(&spec.name),
            });
        }
    }

    /// Attaches a container to its networks by the names of `spec`.
    fn set_aliases(
        &mut self,
        subject: Subject,
        container: Input<String>,
        spec: &ContainerSpec,
        cause: &Cause,
        after: Vec<OpId>,
    ) -> OpId {
        let loses = spec.networks.iter().all(|on| on.aliases.is_empty());
        let action = Action::SetAliases {
            container,
            networks: spec.networks.clone(),
            drain: if loses { DRAIN } else { Duration::ZERO },
        };
        self.push(subject, action, cause.clone(), after)
    }

    /// One that runs and counts is to be found: what was to take its place may have had its names already.
    pub(super) fn name_again(
        &mut self,
        spec: &ContainerSpec,
        container: &ObservedContainer,
        cause: &Cause,
    ) {
        if container.status == Status::Running && container.lacks_names(spec) {
            let id = Input::Known(container.id.clone());
            let subject = observed_subject(container);
            self.set_aliases(subject, id, spec, cause, Vec::new());
        }
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
        self.once_ready(first, spec, container);
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
        if self.starts_first(spec) && !holder.status.is_up() && next.status == Status::Running {
            // It is the one that is found, and serves until the newer one does.
            let container = Input::Known(next.id.clone());
            self.name_again(&as_successor(spec), next, &Cause::Replaces);
            let gone = self.remove_container(holder, &Cause::Replaces, Vec::new());
            self.rename(spec, &container, vec![gone]);
            return;
        }
        // Else the newest starts as soon as the one before could.
        let takes_time =
            matches!(image, Image::Coming { .. }) || !spec.options.given.pre_start.is_empty();
        if takes_time && !holder.status.is_up() && !next.status.is_up() {
            // Something is to serve until then.
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
                if holder.status.is_up() && self.wanted.demands.alone.contains_key(&next.id) {
                    // It is started again once the one before does not run.
                    self.stop_container(next, &Cause::Unattached, Vec::new());
                    return;
                }
                let level = self.level(&as_successor(spec), next);
                if holder.status.is_up() {
                    self.hand_over(spec, (holder, Some(next)), &container, &cause, level);
                    return;
                }
                // Nobody else is there to be asked.
                self.name_again(&as_successor(spec), next, &cause);
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
        self.take_over(spec, (holder, Some(next)), &container, cause, seeded, files);
    }

    /// It gave up: what its container was to be replaced by makes way for that.
    pub(super) fn settle_for(&mut self, spec: &ContainerSpec) {
        if let Some(place) = self.wanted.observed.place(&spec.service, spec.index) {
            self.fall_back(spec, &place);
        }
    }

    fn fall_back(&mut self, spec: &ContainerSpec, place: &Place<'_>) {
        if self.starts_first(spec) || place.successor.is_some() {
            self.name_again(spec, place.holder, &Cause::Rejected);
        }
        let Some(next) = place.successor else { return };
        let mut after = Vec::new();
        if next.status.is_up() {
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

/// Under the name that it has until it has taken its place.
fn as_successor(spec: &ContainerSpec) -> ContainerSpec {
    ContainerSpec {
        name: successor_name(&spec.name),
        ..spec.clone()
    }
}

/// Found by no name but its own.
fn unnamed(mut spec: ContainerSpec) -> ContainerSpec {
    for network in &mut spec.networks {
        network.aliases.clear();
    }
    spec
}

fn stopped(container: &ObservedContainer) -> ObservedContainer {
    ObservedContainer {
        status: Status::Exited {
            code: 0,
            out_of_memory: false,
        },
        ..container.clone()
    }
}
