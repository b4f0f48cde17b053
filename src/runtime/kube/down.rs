//! What of a stack goes from a cluster, and what does not.

use std::time::Duration;

use ::kube::api::{Api, DeleteParams, ListParams};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Secret};

use super::apply::persistently;
use super::look::ours;
use super::{Change, Kube, What};
use crate::promote::{INSTANCE, Kind, NAME, REVISION};
use crate::runtime::RuntimeError;

/// What there is of a stack.
#[derive(Debug, Clone, Default)]
pub struct There {
    /// Made by a promotion.
    pub objects: Vec<Change>,
    /// Carries the stack's labels, and somebody else applied it.
    pub others: usize,
    /// Names of the claims that its sets have made.
    pub claims: Vec<String>,
    /// Names of the promotions that are kept.
    pub records: Vec<String>,
}

impl There {
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.records.is_empty()
    }
}

impl Kube {
    /// What there is of the stack `name`.
    ///
    /// # Errors
    /// The API server does not answer, or refuses to tell.
    pub async fn there(&self, name: &str, namespace: &str) -> Result<There, RuntimeError> {
        let all = self.left_over(name, namespace, &[]);
        let promoted = self.promoted(name, namespace);
        let (all, promoted, claims, records) = tokio::try_join!(
            all,
            promoted,
            self.claims(name, namespace),
            self.record_names(name, namespace)
        )?;
        let is_ours = |one: &Change| {
            let mut ours = promoted.iter();
            ours.any(|other| (other.kind, &other.name) == (one.kind, &one.name))
        };
        let others: Vec<Change> = all.into_iter().filter(|one| !is_ours(one)).collect();
        // Data of a set that somebody else applied is theirs, too.
        let is_theirs = |service: &String| {
            let mut sets = others.iter().filter(|one| one.kind == Kind::StatefulSet);
            sets.any(|set| set.service.as_ref() == Some(service))
        };
        let claims = claims.into_iter();
        Ok(There {
            claims: claims
                .filter(|(_, service)| !is_theirs(service))
                .map(|(claim, _)| claim)
                .collect(),
            others: others.len(),
            objects: promoted,
            records,
        })
    }

    async fn promoted(&self, name: &str, namespace: &str) -> Result<Vec<Change>, RuntimeError> {
        let which = format!("{},{REVISION}", ours(name));
        let kinds = Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Namespace);
        let lists = kinds.map(|kind| self.labelled(namespace, kind, &which));
        let lists = futures_util::future::try_join_all(lists).await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// Claims have few labels, because a template never changes; their names say the rest: `data-db-0`
    /// of `db`. Each with its service.
    async fn claims(
        &self,
        name: &str,
        namespace: &str,
    ) -> Result<Vec<(String, String)>, RuntimeError> {
        let which = ListParams::default().labels(&format!("{INSTANCE}={name},{NAME}"));
        let claims: Vec<PersistentVolumeClaim> = self.listed(namespace, &which).await?;
        let own = claims.into_iter().filter_map(|claim| {
            let service = claim.metadata.labels?.get(NAME).cloned()?;
            let name = claim.metadata.name?;
            is_of_set(&name, &service).then_some((name, service))
        });
        Ok(own.collect())
    }

    async fn record_names(&self, name: &str, namespace: &str) -> Result<Vec<String>, RuntimeError> {
        let which = format!("{},{}", ours(name), super::revision::NUMBER);
        let records: Vec<Secret> = self
            .listed(namespace, &ListParams::default().labels(&which))
            .await?;
        Ok(records
            .into_iter()
            .filter_map(|record| record.metadata.name)
            .collect())
    }

    /// # Errors
    /// The first that is refused.
    pub async fn remove_claims(
        &self,
        namespace: &str,
        claims: &[String],
    ) -> Result<(), RuntimeError> {
        let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), namespace);
        for claim in claims {
            self.delete(
                &api,
                "PersistentVolumeClaim",
                claim,
                &DeleteParams::default(),
            )
            .await?;
        }
        Ok(())
    }

    /// Forgets the promotions that are kept.
    ///
    /// # Errors
    /// The first that is refused.
    pub async fn remove_records(
        &self,
        namespace: &str,
        records: &[String],
    ) -> Result<(), RuntimeError> {
        let record = |name: &String| Change {
            kind: Kind::Secret,
            name: name.clone(),
            service: None,
            what: What::Remove,
        };
        let records: Vec<Change> = records.iter().map(record).collect();
        self.remove(namespace, &records).await
    }

    /// The pods that there are of the services named, as the cluster names them.
    ///
    /// # Errors
    /// The API server does not answer within a minute, or refuses to tell.
    pub async fn pods_of(
        &self,
        name: &str,
        namespace: &str,
        services: &[&str],
    ) -> Result<Vec<String>, RuntimeError> {
        let which = format!("{},{NAME} in ({})", ours(name), services.join(","));
        let which = ListParams::default().labels(&which);
        let pods = persistently(|| self.listed::<Pod>(namespace, &which)).await?;
        Ok(pods
            .into_iter()
            .filter_map(|pod| pod.metadata.name)
            .collect())
    }

    /// Gives pods this time to end, instead of their own.
    ///
    /// # Errors
    /// The first that is refused.
    pub async fn hasten(
        &self,
        namespace: &str,
        pods: &[String],
        grace: Duration,
    ) -> Result<(), RuntimeError> {
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let seconds = u32::try_from(grace.as_secs()).unwrap_or(u32::MAX);
        for pod in pods {
            let how = DeleteParams::default().grace_period(seconds);
            self.delete(&api, "Pod", pod, &how).await?;
        }
        Ok(())
    }

    /// What is gone already is no error.
    async fn delete<K>(
        &self,
        api: &Api<K>,
        kind: &str,
        name: &str,
        how: &DeleteParams,
    ) -> Result<(), RuntimeError>
    where
        K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
    {
        persistently(|| async {
            match api.delete(name, how).await {
                Ok(_) => Ok(()),
                Err(::kube::Error::Api(status)) if status.code == 404 => Ok(()),
                Err(error) => Err(self.failed(&format!("{kind} {name}"), &error)),
            }
        })
        .await
    }
}

/// Whether a claim is one that the set of a service has made for its pods.
fn is_of_set(claim: &str, service: &str) -> bool {
    let Some((of, number)) = claim.rsplit_once('-') else {
        return false;
    };
    let template = of
        .strip_suffix(service)
        .and_then(|rest| rest.strip_suffix('-'));
    number.parse::<u32>().is_ok() && template.is_some_and(|template| !template.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_known_by_their_names_too() {
        assert!(is_of_set("data-db-0", "db"));
        assert!(is_of_set("data-my-db-12", "my-db"));
        for other in ["db-0", "data-db", "data-db-x", "data-cache-0", "datadb-0"] {
            assert!(!is_of_set(other, "db"), "{other}");
        }
    }
}
