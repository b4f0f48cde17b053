//! Each promotion is kept on the cluster, so that anybody can return to the one before.

use std::collections::BTreeMap;

use ::kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Change, Kube};
use crate::promote::{Kind, LABEL_MANAGED, LABEL_PART_OF, MANAGER, Object};
use crate::runtime::RuntimeError;

/// As many are kept.
const KEPT: usize = 10;
/// In a Secret, because it holds the secrets of the time.
const TYPE: &str = "dev/revision";
const KEY: &str = "objects";
/// Label: its number.
pub(super) const NUMBER: &str = "dev.record";

/// One object of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub kind: String,
    pub name: String,
    pub wave: u32,
    pub service: Option<String>,
    pub value: Value,
}

/// A promotion that was.
#[derive(Debug, Clone)]
pub struct Revision {
    pub number: u64,
    pub objects: Vec<Record>,
}

pub(super) fn is_record(change: &Change) -> bool {
    let number = change
        .name
        .rsplit_once("-revision-")
        .map(|(_, number)| number);
    change.kind == Kind::Secret && number.is_some_and(|number| number.parse::<u64>().is_ok())
}

impl Record {
    pub fn of(object: &Object) -> Self {
        Self {
            kind: object.kind.name().to_owned(),
            name: object.name.clone(),
            wave: object.wave,
            service: object.service.clone(),
            value: object.value.clone(),
        }
    }

    /// `None` for a kind that this `dev` does not make.
    pub fn object(self) -> Option<Object> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.name() == self.kind)?;
        Some(Object {
            kind,
            name: self.name,
            wave: self.wave,
            service: self.service,
            value: self.value,
            comments: Vec::new(),
        })
    }
}

impl Kube {
    fn records(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The promotions that are kept, the latest first.
    ///
    /// # Errors
    /// The API server does not answer, or this user may not see them.
    pub async fn revisions(
        &self,
        name: &str,
        namespace: &str,
    ) -> Result<Vec<Revision>, RuntimeError> {
        let labels = format!("{LABEL_MANAGED}={MANAGER},{LABEL_PART_OF}={name},{NUMBER}");
        let listed = self
            .records(namespace)
            .list(&ListParams::default().labels(&labels))
            .await;
        let listed =
            listed.map_err(|error| self.failed("cannot read earlier promotions", &error))?;
        let mut revisions: Vec<Revision> = listed.items.into_iter().filter_map(revision).collect();
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
        Ok(revisions)
    }

    /// Keeps a promotion, and forgets those long ago.
    ///
    /// # Errors
    /// It cannot be kept, as where it is larger than a Secret may be.
    pub async fn record(
        &self,
        name: &str,
        namespace: &str,
        revision: &Revision,
    ) -> Result<(), RuntimeError> {
        let number = revision.number;
        let labels = [
            (LABEL_MANAGED, MANAGER.to_owned()),
            (LABEL_PART_OF, name.to_owned()),
            (NUMBER, number.to_string()),
        ];
        let labels: BTreeMap<String, String> = labels
            .map(|(label, value)| (label.to_owned(), value))
            .into();
        let bytes = serde_json::to_vec(&revision.objects).unwrap_or_default();
        let record = Secret {
            metadata: ObjectMeta {
                name: Some(format!("{name}-revision-{number}")),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            type_: Some(TYPE.to_owned()),
            data: Some([(KEY.to_owned(), ByteString(bytes))].into()),
            ..Secret::default()
        };
        let api = self.records(namespace);
        let record_name = format!("{name}-revision-{number}");
        let kept = api
            .patch(
                &record_name,
                &PatchParams::apply(MANAGER).force(),
                &Patch::Apply(&record),
            )
            .await;
        kept.map_err(|error| self.failed("cannot keep this promotion for `--undo`", &error))?;
        for old in self.revisions(name, namespace).await?.iter().skip(KEPT) {
            // The next promotion tries again.
            let _kept = api
                .delete(
                    &format!("{name}-revision-{}", old.number),
                    &DeleteParams::default(),
                )
                .await;
        }
        Ok(())
    }
}

fn revision(secret: Secret) -> Option<Revision> {
    let number = secret.metadata.labels?.get(NUMBER)?.parse().ok()?;
    let bytes = secret.data?.remove(KEY)?;
    Some(Revision {
        number,
        objects: serde_json::from_slice(&bytes.0).ok()?,
    })
}
