//! What this program itself writes to: `dev up > up.log` beside the stack file is no change that anyone made.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The files that its output goes to.
#[derive(Debug, Default)]
pub(super) struct OwnOutput(Vec<(u64, u64)>);

impl OwnOutput {
    /// Of the standard streams, where they are files.
    pub fn of_this_process() -> Self {
        let streams = [
            rustix::fs::fstat(rustix::stdio::stdout()),
            rustix::fs::fstat(rustix::stdio::stderr()),
        ];
        let is_file = |stat: &rustix::fs::Stat| {
            rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::RegularFile
        };
        let files = streams.into_iter().flatten().filter(is_file);
        Self(files.map(|stat| (stat.st_dev, stat.st_ino)).collect())
    }

    pub fn has(&self, path: &Path) -> bool {
        // Mostly there is none, and nothing to ask for.
        !self.0.is_empty()
            && std::fs::metadata(path).is_ok_and(|metadata| self.0.contains(&key(&metadata)))
    }
}

fn key(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_what_it_is_and_not_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let (log, other) = (dir.path().join("up.log"), dir.path().join("other"));
        std::fs::write(&log, "").unwrap();
        std::fs::write(&other, "").unwrap();
        let own = OwnOutput(vec![key(&std::fs::metadata(&log).unwrap())]);
        assert!(own.has(&log) && !own.has(&other) && !own.has(&dir.path().join("gone")));
        std::fs::rename(&log, dir.path().join("moved")).unwrap();
        assert!(own.has(&dir.path().join("moved")));
    }
}
