//! One look at the engine.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{ContainerInspectResponse, ImageInspect, Network, Volume};
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::Docker;
use super::call::{QUICK, within};
use super::classify::failure;
use super::fault::Fault;
use super::translate;
use crate::plan::desired::{LABEL_BEFORE, LABEL_ONEOFF, LABEL_PROJECT, LABEL_SERVICE};
use crate::plan::observed::{
    Observed, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume,
};
use crate::runtime::RuntimeError;

/// Calls at once. More do not end sooner on two cores, and an engine has other clients.
const AT_ONCE: usize = 8;

/// What to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Everything with this project's label.
    pub project: String,
    /// References or ids of images.
    pub images: Vec<String>,
    /// Networks beside the project's own, by name: external ones.
    pub networks: Vec<String>,
    /// Volumes beside the project's own, by name.
    pub volumes: Vec<String>,
}

impl Docker {
    /// Looks at the project's containers, networks and volumes and at what else was asked for. What is not there is
    /// left out, and so is a container that goes away meanwhile. `inputs` and `jobs` stay empty.
    ///
    /// # Errors
    /// `Engine` when it does not answer within 10 seconds per call.
    pub async fn look(&self, ask: &Look) -> Result<Observed, RuntimeError> {
        let looked = tokio::try_join!(
            self.look_at_containers(&ask.project),
            self.look_at_networks(ask),
            self.look_at_volumes(ask),
            self.look_at_images(&ask.images),
        );
        let ((containers, steps), networks, volumes, images) =
            looked.map_err(|fault| failure("look at the engine", &fault))?;
        Ok(Observed {
            containers,
            steps,
            networks,
            volumes,
            images,
            ..Observed::default()
        })
    }

    /// One container as it is now; `None` when it is gone, or is not a project's.
    ///
    /// # Errors
    /// `Engine` when there is no answer.
    pub async fn look_at_container(
        &self,
        id: &str,
    ) -> Result<Option<ObservedContainer>, RuntimeError> {
        let inspected = within(QUICK, self.client().inspect_container(id, None)).await;
        let inspected = there(inspected).map_err(|fault| failure("look at a container", &fault))?;
        Ok(inspected.and_then(|inspected| self.seen(inspected)))
    }

    fn seen(&self, inspected: ContainerInspectResponse) -> Option<ObservedContainer> {
        self.note_terminal(&inspected);
        translate::container(inspected)
    }

    /// And those that run before a start, by id: their service.
    async fn look_at_containers(
        &self,
        project: &str,
    ) -> Result<(Vec<ObservedContainer>, BTreeMap<String, String>), Fault> {
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&of_project(project))
            .build();
        let list = within(QUICK, self.client().list_containers(Some(options))).await?;
        let mut steps = BTreeMap::new();
        let mut ids = Vec::new();
        for container in list {
            let labels = container.labels.unwrap_or_default();
            let one_off = labels
                .get(LABEL_ONEOFF)
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
            match container.id {
                Some(id) if !one_off => ids.push(id),
                Some(id) if labels.contains_key(LABEL_BEFORE) => {
                    let service = labels.get(LABEL_SERVICE).cloned();
                    steps.insert(id, service.unwrap_or_default());
                }
                _ => {}
            }
        }
        let mut found: Vec<ObservedContainer> = stream::iter(ids)
            .map(|id| async move {
                let inspected = within(QUICK, self.client().inspect_container(&id, None)).await;
                Ok::<_, Fault>(there(inspected)?.and_then(|inspected| self.seen(inspected)))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|container| async move { Ok(container) })
            .try_collect()
            .await?;
        found.sort_by(|a, b| (&a.service, a.index, &a.id).cmp(&(&b.service, b.index, &b.id)));
        Ok((found, steps))
    }

