//! Networks for which the stack file has other options than they were made with. No engine changes those of a network that is
//! there, so it goes; what is attached stops for that, and is made anew in the round after, with the network.

use std::collections::BTreeSet;

use super::{Builder, stop};
use crate::plan::desired::{ContainerSpec, DesiredNetwork, network_keys};
use crate::plan::operation::{Action, Cause, Operation, Subject};

impl Builder<'_> {
    /// Names of the networks that go.
    pub(super) fn outdated_networks(&self) -> BTreeSet<String> {
        let networks = self.wanted.desired.networks.iter();
        let outdated = networks.filter(|network| self.is_outdated(network));
        outdated.map(|network| network.name.clone()).collect()
    }

    fn is_outdated(&self, network: &DesiredNetwork) -> bool {
        let wanted = self.wanted;
        let observed = wanted.observed.networks.get(&network.name);
        let is_another = observed.is_some_and(|observed| observed.is_outdated(network));
        let mut users = self.users(&network.name);
        is_another
            && !wanted.held_networks.contains(&network.name)
            && !wanted.demands.create_only
            && users.all(|spec| {
                let place = wanted.observed.place(&spec.service, spec.index);
                let is_kept = place.is_some_and(|place| {
                    let keep = &wanted.demands.keep;
                    keep.contains(&place.current().id) || keep.contains(&place.holder.id)
                });
                !is_kept && !wanted.standing.contains_key(&spec.service)
            })
            && !self.is_used_elsewhere(network)
    }

    /// Something runs on it that is not asked for now: that does not stop unasked.
    fn is_used_elsewhere(&self, network: &DesiredNetwork) -> bool {
        let wanted = self.wanted;
        let mut running = wanted
            .observed
            .containers
            .iter()
            .filter(|c| c.status.is_up());
        running.any(|container| {
            let service = wanted.stack.services.get(&container.service);
            service.is_some_and(|service| network_keys(service).contains(&network.key.as_str()))
                && !self
                    .users(&network.name)
                    .any(|spec| spec.service == container.service)
        })
    }

    fn users(&self, network: &str) -> impl Iterator<Item = &ContainerSpec> {
        let containers = self.wanted.desired.containers.iter();
        containers.filter(move |spec| spec.networks.iter().any(|on| on.network == network))
    }

    /// What is built and pulled in this round comes first: if that fails, everything stays as it is. Where others go in this
    /// round, the next one does it.
    pub(super) fn renew_networks(&mut self, names: &BTreeSet<String>) {
        let removes =
            |operation: &Operation| matches!(operation.action, Action::RemoveContainer { .. });
        if names.is_empty() || self.plan.operations.iter().any(removes) {
            return;
        }
        let wanted = self.wanted;
        let users = names.iter().flat_map(|name| self.users(name));
        let users: BTreeSet<String> = users.map(|spec| spec.service.clone()).collect();
        let makes_images = |operation: &&Operation| {
            matches!(
                operation.action,
                Action::BuildImage(_) | Action::PullImage { .. }
            )
        };
        let images = self.plan.operations.iter().filter(makes_images);
        let images: Vec<_> = images.map(|operation| operation.id).collect();
        let first = self.plan.operations.len();
        self.plan
            .append(stop(wanted.stack, wanted.observed, &users));
        for operation in &mut self.plan.operations[first..] {
            operation.cause = Cause::NetworkChanged;
            operation.after.extend(&images);
        }
        let mut after: Vec<_> = (first..self.plan.operations.len()).collect();
        after.extend(images);
        for name in names {
            let action = Action::RemoveNetwork { name: name.clone() };
            let subject = Subject::Network(name.clone());
            self.push(subject, action, Cause::NetworkChanged, after.clone());
        }
    }
}
