//! What a command line changes of a stack after it is read, for as long as that `up` counts.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{HostPort, Source, Stack};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustments {
    /// Replicas instead of those of the file, by service.
    pub scale: BTreeMap<String, u32>,
    /// These need nothing but one another.
    pub alone: BTreeSet<String>,
    /// Ports that the file publishes to the network are published to this machine only.
    #[serde(default)]
    pub loopback: bool,
}

/// Why a service cannot have so many replicas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScaleError {
    #[error("`{service}` is a process on the host, and runs once")]
    Process { service: String },
    #[error(
        "`{service}` has port {port} of the host, which {replicas} replicas cannot share: leave the host's port open, as in `{container}`"
    )]
    FixedPort {
        service: String,
        port: u16,
        container: u16,
        replicas: u32,
    },
}

impl Adjustments {
    /// Names that the stack does not have any more change nothing.
    ///
    /// # Errors
    /// A service cannot have so many replicas.
    pub fn apply(&self, stack: &mut Stack) -> Result<(), ScaleError> {
        for (name, replicas) in &self.scale {
            let Some(service) = stack.services.get_mut(name) else {
                continue;
            };
            if matches!(service.source, Source::Run(_)) && *replicas != 1 {
                let service = name.clone();
                return Err(ScaleError::Process { service });
            }
            let fixed = service.ports.values().find_map(|port| match port.host {
                HostPort::Fixed(number) if port.publish => Some((number, port.container)),
                _ => None,
            });
            if let Some((port, container)) = fixed.filter(|_| *replicas > 1) {
                return Err(ScaleError::FixedPort {
                    service: name.clone(),
                    port,
                    container,
                    replicas: *replicas,
                });
            }
            service.replicas = *replicas;
        }
        for name in &self.alone {
            if let Some(service) = stack.services.get_mut(name) {
                service.needs.retain(|need, _| self.alone.contains(need));
            }
        }
        if self.loopback {
            stack.close_ports();
        }
        Ok(())
    }

    /// What a further `up` for these services asks counts for them from now on; without names for all. Ports are opened to the
    /// network again only for all.
    pub fn replace(&mut self, names: &[String], with: &Self) {
        if names.is_empty() {
            self.clone_from(with);
            return;
        }
        self.scale.retain(|name, _| !names.contains(name));
        self.alone.retain(|name| !names.contains(name));
        self.scale.extend(with.scale.clone());
        self.alone.extend(with.alone.iter().cloned());
        self.loopback |= with.loopback;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::resolve::fixture::{http, service, stack};
    use crate::stack::{Condition, Need, Service};

    fn runs(name: &str, needs: &[&str]) -> Service {
        let need = Need {
            condition: Condition::Ready,
            restart: false,
            required: true,
        };
        let needs = needs.iter().map(|name| ((*name).to_owned(), need));
        Service {
            needs: needs.collect(),
            ..service(name)
        }
    }

    fn scaled(name: &str, replicas: u32) -> Adjustments {
        Adjustments {
            scale: [(name.to_owned(), replicas)].into(),
            ..Adjustments::default()
        }
    }

    #[test]
    fn a_service_has_as_many_replicas_as_asked() {
        let mut web = runs("web", &[]);
        web.source = Source::Run("web".to_owned());
        let mut stack = stack([runs("api", &[]), web]);
        scaled("api", 3).apply(&mut stack).unwrap();
        assert_eq!(stack.services["api"].replicas, 3);
        scaled("nobody", 3).apply(&mut stack).unwrap();
        let error = scaled("web", 2).apply(&mut stack).unwrap_err();
        assert!(error.to_string().contains("process on the host"), "{error}");
    }

    #[test]
    fn replicas_do_not_share_a_port_of_the_host() {
        let mut port = http(8000);
        port.host = HostPort::Fixed(18000);
        let mut api = runs("api", &[]);
        api.ports.insert("http".to_owned(), port);
        let mut stack = stack([api]);
        let error = scaled("api", 2).apply(&mut stack).unwrap_err();
        assert!(error.to_string().contains("18000"), "{error}");
        scaled("api", 0).apply(&mut stack).unwrap();
    }

    #[test]
    fn what_is_alone_needs_only_what_is_named_with_it() {
        let services = [
            runs("db", &[]),
            runs("cache", &[]),
            runs("api", &["db", "cache"]),
        ];
        let mut stack = stack(services);
        let alone = Adjustments {
            alone: ["api".to_owned(), "cache".to_owned()].into(),
            ..Adjustments::default()
        };
        alone.apply(&mut stack).unwrap();
        let needs: Vec<&String> = stack.services["api"].needs.keys().collect();
        assert_eq!(needs, ["cache"]);
    }

    #[test]
    fn ports_that_are_open_to_the_network_are_closed() {
        let open = |bind: &str, everywhere| crate::stack::Port {
            bind: bind.parse().unwrap(),
            everywhere,
            ..http(8000)
        };
        let mut api = runs("api", &[]);
        for (name, port) in [
            ("all", open("0.0.0.0", true)),
            ("v4", open("0.0.0.0", false)),
            ("v6", open("::", false)),
            ("one", open("192.168.1.7", false)),
        ] {
            api.ports.insert(name.to_owned(), port);
        }
        let mut web = api.clone();
        web.name = "web".to_owned();
        web.source = Source::Run("web".to_owned());
        let mut stack = stack([api, web]);
        let closed = Adjustments {
            loopback: true,
            ..Adjustments::default()
        };
        closed.apply(&mut stack).unwrap();
        let binds = |stack: &Stack, name: &str| -> Vec<String> {
            let ports = stack.services[name].ports.values();
            ports.map(|port| port.bind.to_string()).collect()
        };
        assert_eq!(
            binds(&stack, "api"),
            ["127.0.0.1", "192.168.1.7", "127.0.0.1", "::1"]
        );
        assert!(!stack.services["api"].ports["all"].everywhere);
        // Where a process listens is its own affair.
        assert_eq!(binds(&stack, "web")[0], "0.0.0.0");
    }

    #[test]
    fn a_chosen_profile_is_none() {
        let mut edge = runs("edge", &[]);
        edge.profiles = vec!["edge".to_owned(), "all".to_owned()];
        let mut stack = stack([edge]);
        stack.choose(&["other".to_owned()]);
        assert_eq!(stack.services["edge"].profiles.len(), 2);
        let mut every = stack.clone();
        every.choose(&["*".to_owned()]);
        stack.choose(&["all".to_owned()]);
        for stack in [stack, every] {
            assert!(stack.services["edge"].profiles.is_empty());
        }
    }

    #[test]
    fn only_an_up_of_everything_opens_ports_again() {
        let closed = Adjustments {
            loopback: true,
            ..Adjustments::default()
        };
        let mut all = Adjustments::default();
        all.replace(&["api".to_owned()], &closed);
        all.replace(&["db".to_owned()], &Adjustments::default());
        assert!(all.loopback);
        all.replace(&[], &Adjustments::default());
        assert!(!all.loopback);
    }

    #[test]
    fn a_further_up_counts_for_what_it_names() {
        let mut all = scaled("api", 3);
        all.replace(&["db".to_owned()], &scaled("db", 2));
        assert_eq!(all.scale.len(), 2);
        all.replace(&["api".to_owned()], &Adjustments::default());
        assert_eq!(all, scaled("db", 2));
        all.replace(&[], &Adjustments::default());
        assert_eq!(all, Adjustments::default());
    }
}
