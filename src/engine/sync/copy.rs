//! By archive: before a container starts, and where there is no helper.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::done::{into, over_folder};
use crate::engine::event::FailureClass;
use crate::plan::react::{PathKind, SyncItem};
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecSpec, FileChange, World};
use crate::stack::Service;
use crate::watch::sync::{Archive, Bounds, Owner, Piece, pack};

/// In the words of the engine.
const OVER_A_FOLDER: &str = "cannot overwrite directory";
const OVER_A_FILE: &str = "cannot overwrite non-directory";
/// Files whose places are looked at after a copy was refused.
const ASKED: usize = 64;

/// Copies items as they are now, and removes what is gone where the container `runs`: nothing can be removed in another, and
/// comparing finds it once that has started. Says what cannot be read here, and why; the others are copied.
///
/// # Errors
/// What cannot be written there.
pub(super) async fn copy(
    world: &Arc<dyn World>,
    (container, runs): (&str, bool),
    items: Vec<SyncItem>,
    owner: Owner,
    bounds: Bounds,
) -> Result<BTreeMap<Utf8PathBuf, String>, RuntimeError> {
    let files = items.iter().filter(|item| item.kind == PathKind::File);
    let files: Vec<SyncItem> = files.take(ASKED).cloned().collect();
    let packed = tokio::task::spawn_blocking(move || pack(&items, owner, &bounds)).await;
    let packed = packed
        .unwrap_or_else(|error| Err(std::io::Error::other(error)))
        .map_err(|error| failed(&error))?;
    let mut change = FileChange {
        remove: if runs { packed.remove } else { Vec::new() },
        ..FileChange::default()
    };
    match &packed.archive {
        Archive::Empty => {}
        Archive::Memory(bytes) => change.bytes = bytes.clone(),
        Archive::File(path) => {
            let path = Utf8PathBuf::from_path_buf(path.to_path_buf());
            change.archive = path.ok();
        }
    }
    // An archive would take away a whole folder for a file of its name; that this is one the engine says only by refusing.
    let kept = FileChange {
        keeps_kinds: true,
        ..change.clone()
    };
    let Err(error) = world.put_files(container, kept).await else {
        return Ok(packed.unread);
    };
    let said = error.to_string();
    if said.contains(OVER_A_FOLDER) {
        return Err(blocked(world, container, files).await.unwrap_or(error));
    }
    if !said.contains(OVER_A_FILE) {
        return Err(error);
    }
    // A folder may take the place of a file or a link that the image has.
    world.put_files(container, change).await?;
    Ok(packed.unread)
}

/// Where a file would take the place of a folder, that in other words than the engine's.
async fn blocked(
    world: &Arc<dyn World>,
    container: &str,
    files: Vec<SyncItem>,
) -> Option<RuntimeError> {
    let targets: Vec<String> = files.iter().map(|item| item.target.clone()).collect();
    let folders = world.ground(container, &targets).await.ok()?.folders;
    let item = files
        .into_iter()
        .find(|item| folders.contains(&item.target))?;
    let SyncItem { source, target, .. } = item;
    let message = over_folder(source, &target);
    Some(RuntimeError::new(FailureClass::Other, message).help(into(&target)))
}

/// Whether a piece is not among what [`copy`] could not read.
pub(super) fn was_read(piece: &Piece, unread: &BTreeMap<Utf8PathBuf, String>) -> bool {
    Utf8Path::from_path(&piece.source).is_none_or(|source| !unread.contains_key(source))
}

/// Whom files belong to: the user that the container runs as. One that does not run, or has no `id`, gets what the stack file
/// says in numbers.
pub(super) async fn owner(
    world: &Arc<dyn World>,
    container: &str,
    service: Option<&Service>,
) -> Owner {
    let number = |words: &str| words.trim().parse::<u64>().ok();
    let stated = service.and_then(|service| service.user.as_deref());
    let stated = stated.map(|user| user.split_once(':').unwrap_or((user, user)));
    let stated = stated.and_then(|(uid, gid)| {
        Some(Owner {
            uid: number(uid)?,
            gid: number(gid)?,
        })
    });
    if let Some(owner) = stated {
        return owner;
    }
    let spec = ExecSpec {
        command: ["sh", "-c", "id -u; id -g"].map(str::to_owned).to_vec(),
        ..ExecSpec::default()
    };
    let Ok(output) = world.exec(container, &spec).await else {
        return Owner::default();
    };
    let mut numbers = output.output.lines().map(number);
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(uid), Some(gid)) => Owner { uid, gid },
        _ => Owner::default(),
    }
}

pub(super) fn failed(error: &std::io::Error) -> RuntimeError {
    RuntimeError::new(
        FailureClass::Other,
        format!("cannot copy files into the container: {error}"),
    )
}