    async fn look_at_networks(
        &self,
        ask: &Look,
    ) -> Result<BTreeMap<String, ObservedNetwork>, Fault> {
        let options = ListNetworksOptionsBuilder::new()
            .filters(&of_project(&ask.project))
            .build();
        let list = within(QUICK, self.client().list_networks(Some(options))).await?;
        let known: BTreeSet<&str> = list.iter().filter_map(|n| n.name.as_deref()).collect();
        let further = ask.networks.iter();
        let further: Vec<String> = further
            .filter(|name| !known.contains(name.as_str()))
            .cloned()
            .collect();
        let named = self.named(&further, |docker, name| {
            Box::pin(async move {
                let network = within(QUICK, docker.client().inspect_network(&name, None)).await;
                Ok(there(network)?.map(|network| Network {
                    name: network.name,
                    id: network.id,
                    labels: network.labels,
                    ..Network::default()
                }))
            })
        });
        let named = named.await?;
        let mut found = BTreeMap::new();
        let mut twins: BTreeMap<String, Vec<ObservedNetwork>> = BTreeMap::new();
        let all = list.into_iter().chain(named);
        for (name, network) in all.filter_map(|n| translate::network(n, &ask.project)) {
            if let Some(other) = found.insert(name.clone(), network) {
                twins.entry(name).or_default().push(other);
            }
        }
        for (name, others) in twins {
            if let Some(last) = found.remove(&name) {
                let one = self.used_of(others.into_iter().chain([last])).await?;
                found.extend(one.map(|network| (name, network)));
            }
        }
        Ok(found)
    }

    /// Of networks with one name the one that containers are on, else always the same; the others are its twins.
    async fn used_of(
        &self,
        networks: impl Iterator<Item = ObservedNetwork>,
    ) -> Result<Option<ObservedNetwork>, Fault> {
        let mut ranked = Vec::new();
        for network in networks {
            let inspected = within(QUICK, self.client().inspect_network(&network.id, None)).await;
            if let Some(inspected) = there(inspected)? {
                let users = inspected.containers.map_or(0, |all| all.len());
                ranked.push((std::cmp::Reverse(users), network.id.clone(), network));
            }
        }
        ranked.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        let mut networks = ranked.into_iter().map(|(_, _, network)| network);
        Ok(networks.next().map(|mut one| {
            one.twins = networks.map(|twin| twin.id).collect();
            one
        }))
    }

    async fn look_at_volumes(&self, ask: &Look) -> Result<BTreeMap<String, ObservedVolume>, Fault> {
        let options = ListVolumesOptionsBuilder::new()
            .filters(&of_project(&ask.project))
            .build();
        let list = within(QUICK, self.client().list_volumes(Some(options))).await?;
        let named = self.named(&ask.volumes, |docker, name| {
            Box::pin(async move {
                there::<Volume>(within(QUICK, docker.client().inspect_volume(&name)).await)
            })
        });
        let all = list
            .volumes
            .unwrap_or_default()
            .into_iter()
            .chain(named.await?);
        Ok(all
            .map(|volume| translate::volume(volume, &ask.project))
            .collect())
    }

    async fn look_at_images(
        &self,
        references: &[String],
    ) -> Result<BTreeMap<String, ObservedImage>, Fault> {
        let found = self.named(references, |docker, reference| {
            Box::pin(async move {
                let image = within(QUICK, docker.client().inspect_image(&reference)).await;
                Ok(there::<ImageInspect>(image)?
                    .and_then(translate::image)
                    .map(|image| (reference, image)))
            })
        });
        Ok(found.await?.into_iter().collect())
    }

    /// Asks for each of `names` once, several at a time.
    async fn named<'a, T: 'a>(
        &'a self,
        names: &[String],
        ask: fn(&'a Self, String) -> Asked<'a, T>,
    ) -> Result<Vec<T>, Fault> {
        let names: BTreeSet<String> = names.iter().cloned().collect();
        let asking: Vec<Asked<'a, T>> = names.into_iter().map(|name| ask(self, name)).collect();
        stream::iter(asking)
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|found| async move { Ok(found) })
            .try_collect()
            .await
    }
}

/// One answer that is waited for; boxed, because a task has to be able to hold it.
type Asked<'a, T> = BoxFuture<'a, Result<Option<T>, Fault>>;

fn of_project(project: &str) -> HashMap<&'static str, Vec<String>> {
    HashMap::from([("label", vec![format!("{LABEL_PROJECT}={project}")])])
}

/// What is gone is no error of a look.
fn there<T>(answer: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.is_gone() => Ok(None),
        Err(fault) => Err(fault),
    }
}
