//! The folders that synced files go into: where `dev` makes them, they belong to who runs in the container.

use std::collections::BTreeSet;
use std::sync::Arc;

use camino::Utf8Path;

use super::copy;
use crate::runtime::RuntimeError;
use crate::runtime::world::{FileChange, World};
use crate::stack::Service;
use crate::watch::sync::Owner;

/// Folders that are asked for at most; more rules than that would be a mistake.
const MOST: usize = 64;

/// Makes the folders above the targets that a container which does not run lacks, and says whom files in it belong to. An
/// archive alone would leave them to root.
///
/// # Errors
/// What the engine says.
pub(super) async fn lay<'a>(
    world: &Arc<dyn World>,
    container: &str,
    service: Option<&Service>,
    targets: impl Iterator<Item = &'a [u8]>,
) -> Result<Owner, RuntimeError> {
    let folders = above(targets);
    let ground = world.ground(container, &folders).await?;
    let owner = match ground.owner {
        Some((uid, gid)) => Owner { uid, gid },
        None => copy::owner(world, container, service).await,
    };
    if ground.missing.is_empty() {
        return Ok(owner);
    }
    let mut tar = tar::Builder::new(Vec::new());
    for folder in &ground.missing {
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
    world.put_files(container, change).await?;
    Ok(owner)
}

/// The highest folders that files go into, and what lies above those; each after what it lies in.
fn above<'a>(targets: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let parents: BTreeSet<&Utf8Path> = targets
        .filter_map(|target| std::str::from_utf8(target).ok())
        .filter_map(|target| Utf8Path::new(target).parent())
        .collect();
    let is_highest = |path: &&&Utf8Path| {
        let mut higher = path.ancestors().skip(1);
        !higher.any(|above| parents.contains(above))
    };
    let mut folders = BTreeSet::new();
    for highest in parents.iter().filter(is_highest).take(MOST) {
        folders.extend(highest.ancestors().filter(|above| *above != "/"));
    }
    folders.into_iter().map(ToString::to_string).collect()
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
        let folders = above(targets.iter().map(|target| target.as_bytes()));
        assert_eq!(folders, ["/etc", "/srv", "/srv/app"]);
        assert_eq!(
            above(["/a"].iter().map(|target| target.as_bytes())),
            Vec::<String>::new()
        );
    }
}
