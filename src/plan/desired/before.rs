//! Containers that run to their end before another one starts.

use super::{
    ContainerSpec, LABEL_BEFORE, LABEL_ONEOFF, LABEL_PROJECT, LABEL_SERVICE, LABEL_VERSION,
    NetworkAttachment, OptionsSpec,
};
use crate::stack::resolve::Value;
use crate::stack::{ContainerOptions, Endpoint, PreStart, Restart};

/// What of the labels of the one that starts after it: enough to know whose it is, too little to be taken for an instance.
const LABELS: [&str; 3] = [LABEL_PROJECT, LABEL_SERVICE, LABEL_VERSION];

impl ContainerSpec {
    /// The container of a `pre_start` of this one. Its image is empty where it is the service's own, and what it has of
    /// volumes is the engine's to say once this one is there. Nobody finds it by a name: it is not the service.
    pub fn before(&self, hook: &PreStart) -> Self {
        let own = hook.image.as_ref() == Some(&self.image);
        let plain = |text: &String| Value::plain(text);
        let mut env = self.env.clone();
        env.retain(|(name, _)| !hook.env.contains_key(name));
        env.extend(
            hook.env
                .iter()
                .map(|(name, text)| (name.clone(), plain(text))),
        );
        let networks = self.networks.iter().map(|on| NetworkAttachment {
            network: on.network.clone(),
            aliases: Vec::new(),
            links: on.links.clone(),
            endpoint: Endpoint {
                gateway_priority: on.endpoint.gateway_priority,
                ..Endpoint::default()
            },
        });
        let labels = self.labels.iter();
        let mut labels: Vec<(String, String)> = labels
            .filter(|(name, _)| LABELS.contains(&name.as_str()))
            .cloned()
            .collect();
        labels.extend([
            (LABEL_ONEOFF.to_owned(), "True".to_owned()),
            (LABEL_BEFORE.to_owned(), self.index.to_string()),
        ]);
        let given = &self.options.given;
        Self {
            service: self.service.clone(),
            index: self.index,
            name: String::new(),
            image: hook.image.clone().filter(|_| !own).unwrap_or_default(),
            job: true,
            command: hook
                .command
                .as_ref()
                .map(|words| words.iter().map(plain).collect()),
            entrypoint: None,
            env,
            user: hook.user.clone(),
            workdir: hook.workdir.clone(),
            ports: Vec::new(),
            mounts: Vec::new(),
            networks: networks.collect(),
            host_network: self.host_network,
            host_pid: false,
            labels,
            restart: Restart::No,
            stop_signal: None,
            stop_grace: self.stop_grace,
            memory: None,
            cpu_millis: None,
            pids: None,
            options: OptionsSpec {
                network: self.options.network.clone(),
                given: ContainerOptions {
                    privileged: hook.privileged,
                    platform: given.platform.clone().filter(|_| own),
                    ..ContainerOptions::default()
                },
                ..OptionsSpec::default()
            },
            hash: String::new(),
        }
    }
}
