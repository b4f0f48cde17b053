//! The walk from a template through outputs to text.

use secrecy::ExposeSecret;

use super::error::{Unresolved, written};
use super::outputs::{browser_port, known_outputs};
use super::{Absent, Asker, Facts, Value};
use crate::stack::{Part, Reference, Service, Stack, Template};

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
    /// The reference that the author wrote, which led here.
    blame: Option<&'a Reference>,
    depth: u32,
}

/// A reference with the text to blame.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub service: &'a Service,
    pub path: &'a [String],
    /// The template around it is a URL, in which an IPv6 address has brackets.
    pub in_url: bool,
    pub reference: &'a Reference,
}

impl<'a> Evaluation<'a> {
    pub fn template(&self, template: &'a Template) -> Result<Value, Unresolved> {
        self.read(
            template,
            Place {
                own: self.asking(),
                database: None,
                blame: None,
                depth: 0,
            },
        )
    }

    fn asking(&self) -> Option<&'a Service> {
        let (Asker::Container { service }
        | Asker::Cluster { service }
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
        let blame = place.blame.unwrap_or(reference);
        let place = Place {
            blame: Some(blame),
            ..place
        };
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
                            reference: written(blame),
                            service: name.clone(),
                            known: self.stack.services.keys().cloned().collect(),
                        })?;
                let place = Place {
                    own: Some(service),
                    database: None,
                    ..place
                };
                self.output(
                    Wanted {
                        service,
                        path,
                        in_url,
                        reference: blame,
                    },
                    place,
                )
            }
            Reference::Own { path } => {
                let service = place.own.ok_or_else(|| Unresolved::NoSelf {
                    reference: written(blame),
                })?;
                self.output(
                    Wanted {
                        service,
                        path,
                        in_url,
                        reference: blame,
                    },
                    place,
                )
            }
            Reference::Env { name, default } => {
                self.environment(name, default.as_deref(), place, blame)
            }
            Reference::Secret { name } => self.secret(name, blame),
            Reference::Git { what, default } => self.git(what, default.as_deref(), place, blame),
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
            [only] => self.own_output(wanted, only, place),
            [env, name] if env == "env" && service.env.contains_key(name) => {
                let outside = Place {
                    database: None,
                    ..place
                };
                self.read(&service.env[name], outside)
            }
            [database, rest @ ..]
                if place.database.is_none() && service.databases.contains(database) =>
            {
                let within = Place {
                    database: Some(database),
                    ..place
                };
                self.output(
                    Wanted {
                        path: rest,
                        ..wanted
                    },
                    within,
                )
            }
            [port, output] => self.of_port(wanted, Some(port), output),
            _ => Err(no_output(wanted)),
        }
    }

    /// An output of the service itself, or of the database that was named before it.
    fn own_output(
        &self,
        wanted: Wanted<'a>,
        name: &str,
        place: Place<'a>,
    ) -> Result<Value, Unresolved> {
        let service = wanted.service;
        if let (Some(database), "name") = (place.database, name) {
            return Ok(Value::plain(database));
        }
        match service.outputs.get(name) {
            Some(output) => {
                let value = self.read(&output.value, place)?;
                Ok(Value {
                    secret: value.secret || output.secret,
                    ..value
                })
            }
            None if name == "public" => self.of_port(wanted, browser_port(service), name),
            None => self.of_port(wanted, service.main_port.as_deref(), name),
        }
    }

    fn environment(
        &self,
        name: &str,
        default: Option<&str>,
        place: Place<'a>,
        blame: &Reference,
    ) -> Result<Value, Unresolved> {
        let set = self.facts.and_then(|facts| facts.environment.get(name));
        match (set, default) {
            // As in a shell: `:-` covers a variable that is set to nothing, too.
            (Some(text), default) if default.is_none() || !text.is_empty() => {
                Ok(Value::plain(text))
            }
            (_, Some(default)) => self.default(default, place, blame),
            (_, None) if self.facts.is_none() => Ok(Value::default()),
            (_, None) => Err(Unresolved::NoEnv {
                reference: written(blame),
                name: name.to_owned(),
            }),
        }
    }

    /// A default may hold references; it was parsed once with the template around it.
    fn default(
        &self,
        text: &str,
        place: Place<'a>,
        blame: &Reference,
    ) -> Result<Value, Unresolved> {
        if place.depth >= DEPTH {
            return Err(Unresolved::Endless {
                reference: written(blame),
            });
        }
        let template = Template::parse(text).unwrap_or_else(|_| Template::text(text));
        // The template lives shorter than the stack, so the question has to, too.
        let (here, place): (Evaluation<'_>, Place<'_>) = (
            *self,
            Place {
                depth: place.depth + 1,
                ..place
            },
        );
        here.read(&template, place)
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
                if let Some(Absent { why, help }) = facts.absent.get(name).cloned() {
                    return Err(Unresolved::AbsentSecret { why, help });
                }
                let secret = facts.secrets.get(name).ok_or_else(missing)?;
                Ok(Value {
                    text: secret.expose_secret().to_owned(),
                    secret: true,
                })
            }
        }
    }

    fn git(
        &self,
        what: &str,
        default: Option<&str>,
        place: Place<'a>,
        blame: &Reference,
    ) -> Result<Value, Unresolved> {
        let known = self.facts.and_then(|facts| facts.git.get(what));
        match (known, default) {
            (Some(text), _) => Ok(Value::plain(text)),
            (None, Some(default)) => self.default(default, place, blame),
            (None, None) if self.facts.is_none() => Ok(Value::default()),
            (None, None) => Err(Unresolved::NoGit {
                reference: written(blame),
            }),
        }
    }
}

pub(super) fn no_output(wanted: Wanted<'_>) -> Unresolved {
    Unresolved::NoOutput {
        reference: written(wanted.reference),
        service: wanted.service.name.clone(),
        known: known_outputs(wanted.service),
    }
}
