//! Which of two containers of one instance goes first when one takes the place of the other.

use serde::Serialize;

use super::{Mount, Port, Service, Source};

/// What Compose and Swarm call `update_config.order`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// The file says nothing: see [`super::Stack::kept_apart`].
    #[default]
    Auto,
    /// The one before is stopped, then the new one is started.
    StopFirst,
    /// The new one is started and has to get ready while the one before serves.
    StartFirst,
}

impl UpdateOrder {
    /// Words of the stack file.
    pub const WORDS: [&str; 2] = ["stop-first", "start-first"];

    pub fn of_word(word: &str) -> Self {
        match word {
            "start-first" => Self::StartFirst,
            "stop-first" => Self::StopFirst,
            _ => Self::Auto,
        }
    }

    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Why two containers of a service cannot run at once, and what could be changed about that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// Ends a sentence: "… because its port `http` is published: …".
    pub why: String,
    pub help: &'static str,
}

impl Service {
    /// What keeps two of its containers from running beside each other for a while.
    pub fn overlap_obstacle(&self) -> Option<Obstacle> {
        let obstacle = |why: String, help| Some(Obstacle { why, help });
        if matches!(self.source, Source::Run(_)) {
            return obstacle(
                "it is a process on the host, which the other one would meet there".to_owned(),
                "leave it out, or run the service in a container",
            );
        }
        if self.is_job() {
            return obstacle(
                "it is a job, and must not run twice".to_owned(),
                "leave it out",
            );
        }
        if let Some(preset) = &self.preset {
            return obstacle(
                format!("what `{preset}` holds is held by one container alone"),
                "leave it out",
            );
        }
        if self.host_network || self.container.namespaces.network.is_some() {
            return obstacle(
                "it has no network of its own, where one could be told from the other".to_owned(),
                "leave it out, or let the service be on a network of the stack",
            );
        }
        self.what_is_one()
    }

    /// Of what there is only one for both.
    fn what_is_one(&self) -> Option<Obstacle> {
        let is_published = |(_, port): &(&String, &Port)| port.publish;
        if let Some((name, _)) = self.ports.iter().find(is_published) {
            return Some(Obstacle {
                why: format!(
                    "its port `{name}` is published, and a port of the host can be bound once"
                ),
                help: "with `publish = false` other services still reach the port; else leave `update` out",
            });
        }
        if let Some(what) = self.mounts.iter().find_map(written) {
            return Some(Obstacle {
                why: format!("both would write to {what}"),
                help: "mount it for reading only (`:ro`), or leave `update` out",
            });
        }
        if !self.container.volumes_from.iter().all(|of| of.read_only) {
            return Some(Obstacle {
                why: "both would write to the volumes of another service".to_owned(),
                help: "take them with `:ro`, or leave `update` out",
            });
        }
        let fixed = self.container.endpoints.values().any(|endpoint| {
            endpoint.ipv4.is_some() || endpoint.ipv6.is_some() || endpoint.mac_address.is_some()
        });
        if fixed || self.container.mac_address.is_some() {
            return Some(Obstacle {
                why: "its address is fixed, and only one container can have it".to_owned(),
                help: "leave the address to the engine, or leave `update` out",
            });
        }
        self.container.name.as_ref().map(|name| Obstacle {
            why: format!("its container is called `{name}`, and others may call it by that"),
            help: "leave `container_name` out, or `update`",
        })
    }
}

/// What a mount lets a container write to that others see, in words.
fn written(mount: &Mount) -> Option<String> {
    match mount {
        Mount::Volume {
            key,
            read_only: false,
            ..
        } => Some(format!("the volume `{key}`")),
        Mount::Bind {
            source,
            read_only: false,
            ..
        } => Some(format!("`{source}`")),
        Mount::Volume { .. }
        | Mount::Bind { .. }
        | Mount::Tmpfs { .. }
        | Mount::Anonymous { .. }
        | Mount::Image { .. } => None,
    }
}
