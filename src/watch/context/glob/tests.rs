use camino::Utf8PathBuf;

use super::hash_globs;
use crate::watch::context::Index;

struct Inputs {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Inputs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let inputs = Self {
            _folder: folder,
            dir: root.join("app"),
        };
        inputs.write("alembic/versions/1.py", "one");
        inputs.write("alembic/env.py", "env");
        inputs.write("main.py", "main");
        inputs.write("../shared/x.sql", "x");
        inputs
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(&self.dir).expect("a folder");
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    fn hash(&self, patterns: &[&str]) -> String {
        let mut index = Index::for_globs(&self.dir.join(".dev"), &self.dir, patterns);
        let hash = hash_globs(&self.dir, patterns, &mut index).expect("readable");
        index.save().expect("writable");
        hash
    }
}

#[test]
fn only_what_is_named_counts() {
    let inputs = Inputs::new();
    for patterns in [
        ["alembic/**"],
        ["alembic"],
        ["alembic/**/*.py"],
        ["./alembic/"],
    ] {
        let before = inputs.hash(&patterns);
        inputs.write("main.py", "another");
        inputs.write("alembic/notes.txt.swp", "");
        std::fs::remove_file(inputs.dir.join("alembic/notes.txt.swp")).expect("gone");
        assert_eq!(inputs.hash(&patterns), before, "{patterns:?}");
        inputs.write("alembic/versions/2.py", "two");
        assert_ne!(inputs.hash(&patterns), before, "{patterns:?}");
        std::fs::remove_file(inputs.dir.join("alembic/versions/2.py")).expect("gone");
        assert_eq!(inputs.hash(&patterns), before, "{patterns:?}");
    }
}

#[test]
fn a_missing_file_counts_as_missing() {
    let inputs = Inputs::new();
    let missing = inputs.hash(&["alembic.ini"]);
    assert_ne!(missing, inputs.hash(&["other.ini"]));
    inputs.write("alembic.ini", "");
    assert_ne!(inputs.hash(&["alembic.ini"]), missing);
}

#[test]
fn a_negation_takes_back() {
    let inputs = Inputs::new();
    let patterns = ["alembic", "!**/__pycache__"];
    let before = inputs.hash(&patterns);
    inputs.write("alembic/__pycache__/env.pyc", "compiled");
    assert_eq!(inputs.hash(&patterns), before);
}

#[test]
fn a_pattern_may_lead_out_of_the_folder() {
    let inputs = Inputs::new();
    let patterns = ["../shared/*.sql", "alembic"];
    let before = inputs.hash(&patterns);
    inputs.write("../shared/x.sql", "y");
    assert_ne!(inputs.hash(&patterns), before);
}

#[test]
fn the_whole_folder_does_not_hold_the_index_itself() {
    let inputs = Inputs::new();
    assert_eq!(inputs.hash(&["."]), inputs.hash(&["."]));
    let before = inputs.hash(&["."]);
    inputs.write("main.py", "another");
    assert_ne!(inputs.hash(&["."]), before);
}

#[test]
fn a_link_counts_with_what_it_leads_to() {
    let inputs = Inputs::new();
    std::os::unix::fs::symlink("../shared/x.sql", inputs.dir.join("link.sql")).expect("a link");
    let before = inputs.hash(&["link.sql"]);
    inputs.write("../shared/x.sql", "y");
    assert_ne!(inputs.hash(&["link.sql"]), before);
}

#[test]
fn what_editors_put_beside_a_file_counts_only_where_it_is_named() {
    let inputs = Inputs::new();
    let (all, named) = (["alembic"], ["alembic/old~"]);
    let before = (inputs.hash(&all), inputs.hash(&named));
    inputs.write("alembic/.env.py.swp", "x");
    inputs.write("alembic/old~", "x");
    assert_eq!(inputs.hash(&all), before.0);
    let there = inputs.hash(&named);
    assert_ne!(there, before.1);
    inputs.write("alembic/old~", "another");
    assert_ne!(inputs.hash(&named), there);
    inputs.write("alembic/more~/2.py", "a folder may have any name");
    assert_ne!(inputs.hash(&all), before.0);
}
