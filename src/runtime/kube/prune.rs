//! What is of the stack and no longer in it.

use std::collections::BTreeSet;

use ::kube::api::{DeleteParams, ListParams};

use super::apply::persistently;
use super::look::ours;
use super::{Change, Kube, What};
use crate::promote::{Kind, NAME, Object};
use crate::runtime::RuntimeError;

impl Kube {
    /// Objects that `dev` made for the stack `name` in the namespace and that are not among `objects`. Claims stay with
    /// their data, whatever goes.
    ///
    /// # Errors
    /// The API server does not answer, or refuses to tell.
    pub async fn left_over(
        &self,
        name: &str,
        namespace: &str,
        objects: &[&Object],
    ) -> Result<Vec<Change>, RuntimeError> {
        let wanted: BTreeSet<(Kind, &str)> = objects
            .iter()
            .map(|object| (object.kind, object.name.as_str()))
            .collect();
        let kinds = Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Namespace);
        let labels = ours(name);
        let lists = kinds.map(|kind| self.labelled(namespace, kind, &labels));
        let lists = futures_util::future::join_all(lists).await;
        let mut found = Vec::new();
        for list in lists {
            let list = list?.into_iter();
            found.extend(
                list.filter(|change| !wanted.contains(&(change.kind, change.name.as_str()))),
            );
        }
        Ok(found)
    }

    /// What carries these labels and belongs to no other object; the promotions that are kept left out.
    pub(super) async fn labelled(
        &self,
        namespace: &str,
        kind: Kind,
        labels: &str,
    ) -> Result<Vec<Change>, RuntimeError> {
        let listed = self
            .api(kind, namespace)
            .list_metadata(&ListParams::default().labels(labels))
            .await;
        let listed = listed
            .map_err(|error| self.failed(&format!("cannot list {}", kind.plural()), &error))?;
        // What another object owns, such as the Job of a CronJob, goes with that.
        let own = listed
            .items
            .into_iter()
            .filter(|found| found.metadata.owner_references.is_none());
        let change = own.filter_map(|found| {
            let labels = found.metadata.labels.unwrap_or_default();
            Some(Change {
                kind,
                name: found.metadata.name?,
                service: labels.get(NAME).cloned(),
                what: What::Remove,
            })
        });
        Ok(change
            .filter(|change| !super::revision::is_record(change))
            .collect())
    }

    /// Takes objects away, with the pods that they own.
    ///
    /// # Errors
    /// The first that is refused.
    pub async fn remove(&self, namespace: &str, objects: &[Change]) -> Result<(), RuntimeError> {
        for object in objects {
            persistently(|| self.remove_one(namespace, object)).await?;
        }
        Ok(())
    }

    async fn remove_one(&self, namespace: &str, object: &Change) -> Result<(), RuntimeError> {
        let api = self.api(object.kind, namespace);
        match api.delete(&object.name, &DeleteParams::background()).await {
            Ok(_) => Ok(()),
            Err(::kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(self.failed(&format!("{} {}", object.kind, object.name), &error)),
        }
    }
}
