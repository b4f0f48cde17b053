//! Several sources for one target: which one counts.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use super::manifest::{Piece, lies_at, root, target};
use crate::plan::react::{PathKind, SyncRules, Way};
use crate::stack::AfterSync;
use crate::watch::Root;
use crate::watch::rules::Rules;

/// The sources of a service's sync rules, one over the other: at each target that of the last rule in the stack file which is
/// there, whatever was saved last. Reads files, and blocks.
pub struct Layers<'a> {
    rules: &'a SyncRules<'a>,
    overlap: bool,
}

impl<'a> Layers<'a> {
    pub fn new(rules: &'a SyncRules<'a>) -> Self {
        let overlap = rules.overlap();
        Self { rules, overlap }
    }

    /// What counts at a piece's target instead of it: what lies over it, or what it lay over, once it is gone. `None`: it does
    /// itself.
    pub fn above(&self, piece: &Piece) -> Option<Piece> {
        if !self.overlap {
            return None;
        }
        let target = Path::new(OsStr::from_bytes(&piece.target));
        let sources = self.rules.ways().rev().flat_map(|way| {
            let [whole, inside] = sources(&way, target);
            let found = whole.into_iter().chain(inside);
            found.map(move |source| (way.base, source))
        });
        for (base, source) in sources {
            if source == piece.source {
                if lies_at(&source, piece.depth).is_ok() {
                    return None;
                }
            } else if let Some(mut found) = self.there(base, &source, &piece.target) {
                // A path of either rule has changed. Whatever else would follow, a restart does as well.
                if found.then == AfterSync::Nothing || piece.then == AfterSync::Restart {
                    found.then = piece.then.clone();
                }
                return Some(found);
            }
        }
        None
    }

    fn there(&self, base: &Utf8Path, source: &Path, at: &[u8]) -> Option<Piece> {
        let root = root(self.rules, base);
        let base = base.as_std_path();
        let depth = source.strip_prefix(base).ok()?.components().count();
        let metadata = if depth == 0 {
            std::fs::metadata(source).ok()?
        } else {
            lies_at(source, depth).ok()?
        };
        let can_be_sent = metadata.is_dir() || metadata.is_file() || metadata.is_symlink();
        if !can_be_sent || is_left_out(root, source, metadata.is_dir()) {
            return None;
        }
        let kind = if metadata.is_dir() {
            PathKind::Folder
        } else {
            PathKind::File
        };
        let (target, then) = target(source, kind, self.rules)?;
        (target == at).then(|| Piece {
            source: source.to_owned(),
            target,
            then,
            depth,
        })
    }
}

/// From where a target may come by a way: a file that goes into a folder by its name, or what lies there within another.
fn sources(way: &Way, target: &Path) -> [Option<PathBuf>; 2] {
    let base = way.base.as_std_path();
    let name = way.base.file_name().unwrap_or_default();
    let named = way.into && target == way.target.join(name).as_std_path();
    let inside = target.strip_prefix(&way.target).ok();
    let inside = inside.map(|inside| match inside.as_os_str().is_empty() {
        true => base.to_owned(),
        false => base.join(inside),
    });
    [named.then(|| base.to_owned()), inside]
}

fn is_left_out(root: Root, source: &Path, is_folder: bool) -> bool {
    let base = root.path.clone();
    let mut rules = Rules::new(root);
    let within = source.ancestors().skip(1);
    let mut above: Vec<&Path> = within
        .take_while(|above| above.starts_with(&base))
        .collect();
    above.reverse();
    for folder in above {
        if rules.leaves_out(folder, true) {
            return true;
        }
        rules.enter(folder);
    }
    rules.leaves_out(source, is_folder)
}
