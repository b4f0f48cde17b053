//! Trees of files, here and in a container, to compare.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// What a tree holds, by path: kind, mode, and content or where a link leads.
pub type Tree = BTreeMap<Vec<u8>, String>;

fn described(kind: &str, mode: u32, content: &[u8]) -> String {
    let content = match content.len() {
        0..200 => String::from_utf8_lossy(content).into_owned(),
        long => format!("{long} bytes, {}", blake3::hash(content)),
    };
    format!("{kind} {:o} {content}", mode & 0o7777)
}

/// Of a folder of the checkout.
pub fn here(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut todo = vec![root.to_owned()];
    while let Some(folder) = todo.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let found = fs::symlink_metadata(&path).unwrap();
            let mode = found.permissions().mode();
            let what = if found.is_dir() {
                todo.push(path.clone());
                described("folder", mode, b"")
            } else if found.is_symlink() {
                let leads = fs::read_link(&path).unwrap().into_os_string().into_vec();
                described("link", 0, &leads)
            } else {
                described("file", mode, &fs::read(&path).unwrap())
            };
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
            tree.insert(name.to_vec(), what);
        }
    }
    tree
}

/// Of a folder in a container, by the engine's own archive: no program is needed there.
pub fn there(container: &str, path: &str) -> Result<Tree, String> {
    let from = format!("{container}:{path}/.");
    let copied = Command::new("docker")
        .args(["cp", &from, "-"])
        .output()
        .unwrap();
    if !copied.status.success() {
        return Err(String::from_utf8_lossy(&copied.stderr).into_owned());
    }
    let mut tree = Tree::new();
    let mut archive = tar::Archive::new(&copied.stdout[..]);
    for entry in archive.entries().unwrap() {
        // It changes while it is read.
        let mut entry = entry.map_err(|error| error.to_string())?;
        let name = entry.path_bytes().into_owned();
        let name = name.strip_prefix(b"./").unwrap_or(&name);
        let name = name.strip_suffix(b"/").unwrap_or(name).to_vec();
        if name.is_empty() || name == b"." {
            continue;
        }
        let mode = entry.header().mode().unwrap();
        let what = match entry.header().entry_type() {
            tar::EntryType::Directory => described("folder", mode, b""),
            tar::EntryType::Symlink => described("link", 0, &entry.link_name_bytes().unwrap()),
            _ => {
                let mut content = Vec::new();
                entry
                    .read_to_end(&mut content)
                    .map_err(|error| error.to_string())?;
                described("file", mode, &content)
            }
        };
        tree.insert(name, what);
    }
    Ok(tree)
}

/// The first differences, in words.
pub fn difference(here: &Tree, there: &Tree) -> String {
    let mut paths: Vec<_> = here.keys().chain(there.keys()).collect();
    paths.sort();
    paths.dedup();
    let differs = paths
        .into_iter()
        .filter(|path| here.get(*path) != there.get(*path));
    let lines = differs.take(5).map(|path| {
        let name = String::from_utf8_lossy(path);
        format!(
            "{name:?}: here {:?}, there {:?}",
            here.get(path),
            there.get(path)
        )
    });
    lines.collect::<Vec<_>>().join("; ")
}
