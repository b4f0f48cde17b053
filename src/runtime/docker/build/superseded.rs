//! Images that newer ones of the same build have taken the name from.

use std::cmp::Reverse;
use std::collections::HashMap;

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};

use super::super::Docker;
use super::super::call::{CHANGE, QUICK, within};
use crate::plan::desired::{BuildSpec, LABEL_BUILD, LABEL_DIR, LABEL_PROJECT, LABEL_SERVICE};
use crate::runtime::RuntimeError;

/// Kept while a build goes on, beside the one that has the name: when that one has lost its name to the new image, two are left
/// that a person may still want to go back to or compare with.
const KEPT: usize = 1;

impl Docker {
    /// Removes an image's name, and the images that had it before where it is one that `dev` built: of the same checkout,
    /// stack and service, and used by no container.
    ///
    /// # Errors
    /// As [`Docker::remove_image`]; what had the name before fails nothing.
    pub async fn remove_image_and_superseded(&self, reference: &str) -> Result<(), RuntimeError> {
        let found = within(QUICK, self.client().inspect_image(reference)).await;
        let config = found.ok().and_then(|found| found.config);
        let labels = config.and_then(|config| config.labels).unwrap_or_default();
        self.remove_image(reference).await?;
        let same = [LABEL_PROJECT, LABEL_SERVICE, LABEL_DIR].map(|name| {
            let value = labels.get(name)?;
            Some(format!("{name}={value}"))
        });
        let same: Option<Vec<String>> = same.into_iter().collect();
        if let Some(same) = same.filter(|_| labels.contains_key(LABEL_BUILD)) {
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

    async fn remove_unused(&self, id: &str) {
        let unused_only = None::<RemoveImageOptions>;
        let removed = self.client().remove_image(id, unused_only, None);
        let _in_use = within(CHANGE, removed).await;
    }

    /// Removes the images that this build made before, but for the last and for what containers are made from. It goes on beside
    /// the build, because a busy disk can take seconds for it; what is left when the build is done stays until the next one. What
    /// cannot be removed fails nothing.
    pub(super) async fn prune_superseded(&self, spec: &BuildSpec) {
        let mut labels = vec![LABEL_BUILD.to_owned()];
        for (name, value) in &spec.labels {
            if [LABEL_PROJECT, LABEL_SERVICE].contains(&name.as_str()) {
                labels.push(format!("{name}={value}"));
            }
        }
        let listed = self.nameless(labels).await;
        if listed.len() <= KEPT {
            return;
        }
        let mut images = Vec::new();
        for id in listed {
            // The list counts in seconds, which is too coarse for who saves often.
            let made = within(QUICK, self.client().inspect_image(&id)).await;
            images.push((Reverse(made.ok().and_then(|made| made.created)), id));
        }
        images.sort();
        for (_, id) in images.into_iter().skip(KEPT) {
            self.remove_unused(&id).await;
        }
    }
}
