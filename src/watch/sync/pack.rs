use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use tar::{Builder, EntryType, Header};

use super::manifest::lies_at;
use super::spool::{Archive, Bounds, Spool};
use crate::plan::react::{PathKind, SyncItem};

/// Larger files are not read at once.
const AT_ONCE: u64 = 4 * 1024 * 1024;

/// Whom the files in the container belong to: numbers, as names mean something else there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Owner {
    pub uid: u64,
    pub gid: u64,
}

/// What makes a container's files look as they do here.
#[derive(Debug)]
pub struct Packed {
    /// To be unpacked at `/`, after the deletions.
    pub archive: Archive,
    /// Absolute paths in the container to remove, the deepest first.
    pub remove: Vec<String>,
    /// What cannot be read although it is there, and why; the others are packed.
    pub unread: BTreeMap<Utf8PathBuf, String>,
}

/// Packs what `items` name as it is now: a file that has vanished meanwhile becomes a deletion, one that changes while
/// it is read will be told of again. Sockets, devices and pipes are left out.
///
/// # Errors
/// What fails in the middle of a file, with its path; a full disk.
pub fn pack(items: &[SyncItem], owner: Owner, bounds: &Bounds) -> io::Result<Packed> {
    let by_target: BTreeMap<&str, &SyncItem> = items
        .iter()
        .map(|item| (item.target.as_str(), item))
        .collect();
    let mut packer = Packer {
        tar: Builder::new(Spool::new(bounds.clone())),
        owner,
        sent: BTreeMap::new(),
        unread: BTreeMap::new(),
    };
    for item in by_target.values() {
        packer
            .add(item)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", item.source)))?;
    }
    let Packer {
        tar, sent, unread, ..
    } = packer;
    let spool = tar.into_inner()?;
    let archive = if sent.values().any(Option::is_some) {
        spool.finish()?
    } else {
        Archive::Empty
    };
    Ok(Packed {
        archive,
        remove: removals(&sent),
        unread,
    })
}

struct Packer {
    tar: Builder<Spool>,
    owner: Owner,
    /// What each target is then; `None`: it is gone.
    sent: BTreeMap<String, Option<PathKind>>,
    unread: BTreeMap<Utf8PathBuf, String>,
}

impl Packer {
    fn add(&mut self, item: &SyncItem) -> io::Result<()> {
        let entry = match lies_at(item.source.as_std_path(), item.depth) {
            Ok(metadata) if metadata.is_dir() => Some(self.folder(item, &metadata)?),
            Ok(metadata) if metadata.is_symlink() => self.symlink(item, &metadata)?,
            Ok(metadata) if metadata.is_file() => self.file(item)?,
            Ok(_) => return Ok(()),
            Err(error) if is_gone(&error) => None,
            Err(error) => {
                self.unread(item, &error);
                return Ok(());
            }
        };
        if !self.unread.contains_key(&item.source) {
            self.sent.insert(item.target.clone(), entry);
        }
        Ok(())
    }

    fn unread(&mut self, item: &SyncItem, error: &io::Error) {
        let text = format!("{}: {error}", item.source);
        self.unread.insert(item.source.clone(), text);
    }

    fn folder(&mut self, item: &SyncItem, metadata: &Metadata) -> io::Result<PathKind> {
        let mut header = self.header(EntryType::Directory, metadata, 0);
        self.times(metadata)?;
        self.tar
            .append_data(&mut header, inside(&item.target), io::empty())?;
        Ok(PathKind::Folder)
    }

    fn symlink(&mut self, item: &SyncItem, metadata: &Metadata) -> io::Result<Option<PathKind>> {
        let target = match std::fs::read_link(&item.source) {
            Ok(target) => target,
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => {
                self.unread(item, &error);
                return Ok(None);
            }
        };
        let mut header = self.header(EntryType::Symlink, metadata, 0);
        self.times(metadata)?;
        self.tar
            .append_link(&mut header, inside(&item.target), &target)?;
        Ok(Some(PathKind::File))
    }

    fn file(&mut self, item: &SyncItem) -> io::Result<Option<PathKind>> {
        let mut file = match open(&item.source, false) {
            Ok(file) => file,
            // Also when a symlink has taken its place: another event tells of that.
            Err(error) if is_gone(&error) => return Ok(None),
            Err(error) => {
                self.unread(item, &error);
                return Ok(None);
            }
        };
        let metadata = file.metadata()?;
        if metadata.len() > AT_ONCE {
            return self.large_file(item, file, &metadata).map(Some);
        }
        let mut content = Vec::new();
        // What is appended while it is read comes with the next event.
        file.by_ref().take(AT_ONCE).read_to_end(&mut content)?;
        let size = content.len() as u64;
        let mut header = self.header(EntryType::Regular, &metadata, size);
        self.times(&metadata)?;
        self.tar
            .append_data(&mut header, inside(&item.target), &content[..])?;
        Ok(Some(PathKind::File))
    }

    fn large_file(
        &mut self,
        item: &SyncItem,
        file: File,
        metadata: &Metadata,
    ) -> io::Result<PathKind> {
        let size = metadata.len();
        let mut header = self.header(EntryType::Regular, metadata, size);
        self.times(metadata)?;
        // An archive says a file's size before its content: one that shrinks meanwhile is filled up, and told of again.
        let mut reader = file.chain(io::repeat(0)).take(size);
        self.tar
            .append_data(&mut header, inside(&item.target), &mut reader)?;
        Ok(PathKind::File)
    }

    fn header(&self, kind: EntryType, metadata: &Metadata, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(metadata.mode() & 0o7777);
        header.set_uid(self.owner.uid);
        header.set_gid(self.owner.gid);
        header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
        header
    }

    /// Fractions of seconds: a server that compares times would miss the second save within one.
    fn times(&mut self, metadata: &Metadata) -> io::Result<()> {
        let Ok(seconds) = u64::try_from(metadata.mtime()) else {
            return Ok(());
        };
        let time = format!("{seconds}.{:09}", metadata.mtime_nsec());
        self.tar.append_pax_extensions([("mtime", time.as_bytes())])
    }
}

/// A name in an archive that is unpacked at `/`.
fn inside(target: &str) -> &str {
    target.trim_start_matches('/')
}

/// Opens a regular file, and never waits for a pipe that took its place.
pub(super) fn open(path: impl AsRef<Path>, follow: bool) -> io::Result<File> {
    let mut flags = rustix::fs::OFlags::NONBLOCK;
    if !follow {
        flags |= rustix::fs::OFlags::NOFOLLOW;
    }
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// It is not there any more, or something else is.
pub(super) fn is_gone(error: &io::Error) -> bool {
    let looped = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    looped
        || matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
}

/// What has to go first: what is gone here, and what stands where a folder stood.
fn removals(sent: &BTreeMap<String, Option<PathKind>>) -> Vec<String> {
    let mut gone: BTreeSet<Utf8PathBuf> = BTreeSet::new();
    for (target, _) in sent.iter().filter(|(_, entry)| entry.is_none()) {
        let target = Utf8Path::new(target);
        let replaced = target
            .ancestors()
            .skip(1)
            .find(|above| sent.get(above.as_str()) == Some(&Some(PathKind::File)));
        gone.extend(replaced.map(Utf8Path::to_owned));
        gone.insert(target.to_owned());
    }
    gone.iter().rev().map(ToString::to_string).collect()
}
