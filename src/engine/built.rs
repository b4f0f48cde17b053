//! What the images that the stack builds were made from. It is kept here, for an image whose layers came out the same stays the
//! image that it was, with its id. Without these records the next `up` builds once more, from the builder's cache.

use super::core::Engine;
use super::event::Level;
use crate::plan::desired::BuildSpec;
use crate::plan::observed::BuildRecord;

impl Engine {
    /// A build ended well as the image `id`.
    pub(super) fn note_built(&mut self, spec: &BuildSpec, id: &str) {
        let record = BuildRecord {
            image: id.to_owned(),
            hash: spec.hash.clone(),
            files: spec.files.clone(),
        };
        self.builds.insert(spec.tag.clone(), record);
        if !self.acts {
            return;
        }
        if let Err(error) = self.store.set_builds(&self.builds) {
            let text = format!(
                "cannot note what {} was built from, so it will be built again next time: {error}",
                spec.tag
            );
            self.notice(Level::Warning, text);
        }
    }
}
