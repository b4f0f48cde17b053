use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::Stamp;
use crate::plan::react::PathKind;

/// What is known of each path. There may be very many, for as long as they are watched: so each folder's path is held once, and
/// an entry is no more than its name and a number.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// By folder; what is in it by name.
    folders: BTreeMap<PathBuf, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    name: Box<OsStr>,
    stamp: Packed,
}

/// A stamp whose last bit says what it is of.
#[derive(Debug, Clone, Copy)]
struct Packed(u64);

impl Packed {
    fn of(stamp: Stamp) -> Self {
        Self(stamp.print & !1 | u64::from(stamp.kind == PathKind::Folder))
    }

    fn stamp(self) -> Stamp {
        Stamp {
            kind: if self.0 & 1 == 1 {
                PathKind::Folder
            } else {
                PathKind::File
            },
            print: self.0 & !1,
        }
    }
}

impl Entries {
    pub fn get(&self, path: &Path) -> Option<Stamp> {
        let (folder, name) = split(path);
        let entries = self.folders.get(folder)?;
        let at = find(entries, name).ok()?;
        Some(entries[at].stamp.stamp())
    }

    pub fn insert(&mut self, path: &Path, stamp: Stamp) {
        let (folder, name) = split(path);
        let stamp = Packed::of(stamp);
        let entries = match self.folders.get_mut(folder) {
            Some(entries) => entries,
            None => self.folders.entry(folder.to_owned()).or_default(),
        };
        match find(entries, name) {
            Ok(at) => entries[at].stamp = stamp,
            Err(at) => entries.insert(
                at,
                Entry {
                    name: name.into(),
                    stamp,
                },
            ),
        }
    }

    pub fn remove(&mut self, path: &Path) -> Option<Stamp> {
        let (folder, name) = split(path);
        let entries = self.folders.get_mut(folder)?;
        let removed = entries.remove(find(entries, name).ok()?);
        if entries.is_empty() {
            self.folders.remove(folder);
        }
        Some(removed.stamp.stamp())
    }

    /// Takes out everything in a folder, and in those in it.
    pub fn remove_beneath(&mut self, folder: &Path) -> Vec<(PathBuf, Stamp)> {
        let within: Vec<PathBuf> = self.within(folder).map(|(path, _)| path.clone()).collect();
        let mut removed = Vec::new();
        for folder in within {
            let entries = self.folders.remove(&folder).unwrap_or_default();
            let of = |entry: Entry| (folder.join(&*entry.name), entry.stamp.stamp());
            removed.extend(entries.into_iter().map(of));
        }
        removed
    }

    /// The names in a folder.
    pub fn names(&self, folder: &Path) -> impl Iterator<Item = &OsStr> {
        let entries = self.folders.get(folder).into_iter().flatten();
        entries.map(|entry| &*entry.name)
    }

    /// All that are folders.
    pub fn all_folders(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().flat_map(|(folder, entries)| {
            let folders = entries
                .iter()
                .filter(|entry| entry.stamp.stamp().kind == PathKind::Folder);
            folders.map(|entry| folder.join(&*entry.name))
        })
    }

    /// A folder and those in it, as far as something is known of what is in them.
    fn within<'a>(
        &'a self,
        folder: &'a Path,
    ) -> impl Iterator<Item = (&'a PathBuf, &'a Vec<Entry>)> {
        let from = self.folders.range::<Path, _>((
            std::ops::Bound::Included(folder),
            std::ops::Bound::Unbounded,
        ));
        from.take_while(move |(path, _)| path.starts_with(folder))
    }
}

fn find(entries: &[Entry], name: &OsStr) -> Result<usize, usize> {
    entries.binary_search_by(|entry| (*entry.name).cmp(name))
}

/// The folder that a path is in, and its name there. `/` is in no folder.
fn split(path: &Path) -> (&Path, &OsStr) {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => (folder, name),
        _ => (Path::new(""), path.as_os_str()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn path() -> impl Strategy<Value = PathBuf> {
        let names = prop::collection::vec(prop::sample::select(vec!["a", "b", "a.b", "ab"]), 0..4);
        names.prop_map(|names| Path::new("/").join(names.iter().collect::<PathBuf>()))
    }

    fn stamp(print: u64) -> Stamp {
        Packed(print).stamp()
    }

    proptest! {
        #[test]
        fn it_knows_what_a_map_of_paths_knows(steps in prop::collection::vec((path(), 0..8u64, 0..4u8), 1..60)) {
            let (mut entries, mut map) = (Entries::default(), BTreeMap::<PathBuf, Stamp>::new());
            for (path, print, what) in steps {
                match what {
                    0 => prop_assert_eq!(entries.remove(&path), map.remove(&path)),
                    1 => {
                        let beneath = |of: &Path| of.starts_with(&path) && of != path;
                        let mut gone = entries.remove_beneath(&path);
                        gone.sort_by(|a, b| a.0.cmp(&b.0));
                        let expected = map.iter().filter(|(of, _)| beneath(of));
                        let expected: Vec<_> = expected.map(|(of, stamp)| (of.clone(), *stamp)).collect();
                        prop_assert_eq!(gone, expected);
                        map.retain(|of, _| !beneath(of));
                    }
                    _ => {
                        entries.insert(&path, stamp(print));
                        map.insert(path.clone(), stamp(print));
                    }
                }
                prop_assert_eq!(entries.get(&path), map.get(&path).copied());
                let names: Vec<_> = entries.names(&path).collect();
                let children = map.keys().filter(|of| of.parent() == Some(&path));
                prop_assert_eq!(names, children.filter_map(|of| of.file_name()).collect::<Vec<_>>());
                let folders: std::collections::BTreeSet<_> = entries.all_folders().collect();
                let is_folder = map.iter().filter(|(_, stamp)| stamp.kind == PathKind::Folder);
                prop_assert_eq!(folders, is_folder.map(|(of, _)| of.clone()).collect());
            }
        }
    }
}
