use std::collections::{BTreeMap, BTreeSet};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::hash::TreeHasher;
use super::walk::{Filter, Kind, walk};
use super::{Index, Patterns};
use crate::stack::path::clean_text;
use crate::watch::is_scratch_file;

/// Hashes the files that `patterns` name, relative to `dir`: hex. A pattern is written as in `.dockerignore`: a folder
/// means all that is in it, `!` takes back what came before, `../` leads out of `dir`. A named file that is missing
/// counts as missing; a symlink counts with the file it leads to. Call [`Index::save`] afterwards.
///
/// # Errors
/// What cannot be read, with its path; a pattern that means nothing (`InvalidInput`).
pub fn hash_globs<S: AsRef<str>>(
    dir: &Utf8Path,
    patterns: &[S],
    index: &mut Index,
) -> io::Result<String> {
    let mut hasher = TreeHasher::default();
    index.begin();
    for (up, patterns) in by_root(patterns) {
        let patterns =
            Patterns::new(patterns).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let root = (0..up).fold(dir.to_owned(), |dir: Utf8PathBuf, _| dir.join(".."));
        let prefix = "../".repeat(up).into_bytes();
        for literal in patterns.literals() {
            if !root.join(literal).exists() {
                hasher.part(b"missing", &[&prefix, literal.as_bytes()].concat());
            }
        }
        let literals: BTreeSet<String> = patterns.literals().map(Into::into).collect();
        let is_named = |name: &[u8]| literals.iter().any(|literal| literal.as_bytes() == name);
        let filter = Filter {
            include: Some(patterns),
            exclude: Patterns::default(),
        };
        walk(root.as_std_path(), &filter, &mut |entry| {
            if is_scratch_file(entry.path) && !is_named(entry.name) {
                return Ok(());
            }
            let name = [&prefix, entry.name].concat();
            match entry.kind {
                // Files make a folder; git keeps no empty ones either.
                Kind::Folder | Kind::Fifo => Ok(()),
                Kind::File => hasher.named(&name, entry, index),
                Kind::Symlink => {
                    hasher.named(&name, entry, index)?;
                    match fs::metadata(entry.path) {
                        Ok(target) if target.is_file() => {
                            let content = index.hash_file(&name, entry.path, &target)?;
                            hasher.part(b"target", &content);
                            Ok(())
                        }
                        // It leads nowhere, or to a folder: its text is all it has.
                        _ => Ok(()),
                    }
                }
            }
        })?;
    }
    index.end();
    Ok(hasher.finish())
}

/// The patterns by how many folders they lead up first, without that part. A negation counts for its own root only.
fn by_root<S: AsRef<str>>(patterns: &[S]) -> BTreeMap<usize, Vec<String>> {
    let mut roots: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for pattern in patterns {
        let pattern = pattern.as_ref().trim();
        let (bang, path) = match pattern.strip_prefix('!') {
            Some(rest) => ("!", rest.trim()),
            None => ("", pattern),
        };
        let path = clean_text(path);
        let mut rest = path.as_str();
        let mut up = 0;
        while let Some(shorter) = rest.strip_prefix("../") {
            rest = shorter;
            up += 1;
        }
        let rest = if rest == "." { "**" } else { rest };
        roots.entry(up).or_default().push(format!("{bang}{rest}"));
    }
    roots
}

#[cfg(test)]
mod tests;
