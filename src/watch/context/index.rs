//! What the files of one tree held when they were last read, so that a look costs a stat for each instead of a read.

mod table;

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use table::Table;

/// A file that changed this short a time before it was read may change again without its times telling.
const SETTLING: Duration = Duration::from_secs(2);

/// The index of one tree; lies in the state folder. A file of which nothing is known, or that does not look as it did,
/// is read; so is one that had changed within two seconds before it was last read (as git does with "racily clean"
/// entries). A damaged index is an empty one.
#[derive(Debug)]
pub struct Index {
    file: Utf8PathBuf,
    known: Table,
    seen: Table,
    /// Files that look as they are known.
    same: usize,
    clock: fn() -> SystemTime,
    started: SystemTime,
    read: u64,
    dirty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    looks: Looks,
    hash: [u8; 32],
}

/// How a file looks from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looks {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i128,
    /// Of the inode: moved by writes with restored times, too.
    changed: i128,
    inode: u64,
    mode: u32,
}

impl Index {
    /// The index of a build context, kept in the folder `state`. Nothing is written before [`Index::save`].
    pub fn for_context(state: &Utf8Path, context: &Utf8Path, dockerfile: &Utf8Path) -> Self {
        Self::open(state, &format!("context\0{context}\0{dockerfile}"))
    }

    /// The index of the files that `patterns` name in `dir`, kept in the folder `state`.
    pub fn for_globs<S: AsRef<str>>(state: &Utf8Path, dir: &Utf8Path, patterns: &[S]) -> Self {
        let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        Self::open(state, &format!("globs\0{dir}\0{}", patterns.join("\0")))
    }

    /// The index of what the sync rules of a service cover, kept in the folder `state`.
    pub fn for_synced(state: &Utf8Path, service: &str) -> Self {
        Self::open(state, &format!("synced\0{service}"))
    }

    fn open(state: &Utf8Path, what: &str) -> Self {
        let name = blake3::hash(what.as_bytes()).to_hex();
        let file = state.join(format!("{}.index", &name[..16]));
        let known = fs::read(&file)
            .ok()
            .and_then(Table::parse)
            .unwrap_or_default();
        Self {
            file,
            known,
            seen: Table::default(),
            same: 0,
            clock: SystemTime::now,
            started: SystemTime::UNIX_EPOCH,
            read: 0,
            dirty: false,
        }
    }

    /// Another clock than the system's.
    pub fn with_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }

    /// Files that had to be read in the last look.
    pub fn read_files(&self) -> u64 {
        self.read
    }

    /// Writes the index, if the last look changed it: at once or not at all.
    ///
    /// # Errors
    /// The state folder cannot be written. Nothing is lost but time.
    pub fn save(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let folder = self.file.parent().unwrap_or(Utf8Path::new("."));
        fs::create_dir_all(folder)?;
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        self.known.write(&mut temporary)?;
        temporary.persist(&self.file).map_err(|error| error.error)?;
        self.dirty = false;
        Ok(())
    }

    /// A look begins.
    pub(in crate::watch) fn begin(&mut self) {
        self.started = (self.clock)();
        self.seen = Table::with_capacity_of(&self.known);
        (self.read, self.same) = (0, 0);
    }

    /// The hash of a file's content, read only if it has to be.
    pub(super) fn hash_file(
        &mut self,
        name: &[u8],
        path: &Path,
        metadata: &Metadata,
    ) -> io::Result<[u8; 32]> {
        self.remember(name, metadata, || {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(fs::File::open(path)?)?;
            Ok(*hasher.finalize().as_bytes())
        })
    }

    /// What `read` said of a file's content, asked only if it has to be. One index keeps what one kind of reading says.
    pub(in crate::watch) fn remember(
        &mut self,
        name: &[u8],
        metadata: &Metadata,
        read: impl FnOnce() -> io::Result<[u8; 32]>,
    ) -> io::Result<[u8; 32]> {
        let looks = Looks::of(metadata);
        if let Some(known) = self.known.get(name)
            && known.looks == looks
        {
            self.seen.insert(name, &known);
            self.same += 1;
            return Ok(known.hash);
        }
        let hash = read()?;
        self.read += 1;
        if looks.settled_before(self.started) {
            self.seen.insert(name, &Known { looks, hash });
        }
        Ok(hash)
    }

    /// A look ended: what it did not see is forgotten.
    pub(in crate::watch) fn end(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        self.dirty |= seen.len() != self.same || self.known.len() != self.same;
        self.known = seen;
    }
}

impl Looks {
    fn of(metadata: &Metadata) -> Self {
        let nanos =
            |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            size: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            mode: metadata.mode(),
        }
    }

    fn settled_before(&self, look: SystemTime) -> bool {
        let look = look
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let Some(limit) = look.checked_sub(SETTLING) else {
            return false;
        };
        let limit = i128::try_from(limit.as_nanos()).unwrap_or(i128::MAX);
        self.modified <= limit && self.changed <= limit
    }
}

#[cfg(test)]
mod tests;
