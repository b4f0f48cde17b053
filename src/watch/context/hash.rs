use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use camino::Utf8Path;
use fs_err as fs;

use super::walk::{Entry, Filter, Kind, walk};
use super::{Index, read_ignore_rules};

/// What a build could see of its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextHash {
    /// Hex. Over names, types, permissions, symlink targets and contents, and the Dockerfile; not over times.
    pub hash: String,
    /// The same without what was set apart.
    pub rest: String,
    /// Regular files.
    pub files: u64,
    /// Their sizes together.
    pub bytes: u64,
}

impl ContextHash {
    /// Of what is known by its address alone.
    pub fn of_text(text: &str) -> Self {
        let mut hasher = TreeHasher::default();
        hasher.part(b"address", text.as_bytes());
        let hash = hasher.finish();
        Self {
            rest: hash.clone(),
            hash,
            files: 0,
            bytes: 0,
        }
    }

    /// Of both together.
    #[must_use]
    pub fn with(self, other: &Self) -> Self {
        let both = |own: &str, other: &str| {
            let mut hasher = TreeHasher::default();
            hasher.part(own.as_bytes(), other.as_bytes());
            hasher.finish()
        };
        Self {
            hash: both(&self.hash, &other.hash),
            rest: both(&self.rest, &other.rest),
            files: self.files + other.files,
            bytes: self.bytes + other.bytes,
        }
    }
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
    hash_context_by(context, dockerfile, index, &|_| Weight::Counts)
}

/// How a file of a context counts for its hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Counts,
    /// Not for the hash of the rest.
    Apart,
    /// For none.
    Ignored,
}

/// The same, where files count as `weight` says of their absolute paths.
///
/// # Errors
/// See [`hash_context`].
pub fn hash_context_by(
    context: &Utf8Path,
    dockerfile: &Utf8Path,
    index: &mut Index,
    weight: &dyn Fn(&Path) -> Weight,
) -> io::Result<ContextHash> {
    let rules = read_ignore_rules(context, dockerfile)?;
    let mut hasher = TreeHasher::default();
    hasher.part(b"dockerfile", &fs::read(dockerfile)?);
    let mut rest = hasher.clone();
    index.begin();
    let filter = Filter {
        include: None,
        exclude: rules.patterns,
    };
    walk(context.as_std_path(), &filter, &mut |entry| {
        let weight = weight(entry.path);
        if weight == Weight::Ignored {
            return Ok(());
        }
        let leaf = Leaf::read(entry.name, entry, index)?;
        hasher.leaf(entry.name, &leaf);
        if weight == Weight::Counts {
            rest.leaf(entry.name, &leaf);
        }
        Ok(())
    })?;
    index.end();
    Ok(ContextHash {
        hash: hasher.finish(),
        rest: rest.finish(),
        files: hasher.files,
        bytes: hasher.bytes,
    })
}

/// Hashes entries in the order they come.
#[derive(Debug, Clone, Default)]
pub(super) struct TreeHasher {
    hasher: blake3::Hasher,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl TreeHasher {
    /// Takes in an entry under another name.
    pub(super) fn named(
        &mut self,
        name: &[u8],
        entry: &Entry<'_>,
        index: &mut Index,
    ) -> io::Result<()> {
        let leaf = Leaf::read(name, entry, index)?;
        self.leaf(name, &leaf);
        Ok(())
    }

    fn leaf(&mut self, name: &[u8], leaf: &Leaf) {
        self.hasher.update(&[leaf.kind]);
        self.part(name, &leaf.permissions);
        self.part(&[], &leaf.content);
        if let Some(size) = leaf.size {
            self.files += 1;
            self.bytes += size;
        }
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

/// One entry, as it counts.
struct Leaf {
    kind: u8,
    permissions: Vec<u8>,
    content: Vec<u8>,
    /// Of a regular file.
    size: Option<u64>,
}

impl Leaf {
    fn read(name: &[u8], entry: &Entry<'_>, index: &mut Index) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(entry.path)?;
        let permissions = (metadata.mode() & 0o7777).to_le_bytes().to_vec();
        let (kind, permissions, content) = match entry.kind {
            Kind::Folder => (b'd', permissions, Vec::new()),
            Kind::Fifo => (b'p', permissions, Vec::new()),
            Kind::Symlink => {
                let target = fs::read_link(entry.path)?.into_os_string();
                (b'l', Vec::new(), target.into_encoded_bytes())
            }
            Kind::File => {
                let content = index.hash_file(name, entry.path, &metadata)?;
                (b'f', permissions, content.to_vec())
            }
        };
        let is_file = matches!(entry.kind, Kind::File);
        Ok(Self {
            kind,
            permissions,
            content,
            size: is_file.then_some(metadata.len()),
        })
    }
}

#[cfg(test)]
mod tests;
