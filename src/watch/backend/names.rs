//! Under which names the system watches which folders. A watch belongs to a folder, and stays with it when it gets another
//! name; but notify ends watches by name, when it reads that the name has gone. Whatever was watched under that name may have
//! been watched under its new one by then, and is not any more.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What a folder is, whatever its name: device and inode.
pub(super) type Id = (u64, u64);

#[derive(Debug, Default)]
pub(super) struct Names {
    /// The folder that was watched last under a name.
    by_name: HashMap<PathBuf, Id>,
    /// The name under which a folder was watched last.
    by_id: HashMap<Id, PathBuf>,
}

impl Names {
    /// A folder is watched under this name. Returns the later name of one that was so before: its watch may have ended.
    pub fn insert(&mut self, name: &Path, id: Id) -> Option<PathBuf> {
        let before = self.by_name.insert(name.to_owned(), id);
        self.by_id.insert(id, name.to_owned());
        self.later_name(name, before.filter(|before| *before != id)?)
    }

    /// The name under which a folder was watched last.
    pub fn name_of(&self, id: Id) -> Option<&Path> {
        self.by_id.get(&id).map(PathBuf::as_path)
    }

    /// A name has gone, and with it the watch of what had it. Returns its later name.
    pub fn remove(&mut self, name: &Path) -> Option<PathBuf> {
        let id = self.by_name.remove(name)?;
        self.later_name(name, id)
    }

    fn later_name(&mut self, name: &Path, id: Id) -> Option<PathBuf> {
        let last = self.by_id.get(&id)?;
        if last != name {
            return Some(last.clone());
        }
        self.by_id.remove(&id);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Id = (1, 1);
    const OTHER: Id = (1, 2);

    #[test]
    fn a_name_that_goes_has_the_watch_of_what_has_another_name_by_then() {
        let (old, new) = (Path::new("/old"), Path::new("/new"));
        let mut names = Names::default();
        assert_eq!(names.insert(old, ONE), None);
        assert_eq!(names.insert(new, ONE), None);
        assert_eq!(names.remove(old).as_deref(), Some(new));
        assert_eq!(names.remove(old), None);
        assert_eq!(names.remove(new), None);
        assert!(names.by_name.is_empty() && names.by_id.is_empty());
    }

    #[test]
    fn one_that_takes_the_name_of_another_does_so_too() {
        let (old, new) = (Path::new("/old"), Path::new("/new"));
        let mut names = Names::default();
        names.insert(old, ONE);
        names.insert(new, ONE);
        assert_eq!(names.insert(old, OTHER).as_deref(), Some(new));
        assert_eq!(names.remove(old), None);
        assert_eq!(names.insert(new, ONE), None);
        assert_eq!(names.insert(new, OTHER), None, "what had it is gone");
        assert_eq!(names.by_id.len(), 1);
    }
}
