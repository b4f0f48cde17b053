//! Volumes of processes: folders in the stack's state folder, each with a note of its making beside its data.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use fs_err as fs;

use super::{ProcessWorld, failed, installed};
use crate::plan::observed::ObservedVolume;
use crate::runtime::RuntimeError;

/// The note that tells a volume from a later one of its name.
const CREATED: &str = "created";

impl ProcessWorld {
    pub(super) fn create_volume(&self, name: &str) -> Result<(), RuntimeError> {
        let what = format!("create the volume {name}");
        let failed = |error: std::io::Error| failed(&what, &error);
        let folder = self.volumes.join(name);
        let data = folder.join("data");
        fs::create_dir_all(&data).map_err(failed)?;
        fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).map_err(failed)?;
        if let Some((user, group)) = installed::servant(&self.dir) {
            chown(&data, Some(user), Some(group)).map_err(failed)?;
        }
        // Last: without it, there is none.
        let created = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Nanos, true);
        fs::write(folder.join(CREATED), created).map_err(failed)
    }

    pub(super) fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        let folder = self.volumes.join(name);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(failed(&format!("remove the volume {name}"), &error))
            }
            _ => Ok(()),
        }
    }

    /// By name.
    pub fn volumes(&self) -> BTreeMap<String, ObservedVolume> {
        let Ok(entries) = self.volumes.read_dir_utf8() else {
            return BTreeMap::new();
        };
        let volumes = entries.filter_map(Result::ok).filter_map(|entry| {
            let created = fs::read_to_string(entry.path().join(CREATED)).ok()?;
            let volume = ObservedVolume {
                ours: true,
                created,
                dir: Some(self.dir.to_string()),
                checkout: None,
                config: None,
            };
            Some((entry.file_name().to_owned(), volume))
        });
        volumes.collect()
    }
}

/// The owner of a folder.
pub(super) fn owner(folder: &camino::Utf8Path) -> Option<(u32, u32)> {
    let metadata = fs::metadata(folder).ok()?;
    Some((metadata.uid(), metadata.gid()))
}
