//! A case: files and what is around them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

#[derive(Debug, Clone)]
pub struct Case {
    /// From `cases/`.
    pub name: String,
    /// Files by their path.
    pub files: Vec<(String, String)>,
    pub environment: Vec<(String, String)>,
    /// For both tools.
    pub arguments: Vec<String>,
    /// The file that is standard input of both.
    pub stdin: Option<String>,
    pub differs: Option<String>,
    /// Why its canonical form cannot be read to the same again.
    pub once: Option<String>,
}

/// Every case of a folder of `cases/`, in order.
pub fn all(folder: &str) -> Vec<Case> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/compose/cases");
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    paths.iter().map(|path| read(&root, path)).collect()
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs_err::read_dir(dir).expect("a folder of cases") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Case {
    let text = fs_err::read_to_string(path).expect("a case");
    let name = path.strip_prefix(root).expect("below the cases");
    let said = |key: &str| {
        let start = format!("# {key}: ");
        let lines = text.lines().take_while(|line| line.starts_with('#'));
        let found = lines.filter_map(|line| line.strip_prefix(&start));
        found.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let environment = said("env").into_iter().map(|line| {
        let (name, value) = line.split_once('=').expect("# env: NAME=value");
        (name.to_owned(), value.to_owned())
    });
    let arguments = said("arguments");
    let arguments = arguments.iter().flat_map(|line| line.split_whitespace());
    Case {
        name: name.display().to_string(),
        environment: environment.collect(),
        arguments: arguments.map(ToOwned::to_owned).collect(),
        stdin: said("stdin").into_iter().next(),
        differs: said("differs").into_iter().next(),
        once: said("once").into_iter().next(),
        files: files(&text),
    }
}

fn files(text: &str) -> Vec<(String, String)> {
    let mut files = vec![("compose.yaml".to_owned(), String::new())];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("#### ") {
            Some(path) => files.push((path.trim().to_owned(), String::new())),
            None => files.last_mut().expect("the first file").1.push_str(line),
        }
    }
    files
}

impl Case {
    /// A folder of its own with the files in it, under a name that is the same each time.
    pub fn unpack(&self) -> Unpacked {
        let temporary = tempfile::tempdir().expect("a folder");
        let dir = temporary.path().join("project");
        fs_err::create_dir(&dir).expect("a folder");
        for (path, text) in &self.files {
            let path = dir.join(path);
            fs_err::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs_err::write(&path, text).expect("a file");
        }
        Unpacked {
            dir,
            _temporary: temporary,
        }
    }
}

pub struct Unpacked {
    dir: PathBuf,
    _temporary: TempDir,
}

impl std::ops::Deref for Unpacked {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.dir
    }
}
