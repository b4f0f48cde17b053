//! What not every engine can mount: the files of an image, a folder of a volume.

use super::Docker;
use super::call::{QUICK, within};
use super::classify::failure;
use super::create::{IMAGE_MOUNT, LABEL_MOUNTED, VOLUME_SUBPATH};
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::plan::desired::{ContainerSpec, MountSpec};
use crate::runtime::RuntimeError;
use crate::stack::Mount;

impl Docker {
    /// A label that says what the images whose files a container gets are now, so that a change of them is seen later.
    ///
    /// # Errors
    /// `Other` where the engine cannot mount what is asked for; `ImageMissing`.
    pub(super) async fn mounted_images(
        &self,
        spec: &ContainerSpec,
        what: &str,
    ) -> Result<Option<(String, String)>, RuntimeError> {
        self.knows_mounts(spec, what)?;
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

    /// An older engine speaks of a type that it does not know, and not of what to do; and it mounts all of a volume where it
    /// does not know that it is to mount a folder of it.
    fn knows_mounts(&self, spec: &ContainerSpec, what: &str) -> Result<(), RuntimeError> {
        let given = &spec.options.given.mounts;
        for MountSpec { mount, .. } in &spec.mounts {
            let folder = given.get(mount.target()).and_then(|of| of.subpath.as_ref());
            let target = mount.target();
            let (since, engine, asked, help) = match (mount, folder) {
                (Mount::Image { reference, .. }, _) => (
                    IMAGE_MOUNT,
                    "28",
                    format!("does not mount images, as `volumes` asks for {reference} at {target}"),
                    format!("a Dockerfile has the same files by `COPY --from={reference}`"),
                ),
                (Mount::Volume { key, .. }, Some(folder)) => (
                    VOLUME_SUBPATH,
                    "26",
                    format!(
                        "mounts whole volumes, and `volumes` asks for {folder} of `{key}` at {target}"
                    ),
                    "without `subpath` all of it is mounted".to_owned(),
                ),
                _ => continue,
            };
            if self.version() < since {
                let message = format!("cannot {what}: this engine {asked}");
                let help = format!(
                    "it speaks API {}; Docker Engine {engine} (API {since}) and later can; {help}",
                    self.version()
                );
                return Err(RuntimeError::new(FailureClass::Other, message).help(help));
            }
        }
        Ok(())
    }
}
