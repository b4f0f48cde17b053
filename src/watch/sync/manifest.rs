#[cfg(test)]
use std::collections::BTreeMap;
use std::collections::HashSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use super::layers::Layers;
use super::pack::{is_gone, open};
use crate::helper::protocol::{Expected, Sum};
use crate::plan::react::{PathKind, SyncItem, SyncRules};
use crate::stack::AfterSync;
use crate::watch::Root;
use crate::watch::context::Index;
use crate::watch::rules::Rules;

/// One path that has to look in the container as it does here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Absolute.
    pub source: PathBuf,
    /// Absolute, in the container.
    pub target: Vec<u8>,
    /// What follows once it is there.
    pub then: AfterSync,
    /// How far it lies below what a person named: 0 is that itself, of which also a symlink means what it leads to. Below, no
    /// symlink leads to here.
    pub depth: usize,
}

/// What a container should have.
#[cfg(test)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// By path in the container.
    pub entries: BTreeMap<Vec<u8>, (Piece, Expected)>,
    /// What cannot be read although it is there, in words.
    pub problems: Vec<String>,
}

impl Piece {
    pub fn new(item: SyncItem, then: AfterSync, rules: &SyncRules) -> Self {
        let bases = rules.bases();
        let mut above = item.source.ancestors();
        Self {
            depth: above
                .position(|above| bases.contains(above))
                .unwrap_or(item.depth),
            source: item.source.into(),
            target: item.target.into_bytes(),
            then,
        }
    }

    /// Whether a person named it.
    pub fn is_named(&self) -> bool {
        self.depth == 0
    }

    /// # Errors
    /// It is gone, or cannot be asked for. What a symlink leads to lies there, and not here.
    pub fn metadata(&self) -> io::Result<Metadata> {
        if self.is_named() {
            std::fs::metadata(&self.source)
        } else {
            lies_at(&self.source, self.depth)
        }
    }

    /// Whether nothing lies there any more; a symlink whose end is missing does.
    pub fn is_gone(&self) -> bool {
        lies_at(&self.source, self.depth).is_err_and(|error| is_gone(&error))
    }

    /// How it looks now; `None`: it is none of what can be sent.
    ///
    /// # Errors
    /// It cannot be read although it is there.
    pub fn looks(&self) -> io::Result<Option<Expected>> {
        let found = self.metadata();
        let looks =
            found.and_then(|found| expected(&self.source, &found, self.is_named(), &mut None));
        match looks {
            Err(error) if is_gone(&error) => Ok(Some(Expected::Absent)),
            looks => looks,
        }
    }

    /// As archives need it; `None` where a name is no text.
    pub fn item(&self) -> Option<SyncItem> {
        let is_folder = lies_at(&self.source, self.depth).is_ok_and(|found| found.is_dir());
        Some(SyncItem {
            source: Utf8Path::from_path(&self.source)?.to_owned(),
            target: String::from_utf8(self.target.clone()).ok()?,
            kind: if is_folder {
                PathKind::Folder
            } else {
                PathKind::File
            },
            depth: self.depth,
        })
    }
}

/// What people named in sync rules.
#[derive(Debug, Clone, Default)]
pub struct Bases(HashSet<PathBuf>);

impl Bases {
    pub fn of(rules: &SyncRules) -> Self {
        let bases = rules.bases().into_iter();
        Self(bases.map(|base| base.as_std_path().to_owned()).collect())
    }

    /// How far a path lies below the closest of them; `None`: below none.
    pub fn depth(&self, path: &Path) -> Option<usize> {
        path.ancestors().position(|above| self.0.contains(above))
    }
}

/// A path as a walk finds it that follows no symlink on its way down.
pub(super) fn lies_at(path: &Path, depth: usize) -> io::Result<Metadata> {
    let above = path.ancestors().skip(1).take(depth.saturating_sub(1));
    for folder in above {
        if std::fs::symlink_metadata(folder)?.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
    }
    std::fs::symlink_metadata(path)
}

/// Everything that the sync rules of a service cover now.
#[cfg(test)]
pub fn manifest(rules: &SyncRules) -> Manifest {
    let mut entries = BTreeMap::new();
    let problems = walk(rules, &mut |piece, expected| {
        entries.insert(piece.target.clone(), (piece, expected));
        true
    });
    Manifest { entries, problems }
}

/// Hands everything that the sync rules of a service cover to `sink`, each target once, until that says no; and says what
/// cannot be read although it is there.
pub fn walk(rules: &SyncRules, sink: &mut dyn FnMut(Piece, Expected) -> bool) -> Vec<String> {
    walk_by(rules, &mut None, &mut |_| {}, sink)
}

