//! What of a root is left out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Root;

/// Never watched: version control and the state of `dev` itself, which changes whenever something happens.
const NEVER: [&str; 5] = [".git", ".dev", ".hg", ".svn", ".jj"];

/// The ignore rules of one root. A .gitignore is read when its folder is entered, and kept until [`Rules::forget`].
pub(super) struct Rules {
    root: Root,
    /// From the top of the checkout to the folder above the root.
    above: Vec<Gitignore>,
    /// .gitignore of folders in the root, those with one.
    nested: HashMap<PathBuf, Gitignore>,
}

impl Rules {
    pub fn new(root: Root) -> Self {
        let mut rules = Self {
            root,
            above: Vec::new(),
            nested: HashMap::new(),
        };
        rules.forget();
        rules
    }

    pub fn path(&self) -> &Path {
        &self.root.path
    }

    /// Reads everything above again, and forgets what was read beneath.
    pub fn forget(&mut self) {
        self.nested.clear();
        self.above = if self.root.gitignore {
            above(&self.root.path)
        } else {
            Vec::new()
        };
        // Someone who names an ignored folder wants it.
        if self.above.iter().any(|rules| named(rules, &self.root.path)) {
            self.above.clear();
        }
    }

    /// The files outside the root whose rules count for it.
    pub fn control_files(&self) -> impl Iterator<Item = PathBuf> {
        let top = if self.root.gitignore {
            checkout(&self.root.path)
        } else {
            None
        };
        let top = top.unwrap_or_default();
        let inside = move |folder: &&Path| !top.as_os_str().is_empty() && folder.starts_with(&top);
        self.root
            .path
            .ancestors()
            .skip(1)
            .take_while(inside)
            .map(|folder| folder.join(".gitignore"))
    }

    /// Reads the .gitignore of a folder that is entered.
    pub fn enter(&mut self, folder: &Path) {
        if !self.root.gitignore {
            return;
        }
        match read(folder) {
            Some(rules) => self.nested.insert(folder.to_owned(), rules),
            None => self.nested.remove(folder),
        };
    }

    /// Whether an entry of a folder that was entered is left out; the root itself never is.
    pub fn leaves_out(&self, path: &Path, is_folder: bool) -> bool {
        if path == self.root.path {
            return false;
        }
        if path
            .file_name()
            .is_some_and(|name| is_never(name) || (!is_folder && is_scratch(name)))
        {
            return true;
        }
        self.is_git_ignored(path, is_folder)
            || self
                .root
                .exclude
                .as_ref()
                .is_some_and(|exclude| exclude(path, is_folder))
    }

    /// The rules nearest to the path decide.
    fn is_git_ignored(&self, path: &Path, is_folder: bool) -> bool {
        let within = path
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(&self.root.path));
        let nested = within.filter_map(|folder| self.nested.get(folder));
        for rules in nested.chain(self.above.iter().rev()) {
            match rules.matched(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}

/// The folder that git calls the top, if the path is in a checkout.
fn checkout(path: &Path) -> Option<PathBuf> {
    path.ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}

fn above(root: &Path) -> Vec<Gitignore> {
    let Some(top) = checkout(root) else {
        return Vec::new();
    };
    let mut rules: Vec<Gitignore> = Vec::new();
    if let Some(info) = read_file(&top, &top.join(".git/info/exclude")) {
        rules.push(info);
    }
    let folders: Vec<&Path> = root
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.starts_with(&top))
        .collect();
    rules.extend(folders.into_iter().rev().filter_map(read));
    rules
}

fn read(folder: &Path) -> Option<Gitignore> {
    read_file(folder, &folder.join(".gitignore"))
}

/// A line that means nothing counts for nothing, as with git.
fn read_file(folder: &Path, file: &Path) -> Option<Gitignore> {
    if !file.is_file() {
        return None;
    }
    let mut builder = GitignoreBuilder::new(folder);
    let _bad_lines = builder.add(file);
    builder.build().ok().filter(|rules| !rules.is_empty())
}

/// Whether the root, or a folder above it, is ignored.
fn named(rules: &Gitignore, root: &Path) -> bool {
    root.starts_with(rules.path()) && rules.matched_path_or_any_parents(root, true).is_ignore()
}

pub(super) fn is_never(name: &OsStr) -> bool {
    NEVER.iter().any(|never| name == *never)
}

/// Whether it is no folder, and has a name that editors give to what they put beside a file. It is not watched and not synced,
/// and is no reason to build or to run a job again; a build that has another reason takes it in.
pub fn is_scratch_file(path: &Path) -> bool {
    path.file_name().is_some_and(is_scratch) && !path.is_dir()
}

/// What editors put beside a file while it is edited: swap files, backups, locks, probes for a writable folder.
fn is_scratch(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let swap = name.starts_with(b".")
        && [&b".swp"[..], b".swo", b".swx"]
            .iter()
            .any(|end| name.ends_with(end));
    let backup = name.ends_with(b"~")
        || (name.starts_with(b"#") && name.ends_with(b"#"))
        || name.starts_with(b".#");
    let others = [&b"4913"[..], b".DS_Store"].contains(&name);
    swap || backup || others || name.ends_with(b"___jb_tmp___") || name.ends_with(b"___jb_old___")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn rules(root: Root, entered: &[&Path]) -> Rules {
        let mut rules = Rules::new(root);
        entered.iter().for_each(|folder| rules.enter(folder));
        rules
    }

    #[test]
    fn the_nearest_gitignore_decides() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        std::fs::create_dir(top.join(".git")).unwrap();
        write(top.join(".git/info/exclude"), "mine.txt\n");
        write(
            top.join(".gitignore"),
            "*.log\n/stack/out/\nnode_modules/\n",
        );
        write(top.join("stack/app/.gitignore"), "!keep.log\ngen\n");
        let (root, app) = (top.join("stack"), top.join("stack/app"));
        let rules = rules(Root::new(&root), &[&root, &app]);
        let out = |path: &str, is_folder| rules.leaves_out(&root.join(path), is_folder);
        assert!(out("a.log", false) && out("app/a.log", false) && out("app/gen", false));
        assert!(out("out", true) && out("node_modules", true) && out("mine.txt", false));
        assert!(!out("app/keep.log", false), "taken back by the nearer one");
        assert!(!out("node_modules", false) && !out("gen", false) && !out("app", true));
        let control: Vec<PathBuf> = rules.control_files().collect();
        assert_eq!(control, [top.join(".gitignore")]);
    }

    #[test]
    fn a_named_folder_counts_although_it_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        std::fs::create_dir(top.join(".git")).unwrap();
        write(top.join(".gitignore"), "dist\n*.map\n");
        let rules = rules(Root::new(top.join("dist/web")), &[]);
        assert!(!rules.leaves_out(&top.join("dist/web/index.html"), false));
    }

    #[test]
    fn state_scratch_files_and_what_the_caller_leaves_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path()).exclude(|path, _| path.ends_with("target"));
        let rules = rules(root, &[]);
        for name in [
            ".a.py.swp",
            "a.py~",
            "#a.py#",
            ".#a.py",
            "4913",
            "target",
            ".git",
            ".dev",
        ] {
            assert!(rules.leaves_out(&dir.path().join(name), false), "{name}");
        }
        for name in ["a.py", ".env", ".gitignore", "swp", "49131"] {
            assert!(!rules.leaves_out(&dir.path().join(name), false), "{name}");
        }
        assert!(!rules.leaves_out(dir.path(), true));
    }
}
