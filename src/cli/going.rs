//! What `export` and `promote` begin with: the stack as it goes, and what of the outside that depends on.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::session::Session;
use crate::promote::{Going, Mounted, Refusal};
use crate::stack::Mount;

/// A ConfigMap holds 1 MiB, and more than files.
const LIMIT: u64 = 900 * 1024;

pub struct Outside {
    pub environment: BTreeMap<String, String>,
    pub git: BTreeMap<String, String>,
    pub mounted: BTreeMap<Utf8PathBuf, Mounted>,
}

pub fn going(session: &Session, wanted: &BTreeSet<String>) -> Going {
    crate::promote::going(&session.stack, wanted)
}

pub async fn outside(session: &Session, going: &Going) -> Outside {
    let mounts = going
        .stack
        .services
        .values()
        .flat_map(|service| &service.mounts);
    let sources = mounts.filter_map(|mount| match mount {
        Mount::Bind { source, .. } => Some(source),
        _ => None,
    });
    Outside {
        environment: session.environment.variables.clone(),
        git: super::git::facts(&going.stack).await,
        mounted: sources
            .map(|source| (source.clone(), mounted(source)))
            .collect(),
    }
}

fn mounted(source: &Utf8Path) -> Mounted {
    let Ok(metadata) = fs_err::metadata(source) else {
        return Mounted::Missing;
    };
    if metadata.is_file() {
        return match read(source, LIMIT) {
            Ok(bytes) => Mounted::File(bytes),
            Err(why) => Mounted::Other(why),
        };
    }
    if !metadata.is_dir() {
        return Mounted::Other("and is no file");
    }
    match folder(source) {
        Ok(files) => Mounted::Files(files),
        Err(why) => Mounted::Other(why),
    }
}

fn read(file: &Utf8Path, limit: u64) -> Result<Vec<u8>, &'static str> {
    let size = fs_err::metadata(file)
        .map_err(|_| "and cannot be read")?
        .len();
    if size > limit {
        return Err("and is too large for a ConfigMap");
    }
    fs_err::read(file).map_err(|_| "and cannot be read")
}

/// The files of a folder without folders.
fn folder(source: &Utf8Path) -> Result<BTreeMap<String, Vec<u8>>, &'static str> {
    let mut files = BTreeMap::new();
    let mut left = LIMIT;
    for entry in source.read_dir_utf8().map_err(|_| "and cannot be read")? {
        let entry = entry.map_err(|_| "and cannot be read")?;
        if !entry.path().is_file() {
            return Err("and has folders in it");
        }
        let bytes = read(entry.path(), left)?;
        left -= bytes.len() as u64;
        files.insert(entry.file_name().to_owned(), bytes);
    }
    Ok(files)
}

/// Everything that cannot go along, as one error.
pub fn refused(refusals: Vec<Refusal>) -> CliError {
    CliError::NotPromotable(refusals)
}
