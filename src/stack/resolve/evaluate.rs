//! The walk from a template through outputs to text.

use std::borrow::Cow;

use secrecy::ExposeSecret;

use super::error::{Unresolved, written};
use super::outputs::{OF_PORT, browser_port, known_outputs};
use super::{Asker, Facts, Value};
use crate::stack::{HostPort, Part, Port, Reference, Service, Source, Stack, Template};

/// How the engine's containers call the host.
const HOST_FROM_CONTAINER: &str = "host.docker.internal";
const LOOPBACK: &str = "127.0.0.1";
/// Deeper than any honest chain of outputs.
const DEPTH: u32 = 16;

/// One question.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub stack: &'a Stack,
    pub asker: Asker<'a>,
    /// `None`: everything that is not in the stack counts as there.
    pub facts: Option<&'a Facts>,
}

/// Inside what a template is read.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// What `self` means.
    own: Option<&'a Service>,
    /// What `name` of `own` is, when the reference was to one of its databases.
    database: Option<&'a str>,
    depth: u32,
}

/// A reference with the text to blame.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    service: &'a Service,
    path: &'a [String],
    /// The template around it is a URL, in which an IPv6 address has brackets.
    in_url: bool,
    reference: &'a Reference,
}

impl<'a> Evaluation<'a> {
    pub fn template(&self, template: &'a Template) -> Result<Value, Unresolved> {
        self.read(
            template,
            Place {
                own: self.asking(),
                database: None,
                depth: 0,
            },
        )
    }

