use std::path::Path;

use super::{Filter, Kind, walk};
use crate::watch::context::Patterns;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a folder"));
        for file in files {
            let path = tree.root().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "x").expect("a file");
        }
        tree
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    /// The names, folders with a `/`, and how many folders were read.
    fn walk(&self, include: Option<&[&str]>, exclude: &[&str]) -> (Vec<String>, u64) {
        let filter = Filter {
            include: include.map(|i| Patterns::new(i).expect("valid")),
            exclude: Patterns::new(exclude).expect("valid"),
        };
        let mut names = Vec::new();
        let walked = walk(self.root(), &filter, &mut |entry| {
            let mark = if entry.kind == Kind::Folder { "/" } else { "" };
            names.push(format!("{}{mark}", String::from_utf8_lossy(entry.name)));
            Ok(())
        });
        (names, walked.expect("readable").folders)
    }
}

#[test]
fn folders_come_before_what_is_in_them_and_names_by_their_bytes() {
    let tree = Tree::new(&["b", "a/z", "a-b", "a/B", "a.txt"]);
    assert_eq!(
        tree.walk(None, &[]).0,
        ["a/", "a/B", "a/z", "a-b", "a.txt", "b"]
    );
}

#[test]
fn an_ignored_folder_is_not_even_read() {
    let tree = Tree::new(&[
        "src/main.rs",
        "target/debug/x",
        "target/release/y",
        "web/node_modules/z/z.js",
    ]);
    let (names, folders) = tree.walk(None, &["target", "**/node_modules"]);
    assert_eq!(names, ["src/", "src/main.rs", "web/"]);
    assert_eq!(folders, 3, "the root, src and web");
}

#[test]
fn a_negation_leads_into_an_ignored_folder_and_only_there() {
    let tree = Tree::new(&["a/keep/me", "a/keep/not/x", "a/other/y", "b/z"]);
    let (names, folders) = tree.walk(None, &["a", "b", "!a/keep", "a/keep/not"]);
    assert_eq!(
        names,
        ["a/", "a/keep/", "a/keep/me"],
        "a itself is there because of what is in it"
    );
    assert_eq!(folders, 3, "the root, a and a/keep");
}

#[test]
fn a_folder_from_which_nothing_comes_back_is_not_there() {
    let tree = Tree::new(&["a/other/y"]);
    assert!(tree.walk(None, &["a", "!a/keep"]).0.is_empty());
}

#[test]
fn what_is_included_decides_where_to_look() {
    let tree = Tree::new(&[
        "alembic/versions/1.py",
        "alembic/env.py",
        "app/main.py",
        "alembic.ini",
    ]);
    let (names, folders) = tree.walk(Some(&["alembic/versions/**", "alembic.ini"]), &[]);
    assert_eq!(
        names,
        [
            "alembic/",
            "alembic/versions/",
            "alembic/versions/1.py",
            "alembic.ini"
        ]
    );
    assert_eq!(folders, 3);
}

#[test]
fn the_state_folder_is_never_there() {
    let tree = Tree::new(&[
        ".dev/secrets.json",
        "sub/.dev/x",
        "sub/y",
        ".devcontainer/z",
    ]);
    assert_eq!(
        tree.walk(None, &["!.dev"]).0,
        [".devcontainer/", ".devcontainer/z", "sub/", "sub/y"]
    );
}

#[test]
fn sockets_are_left_out_and_links_are_not_followed() {
    let tree = Tree::new(&["a/x"]);
    let _socket = std::os::unix::net::UnixListener::bind(tree.root().join("s")).expect("a socket");
    std::os::unix::fs::symlink("a", tree.root().join("link")).expect("a link");
    assert_eq!(tree.walk(None, &[]).0, ["a/", "a/x", "link"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let tree = Tree::new(&[]);
    let missing = tree.root().join("none");
    let error = walk(&missing, &Filter::default(), &mut |_| Ok(())).expect_err("missing");
    assert!(error.to_string().contains("none"), "{error}");
}
