use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use camino::Utf8PathBuf;
use http_body_util::BodyExt;

use super::Context;

struct Folder {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        for (name, content) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, content).expect("a file");
        }
        Self {
            _folder: folder,
            dir,
        }
    }

    /// The Dockerfile's name in the stream, and what is in the stream.
    async fn sent(&self, dockerfile: &str) -> (String, BTreeMap<Vec<u8>, String>) {
        let context =
            Context::new(&self.dir.join("app"), &self.dir.join(dockerfile)).expect("valid rules");
        let name = context.layout.dockerfile.clone();
        let bytes = context
            .into_body()
            .collect()
            .await
            .expect("readable")
            .to_bytes();
        let mut archive = tar::Archive::new(bytes.as_ref());
        let entries = archive.entries().expect("an archive").map(|entry| {
            let mut entry = entry.expect("an entry");
            let mut content = String::new();
            entry.read_to_string(&mut content).expect("text");
            (entry.path_bytes().into_owned(), content)
        });
        (name, entries.collect())
    }
}

fn names(entries: &BTreeMap<Vec<u8>, String>) -> Vec<&str> {
    entries
        .keys()
        .map(|name| std::str::from_utf8(name).expect("UTF-8"))
        .collect()
}

#[tokio::test]
async fn the_context_goes_without_what_is_ignored() {
    let folder = Folder::new(&[
        ("app/Dockerfile", "FROM a"),
        ("app/.dockerignore", "no\n"),
        ("app/no/x", "x"),
        ("app/yes/y", "y"),
    ]);
    let (name, entries) = folder.sent("app/Dockerfile").await;
    assert_eq!(name, "Dockerfile");
    assert_eq!(
        names(&entries),
        [".dockerignore", "Dockerfile", "yes", "yes/y"]
    );
}

#[tokio::test]
async fn an_ignored_dockerfile_comes_beside_and_is_taken_out_again() {
    let folder = Folder::new(&[
        ("app/Dockerfile", "FROM a"),
        ("app/.dockerignore", "Dockerfile\n*.md"),
        ("app/x", "x"),
    ]);
    let (name, entries) = folder.sent("app/Dockerfile").await;
    assert!(name.starts_with(".dockerfile."), "{name}");
    assert_eq!(names(&entries), [name.as_str(), ".dockerignore", "x"]);
    assert_eq!(entries[name.as_bytes()], "FROM a");
    assert_eq!(
        entries[b".dockerignore".as_slice()],
        format!("Dockerfile\n*.md\n{name}\n")
    );
}

#[tokio::test]
async fn a_dockerfile_outside_brings_an_ignore_file_that_takes_itself_out() {
    let folder = Folder::new(&[("docker/Dockerfile", "FROM a"), ("app/x", "x")]);
    let (name, entries) = folder.sent("docker/Dockerfile").await;
    assert_eq!(
        entries[b".dockerignore".as_slice()],
        format!(".dockerignore\n{name}\n")
    );
}

#[tokio::test]
async fn any_name_goes_through() {
    let long = "long".repeat(60);
    let folder = Folder::new(&[
        ("app/Dockerfile", "FROM a"),
        (&format!("app/{long}/{long}"), "long"),
    ]);
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
    std::fs::write(folder.dir.join("app").as_std_path().join(odd), "odd").expect("a file");
    let (_, entries) = folder.sent("app/Dockerfile").await;
    assert_eq!(entries[b"caf\xe9".as_slice()], "odd");
    assert_eq!(entries[format!("{long}/{long}").as_bytes()], "long");
}

#[tokio::test]
async fn a_large_context_is_not_held_in_memory() {
    let folder = Folder::new(&[("app/Dockerfile", "FROM a")]);
    let big = std::fs::File::create(folder.dir.join("app/big")).expect("a file");
    big.set_len(64 << 20).expect("sparse");
    let context = Context::new(&folder.dir.join("app"), &folder.dir.join("app/Dockerfile"))
        .expect("valid rules");
    let mut body = context.into_body();
    let mut total = 0;
    while let Some(frame) = body.frame().await {
        let length = frame.expect("readable").into_data().expect("data").len();
        assert!(length <= 128 << 10, "{length}");
        total += length;
    }
    assert!(total > 64 << 20);
}
