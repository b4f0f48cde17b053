//! Tells files that only ever grow at their end, as a log does, from such as somebody edits.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{FileExt, MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};

/// So much of the end tells one content from another, in bytes.
const TAIL: u64 = 4096;
/// Files that are remembered; of more that change at once none is a log.
pub(super) const FILES: usize = 64;

/// How files ended when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Appended {
    known: BTreeMap<Utf8PathBuf, End>,
}

#[derive(Debug, PartialEq, Eq)]
struct End {
    inode: u64,
    length: u64,
    /// Of the last bytes before `length`.
    tail: u64,
}

impl Appended {
    /// Whether all that happened to a file since this was last asked is that something was added at its end.
    pub fn has_grown(&mut self, path: &Utf8Path) -> bool {
        let Ok(file) = File::open(path) else {
            self.known.remove(path);
            return false;
        };
        let Some(now) = End::of(&file, None) else {
            return false;
        };
        let before = self.known.get(path);
        let grown = before.is_some_and(|before| {
            before.inode == now.inode
                && before.length < now.length
                && End::of(&file, Some(before.length)).as_ref() == Some(before)
        });
        if before.is_none() && self.known.len() >= FILES {
            self.known.clear();
        }
        self.known.insert(path.to_owned(), now);
        grown
    }
}

impl End {
    /// `length`: as if the file ended there.
    fn of(file: &File, length: Option<u64>) -> Option<Self> {
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let length = length.unwrap_or(metadata.len());
        let begin = length.saturating_sub(TAIL);
        let mut bytes = vec![0; usize::try_from(length - begin).ok()?];
        file.read_exact_at(&mut bytes, begin).ok()?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Some(Self {
            inode: metadata.ino(),
            length,
            tail: hasher.finish(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_at_the_end_is_told_from_what_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("up.log")).unwrap();
        let mut appended = Appended::default();
        let mut next = |text: &str| {
            fs_err::write(&path, text).unwrap();
            appended.has_grown(&path)
        };
        assert!(!next("1\n"), "nothing is known of it yet");
        assert!(next("1\n2\n") && next(&format!("1\n2\n{}", "x".repeat(9000))));
        assert!(!next("1\n2\n"), "shorter");
        assert!(!next("1\n3\n4\n"), "another");
        assert!(!next("1\n3\n4\n"), "the same");
        let beside = dir.path().join("beside");
        fs_err::write(&beside, "1\n3\n4\n5\n").unwrap();
        fs_err::rename(beside, &path).unwrap();
        assert!(!appended.has_grown(&path), "another file");
        fs_err::remove_file(&path).unwrap();
        assert!(!appended.has_grown(&path), "gone");
        assert!(!appended.has_grown(Utf8Path::from_path(dir.path()).unwrap()));
    }
}
