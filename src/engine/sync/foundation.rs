//! The folders that synced files go into: where `dev` makes them, they belong to who runs in the container.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::copy;
use crate::runtime::RuntimeError;
use crate::runtime::world::{FileChange, World};
use crate::stack::Service;
use crate::watch::sync::Owner;

/// Folders that are asked for at most; more rules than that would be a mistake.
const MOST: usize = 64;

/// What is known of it, for as long as files are brought to one container.
#[derive(Default)]
pub(super) struct Foundation {
    owner: Option<Owner>,
    /// Folders that files go into, none within another. What lies in them comes with the files.
    highest: BTreeSet<Utf8PathBuf>,
}

impl Foundation {
    /// Makes the folders above these targets that a container which does not run lacks, and says whom files in it belong to.
    /// An archive alone would leave them to root.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn lay<'a>(
        &mut self,
        world: &Arc<dyn World>,
        container: &str,
        service: Option<&Service>,
        targets: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Owner, RuntimeError> {
        let folders = self.above(targets);
        if let Some(owner) = self.owner
            && folders.is_empty()
        {
            return Ok(owner);
        }
        let ground = world.ground(container, &folders).await?;
        let owner = match (self.owner, ground.owner) {
            (Some(owner), _) => owner,
            (None, Some((uid, gid))) => Owner { uid, gid },
            (None, None) => copy::owner(world, container, service).await,
        };
        self.owner = Some(owner);
        make(world, container, &ground.missing, owner).await?;
        Ok(owner)
    }

    /// The highest folders that files go into, and what lies above those, as far as it was not asked for; each after what it
    /// lies in.
    fn above<'a>(&mut self, targets: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
        let parents: BTreeSet<&Utf8Path> = targets
            .filter_map(|target| std::str::from_utf8(target).ok())
            .filter_map(|target| Utf8Path::new(target).parent())
            .collect();
        let is_highest = |path: &&&Utf8Path| {
            let mut higher = path.ancestors().skip(1);
            let is_known = path.ancestors().any(|above| self.highest.contains(above));
            !is_known && !higher.any(|above| parents.contains(above))
        };
        let room = MOST.saturating_sub(self.highest.len());
        let new = parents.iter().filter(is_highest).take(room);
        let new: Vec<Utf8PathBuf> = new.map(|path| (*path).to_owned()).collect();
        let mut folders = BTreeSet::new();
        for highest in &new {
            folders.extend(highest.ancestors().filter(|above| *above != "/"));
        }
        let folders = folders.into_iter().map(ToString::to_string).collect();
        self.highest.extend(new);
        folders
    }
}

async fn make(
    world: &Arc<dyn World>,
    container: &str,
    missing: &[String],
    owner: Owner,
) -> Result<(), RuntimeError> {
    if missing.is_empty() {
        return Ok(());
    }
    let mut tar = tar::Builder::new(Vec::new());
    for folder in missing {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_uid(owner.uid);
        header.set_gid(owner.gid);
        header.set_size(0);
        let path = folder.trim_start_matches('/');
        tar.append_data(&mut header, path, std::io::empty())
            .map_err(|error| copy::failed(&error))?;
    }
    let bytes = tar.into_inner().map_err(|error| copy::failed(&error))?;
    let change = FileChange {
        bytes: bytes.into(),
        ..FileChange::default()
    };
    world.put_files(container, change).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_after_what_they_lie_in() {
        let targets = [
            "/srv/app/a",
            "/srv/app/deep/b",
            "/etc/app.toml",
            "/srv/app/c",
        ];
        let mut foundation = Foundation::default();
        let folders = foundation.above(targets.iter().map(|target| target.as_bytes()));
        assert_eq!(folders, ["/etc", "/srv", "/srv/app"]);
        let more = ["/srv/app/deep/c", "/etc/d", "/opt/e"];
        let folders = foundation.above(more.iter().map(|target| target.as_bytes()));
        assert_eq!(folders, ["/opt"], "the others are there");
        let mut foundation = Foundation::default();
        for target in ["/a", "/b/c"] {
            let folders = foundation.above([target.as_bytes()].into_iter());
            assert!(folders.is_empty(), "what is in / comes with the files");
        }
    }
}
