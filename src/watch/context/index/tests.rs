use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;

use super::Index;

struct Tree {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        Self {
            _folder: folder,
            dir,
        }
    }

    fn index(&self) -> Index {
        Index::for_context(
            &self.dir.join("state"),
            &self.dir,
            &self.dir.join("Dockerfile"),
        )
    }

    /// One look at `a`: its hash.
    fn look(&self, index: &mut Index) -> [u8; 32] {
        let path = self.dir.join("a");
        index.begin();
        let metadata = std::fs::symlink_metadata(&path).expect("there");
        let hash = index
            .hash_file(b"a", path.as_std_path(), &metadata)
            .expect("readable");
        index.end();
        hash
    }
}

/// Waits until the file system's clock has moved on from a file's times.
fn tick(path: &camino::Utf8Path) {
    use std::os::unix::fs::MetadataExt;
    let changed = |path: &camino::Utf8Path| {
        let metadata = std::fs::metadata(path).expect("there");
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let probe = path.with_extension("tick");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        std::fs::write(&probe, "").expect("a file");
        if changed(&probe) > changed(path) {
            return;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "the clock stands still"
        );
    }
}

/// A clock by which everything on disk has settled.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3)
}

#[test]
fn a_file_that_has_settled_is_read_once_even_by_another_process() {
    let tree = Tree::new();
    std::fs::write(tree.dir.join("a"), "one").expect("a file");
    let mut index = tree.index().with_clock(later);
    let first = tree.look(&mut index);
    assert_eq!(index.read_files(), 1);
    assert_eq!(tree.look(&mut index), first);
    assert_eq!(index.read_files(), 0);
    index.save().expect("writable");
    let mut again = tree.index();
    assert_eq!(tree.look(&mut again), first);
    assert_eq!(again.read_files(), 0);
}

#[test]
fn a_file_that_changed_just_now_is_read_again() {
    let tree = Tree::new();
    std::fs::write(tree.dir.join("a"), "one").expect("a file");
    let mut index = tree.index();
    tree.look(&mut index);
    tree.look(&mut index);
    assert_eq!(
        index.read_files(),
        1,
        "the same size and time could hide another content"
    );
}

#[test]
fn a_change_is_seen_whatever_the_size_and_the_times_say() {
    let tree = Tree::new();
    let path = tree.dir.join("a");
    std::fs::write(&path, "one").expect("a file");
    let before = std::fs::metadata(&path)
        .expect("there")
        .modified()
        .expect("a time");
    let mut index = tree.index().with_clock(later);
    let first = tree.look(&mut index);
    tick(&path);
    std::fs::write(&path, "two").expect("a file");
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("writable");
    file.set_modified(before).expect("set back");
    assert_ne!(tree.look(&mut index), first);
}

#[test]
fn what_is_gone_is_forgotten() {
    let tree = Tree::new();
    std::fs::write(tree.dir.join("a"), "one").expect("a file");
    let mut index = tree.index().with_clock(later);
    tree.look(&mut index);
    index.save().expect("writable");
    let with = std::fs::metadata(&index.file).expect("written").len();
    index.begin();
    index.end();
    index.save().expect("writable");
    assert!(std::fs::metadata(&index.file).expect("written").len() < with);
}

#[test]
fn a_damaged_index_is_an_empty_one() {
    let tree = Tree::new();
    std::fs::write(tree.dir.join("a"), "one").expect("a file");
    let mut index = tree.index().with_clock(later);
    tree.look(&mut index);
    index.save().expect("writable");
    let whole = std::fs::read(&index.file).expect("written");
    for (what, bytes) in [
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("empty", Vec::new()),
        (
            "another",
            b"something else entirely, and long enough to hold a sum".to_vec(),
        ),
        (
            "flipped",
            whole
                .iter()
                .enumerate()
                .map(|(at, b)| if at == 20 { b ^ 1 } else { *b })
                .collect(),
        ),
    ] {
        std::fs::write(&index.file, bytes).expect("writable");
        let mut damaged = tree.index();
        tree.look(&mut damaged);
        assert_eq!(damaged.read_files(), 1, "{what}");
    }
}

#[test]
fn nothing_new_is_not_written() {
    let tree = Tree::new();
    std::fs::write(tree.dir.join("a"), "one").expect("a file");
    let mut index = tree.index().with_clock(later);
    tree.look(&mut index);
    index.save().expect("writable");
    std::fs::remove_file(&index.file).expect("there");
    tree.look(&mut index);
    index.save().expect("nothing to do");
    assert!(!index.file.exists());
}
