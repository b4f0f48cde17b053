//! Images that newer ones of the same build have taken the name from.

use std::cmp::Reverse;
use std::collections::HashMap;

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptions};

use super::super::Docker;
use super::super::call::{CHANGE, QUICK, within};
use crate::plan::desired::{BuildSpec, LABEL_BUILD, LABEL_PROJECT, LABEL_SERVICE};

/// Kept while a build goes on, beside the one that has the name: when that one has lost its name to the new image, two are left
/// that a person may still want to go back to or compare with.
const KEPT: usize = 1;

impl Docker {
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
        let nameless = HashMap::from([("dangling", vec!["true".to_owned()]), ("label", labels)]);
        let options = ListImagesOptionsBuilder::new().filters(&nameless).build();
        let listed = within(QUICK, self.client().list_images(Some(options))).await;
        let listed = listed.unwrap_or_default();
        if listed.len() <= KEPT {
            return;
        }
        let mut images = Vec::new();
        for image in listed {
            // The list counts in seconds, which is too coarse for who saves often.
            let made = within(QUICK, self.client().inspect_image(&image.id)).await;
            images.push((Reverse(made.ok().and_then(|made| made.created)), image.id));
        }
        images.sort();
        for (_, id) in images.into_iter().skip(KEPT) {
            let unused_only = None::<RemoveImageOptions>;
            let removed = self.client().remove_image(&id, unused_only, None);
            let _in_use = within(CHANGE, removed).await;
        }
    }
}
