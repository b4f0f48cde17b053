//! Where a path leads to, and whether that is inside the targets.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::protocol::{Owner, ProblemKind};

/// Why something could not be done.
#[derive(Debug)]
pub enum Refusal {
    Escapes,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Refusal {
    pub fn kind(&self) -> ProblemKind {
        let Self::Io(error) = self else {
            return ProblemKind::Escapes;
        };
        match error.kind() {
            io::ErrorKind::PermissionDenied => ProblemKind::Denied,
            io::ErrorKind::ReadOnlyFilesystem => ProblemKind::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ProblemKind::Full,
            _ => ProblemKind::Other,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Escapes => "leads out of the target".to_owned(),
            Self::Io(error) => error.to_string(),
        }
    }
}

/// The targets. Which of the container's own users may move folders about is not this program's to judge: between the look
/// at a parent and the write, a process in the container could put a symlink there.
#[derive(Debug, Default)]
pub struct Places {
    roots: Vec<PathBuf>,
    /// Parents that were looked at since the last change of a folder: as given, and as they are.
    known: HashMap<PathBuf, PathBuf>,
    /// The same of targets.
    known_roots: HashMap<PathBuf, PathBuf>,
}

impl Places {
    pub fn new(roots: Vec<Vec<u8>>) -> Self {
        let roots = roots
            .iter()
            .map(|root| PathBuf::from(OsStr::from_bytes(root)));
        Self {
            roots: roots.collect(),
            known: HashMap::new(),
            known_roots: HashMap::new(),
        }
    }

    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    /// A folder came or went.
    pub fn forget(&mut self) {
        self.known.clear();
        self.known_roots.clear();
    }

    fn real_root(&mut self, root: &Path) -> io::Result<PathBuf> {
        if let Some(known) = self.known_roots.get(root) {
            return Ok(known.clone());
        }
        let real = fs::canonicalize(root)?;
        self.known_roots.insert(root.to_owned(), real.clone());
        Ok(real)
    }

    /// The path with its parent as it really is. `make`: folders above that are missing are made, for that owner.
    ///
    /// # Errors
    /// It leads out of the targets; the parent is missing.
    pub fn find(&mut self, path: &[u8], make: Option<Owner>) -> Result<PathBuf, Refusal> {
        let path = Path::new(OsStr::from_bytes(path));
        let root = self.root_of(path)?.to_owned();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Refusal::Escapes);
        };
        if let Some(known) = self.known.get(parent) {
            return Ok(known.join(name));
        }
        if path == root {
            // A person named it: whatever leads there.
            if let Some(owner) = make {
                make_folders(parent, owner)?;
            }
            return Ok(path.to_owned());
        }
        if let Some(owner) = make {
            make_folders(&root, owner)?;
        }
        let real_root = self.real_root(&root)?;
        let real = match fs::canonicalize(parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && make.is_some() => {
                let above = existing(parent);
                if !fs::canonicalize(above)?.starts_with(&real_root) {
                    return Err(Refusal::Escapes);
                }
                make_folders(parent, make.flatten())?;
                fs::canonicalize(parent)?
            }
            other => other?,
        };
        if !real.starts_with(&real_root) {
            return Err(Refusal::Escapes);
        }
        self.known.insert(parent.to_owned(), real.clone());
        Ok(real.join(name))
    }

    /// The same for what is there already: where a symlink leads to its parent, it is something else under this name.
    ///
    /// # Errors
    /// As above; `NotFound` beyond a symlink.
    pub fn find_own(&mut self, path: &[u8]) -> Result<PathBuf, Refusal> {
        let real = self.find(path, None)?;
        let path = Path::new(OsStr::from_bytes(path));
        let root = self.root_of(path)?.to_owned();
        let inside = path.strip_prefix(&root).map_err(|_| Refusal::Escapes)?;
        if path != root && real != self.real_root(&root)?.join(inside) {
            return Err(Refusal::Io(io::ErrorKind::NotFound.into()));
        }
        Ok(real)
    }

    /// The longest target that a path lies in by its text.
    fn root_of(&self, path: &Path) -> Result<&Path, Refusal> {
        let text = path.as_os_str().as_bytes();
        let is_plain = |part: &[u8]| !matches!(part, b"" | b"." | b"..");
        let mut parts = text.split(|byte| *byte == b'/');
        let absolute = parts.next() == Some(b"");
        if !absolute || text.contains(&0) || !parts.all(is_plain) {
            return Err(Refusal::Escapes);
        }
        let within = self.roots.iter().filter(|root| path.starts_with(root));
        within
            .max_by_key(|root| root.as_os_str().len())
            .map(PathBuf::as_path)
            .ok_or(Refusal::Escapes)
    }
}

/// The nearest folder above, or the path itself, that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors()
        .find(|above| fs::symlink_metadata(above).is_ok())
        .unwrap_or(path)
}

fn make_folders(path: &Path, owner: Owner) -> io::Result<()> {
    if fs::metadata(path).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(parent, owner)?;
    }
    match fs::DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    give(path, owner);
    Ok(())
}

/// As far as this user may.
pub fn give(path: &Path, owner: Owner) {
    if let Some((uid, gid)) = owner {
        let _best_effort = std::os::unix::fs::lchown(path, Some(uid), Some(gid));
    }
}
