//! What runs to its end before a container starts.

use super::instance::subject;
use super::{Builder, Image};
use crate::plan::desired::ContainerSpec;
use crate::plan::operation::{Action, Cause, Input, OpId, PreparedBy};
use crate::stack::PreStart;

impl Builder<'_> {
    /// What a container waits for before its start, beside `after`: its own steps, and those that another one of its service
    /// runs for all of them. A life that ends and begins anew is prepared already.
    pub(super) fn prepare(
        &mut self,
        spec: &ContainerSpec,
        container: &Input<String>,
        cause: &Cause,
        mut after: Vec<OpId>,
    ) -> Vec<OpId> {
        let hooks = &spec.options.given.pre_start;
        if hooks.is_empty() || matches!(cause, Cause::Rejected | Cause::Unattached) {
            return after;
        }
        let for_all = self.for_all(&spec.service);
        let is_first = for_all.is_none() && !self.joins(spec);
        after.extend(for_all);
        let hooks: Vec<(usize, &PreStart)> = hooks
            .iter()
            .enumerate()
            .filter(|(_, hook)| hook.per_replica || is_first)
            .collect();
        if hooks.is_empty() {
            return after;
        }
        let images = hooks.iter().filter_map(|(_, hook)| hook.image.as_deref());
        let images = images.filter(|image| *image != spec.image);
        after.extend(images.filter_map(|image| self.image_of_step(spec, image)));
        let steps = hooks.into_iter().map(|(index, hook)| PreparedBy {
            index,
            spec: spec.before(hook),
        });
        let action = Action::Prepare {
            container: container.clone(),
            steps: steps.collect(),
        };
        let prepare = self.push(subject(spec), action, cause.clone(), after);
        self.gate(prepare, &spec.service);
        vec![prepare]
    }

    /// The operation that prepares a service for all its containers: the first of this plan.
    fn for_all(&self, service: &str) -> Option<OpId> {
        let mut operations = self.plan.operations.iter();
        let first = operations.find(|operation| {
            matches!(operation.action, Action::Prepare { .. })
                && operation.subject.service() == Some(service)
        });
        first.map(|operation| operation.id)
    }

    /// Whether another one of its service runs, and stays: what was done for that is done for all.
    fn joins(&mut self, spec: &ContainerSpec) -> bool {
        let wanted = self.wanted;
        let Some(image) = self.image(&spec.service) else {
            return false;
        };
        let mut others = wanted.desired.containers.iter();
        matches!(image, Image::Present(_))
            && others.any(|other| {
                let place = wanted.observed.place(&other.service, other.index);
                let current = place.as_ref().map(|place| place.current());
                other.service == spec.service
                    && other.index != spec.index
                    && current.is_some_and(|current| {
                        current.is_running() && self.outdated(other, &image, current).is_none()
                    })
            })
    }

    /// Somebody asked to pull the images of steps: whether the steps run or not.
    pub(super) fn images_of_steps_asked_for(&mut self, spec: &ContainerSpec) {
        let hooks = spec.options.given.pre_start.iter();
        let images = hooks.filter_map(|hook| hook.image.as_deref());
        for image in images.filter(|image| *image != spec.image) {
            if self.is_asked_for(spec, image) {
                self.image_of_step(spec, image);
            }
        }
    }

    fn is_asked_for(&self, spec: &ContainerSpec, image: &str) -> bool {
        let asked = &self.wanted.demands.pull_steps;
        asked.contains(&(spec.service.clone(), image.to_owned()))
    }

    /// What brings the image of a step, where it is not there or somebody asked for it.
    fn image_of_step(&mut self, spec: &ContainerSpec, reference: &str) -> Option<OpId> {
        let is_asked_for = self.is_asked_for(spec, reference);
        self.further_image(spec, reference, is_asked_for)
    }
}
