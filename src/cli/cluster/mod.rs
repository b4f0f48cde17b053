//! Commands on a stack where it was promoted to: `--on kubernetes`.

mod down;
mod env;
mod exec;
mod logs;
mod open;
mod wait;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use secrecy::SecretString;
use serde_json::Value;

use super::args::{GlobalArgs, OnArgs};
use super::error::CliError;
use super::instance::Instance;
use super::session::Session;
use crate::engine::bus::LogEntry;
use crate::engine::cluster::{self, Place};
use crate::engine::event::{Event, Stamped, VERSION};
use crate::engine::state::State;
use crate::promote::{Kind, going, namespace, secret_name};
use crate::runtime::kube::{Kube, Locality, PodSeen, Sight, locality};
use crate::runtime::world::LogRange;
use crate::secret::Redactor;

pub use down::down;
pub use env::env;
pub use exec::exec;
pub use logs::logs;
pub use open::open;
pub use wait::wait;

/// What a command does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Looks,
    /// `yes`: a person said so.
    Changes {
        yes: bool,
    },
}

/// A stack and the cluster that it was promoted to.
pub struct Cluster {
    pub session: Session,
    pub place: Place,
}

impl Cluster {
    /// # Errors
    /// The stack cannot be read, there is no cluster, or it is not this machine's and was not named.
    pub async fn open(
        global: &GlobalArgs,
        on: &OnArgs,
        touch: Touch,
        command: &str,
    ) -> Result<Self, CliError> {
        let session = Session::open(global)?;
        let kube = Kube::connect(&session.environment, on.context.as_deref()).await?;
        let place = locality(&kube.server, &kube.nodes().await?, &boot_id());
        let is_named = on.context.is_some();
        allowed(&kube, &place, is_named, touch, command)?;
        // Also what is there because somebody named it.
        let all = session.stack.services.keys().cloned().collect();
        let mut stack = going(&session.stack, &all).stack;
        if let Some(name) = &on.namespace {
            stack.kubernetes.namespace = Some(name.clone());
        }
        let namespace = namespace(&stack);
        Ok(Self {
            session,
            place: Place {
                kube,
                stack,
                namespace,
            },
        })
    }

    /// # Errors
    /// The first name that the stack does not have, or that stays at home.
    pub fn check_names(&self, names: &[String]) -> Result<(), CliError> {
        self.session.check_names(names)?;
        let home = names
            .iter()
            .find(|name| !self.place.stack.services.contains_key(*name));
        match home {
            None => Ok(()),
            Some(name) => Err(CliError::Usage {
                message: format!("`{name}` is on no cluster: it stays here (`promote = false`)"),
                help: Some("without `--on` this command is about what is here".to_owned()),
            }),
        }
    }

    /// What there is now.
    ///
    /// # Errors
    /// The API server does not answer, or refuses to tell.
    pub async fn look(&self) -> Result<(State, Sight), CliError> {
        Ok(cluster::look(&self.place).await?)
    }

    /// A service, or one replica of it, as people name them.
    ///
    /// # Errors
    /// The stack does not have it, or it has no such replica.
    pub fn instance(
        &self,
        state: &State,
        name: &str,
        index: Option<u32>,
    ) -> Result<Instance, CliError> {
        let numbered = || {
            let (service, number) = name.rsplit_once('-')?;
            let index = number.parse().ok().filter(|index| *index > 0)?;
            state.service(service).map(|_| (service, Some(index)))
        };
        let (service, index) = match state.service(name) {
            Some(_) => (name, index),
            None => match numbered() {
                Some(found) => found,
                None => {
                    self.check_names(&[name.to_owned()])?;
                    (name, index)
                }
            },
        };
        let replicas = state.service(service).map_or(1, |one| one.info.replicas);
        match index {
            Some(number) if number > replicas.max(1) => Err(CliError::usage(format!(
                "`{service}` has {}, and none with the number {number}",
                match replicas {
                    0 | 1 => "one replica".to_owned(),
                    n => format!("{n} replicas"),
                }
            ))),
            _ => Ok(Instance {
                service: service.to_owned(),
                index,
            }),
        }
    }

