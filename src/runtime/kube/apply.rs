//! Server-side apply, and the same as a dry run.

use std::future::Future;
use std::time::Duration;

use ::kube::api::{Patch, PatchParams};
use futures_util::StreamExt;
use serde_json::Value;

use super::failure::is_passing;
use super::{Field, Kube, difference};
use crate::engine::event::FailureClass;
use crate::promote::{Kind, LABEL_MANAGED, LABEL_PART_OF, MANAGER, Object};
use crate::runtime::RuntimeError;

/// Calls at once.
const WIDTH: usize = 16;
/// How long an API server may be away in the middle of things.
const AWAY: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(500);

/// What applying an object would do.
#[derive(Debug, Clone)]
pub struct Change {
    pub kind: Kind,
    pub name: String,
    pub service: Option<String>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Create,
    Change(Vec<Field>),
    Nothing,
    Remove,
}

impl Kube {
    /// What applying `objects` of the stack `name` would do, by the API server's own word.
    ///
    /// # Errors
    /// The first object that it would refuse, or that is somebody else's.
    pub async fn compare(
        &self,
        name: &str,
        namespace: &str,
        objects: &[&Object],
    ) -> Result<Vec<Change>, RuntimeError> {
        let there = self
            .find(Kind::Namespace, namespace, namespace)
            .await?
            .is_some();
        let compared = futures_util::stream::iter(objects)
            .map(|object| self.compare_one(name, namespace, object, there));
        let compared: Vec<_> = compared.buffered(WIDTH).collect().await;
        compared.into_iter().collect()
    }

    async fn compare_one(
        &self,
        stack: &str,
        namespace: &str,
        object: &Object,
        there: bool,
    ) -> Result<Change, RuntimeError> {
        let live = match there {
            true => self.find(object.kind, namespace, &object.name).await?,
            false => None,
        };
        let what = match live {
            Some(live) if is_of(stack, &live) => {
                let would = self.patch(namespace, object, true).await?;
                match difference(&live, &would) {
                    fields if fields.is_empty() => What::Nothing,
                    fields => What::Change(fields),
                }
            }
            Some(live) => return Err(foreign(object, &live)),
            None => {
                // Without its namespace nothing can be tried.
                if there {
                    self.patch(namespace, object, true).await?;
                }
                What::Create
            }
        };
        Ok(Change {
            kind: object.kind,
            name: object.name.clone(),
            service: object.service.clone(),
            what,
        })
    }

    /// Applies objects, one after the other; an API server that is away for a moment is waited for.
    ///
    /// # Errors
    /// The first object that it refuses.
    pub async fn apply(&self, namespace: &str, objects: &[&Object]) -> Result<(), RuntimeError> {
        for object in objects {
            persistently(|| self.patch(namespace, object, false)).await?;
        }
        Ok(())
    }

    async fn patch(
        &self,
        namespace: &str,
        object: &Object,
        dry: bool,
    ) -> Result<Value, RuntimeError> {
        let parameters = PatchParams {
            dry_run: dry,
            ..PatchParams::apply(MANAGER)
        };
        let api = self.api(object.kind, namespace);
        let patch = Patch::Apply(&object.value);
        match api.patch(&object.name, &parameters, &patch).await {
            Ok(applied) => Ok(serde_json::to_value(applied).unwrap_or(Value::Null)),
            Err(error) => Err(self.failed(&format!("{} {}", object.kind, object.name), &error)),
        }
    }

    /// An object as it is; `None` where it is not.
    ///
    /// # Errors
    /// The API server does not answer, or this user may not see it.
    pub async fn find(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, RuntimeError> {
        match self.api(kind, namespace).get_opt(name).await {
            Ok(found) => Ok(found.map(|found| serde_json::to_value(found).unwrap_or(Value::Null))),
            Err(error) => Err(self.failed(&format!("{kind} {name}"), &error)),
        }
    }
}

/// Tries again for as long as nobody answers, up to a minute.
pub(super) async fn persistently<T, F>(mut call: impl FnMut() -> F) -> Result<T, RuntimeError>
where
    F: Future<Output = Result<T, RuntimeError>>,
{
    let end = tokio::time::Instant::now() + AWAY;
    loop {
        match call().await {
            Err(error) if is_passing(&error) && tokio::time::Instant::now() < end => {
                tokio::time::sleep(BETWEEN).await;
            }
            other => return other,
        }
    }
}

/// Whether `dev` made an object for this stack.
pub(super) fn is_of(stack: &str, live: &Value) -> bool {
    let labels = &live["metadata"]["labels"];
    labels[LABEL_MANAGED] == MANAGER && labels[LABEL_PART_OF] == stack
}

fn foreign(object: &Object, live: &Value) -> RuntimeError {
    let labels = &live["metadata"]["labels"];
    let owner =
        labels[LABEL_MANAGED]
            .as_str()
            .map(|manager| match labels[LABEL_PART_OF].as_str() {
                Some(stack) if manager == MANAGER => format!("the stack {stack}"),
                _ => manager.to_owned(),
            });
    let managers = live["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let mut managers = managers.filter_map(|entry| entry["manager"].as_str());
    let owner = owner.or_else(|| managers.next().map(str::to_owned));
    let owner = owner.unwrap_or_else(|| "somebody else".to_owned());
    RuntimeError::new(
        FailureClass::NameTaken,
        format!(
            "{} {} is there, and is that of {owner}: it is left as it is",
            object.kind, object.name
        ),
    )
    .help("name another namespace (`--namespace NAME`), or give the service another name")
}
