use std::fs::FileType;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::STATE_FOLDER;
use super::pattern::{Matched, Patterns};

/// Which entries of a tree are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `None`: everything.
    pub include: Option<Patterns>,
    pub exclude: Patterns,
}

/// One entry of a tree.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Relative to the root, `/` between parts. Not always UTF-8.
    pub name: &'a [u8],
    pub path: &'a Path,
    pub kind: Kind,
}

/// What can be in a build context. Sockets and devices are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File,
    Symlink,
    Fifo,
}

/// What a walk cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// Folders that were read, the root among them.
    pub folders: u64,
}

/// Visits what `filter` wants, each folder before what is in it, names in the order of their bytes: the order that
/// BuildKit's file transfer asks for. A folder that is not wanted is visited when something beneath it is. What
/// vanishes meanwhile is left out.
///
/// # Errors
/// What cannot be read, with its path, and what `visit` returns.
pub fn walk(
    root: &Path,
    filter: &Filter,
    visit: &mut dyn FnMut(&Entry<'_>) -> io::Result<()>,
) -> io::Result<Walked> {
    let mut walker = Walker {
        filter,
        visit,
        unvisited: Vec::new(),
        walked: Walked::default(),
    };
    walker.folder(root, &mut Vec::new(), None)?;
    Ok(walker.walked)
}

struct Walker<'a> {
    filter: &'a Filter,
    visit: &'a mut dyn FnMut(&Entry<'_>) -> io::Result<()>,
    /// Folders above the current one that were entered but not visited.
    unvisited: Vec<(Vec<u8>, PathBuf)>,
    walked: Walked,
}

/// What the patterns said of a folder.
struct Above {
    include: Matched,
    exclude: Matched,
}

impl Walker<'_> {
    fn folder(&mut self, dir: &Path, name: &mut Vec<u8>, above: Option<&Above>) -> io::Result<()> {
        self.walked.folders += 1;
        for (entry, kind) in sorted(dir)? {
            if kind.is_dir() && entry == STATE_FOLDER {
                continue;
            }
            let length = name.len();
            if length > 0 {
                name.push(b'/');
            }
            name.extend_from_slice(entry.as_encoded_bytes());
            self.entry(&dir.join(&entry), kind, name, above)?;
            name.truncate(length);
        }
        Ok(())
    }

    fn entry(
        &mut self,
        path: &Path,
        kind: FileType,
        name: &mut Vec<u8>,
        above: Option<&Above>,
    ) -> io::Result<()> {
        let filter = self.filter;
        let mut here = kind.is_dir().then(|| Above {
            include: Matched::new(),
            exclude: Matched::new(),
        });
        let included = filter.include.as_ref().is_none_or(|include| {
            include.decide(
                name,
                above.map(|a| &a.include),
                here.as_mut().map(|h| &mut h.include),
            )
        });
        let excluded = filter.exclude.decide(
            name,
            above.map(|a| &a.exclude),
            here.as_mut().map(|h| &mut h.exclude),
        );
        let wanted = included && !excluded;
        let Some(here) = here else {
            return if wanted {
                self.visit_leaf(path, kind, name)
            } else {
                Ok(())
            };
        };
        let could_be_included = included
            || filter
                .include
                .as_ref()
                .is_some_and(|i| i.may_match_beneath(name));
        let could_return = !excluded || filter.exclude.may_return_beneath(name);
        if !(could_be_included && could_return) {
            return Ok(());
        }
        if wanted {
            self.visit_all_above()?;
            (self.visit)(&Entry {
                name,
                path,
                kind: Kind::Folder,
            })?;
        } else {
            self.unvisited.push((name.clone(), path.to_owned()));
        }
        let result = self.folder(path, name, Some(&here));
        if !wanted && self.unvisited.last().is_some_and(|(last, _)| last == name) {
            self.unvisited.pop();
        }
        match result {
            Err(error) if is_gone(&error) => Ok(()),
            // Nobody asked for this folder itself, and nobody can say what is in it.
            Err(error) if !wanted && error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            result => result,
        }
    }

    fn visit_leaf(&mut self, path: &Path, kind: FileType, name: &[u8]) -> io::Result<()> {
        let kind = if kind.is_file() {
            Kind::File
        } else if kind.is_symlink() {
            Kind::Symlink
        } else if kind.is_fifo() {
            Kind::Fifo
        } else {
            return Ok(());
        };
        self.visit_all_above()?;
        match (self.visit)(&Entry { name, path, kind }) {
            Err(error) if is_gone(&error) => Ok(()),
            result => result,
        }
    }

    fn visit_all_above(&mut self) -> io::Result<()> {
        for (name, path) in std::mem::take(&mut self.unvisited) {
            (self.visit)(&Entry {
                name: &name,
                path: &path,
                kind: Kind::Folder,
            })?;
        }
        Ok(())
    }
}

/// The entries of a folder, by name.
fn sorted(dir: &Path) -> io::Result<Vec<(std::ffi::OsString, FileType)>> {
    let mut entries = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type() {
            Ok(kind) => entries.push((entry.file_name(), kind)),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.as_encoded_bytes().cmp(b.as_encoded_bytes()));
    Ok(entries)
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests;
