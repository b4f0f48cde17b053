use std::io;
use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;
use fs_err as fs;

use super::walk::{Entry, Filter, Kind, walk};
use super::{Index, read_ignore_rules};

/// What a build could see of its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextHash {
    /// Hex. Over names, types, permissions, symlink targets and contents, and the Dockerfile; not over times.
    pub hash: String,
    /// Regular files.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

/// Hashes the context of a build after its ignore rules, and its Dockerfile wherever that lies. A tree that did not
/// change costs a walk and a stat for each file. Call [`Index::save`] afterwards.
///
/// # Errors
/// What cannot be read, with its path; an ignore file with a pattern that means nothing (`InvalidData`).
pub fn hash_context(
    context: &Utf8Path,
    dockerfile: &Utf8Path,
    index: &mut Index,
) -> io::Result<ContextHash> {
    let rules = read_ignore_rules(context, dockerfile)?;
    let mut hasher = TreeHasher::default();
    hasher.part(b"dockerfile", &fs::read(dockerfile)?);
    index.begin();
    let filter = Filter {
        include: None,
        exclude: rules.patterns,
    };
    walk(context.as_std_path(), &filter, &mut |entry| {
        hasher.entry(entry, index)
    })?;
    index.end();
    Ok(ContextHash {
        hash: hasher.finish(),
        files: hasher.files,
        bytes: hasher.bytes,
    })
}

/// Hashes entries in the order they come.
#[derive(Debug, Default)]
pub(super) struct TreeHasher {
    hasher: blake3::Hasher,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl TreeHasher {
    pub(super) fn entry(&mut self, entry: &Entry<'_>, index: &mut Index) -> io::Result<()> {
        self.named(entry.name, entry, index)
    }

    /// Like [`Self::entry`], under another name.
    pub(super) fn named(
        &mut self,
        name: &[u8],
        entry: &Entry<'_>,
        index: &mut Index,
    ) -> io::Result<()> {
        let metadata = fs::symlink_metadata(entry.path)?;
        let permissions = (metadata.mode() & 0o7777).to_le_bytes();
        match entry.kind {
            Kind::Folder => self.leaf(b'd', name, &permissions, &[]),
            Kind::Fifo => self.leaf(b'p', name, &permissions, &[]),
            Kind::Symlink => {
                let target = fs::read_link(entry.path)?;
                self.leaf(b'l', name, &[], target.as_os_str().as_encoded_bytes());
            }
            Kind::File => {
                let content = index.hash_file(name, entry.path, &metadata)?;
                self.leaf(b'f', name, &permissions, &content);
                self.files += 1;
                self.bytes += metadata.len();
            }
        }
        Ok(())
    }

    fn leaf(&mut self, kind: u8, name: &[u8], permissions: &[u8], content: &[u8]) {
        self.hasher.update(&[kind]);
        self.part(name, permissions);
        self.part(&[], content);
    }

    /// Two texts, with their lengths, so that no other two look the same.
    pub(super) fn part(&mut self, name: &[u8], content: &[u8]) {
        for text in [name, content] {
            self.hasher.update(&(text.len() as u64).to_le_bytes());
            self.hasher.update(text);
        }
    }

    pub(super) fn finish(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests;
