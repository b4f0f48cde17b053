//! A bounded log on disk for each instance: two files that take turns, so that the newer half always survives. Beside
//! the state, not through it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::runtime::world::LogLine;

/// Bytes of one of the two files, unless the stack file says otherwise.
pub const DEFAULT_LIMIT: u64 = 8 * 1024 * 1024;

/// Bytes at the end of a file in which its last line is looked for: more than the longest line.
const TAIL: u64 = 128 * 1024;

/// The log of one service, open for appending.
#[derive(Debug)]
pub struct Ring {
    path: Utf8PathBuf,
    file: File,
    size: u64,
    limit: u64,
    newest: i128,
}

/// One line as it is kept: `TIME INDEX STREAM text`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Nanoseconds since 1970.
    pub at: i128,
    pub index: u32,
    pub error: bool,
    pub line: String,
}

impl Ring {
    /// # Errors
    /// Whatever the file system says.
    pub fn open(folder: &Utf8Path, service: &str, limit: u64) -> io::Result<Self> {
        let path = folder.join(format!("{service}.log"));
        let newest = newest(&path).or_else(|| newest(&older(&path))).unwrap_or(0);
        let file = append_to(&path)?;
        let size = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            size,
            limit,
            newest,
        })
    }

    /// The time of the newest line: from there on a log is read again after a break.
    pub fn newest(&self) -> i128 {
        self.newest
    }

    /// # Errors
    /// Whatever the file system says; a full disk among it.
    pub fn append(&mut self, index: u32, line: &LogLine) -> io::Result<()> {
        self.append_all(index, std::slice::from_ref(line))
    }

    /// Several lines in one call to the system; with a new file where they do not fit.
    ///
    /// # Errors
    /// As [`Ring::append`].
    pub fn append_all(&mut self, index: u32, lines: &[LogLine]) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            let stream = if line.error { 'e' } else { 'o' };
            // Writing into a text does not fail.
            let _infallible = writeln!(text, "{} {index} {stream} {}", line.at, line.line);
            self.newest = self.newest.max(line.at);
        }
        if self.size > 0 && self.size + text.len() as u64 > self.limit {
            fs::rename(&self.path, older(&self.path))?;
            self.file = append_to(&self.path)?;
            self.size = 0;
        }
        self.file.write_all(text.as_bytes())?;
        self.size += text.len() as u64;
        Ok(())
    }
}

/// What services print is for their owner alone.
fn append_to(path: &Utf8Path) -> io::Result<File> {
    let file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// All that is kept of a service, oldest first. A line cut short by a crash is left out.
pub fn read(folder: &Utf8Path, service: &str) -> Vec<Kept> {
    let path = folder.join(format!("{service}.log"));
    [older(&path), path]
        .iter()
        .filter_map(|path| File::open(path).ok())
        .flat_map(|file| BufReader::new(file).split(b'\n').map_while(Result::ok))
        .filter_map(|line| parse(&String::from_utf8_lossy(&line)))
        .collect()
}

/// The time of the last whole line, from the end of the file alone.
fn newest(path: &Utf8Path) -> Option<i128> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let lines = tail.split(|byte| *byte == b'\n').rev();
    lines
        .filter_map(|line| parse(&String::from_utf8_lossy(line)))
        .map(|kept| kept.at)
        .next()
}

/// The file that was put aside last.
pub fn older(path: &Utf8Path) -> Utf8PathBuf {
    path.with_extension("1.log")
}

/// A line as it stands in the file, without its end.
pub fn parse(line: &str) -> Option<Kept> {
    let mut parts = line.splitn(4, ' ');
    let at = parts.next()?.parse().ok()?;
    let index = parts.next()?.parse().ok()?;
    let error = parts.next()? == "e";
    Some(Kept {
        at,
        index,
        error,
        line: parts.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Utf8Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn logs_are_for_their_owner_alone_those_of_older_versions_too() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap();
        let store = crate::engine::store::Store::open(dir, "gold").unwrap();
        assert_eq!(mode(&store.logs()), 0o700);
        fs::set_permissions(store.logs(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = store.logs().join("api-1.log");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let store = crate::engine::store::Store::open(dir, "gold").unwrap();
        assert_eq!(mode(&store.logs()), 0o700);
        let mut ring = Ring::open(&store.logs(), "api-1", 64).unwrap();
        assert_eq!(mode(&path), 0o600);
        let line = LogLine {
            at: 1,
            error: false,
            line: "a line that fills half of it, and some".to_owned(),
        };
        ring.append(1, &line).unwrap();
        ring.append(1, &line).unwrap();
        assert_eq!(mode(&path), 0o600, "the one that took turns");
        assert_eq!(mode(&older(&path)), 0o600);
    }
}
