//! Bringing the helper into a container and starting it.

use std::sync::Arc;

use camino::Utf8Path;

use super::line::Line;
use crate::engine::event::FailureClass;
use crate::helper::protocol::Owner;
use crate::helper::{BINARY, FOLDER, name};
use crate::plan::desired::HELPER_VOLUME;
use crate::runtime::RuntimeError;
use crate::runtime::world::{ExecSpec, FileChange, World};
use crate::stack::{Mount, Service};

/// Numbers of root, by which engines know it without an account of that name.
const ROOT: &str = "0";

/// An open stream, and whom files belong to.
pub(super) struct Opened {
    pub line: Line,
    pub owner: Owner,
}

/// Starts the helper in a running container, and copies it there first where it is not yet. `as_root`: so that ownership can
/// be set; else as the container's user.
///
/// # Errors
/// Why there is no helper in it.
pub(super) async fn open(
    world: &Arc<dyn World>,
    container: &str,
    (service, targets): (&Service, &[String]),
    as_root: bool,
) -> Result<Opened, RuntimeError> {
    if BINARY.is_empty() {
        return Err(RuntimeError::new(
            FailureClass::Other,
            "this `dev` was built without its helper for containers",
        ));
    }
    let usual = format!("/{FOLDER}/{}", name());
    if let Ok(opened) = start(world, container, &usual, as_root, &["serve"]).await {
        return Ok(opened);
    }
    // Made for it (`plan::desired`), and there as long as the container.
    if service.container.read_only {
        let at = Some(HELPER_VOLUME.to_owned());
        if install(world, container, at, &name()).await.is_ok() {
            let place = format!("{HELPER_VOLUME}/{}", name());
            return start(world, container, &place, as_root, &["serve"]).await;
        }
    }
    match install(world, container, None, &format!("{FOLDER}/{}", name())).await {
        Ok(()) => return start(world, container, &usual, as_root, &["serve"]).await,
        Err(error) => {
            let Some(volume) = writable(service, targets) else {
                return Err(error);
            };
            let file = format!("{FOLDER}-{}", name());
            install(world, container, Some(volume.clone()), &file).await?;
            let path = Utf8Path::new(&volume).join(&file);
            start(
                world,
                container,
                path.as_str(),
                as_root,
                &["serve", "--once"],
            )
            .await
        }
    }
}

async fn start(
    world: &Arc<dyn World>,
    container: &str,
    path: &str,
    as_root: bool,
    arguments: &[&str],
) -> Result<Opened, RuntimeError> {
    let command = |arguments: &[&str]| {
        let words = std::iter::once(path).chain(arguments.iter().copied());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    // Before the helper removes its own file.
    let owner = if as_root {
        let spec = ExecSpec {
            command: command(&["whoami"]),
            ..ExecSpec::default()
        };
        let output = world.exec(container, &spec).await?;
        if output.code != 0 {
            let message = format!("the helper does not run: {}", output.output.trim());
            return Err(RuntimeError::new(FailureClass::Other, message));
        }
        owner(&output.output)
    } else {
        None
    };
    let spec = ExecSpec {
        command: command(arguments),
        user: as_root.then(|| ROOT.to_owned()),
        ..ExecSpec::default()
    };
    let held = world.hold(container, &spec).await?;
    let line = Line::begin(held).await.map_err(|error| {
        RuntimeError::new(
            FailureClass::Other,
            format!("the helper does not answer: {error}"),
        )
    })?;
    Ok(Opened { line, owner })
}

fn owner(said: &str) -> Owner {
    let mut numbers = said.lines().map(|line| line.trim().parse::<u32>().ok());
    Some((numbers.next()??, numbers.next()??))
}

async fn install(
    world: &Arc<dyn World>,
    container: &str,
    at: Option<String>,
    file: &str,
) -> Result<(), RuntimeError> {
    let mut tar = tar::Builder::new(Vec::with_capacity(BINARY.len() + 4096));
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    let built = match file.split_once('/') {
        Some((folder, _)) => {
            header.set_size(0);
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header.clone(), folder, std::io::empty())
        }
        None => Ok(()),
    };
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(BINARY.len() as u64);
    let built = built.and_then(|()| tar.append_data(&mut header, file, BINARY));
    let bytes = built
        .and_then(|()| tar.into_inner())
        .map_err(|error| RuntimeError::new(FailureClass::Other, error.to_string()))?;
    let change = FileChange {
        at,
        bytes: bytes.into(),
        ..FileChange::default()
    };
    world.put_files(container, change).await
}

/// A volume that a rule writes to: there the helper may lie where the root is read-only.
fn writable(service: &Service, targets: &[String]) -> Option<String> {
    let volumes = service.mounts.iter().filter_map(|mount| match mount {
        Mount::Volume {
            target,
            read_only: false,
            ..
        } => Some(target.clone()),
        _ => None,
    });
    let mut volumes = volumes;
    volumes.find(|volume| {
        targets
            .iter()
            .any(|target| Utf8Path::new(target).starts_with(volume))
    })
}