    /// The values that its pods have.
    ///
    /// # Errors
    /// The API server does not answer, or this user may not see them.
    pub async fn secrets(&self) -> Result<BTreeMap<String, SecretString>, CliError> {
        let Place {
            kube,
            stack,
            namespace,
        } = &self.place;
        let live = kube
            .find(Kind::Secret, namespace, &secret_name(stack))
            .await?;
        Ok(live.as_ref().map(values_of).unwrap_or_default())
    }

    /// # Errors
    /// See [`Cluster::secrets`].
    pub async fn redactor(&self) -> Result<Redactor, CliError> {
        Ok(Redactor::new(self.secrets().await?.values()))
    }
}

/// What is in an object of kind Secret.
pub fn values_of(secret: &Value) -> BTreeMap<String, SecretString> {
    let value = |(name, coded): (&String, &Value)| {
        let bytes = STANDARD.decode(coded.as_str()?).ok()?;
        Some((name.clone(), String::from_utf8(bytes).ok()?.into()))
    };
    let data = secret["data"].as_object();
    data.into_iter().flatten().filter_map(value).collect()
}

/// The pod that a replica of a service is now.
pub fn pod_of<'a>(
    sight: &'a Sight,
    state: &State,
    service: &str,
    index: u32,
) -> Option<&'a PodSeen> {
    let instance = state.service(service)?.instances.get(&index)?;
    let found = instance.found.as_ref()?;
    let seen = sight.services.get(&crate::stack::cluster_name(service))?;
    seen.pods.iter().find(|pod| pod.name == found.generation.id)
}

/// Names this machine's kernel since it was started; a node on it says the same.
pub fn boot_id() -> String {
    let read = fs_err::read_to_string("/proc/sys/kernel/random/boot_id");
    read.unwrap_or_default().trim().to_owned()
}

/// What is not this machine's own is looked at only where a person named it, and touched where they said so.
///
/// # Errors
/// It is not, and nobody did.
pub fn allowed(
    kube: &Kube,
    place: &Locality,
    is_named: bool,
    touch: Touch,
    command: &str,
) -> Result<(), CliError> {
    let is_meant = is_named && touch != Touch::Changes { yes: false };
    if place.is_local() || is_meant {
        return Ok(());
    }
    let (context, server) = (&kube.context, &kube.server);
    let yes = match touch {
        Touch::Looks => "",
        Touch::Changes { .. } => " --yes",
    };
    Err(CliError::Usage {
        message: format!("context `{context}` is no cluster of this machine: {server}"),
        help: Some(format!(
            "where it is meant: `{command} --context {context}{yes}`"
        )),
    })
}

/// The state of the stack on its cluster, with the last line that each service has said.
///
/// # Errors
/// The stack cannot be read, or no API server answers.
pub async fn state(
    global: &GlobalArgs,
    on: &OnArgs,
    names: &[String],
    command: &str,
) -> Result<State, CliError> {
    let cluster = Cluster::open(global, on, Touch::Looks, command).await?;
    cluster.check_names(names)?;
    let (mut state, sight) = cluster.look().await?;
    // Without a look at the secrets no line is fit to be seen.
    let Ok(redactor) = cluster.redactor().await else {
        return Ok(state);
    };
    for entry in cluster.last_lines(&state, &sight).await {
        let line = redactor.redact(&entry.line).into_owned();
        state.apply(&Stamped {
            v: VERSION,
            at: entry.at,
            event: Event::LastLine {
                service: entry.service,
                line,
                generation: None,
            },
        });
    }
    Ok(state)
}

impl Cluster {
    async fn last_lines(&self, state: &State, sight: &Sight) -> Vec<LogEntry> {
        let range = LogRange {
            tail: Some(1),
            ..LogRange::default()
        };
        let last = state.services.iter().filter_map(|service| {
            let name = &service.info.name;
            let pod = pod_of(sight, state, name, 1)?;
            let mut lines = self
                .place
                .kube
                .logs(&self.place.namespace, pod, range, false);
            Some(async move {
                let line = lines.next().await?;
                Some(LogEntry {
                    service: name.clone(),
                    index: 1,
                    at: service.since,
                    error: false,
                    line: line.line,
                })
            })
        });
        let lines = futures_util::future::join_all(last).await;
        lines.into_iter().flatten().collect()
    }
}
