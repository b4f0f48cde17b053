//! The lock that git holds as long as it rewrites a checkout. Nothing tells of it: who wants to know looks.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long git has held the lock of a checkout that one of these paths lies in, if it does; of several, the shortest time.
pub(super) fn lock_held(paths: &mut dyn Iterator<Item = &Path>) -> Option<Duration> {
    // A checkout may lie in another one.
    let mut seen: HashSet<&Path> = HashSet::new();
    let mut folder = None;
    let mut locks = Vec::new();
    for path in paths {
        if path.parent() == folder {
            continue;
        }
        folder = path.parent();
        let new = path
            .ancestors()
            .skip(1)
            .take_while(|above| seen.insert(above));
        locks.extend(new.filter_map(lock));
    }
    locks.into_iter().min()
}

/// The age of the lock of a folder that is a checkout's top. Source: `gitrepository-layout(5)`.
fn lock(top: &Path) -> Option<Duration> {
    let git = top.join(".git");
    let kind = std::fs::metadata(&git).ok()?;
    let folder = if kind.is_dir() {
        git
    } else {
        named(top, &git)?
    };
    let lock = std::fs::metadata(folder.join("index.lock")).ok()?;
    // It is written to at its end, which makes it look younger, and no other than it is.
    let age = SystemTime::now().duration_since(lock.modified().ok()?);
    Some(age.unwrap_or_default())
}

/// The folder that a `.git` names which is a file: that of a worktree or of a submodule.
fn named(top: &Path, git: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(git).ok()?;
    let path = text.strip_prefix("gitdir:")?.trim();
    Some(top.join(path))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn is_locked(paths: &[PathBuf]) -> bool {
        lock_held(&mut paths.iter().map(PathBuf::as_path)).is_some()
    }

    #[test]
    fn a_lock_is_that_of_the_checkout_around_whatever_form_its_git_has() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        let (main, tree, module) = (
            top.join("main"),
            top.join("tree"),
            top.join("main/lib/part"),
        );
        let elsewhere = top.join("main/.git/worktrees/tree");
        write(
            &tree.join(".git"),
            &format!("gitdir: {}\n", elsewhere.display()),
        );
        write(&module.join(".git"), "gitdir: ../../.git/modules/part\n");
        for (checkout, folder) in [
            (&main, main.join(".git")),
            (&tree, elsewhere),
            (&module, main.join(".git/modules/part")),
        ] {
            // Of a file that is gone with its folder, too.
            let paths = [
                top.join("other"),
                checkout.join("sub/gone/a"),
                checkout.join("sub/gone/b"),
            ];
            assert!(!is_locked(&paths), "{checkout:?}");
            write(&folder.join("index.lock"), "");
            assert!(is_locked(&paths), "{checkout:?}");
            assert!(!is_locked(&[top.join("other")]));
            fs::remove_file(folder.join("index.lock")).unwrap();
            assert!(!is_locked(&paths), "{checkout:?}");
        }
    }

    #[test]
    fn a_lock_is_as_old_as_it_looks_and_of_two_the_younger_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (outer, inner) = (
            dir.path().join(".git/index.lock"),
            dir.path().join("in/.git/index.lock"),
        );
        let paths = [dir.path().join("a"), dir.path().join("in/b")];
        let age = |lock: &Path, seconds| {
            write(lock, "");
            let past = SystemTime::now() - Duration::from_secs(seconds);
            fs::File::open(lock).unwrap().set_modified(past).unwrap();
            lock_held(&mut paths.iter().map(PathBuf::as_path))
                .unwrap()
                .as_secs()
        };
        assert!((1000..2000).contains(&age(&outer, 1000)));
        assert!((100..200).contains(&age(&inner, 100)));
        let other = SystemTime::now() + Duration::from_secs(1000);
        fs::File::open(&inner).unwrap().set_modified(other).unwrap();
        let held = lock_held(&mut paths.iter().map(PathBuf::as_path));
        assert_eq!(held, Some(Duration::ZERO), "another clock");
    }
}
