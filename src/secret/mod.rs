//! Where secrets come from, and the redactor that every output passes.

mod encode;
mod error;
mod generate;
mod redactor;
mod sops;

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;

use crate::stack::SecretSource;

pub use error::SecretError;
pub use redactor::Redactor;

/// Bytes of a secret's file; a longer one is a mistake.
const LIMIT: u64 = 1024 * 1024;

/// What reading secrets depends on.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Folder that relative paths start from.
    pub dir: &'a Utf8Path,
    /// Where generated secrets are kept.
    pub kept: &'a Utf8Path,
    pub environment: &'a BTreeMap<String, String>,
    /// Fills a buffer with random bytes.
    pub random: fn(&mut [u8]) -> io::Result<()>,
}

/// Random bytes of the operating system, for [`Context::random`].
///
/// # Errors
/// Whatever the operating system says.
pub fn random(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

/// Reads every secret of a stack; what cannot be read is told all at once.
pub async fn load(
    sources: &BTreeMap<String, SecretSource>,
    context: &Context<'_>,
) -> (BTreeMap<String, SecretString>, Vec<SecretError>) {
    let mut values = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, source) in sources {
        match read(name, source, context).await {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    (values, errors)
}

/// Reads one secret.
///
/// # Errors
/// Why it has no value; never with the value, or part of it, in the text.
pub async fn read(
    name: &str,
    source: &SecretSource,
    context: &Context<'_>,
) -> Result<SecretString, SecretError> {
    match source {
        SecretSource::Generate(length) => {
            generate::kept(name, *length, context.kept, context.random)
        }
        SecretSource::Env(variable) => match context.environment.get(variable) {
            Some(value) if !value.is_empty() => Ok(value.clone().into()),
            _ => Err(SecretError::NoVariable {
                name: name.to_owned(),
                variable: variable.clone(),
            }),
        },
        SecretSource::Given(value) => Ok(value.reveal().to_owned().into()),
        SecretSource::File(file) => read_file(name, &context.dir.join(file)),
        SecretSource::Sops { file, key } => {
            sops::decrypt("sops", name, &context.dir.join(file), key).await
        }
    }
}

/// The file's content without its last newline.
fn read_file(name: &str, file: &Utf8Path) -> Result<SecretString, SecretError> {
    let error = |source| SecretError::File {
        name: name.to_owned(),
        file: file.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(file).map_err(error)?;
    if !metadata.is_file() {
        return Err(error(io::Error::other("it is no regular file")));
    }
    if metadata.len() > LIMIT {
        return Err(error(io::Error::other("it is larger than 1 MB")));
    }
    // An error about invalid UTF-8 does not repeat the bytes.
    let text = std::fs::read_to_string(file).map_err(error)?;
    Ok(without_newline(text).into())
}

fn without_newline(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// A file name for a secret: its own name where that can be one, never a path.
fn file_name(name: &str) -> Utf8PathBuf {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => out.push_str("%2E"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests;
