//! Files that a container gets between its making and its start.

use bytes::Bytes;

use super::Docker;
use crate::engine::event::FailureClass;
use crate::plan::desired::FileSpec;
use crate::runtime::RuntimeError;

impl Docker {
    /// # Errors
    /// As [`Docker::put_archive`].
    pub(super) async fn put_given(&self, id: &str, files: &[FileSpec]) -> Result<(), RuntimeError> {
        if files.is_empty() {
            return Ok(());
        }
        let tar = archive(files).map_err(|error| {
            RuntimeError::new(FailureClass::Other, format!("cannot pack files: {error}"))
        })?;
        self.put_archive(id, "/", Bytes::from(tar)).await
    }
}

/// The folders above a file are the engine's to make.
fn archive(files: &[FileSpec]) -> std::io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let content = file.content.text.as_bytes();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        builder.append_data(&mut header, file.target.trim_start_matches('/'), content)?;
    }
    builder.into_inner()
}
