use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use camino::Utf8PathBuf;

use super::{ContextHash, hash_context};
use crate::watch::context::Index;

struct Context {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Context {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let context = Self {
            _folder: folder,
            dir,
        };
        context.write("Dockerfile", "FROM scratch");
        context.write("src/main.py", "print(1)");
        context.write("README.md", "read me");
        context
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    fn hash(&self) -> ContextHash {
        let dockerfile = self.dir.join("Dockerfile");
        let mut index = Index::for_context(&self.dir.join(".dev"), &self.dir, &dockerfile);
        let hash = hash_context(&self.dir, &dockerfile, &mut index).expect("readable");
        index.save().expect("writable");
        hash
    }

    /// Whether the hash is another one after `change`.
    fn changes(&self, change: impl FnOnce(&Self)) -> bool {
        let before = self.hash();
        change(self);
        before.hash != self.hash().hash
    }
}

#[test]
fn files_and_bytes_are_counted() {
    let hash = Context::new().hash();
    assert_eq!((hash.files, hash.bytes), (3, 27));
    assert_eq!(hash.hash.len(), 64);
}

#[test]
fn equal_trees_have_equal_hashes() {
    assert_eq!(Context::new().hash(), Context::new().hash());
}

#[test]
fn everything_that_a_build_sees_counts() {
    let context = Context::new();
    assert!(
        context.changes(|c| c.write("src/main.py", "print(2)")),
        "content"
    );
    assert!(context.changes(|c| c.write("src/new.py", "")), "a new file");
    assert!(
        context.changes(
            |c| std::fs::rename(c.dir.join("src/new.py"), c.dir.join("src/old.py")).expect("moved")
        ),
        "a name"
    );
    assert!(
        context.changes(|c| std::fs::create_dir(c.dir.join("empty")).expect("made")),
        "an empty folder"
    );
    assert!(
        context.changes(|c| symlink("README.md", c.dir.join("link")).expect("linked")),
        "a link"
    );
    assert!(
        context.changes(|c| {
            std::fs::remove_file(c.dir.join("link")).expect("gone");
            symlink("src", c.dir.join("link")).expect("linked");
        }),
        "where a link leads"
    );
    assert!(
        context.changes(|c| {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(c.dir.join("src/main.py"), mode).expect("set");
        }),
        "the permission to execute"
    );
    assert!(
        context.changes(|c| c.write("Dockerfile", "FROM other")),
        "the Dockerfile"
    );
    assert!(
        context.changes(|c| std::fs::remove_file(c.dir.join("README.md")).expect("gone")),
        "a file less"
    );
}

#[test]
fn times_do_not_count() {
    let context = Context::new();
    assert!(!context.changes(|c| {
        let file = std::fs::File::options()
            .write(true)
            .open(c.dir.join("src/main.py"))
            .expect("writable");
        file.set_modified(SystemTime::now() - Duration::from_secs(1_000))
            .expect("set");
    }));
}

#[test]
fn what_is_ignored_does_not_count_but_the_dockerfile_does() {
    let context = Context::new();
    context.write(".dockerignore", "*.log\nDockerfile\n.dockerignore\n");
    assert!(!context.changes(|c| c.write("x.log", "noise")));
    assert!(!context.changes(|c| c.write(".dev/logs/api", "noise")));
    assert!(context.changes(|c| c.write("Dockerfile", "FROM other")));
    assert!(
        context.changes(|c| c.write(".dockerignore", "Dockerfile\n.dockerignore\n")),
        "x.log is back"
    );
}

#[test]
fn a_name_that_is_not_utf8_counts() {
    let context = Context::new();
    let name = |byte: u8| {
        context
            .dir
            .as_std_path()
            .join(std::ffi::OsStr::from_bytes(&[b'f', byte]))
    };
    assert!(context.changes(|_| std::fs::write(name(0xe9), "x").expect("a file")));
    assert!(context.changes(|_| std::fs::rename(name(0xe9), name(0xe8)).expect("moved")));
}

#[test]
fn a_missing_dockerfile_is_named() {
    let context = Context::new();
    let dockerfile = context.dir.join("none.Dockerfile");
    let mut index = Index::for_context(&context.dir.join(".dev"), &context.dir, &dockerfile);
    let error = hash_context(&context.dir, &dockerfile, &mut index).expect_err("missing");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("none.Dockerfile"), "{error}");
}
