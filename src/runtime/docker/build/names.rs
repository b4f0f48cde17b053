//! How an image gets the names of another one that is to stay.
//!
//! Where the engine keeps its images in containerd, BuildKit takes a name away without a word, and the image that had it is gone
//! with its last one. The engine's own `tag` keeps that image as one without a name, as every other engine does: so there an
//! image is built without names, and named then
//! (<https://github.com/moby/moby/blob/master/daemon/containerd/soft_delete.go>).

use bollard::models::ImageInspect;
use bollard::query_parameters::RemoveImageOptions;

use super::super::Docker;
use super::super::call::{CHANGE, QUICK, within};
use super::super::fault::Fault;
use super::same::is_same;
use super::{BuiltImage, tags};
use crate::plan::desired::BuildSpec;

/// A tag that is there for a moment.
const FOR_A_MOMENT: &str = "dev-for-a-moment";

/// Whether this image would be lost with its last name: engines with containerd's image store describe it (Docker 28 and later).
pub(super) fn would_be_lost(image: &ImageInspect) -> bool {
    image.descriptor.is_some()
}

impl Docker {
    /// Gives the names to what was built without any; where that is what had them before, it keeps them.
    ///
    /// # Errors
    /// It could not be named: it is there no more, for instance.
    pub(super) async fn rename_to(
        &self,
        before: Option<&ImageInspect>,
        built: BuiltImage,
        spec: &BuildSpec,
    ) -> Result<BuiltImage, Fault> {
        let mut named = built.id.clone();
        let before = before.and_then(|before| Some((before.id.as_ref()?, before)));
        match before {
            Some((id, _)) if *id == built.id => self.is_nameless_no_more(id, &spec.tag).await,
            Some((id, before)) => {
                let twin = within(QUICK, self.client().inspect_image(&built.id)).await;
                if twin.is_ok_and(|twin| is_same(&twin, before)) {
                    self.remove_unused(&built.id).await;
                    named.clone_from(id);
                }
            }
            None => {}
        }
        for name in tags(spec) {
            self.tag(&named, name).await?;
        }
        Ok(BuiltImage { id: named, ..built })
    }

    /// The engine lists what was built without a name as one without a name, even if it has one. Any new name ends that.
    async fn is_nameless_no_more(&self, id: &str, tag: &str) {
        let name = format!("{}:{FOR_A_MOMENT}", split(tag).0);
        if self.tag(id, &name).await.is_ok() {
            let _gone = within(
                CHANGE,
                self.client()
                    .remove_image(&name, None::<RemoveImageOptions>, None),
            )
            .await;
        }
    }
}

/// The repository and the tag.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}
