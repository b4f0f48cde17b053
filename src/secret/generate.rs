use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use camino::Utf8Path;
use secrecy::SecretString;

use super::{SecretError, file_name};

/// Characters that need no quoting in a shell, a URL or YAML.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The value that is kept for `name` in `folder`; made and kept now if there is none. A kept value is never
/// overwritten, also not when another length is asked for: something may have been made with it.
pub(super) fn kept(
    name: &str,
    length: usize,
    folder: &Utf8Path,
    random: fn(&mut [u8]) -> io::Result<()>,
) -> Result<SecretString, SecretError> {
    let file = folder.join(file_name(name));
    let error = |source| SecretError::Keep {
        name: name.to_owned(),
        file: file.clone(),
        source,
    };
    if let Some(value) = existing(&file).map_err(error)? {
        return nonempty(name, &file, value);
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(error)?;
    let value = text(length, random).map_err(error)?;
    let mut beside = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(folder)
        .map_err(error)?;
    beside.write_all(value.as_bytes()).map_err(error)?;
    beside.as_file().sync_all().map_err(error)?;
    match beside.persist_noclobber(&file) {
        Ok(_) => Ok(value.into()),
        // Another `dev` was faster: its value is the one.
        Err(lost) if lost.error.kind() == io::ErrorKind::AlreadyExists => {
            let value = existing(&file).map_err(error)?.unwrap_or_default();
            nonempty(name, &file, value)
        }
        Err(lost) => Err(error(lost.error)),
    }
}

fn existing(file: &Utf8Path) -> io::Result<Option<String>> {
    let metadata = match std::fs::metadata(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    // A copied checkout may have lost the mode.
    if metadata.permissions().mode() & 0o077 != 0 {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
    }
    std::fs::read_to_string(file)
        .map(super::without_newline)
        .map(Some)
}

fn nonempty(name: &str, file: &Utf8Path, value: String) -> Result<SecretString, SecretError> {
    if value.is_empty() {
        return Err(SecretError::Empty {
            name: name.to_owned(),
            file: file.to_owned(),
        });
    }
    Ok(value.into())
}

/// `length` characters, each equally likely.
fn text(length: usize, random: fn(&mut [u8]) -> io::Result<()>) -> io::Result<String> {
    let mut out = String::with_capacity(length);
    let mut bytes = [0; 64];
    while out.len() < length.max(1) {
        random(&mut bytes)?;
        // 248 is the largest multiple of 62 in a byte; what is above would favour the first letters.
        let fair = bytes
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| char::from(ALPHABET[usize::from(*byte) % 62]));
        out.extend(fair.take(length.max(1) - out.len()));
    }
    Ok(out)
}
