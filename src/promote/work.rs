//! The round at work: each service in turn, everything that cannot go along told at once.

use std::collections::{BTreeMap, BTreeSet};

use super::compose_only;
use super::facts::Facts;
use super::going::Going;
use super::labels::{Labels, of_service, secret_name};
use super::object::{Kind, Object};
use super::refusal::Refusal;
use super::text::{Text, marked};
use super::{config, ingress, namespace, policy, scale, service, waves, workload};
use crate::stack::resolve::{self, Asker, Unresolved, resolve};
use crate::stack::{SecretSource, Service, Source, Stack, Template, cluster_name};

/// What a cluster should have.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The stack's name there.
    pub name: String,
    pub namespace: String,
    /// In the order in which they are applied. The namespace and the Secret are not among them: the one may be somebody's,
    /// the values of the other are known outside.
    pub objects: Vec<Object>,
    /// The Secret, and where its values come from.
    pub secret: String,
    pub secrets: BTreeMap<String, SecretSource>,
    pub notes: Vec<Note>,
}

/// Something that is otherwise there than a person may think.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub service: String,
    pub text: String,
}

pub struct Work<'a> {
    pub stack: &'a Stack,
    pub going: &'a Going,
    pub facts: &'a Facts,
    pub namespace: String,
    pub secret: String,
    pub waves: BTreeMap<String, u32>,
    resolving: resolve::Facts,
    pub refusals: Vec<Refusal>,
    pub notes: BTreeSet<Note>,
    secrets: BTreeSet<String>,
}

pub fn promote(going: &Going, facts: &Facts) -> Result<Promotion, Vec<Refusal>> {
    let stack = &going.stack;
    let mut work = Work {
        stack,
        going,
        facts,
        namespace: namespace(stack),
        secret: secret_name(stack),
        waves: waves::waves(stack),
        resolving: resolve::Facts {
            environment: facts.environment.clone(),
            git: facts.git.clone(),
            secrets: marked(stack.secrets.keys()),
            ..resolve::Facts::default()
        },
        refusals: Vec::new(),
        notes: BTreeSet::new(),
        secrets: BTreeSet::new(),
    };
    work.same_names();
    if stack.services.is_empty() {
        return Err(vec![Refusal::Nothing]);
    }
    let mut objects = policy::of_stack(&work);
    for service in stack.services.values() {
        work.refuse(service);
        objects.extend(work.service(service));
    }
    if !work.refusals.is_empty() {
        return Err(work.refusals);
    }
    objects.sort_by(|a, b| (a.wave, a.kind, &a.name).cmp(&(b.wave, b.kind, &b.name)));
    let secrets = stack.secrets.iter();
    let secrets = secrets.filter(|(name, _)| work.secrets.contains(*name));
    Ok(Promotion {
        name: cluster_name(&stack.name),
        secrets: secrets
            .map(|(name, source)| (name.clone(), source.clone()))
            .collect(),
        namespace: work.namespace,
        objects,
        secret: work.secret,
        notes: work.notes.into_iter().collect(),
    })
}

impl Work<'_> {
    fn service(&mut self, service: &Service) -> Vec<Object> {
        let config = config::of(self, service);
        let mut objects = workload::of(self, service, &config);
        objects.extend(config.objects(self, service));
        objects.extend(service::of(self, service));
        objects.extend(ingress::of(self, service));
        objects.extend(scale::of(self, service));
        objects.extend(policy::of(self, service));
        objects
    }

    /// What no object can say.
    fn refuse(&mut self, service: &Service) {
        let name = || service.name.clone();
        if let Source::Run(_) = service.source {
            self.refusals.push(Refusal::HostProcess { service: name() });
        }
        let hosts = [
            (service.host_network, "network = \"host\""),
            (service.host_pid, "pid = \"host\""),
        ];
        for (_, what) in hosts.into_iter().filter(|(is, _)| *is) {
            self.refusals.push(Refusal::Host {
                service: name(),
                what,
            });
        }
        let lost = compose_only::lost(&service.container);
        if !lost.is_empty() {
            self.refusals.push(Refusal::Options {
                service: name(),
                what: lost.join(", "),
            });
        }
    }

    fn same_names(&mut self) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for service in self.stack.services.keys() {
            let name = cluster_name(service);
            if let Some(other) = seen.insert(name.clone(), service) {
                self.refusals.push(Refusal::SameName {
                    service: other.to_owned(),
                    other: service.clone(),
                    name,
                });
            }
        }
    }

    /// The value of a template as a pod sees it; an error is kept, and nothing stands in its place.
    pub fn text(&mut self, service: &Service, field: &str, template: &Template) -> Text {
        let asker = Asker::Cluster {
            service: &service.name,
        };
        let (service, field) = (service.name.clone(), field.to_owned());
        match resolve(self.stack, template, asker, &self.resolving) {
            Ok(value) => {
                let text = Text::parse(&value.text);
                if value.secret && text.secrets().next().is_none() {
                    self.refusals.push(Refusal::PlainSecret { service, field });
                }
                self.secrets.extend(text.secrets().map(str::to_owned));
                text
            }
            Err(Unresolved::NoService { service: other, .. })
                if self.going.home.contains(&other) =>
            {
                self.refusals.push(Refusal::AtHome {
                    service,
                    field,
                    other,
                });
                Text::parse("")
            }
            Err(error) => {
                self.refusals.push(Refusal::Unresolved {
                    service,
                    field,
                    error,
                });
                Text::parse("")
            }
        }
    }

    /// Words that everybody may read.
    pub fn words(&mut self, service: &Service, field: &str, words: &[Template]) -> Vec<String> {
        let mut plain = Vec::with_capacity(words.len());
        for word in words {
            match self.text(service, field, word).plain() {
                Some(word) => plain.push(word),
                None => self.refusals.push(Refusal::SecretInSight {
                    service: service.name.clone(),
                    field: field.to_owned(),
                }),
            }
        }
        plain
    }

    pub fn note(&mut self, service: &Service, text: impl Into<String>) {
        self.notes.insert(Note {
            service: service.name.clone(),
            text: text.into(),
        });
    }

    pub fn labels(&self, service: &Service) -> Labels {
        of_service(self.stack, &service.name)
    }

    pub fn wave(&self, service: &Service) -> u32 {
        self.waves.get(&service.name).copied().unwrap_or(1)
    }

    /// An object of a service, in its wave.
    pub fn object<T: serde::Serialize>(
        &self,
        service: &Service,
        kind: Kind,
        name: &str,
        object: &T,
    ) -> Object {
        Object::new(kind, name, self.wave(service), object).of(&service.name)
    }
}
