//! Files into and out of a container, as tar archives.

use std::time::Duration;

use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::TryStreamExt;

use super::Docker;
use super::call::call;
use super::container::short;
use super::transport::Body;
use crate::runtime::RuntimeError;
use crate::runtime::world::FileChange;

/// For a whole upload or download.
const TRANSFER: Duration = Duration::from_secs(600);

impl Docker {
    /// Unpacks a tar archive at `path`, a folder of the container that exists. Works on stopped containers too.
    ///
    /// # Errors
    /// `Other` when the folder is missing or its file system is read-only; `DiskFull`.
    pub async fn put_archive(&self, id: &str, path: &str, tar: Bytes) -> Result<(), RuntimeError> {
        self.upload(id, (path, false), bollard::body_full(tar))
            .await
    }

    /// The same, as a change asks for it: also from a stream, for what does not fit into memory.
    ///
    /// # Errors
    /// As [`Docker::put_archive`]; an error of the stream is `Engine`.
    pub(super) async fn put_change(
        &self,
        id: &str,
        change: &FileChange,
        body: Body,
    ) -> Result<(), RuntimeError> {
        let at = change.at.as_deref().unwrap_or("/");
        self.upload(id, (at, change.keeps_kinds), body).await
    }

    async fn upload(
        &self,
        id: &str,
        (path, keeps_kinds): (&str, bool),
        body: Body,
    ) -> Result<(), RuntimeError> {
        let what = format!("copy files to {path} in container {}", short(id));
        let options = UploadToContainerOptionsBuilder::new()
            .path(path)
            .no_overwrite_dir_non_dir(if keeps_kinds { "1" } else { "" })
            .build();
        let upload = self.client().upload_to_container(id, Some(options), body);
        call(&what, TRANSFER, upload).await
    }

    /// Reads a file or a folder of a container as a tar archive.
    ///
    /// # Errors
    /// `Other` when it is not there.
    pub async fn get_archive(&self, id: &str, path: &str) -> Result<Vec<u8>, RuntimeError> {
        let what = format!("copy {path} from container {}", short(id));
        let options = DownloadFromContainerOptionsBuilder::new()
            .path(path)
            .build();
        let download = self
            .client()
            .download_from_container(id, Some(options))
            .try_fold(Vec::new(), |mut all, bytes| async move {
                all.extend_from_slice(&bytes);
                Ok(all)
            });
        call(&what, TRANSFER, download).await
    }
}
