//! Files of images, mounted into containers.

use super::Docker;
use super::call::{QUICK, within};
use super::classify::failure;
use super::create::{IMAGE_MOUNT, LABEL_MOUNTED};
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::plan::desired::ContainerSpec;
use crate::runtime::RuntimeError;
use crate::stack::Mount;

impl Docker {
    /// A label that says what the images whose files a container gets are now, so that a change of them is seen later.
    ///
    /// # Errors
    /// `Other` where the engine cannot mount images; `ImageMissing`.
    pub(super) async fn mounted_images(
        &self,
        spec: &ContainerSpec,
        what: &str,
    ) -> Result<Option<(String, String)>, RuntimeError> {
        self.knows_image_mounts(spec, what)?;
        let mut known = Vec::new();
        for reference in spec.mounted_images() {
            let found = within(QUICK, self.client().inspect_image(reference)).await;
            let id = match found {
                Ok(found) => found.id.unwrap_or_default(),
                Err(Fault::Answer { status: 404, .. }) => {
                    let message = format!("cannot {what}: there is no image {reference} to mount");
                    return Err(RuntimeError::new(FailureClass::ImageMissing, message));
                }
                Err(fault) => return Err(failure(what, &fault)),
            };
            known.push(format!("{reference}={id}"));
        }
        Ok((!known.is_empty()).then(|| (LABEL_MOUNTED.to_owned(), known.join(","))))
    }

    /// An older engine speaks of a type that it does not know, and not of what to do.
    fn knows_image_mounts(&self, spec: &ContainerSpec, what: &str) -> Result<(), RuntimeError> {
        let mut mounts = spec.mounts.iter().map(|mount| &mount.mount);
        let Some(Mount::Image {
            reference, target, ..
        }) = mounts.find(|mount| mount.image().is_some())
        else {
            return Ok(());
        };
        if self.version() >= IMAGE_MOUNT {
            return Ok(());
        }
        let message = format!(
            "cannot {what}: this engine does not mount images, as `volumes` asks for {reference} at {target}"
        );
        let help = format!(
            "it speaks API {}; Docker Engine 28 (API {IMAGE_MOUNT}) and later can; a Dockerfile has the same files by `COPY --from={reference}`",
            self.version(),
        );
        Err(RuntimeError::new(FailureClass::Other, message).help(help))
    }
}
