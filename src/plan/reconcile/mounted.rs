//! Images beside a container's own: what of them has to come, and whether it has them as they are.

use super::{Builder, Image};
use crate::plan::desired::ContainerSpec;
use crate::plan::observed::ObservedContainer;
use crate::plan::operation::{Action, Cause, OnlyIf, OpId, Subject};
use crate::stack::Pull;

impl Builder<'_> {
    /// What brings the images whose files a container is to have, where they are not there as they should be.
    pub(super) fn images_mounted(&mut self, spec: &ContainerSpec) -> Vec<OpId> {
        let references = spec.mounted_images();
        references
            .filter_map(|reference| self.further_image(spec, reference, false))
            .collect()
    }

    /// Whether an image whose files it has is another one by now.
    pub(super) fn mounts_another(
        &self,
        spec: &ContainerSpec,
        container: &ObservedContainer,
    ) -> bool {
        let images = &self.wanted.observed.images;
        spec.mounted_images().any(|reference| {
            let now = images.get(reference).map(|image| &image.id);
            now.is_some_and(|now| container.mounted.get(reference) != Some(now))
        })
    }

    /// The condition under which it is made anew for an image that is on its way.
    pub(super) fn if_mounted_differs(
        &mut self,
        spec: &ContainerSpec,
        container: &ObservedContainer,
    ) -> Option<OnlyIf> {
        spec.mounted_images().find_map(|reference| {
            let image_of = self.further_image(spec, reference, false)?;
            let differs_from = container.mounted.get(reference).cloned();
            Some(OnlyIf {
                image_of,
                differs_from: differs_from.unwrap_or_default(),
            })
        })
    }

    /// What brings an image beside the container's own: where it is not there, is built from something else, or was asked for.
    pub(super) fn further_image(
        &mut self,
        spec: &ContainerSpec,
        reference: &str,
        is_asked_for: bool,
    ) -> Option<OpId> {
        let wanted = self.wanted;
        if let Some(operation) = self.images.get(reference) {
            return Some(*operation);
        }
        let mut builds = wanted.desired.builds.iter();
        if let Some(build) = builds.find(|build| build.tag == reference) {
            let service = build.services.first()?;
            return self
                .built(service, reference)
                .as_ref()
                .and_then(Image::operation);
        }
        let is_there = wanted.observed.images.contains_key(reference);
        let cause = match is_there {
            true if is_asked_for => Cause::AskedToPull,
            true => return None,
            false => Cause::For(spec.service.clone()),
        };
        let service = wanted.stack.services.get(&spec.service);
        let by_file = !service.is_some_and(|service| service.pull == Pull::Never);
        let is_forbidden = wanted.demands.no_pull.contains(&spec.service);
        let action = Action::PullImage {
            reference: reference.to_owned(),
            platform: None,
            allowed: is_asked_for || by_file && !is_forbidden,
        };
        let subject = Subject::Image(reference.to_owned());
        let operation = self.push(subject, action, cause, Vec::new());
        self.images.insert(reference.to_owned(), operation);
        Some(operation)
    }
}
