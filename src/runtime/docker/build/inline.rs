//! A Dockerfile whose text is in the stack file: builders want a file.

use camino::Utf8Path;

use super::{BuildSpec, unreadable};
use crate::runtime::RuntimeError;

/// The same build from a file, which is there as long as this.
pub(super) struct Written {
    pub spec: BuildSpec,
    _folder: tempfile::TempDir,
}

impl Written {
    /// `None`: its Dockerfile is a file by itself.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written.
    pub(super) fn of(spec: &BuildSpec) -> Result<Option<Self>, RuntimeError> {
        let Some(text) = &spec.options.dockerfile else {
            return Ok(None);
        };
        let folder = tempfile::tempdir().map_err(|error| unreadable(&error))?;
        let path = Utf8Path::from_path(folder.path()).map(|folder| folder.join("Dockerfile"));
        let path = path.ok_or_else(|| unreadable(&std::io::ErrorKind::InvalidFilename.into()))?;
        fs_err::write(&path, text).map_err(|error| unreadable(&error))?;
        let spec = BuildSpec {
            dockerfile: path,
            ..spec.clone()
        };
        Ok(Some(Self {
            spec,
            _folder: folder,
        }))
    }
}
