use std::collections::BTreeSet;
use std::io;

use camino::Utf8Path;

use crate::cli::error::CliError;
use crate::promote::export::Files;

/// Names of what was written, so that the next time what is no longer written goes.
const LIST: &str = ".dev-export";

/// Writes the files, and removes those of an earlier export that are none of them.
///
/// # Errors
/// A file is there that no export wrote, or one cannot be read, written or removed.
pub fn write(folder: &Utf8Path, files: &Files) -> Result<(), CliError> {
    let failed = |what: &str, path: &Utf8Path, error: &io::Error| CliError::Own {
        message: format!("cannot {what} {path}: {error}"),
        help: Some("name another folder: `--to DIR`".to_owned()),
    };
    let list = folder.join(LIST);
    let known = match fs_err::read_to_string(&list) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
        Err(error) => return Err(failed("read", &list, &error)),
    };
    if let Some(other) = files
        .keys()
        .find(|name| !known.contains(*name) && folder.join(name).exists())
    {
        return Err(CliError::Usage {
            message: format!("{} is there, and no export wrote it", folder.join(other)),
            help: Some("name another folder: `--to DIR`, or remove it".to_owned()),
        });
    }
    let is_below =
        |name: &&String| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
    for name in known
        .iter()
        .filter(is_below)
        .filter(|name| !files.contains_key(*name))
    {
        let path = folder.join(name);
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path, &error));
            }
            _ => {}
        }
    }
    let listed: String = files.keys().map(|name| format!("{name}\n")).collect();
    let all = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    for (name, text) in all.chain([(LIST, listed.as_str())]) {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs_err::create_dir_all(parent).map_err(|error| failed("make", parent, &error))?;
        // What is as it was keeps its time.
        if fs_err::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        fs_err::write(&path, text).map_err(|error| failed("write", &path, &error))?;
    }
    Ok(())
}