/// The same; an index knows what the files held that did not change, and `hidden` is told of what another source lies over.
pub(super) fn walk_by(
    rules: &SyncRules,
    index: &mut Option<&mut Index>,
    hidden: &mut dyn FnMut(&Path),
    sink: &mut dyn FnMut(Piece, Expected) -> bool,
) -> Vec<String> {
    let (mut problems, mut seen) = (Vec::new(), HashSet::new());
    let layers = Layers::new(rules);
    for base in rules.bases() {
        let mut ignore = Rules::new(root(rules, base));
        let mut todo = vec![base.as_std_path().to_owned()];
        while let Some(path) = todo.pop() {
            let visited = visit(&path, base.as_std_path(), rules, &mut ignore, &mut todo);
            let found = visited.and_then(|found| {
                let Some((piece, metadata)) = found else {
                    return Ok(None);
                };
                if layers.above(&piece).is_some() {
                    hidden(&piece.source);
                    return Ok(None);
                }
                let expected = expected(&piece.source, &metadata, piece.is_named(), index)?;
                Ok(expected.map(|expected| (piece, expected)))
            });
            match found {
                Ok(Some((piece, expected))) => {
                    if seen.insert(Sum::of(&piece.target)) && !sink(piece, expected) {
                        return problems;
                    }
                }
                Ok(None) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => problems.push(format!("{}: {error}", path.display())),
            }
        }
    }
    problems
}

/// A few of the files that sync rules cover, so many of each folder that they start from. None is read.
pub fn samples(rules: &SyncRules, of_each: usize) -> Vec<Piece> {
    let mut samples = Vec::new();
    for base in rules.bases() {
        let mut ignore = Rules::new(root(rules, base));
        let mut todo = vec![base.as_std_path().to_owned()];
        let before = samples.len();
        while let Some(path) = todo.pop() {
            let visited = visit(&path, base.as_std_path(), rules, &mut ignore, &mut todo);
            if let Ok(Some((piece, metadata))) = visited
                && metadata.is_file()
            {
                samples.push(piece);
            }
            if samples.len() - before == of_each {
                break;
            }
        }
    }
    samples
}

/// A folder or file that sync rules start from, as it is walked through.
pub(super) fn root(rules: &SyncRules, base: &Utf8Path) -> Root {
    Root {
        gitignore: rules.heeds_git(base),
        ..Root::new(base)
    }
}

fn visit(
    path: &Path,
    base: &Path,
    rules: &SyncRules,
    ignore: &mut Rules,
    todo: &mut Vec<PathBuf>,
) -> io::Result<Option<(Piece, Metadata)>> {
    let named = path == base;
    let metadata = if named {
        std::fs::metadata(path)?
    } else {
        std::fs::symlink_metadata(path)?
    };
    if ignore.leaves_out(path, metadata.is_dir()) {
        return Ok(None);
    }
    let kind = if metadata.is_dir() {
        ignore.enter(path);
        let entries = std::fs::read_dir(path)?;
        todo.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
        PathKind::Folder
    } else {
        PathKind::File
    };
    let Some((target, then)) = target(path, kind, rules) else {
        return Ok(None);
    };
    let piece = Piece {
        source: path.to_owned(),
        target,
        then,
        depth: path
            .strip_prefix(base)
            .map_or(0, |inside| inside.components().count()),
    };
    Ok(Some((piece, metadata)))
}

/// Where a path goes. Rules see what of a name is no text as question marks.
pub(super) fn target(
    path: &Path,
    kind: PathKind,
    rules: &SyncRules,
) -> Option<(Vec<u8>, AfterSync)> {
    let lossy = path.to_string_lossy();
    let (item, then) = rules.item(Utf8Path::new(lossy.as_ref()), kind)?;
    if matches!(lossy, std::borrow::Cow::Borrowed(_)) {
        return Some((item.target.into_bytes(), then.clone()));
    }
    // As many parts from the end as differ are the same here and there.
    let is_text = |folder: &&Path| folder.to_str().is_some();
    let above = path.ancestors().find(is_text)?;
    let tail = path.strip_prefix(above).ok()?;
    let mut target = Utf8Path::new(&item.target);
    for _ in tail.components() {
        target = target.parent()?;
    }
    let target = target.as_std_path().join(tail);
    Some((target.as_os_str().as_bytes().to_vec(), then.clone()))
}

/// `None`: it is none of what can be sent.
fn expected(
    path: &Path,
    metadata: &Metadata,
    follow: bool,
    index: &mut Option<&mut Index>,
) -> io::Result<Option<Expected>> {
    let mode = metadata.mode() & 0o7777;
    Ok(if metadata.is_dir() {
        Some(Expected::Folder { mode })
    } else if metadata.is_symlink() {
        let text = std::fs::read_link(path)?;
        Some(Expected::Symlink {
            sum: Sum::of(text.as_os_str().as_bytes()),
        })
    } else if metadata.is_file() {
        let (size, sum) = match index {
            None => Sum::read(open(path, follow)?)?,
            Some(index) => {
                let read = || Ok(kept(Sum::read(open(path, follow)?)?));
                let kept = index.remember(path.as_os_str().as_bytes(), metadata, read)?;
                from_kept(&kept)
            }
        };
        Some(Expected::File { mode, size, sum })
    } else {
        None
    })
}

/// Size and sum, as an index keeps them.
fn kept((size, sum): (u64, u64)) -> [u8; 32] {
    let mut kept = [0; 32];
    kept[..8].copy_from_slice(&size.to_le_bytes());
    kept[8..16].copy_from_slice(&sum.to_le_bytes());
    kept
}

fn from_kept(kept: &[u8; 32]) -> (u64, u64) {
    let number = |at: usize| {
        let bytes = kept[at..at + 8].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    (number(0), number(8))
}