    fn asking(&self) -> Option<&'a Service> {
        let (Asker::Container { service }
        | Asker::Host {
            service: Some(service),
        }) = self.asker
        else {
            return None;
        };
        self.stack.services.get(service)
    }

    fn read(&self, template: &'a Template, place: Place<'a>) -> Result<Value, Unresolved> {
        let in_url = template
            .parts
            .iter()
            .any(|part| matches!(part, Part::Text(text) if text.contains("://")));
        let mut value = Value::default();
        for part in &template.parts {
            match part {
                Part::Text(text) => value.text.push_str(text),
                Part::Reference(reference) => {
                    let found = self.reference(reference, place, in_url)?;
                    value.text.push_str(&found.text);
                    value.secret |= found.secret;
                }
            }
        }
        Ok(value)
    }

    fn reference(
        &self,
        reference: &'a Reference,
        place: Place<'a>,
        in_url: bool,
    ) -> Result<Value, Unresolved> {
        match reference {
            Reference::Service {
                service: name,
                path,
            } => {
                let service =
                    self.stack
                        .services
                        .get(name)
                        .ok_or_else(|| Unresolved::NoService {
                            reference: written(reference),
                            service: name.clone(),
                            known: self.stack.services.keys().cloned().collect(),
                        })?;
                let place = Place {
                    own: Some(service),
                    database: None,
                    depth: place.depth,
                };
                self.output(
                    Wanted {
                        service,
                        path,
                        in_url,
                        reference,
                    },
                    place,
                )
            }
            Reference::Own { path } => {
                let service = place.own.ok_or_else(|| Unresolved::NoSelf {
                    reference: written(reference),
                })?;
                self.output(
                    Wanted {
                        service,
                        path,
                        in_url,
                        reference,
                    },
                    place,
                )
            }
            Reference::Env { name, default } => {
                self.environment(name, default.as_deref(), reference)
            }
            Reference::Secret { name } => self.secret(name, reference),
            Reference::Git { what } => self.git(what, reference),
        }
    }

    fn output(&self, wanted: Wanted<'a>, place: Place<'a>) -> Result<Value, Unresolved> {
        let Wanted {
            service,
            path,
            reference,
            ..
        } = wanted;
        if place.depth >= DEPTH {
            return Err(Unresolved::Endless {
                reference: written(reference),
            });
        }
        let place = Place {
            depth: place.depth + 1,
            ..place
        };
        match path {
            [only]
                if only == "name"
                    && let Some(database) = place.database =>
            {
                Ok(Value::plain(database))
            }
            [only] => match service.outputs.get(only) {
                Some(output) => {
                    let value = self.read(&output.value, place)?;
                    Ok(Value {
                        secret: value.secret || output.secret,
                        ..value
                    })
                }
                None if only == "public" => self.of_port(wanted, browser_port(service), only),
                None => self.of_port(wanted, service.main_port.as_deref(), only),
            },
            [env, name]
                if env == "env"
                    && let Some(value) = service.env.get(name) =>
            {
                self.read(
                    value,
                    Place {
                        database: None,
                        ..place
                    },
                )
            }
            [database, rest @ ..]
                if place.database.is_none() && service.databases.contains(database) =>
            {
                let wanted = Wanted {
                    path: rest,
                    ..wanted
                };
                self.output(
                    wanted,
                    Place {
                        database: Some(database),
                        ..place
                    },
                )
            }
            [port, output] => self.of_port(wanted, Some(port), output),
            _ => Err(no_output(wanted)),
        }
    }

    fn of_port(
        &self,
        wanted: Wanted<'a>,
        name: Option<&'a str>,
        output: &str,
    ) -> Result<Value, Unresolved> {
        let found = name.and_then(|name| Some((name, wanted.service.ports.get(name)?)));
        let (name, port) = found
            .filter(|_| OF_PORT.contains(&output))
            .ok_or_else(|| no_output(wanted))?;
        let (host, number) = if output == "public" {
            self.on_host(wanted, name, port)?
        } else {
            self.address(wanted, name, port)?
        };
        let bracketed = if host.contains(':') {
            Cow::Owned(format!("[{host}]"))
        } else {
            Cow::Borrowed(&*host)
        };
        Ok(Value::plain(match output {
            "host" if wanted.in_url => bracketed.into_owned(),
            "host" => host.into_owned(),
            "port" => number.to_string(),
            _ => format!("{}://{bracketed}:{number}", port.scheme),
        }))
    }

    /// Where the asker reaches a port.
    fn address(
        &self,
        wanted: Wanted<'a>,
        name: &str,
        port: &'a Port,
    ) -> Result<(Cow<'a, str>, u16), Unresolved> {
        let Asker::Container { service: asker } = self.asker else {
            return self.on_host(wanted, name, port);
        };
        let asking = self.stack.services.get(asker);
        let target = wanted.service;
        let is_self = target.name == asker;
        if asking.is_some_and(|asking| asking.host_network) {
            return if is_self {
                Ok((LOOPBACK.into(), port.container))
            } else {
                self.on_host(wanted, name, port)
            };
        }
        if is_on_host(target) && !is_self {
            return Ok((
                HOST_FROM_CONTAINER.into(),
                self.listening(target, name, port),
            ));
        }
        if let Some(asking) = asking
            && !is_self
            && !share_network(asking, target)
        {
            let reference = written(wanted.reference);
            return Err(Unresolved::NoNetwork {
                reference,
                asker: asker.to_owned(),
                service: target.name.clone(),
            });
        }
        Ok((Cow::Borrowed(&target.name), port.container))
    }

    /// Where anything on the host reaches a port.
    fn on_host(
        &self,
        wanted: Wanted<'a>,
        name: &str,
        port: &'a Port,
    ) -> Result<(Cow<'a, str>, u16), Unresolved> {
        let service = wanted.service;
        if is_on_host(service) {
            return Ok((LOOPBACK.into(), self.listening(service, name, port)));
        }
        let blame = || {
            (
                written(wanted.reference),
                service.name.clone(),
                name.to_owned(),
            )
        };
        if !port.publish {
            let (reference, service, port) = blame();
            return Err(Unresolved::NotPublished {
                reference,
                service,
                port,
            });
        }
        let host = if port.bind.is_unspecified() {
            LOOPBACK.into()
        } else {
            port.bind.to_string().into()
        };
        let number = match (self.chosen(service, name), port.host, self.facts) {
            (Some(number), _, _) | (None, HostPort::Fixed(number), _) => number,
            (None, HostPort::Auto, None) => port.container,
            (None, HostPort::Auto, Some(_)) => {
                let (reference, service, port) = blame();
                return Err(Unresolved::NoHostPort {
                    reference,
                    service,
                    port,
                });
            }
        };
        Ok((host, number))
    }

    fn chosen(&self, service: &Service, port: &str) -> Option<u16> {
        self.facts?
            .host_ports
            .get(&(service.name.clone(), port.to_owned()))
            .copied()
    }

    /// The number on which something on the host listens.
    fn listening(&self, service: &Service, name: &str, port: &Port) -> u16 {
        match &service.source {
            Source::Run(_) => self.chosen(service, name).unwrap_or(port.container),
            _ => port.container,
        }
    }

    fn environment(
        &self,
        name: &str,
        default: Option<&str>,
        blame: &Reference,
    ) -> Result<Value, Unresolved> {
        let Some(facts) = self.facts else {
            return Ok(Value::default());
        };
        // As in a shell: `:-` covers a variable that is set to nothing, too.
        let found = facts
            .environment
            .get(name)
            .map(String::as_str)
            .filter(|text| default.is_none() || !text.is_empty());
        let missing = || Unresolved::NoEnv {
            reference: written(blame),
            name: name.to_owned(),
        };
        found.or(default).map(Value::plain).ok_or_else(missing)
    }

    fn secret(&self, name: &str, blame: &Reference) -> Result<Value, Unresolved> {
        let missing = || Unresolved::NoSecret {
            reference: written(blame),
            name: name.to_owned(),
        };
        match self.facts {
            None if self.stack.secrets.contains_key(name) => Ok(Value {
                text: String::new(),
                secret: true,
            }),
            None => Err(missing()),
            Some(facts) => {
                let secret = facts.secrets.get(name).ok_or_else(missing)?;
                Ok(Value {
                    text: secret.expose_secret().to_owned(),
                    secret: true,
                })
            }
        }
    }

    fn git(&self, what: &str, blame: &Reference) -> Result<Value, Unresolved> {
        let Some(facts) = self.facts else {
            return Ok(Value::default());
        };
        let missing = || Unresolved::NoGit {
            reference: written(blame),
        };
        facts.git.get(what).map(Value::plain).ok_or_else(missing)
    }
}

/// Listens on the host itself, whatever is published.
fn is_on_host(service: &Service) -> bool {
    service.host_network || matches!(service.source, Source::Run(_))
}

/// Services without networks are on `default`.
fn share_network(a: &Service, b: &Service) -> bool {
    let is_on = |service: &Service, key: &String| match service.networks.as_slice() {
        [] => key == "default",
        networks => networks.contains(key),
    };
    match a.networks.as_slice() {
        [] => is_on(b, &"default".to_owned()),
        networks => networks.iter().any(|key| is_on(b, key)),
    }
}

fn no_output(wanted: Wanted<'_>) -> Unresolved {
    Unresolved::NoOutput {
        reference: written(wanted.reference),
        service: wanted.service.name.clone(),
        known: known_outputs(wanted.service),
    }
}
