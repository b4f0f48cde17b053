//! Whether a container is replaced while the one before serves, where the stack file says nothing of it: wherever that helps
//! somebody, and nobody could be hurt. See docs/design/rebuild.md.

use super::{Healthcheck, Namespace, Service, Stack, UpdateOrder};

impl Stack {
    /// Why the one before is stopped before the new one starts, as it ends a sentence; `None`: the two overlap. `healthcheck`:
    /// the image of the service says how it is asked.
    pub fn kept_apart(&self, service: &Service, healthcheck: bool) -> Option<String> {
        match service.update {
            UpdateOrder::StartFirst => None,
            UpdateOrder::StopFirst => Some("`update` says so".to_owned()),
            UpdateOrder::Auto => service
                .overlap_obstacle()
                .map(|obstacle| obstacle.why)
                .or_else(|| self.what_may_be_one(service))
                .or_else(|| self.what_overlap_lacks(service, healthcheck)),
        }
    }

    /// What two of them may bear, which only their author can know.
    fn what_may_be_one(&self, service: &Service) -> Option<String> {
        let options = &service.container;
        let namespaces = &options.namespaces;
        if service.host_pid || namespaces.pid.is_some() || namespaces.ipc.is_some() {
            return Some("it shares what runs outside of it".to_owned());
        }
        if options.privileged || !options.devices.is_empty() || !options.device_requests.is_empty()
        {
            return Some("it has devices of the host".to_owned());
        }
        let lives_in_it = |other: &&Service| other.is_inside(&service.name);
        let inside = self.services.values().find(lives_in_it)?;
        Some(format!("`{}` runs inside it", inside.name))
    }

    /// Without these nobody is better off.
    fn what_overlap_lacks(&self, service: &Service, healthcheck: bool) -> Option<String> {
        let asks_image = healthcheck && service.container.health != Some(Healthcheck::Disabled);
        if service.ready.is_none() && !asks_image {
            return Some("no probe says when the new one serves".to_owned());
        }
        let needs_it = |other: &Service| other.needs.contains_key(&service.name);
        let is_called = !service.ports.is_empty() || self.services.values().any(needs_it);
        (!is_called).then(|| "nobody in the stack calls it".to_owned())
    }
}

impl Service {
    /// Whether it has something of the first container of `other`, which it would lose with that.
    fn is_inside(&self, other: &str) -> bool {
        let namespaces = &self.container.namespaces;
        let of = [&namespaces.network, &namespaces.pid, &namespaces.ipc];
        let mut of = of.into_iter().flatten();
        let lenders = &self.container.volumes_from;
        let is_it = |of: &Namespace| matches!(of, Namespace::Service(name) if name == other);
        of.any(is_it) || lenders.iter().any(|lender| is_it(&lender.from))
    }
}
