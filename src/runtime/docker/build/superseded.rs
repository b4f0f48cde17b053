//! Images that newer ones of the same build have taken the name from.

use std::cmp::Reverse;
use std::collections::HashMap;

use bollard::models::BollardDate;
use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};

use super::super::Docker;
use super::super::call::{CHANGE, QUICK, within};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::plan::desired::{BuildSpec, LABEL_BUILD, LABEL_DIR, LABEL_PROJECT, LABEL_SERVICE};
use crate::runtime::RuntimeError;

/// So many are left beside the one that has the name: those that a person may still want to go back to or compare with.
const KEPT: usize = 2;

/// What newer images of a build have taken the name from, the newest first, and who has it.
#[derive(Default)]
struct Superseded {
    ids: Vec<String>,
    current: Option<String>,
}

struct State {
    id: String,
    /// When it last got or lost a name.
    named: Option<BollardDate>,
    created: Option<BollardDate>,
}

impl Docker {
    /// Removes an image's name, and the images that had it before where it is one that `dev` built for what has these
    /// labels: of the same checkout, stack and service, and used by no container.
    ///
    /// # Errors
    /// As [`Docker::remove_image`]; what had the name before fails nothing.
    pub async fn remove_image_and_superseded(
        &self,
        reference: &str,
        ours: &[(String, String)],
    ) -> Result<(), RuntimeError> {
        let found = within(QUICK, self.client().inspect_image(reference)).await;
        let config = found.ok().and_then(|found| found.config);
        let labels = config.and_then(|config| config.labels).unwrap_or_default();
        self.remove_image(reference).await?;
        let same = [LABEL_PROJECT, LABEL_SERVICE, LABEL_DIR].map(|name| {
            let value = labels.get(name)?;
            Some(format!("{name}={value}"))
        });
        let same: Option<Vec<String>> = same.into_iter().collect();
        // Another stack may have taken the name.
        let is_ours = ours
            .iter()
            .any(|(name, value)| name == LABEL_PROJECT && labels.get(name) == Some(value));
        if let Some(same) = same.filter(|_| is_ours && labels.contains_key(LABEL_BUILD)) {
            let labels = [vec![LABEL_BUILD.to_owned()], same].concat();
            for id in self.nameless(labels).await {
                self.remove_unused(&id).await;
            }
        }
        Ok(())
    }

    /// Ids of images without a name that have these labels.
    async fn nameless(&self, labels: Vec<String>) -> Vec<String> {
        let nameless = HashMap::from([("dangling", vec!["true".to_owned()]), ("label", labels)]);
        let options = ListImagesOptionsBuilder::new().filters(&nameless).build();
        let listed = within(QUICK, self.client().list_images(Some(options))).await;
        let listed = listed.unwrap_or_default().into_iter();
        listed.map(|image| image.id).collect()
    }

    pub(super) async fn remove_unused(&self, id: &str) {
        let unused_only = None::<RemoveImageOptions>;
        let removed = self.client().remove_image(id, unused_only, None);
        let _in_use = within(CHANGE, removed).await;
    }

    /// Removes the images that this build made before, but for the last [`KEPT`] and for what containers are made from. They are
    /// looked for beside the build, and go when it is told what the build came to: that may be one of them. Nobody waits for it,
    /// because a busy disk can take seconds; what cannot be removed fails nothing, and what is left at the end of the process
    /// goes with the next build.
    pub(super) fn prune_superseded(&self, spec: &BuildSpec) -> oneshot::Sender<String> {
        let (ended, built) = oneshot::channel::<String>();
        let (docker, spec) = (self.clone(), spec.clone());
        self.inner.tidying.spawn(async move {
            let Superseded { mut ids, current } = docker.superseded(&spec).await;
            let Ok(built) = built.await else {
                return;
            };
            ids.retain(|id| *id != built);
            // One more where another image has taken the name.
            let further = usize::from(current.is_some_and(|current| current != built));
            for id in ids.into_iter().skip(KEPT - further) {
                docker.remove_unused(&id).await;
            }
        });
        ended
    }

    async fn superseded(&self, spec: &BuildSpec) -> Superseded {
        let mut labels = vec![LABEL_BUILD.to_owned()];
        for (name, value) in &spec.labels {
            if [LABEL_PROJECT, LABEL_SERVICE].contains(&name.as_str()) {
                labels.push(format!("{name}={value}"));
            }
        }
        let listed = self.nameless(labels).await;
        if listed.len() < KEPT {
            return Superseded::default();
        }
        let asked = listed.iter().map(|id| self.state_of(id));
        let (current, states) = tokio::join!(self.state_of(&spec.tag), join_all(asked));
        // What was named later than that is what this build has made, and has no name yet.
        let named = current.as_ref().map(|current| current.named);
        let states = states.into_iter().flatten();
        let mut states: Vec<State> = states
            .filter(|state| named.is_none_or(|named| state.named <= named))
            .collect();
        states.sort_by_key(|state| Reverse((state.named, state.created)));
        Superseded {
            current: current.map(|current| current.id),
            ids: states.into_iter().map(|state| state.id).collect(),
        }
    }

    /// An image that was gone back to was made long ago, and was current last. Lists have whole seconds, which is too coarse for
    /// who saves often.
    async fn state_of(&self, image: &str) -> Option<State> {
        let found = within(QUICK, self.client().inspect_image(image))
            .await
            .ok()?;
        Some(State {
            id: found.id?,
            named: found.metadata.and_then(|metadata| metadata.last_tag_time),
            created: found.created,
        })
    }
}
