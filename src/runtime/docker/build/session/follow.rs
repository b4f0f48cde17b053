//! Paths that a build copies may lead through symlinks; each symlink on the way, and what it leads to, is needed too.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::watch::context::Patterns;

/// The include patterns for `paths` beneath `root`: the paths, and every symlink that they lead through with its
/// target. Absolute targets start from the root, as they will in the build. `None`: the root itself is wanted.
/// Not-UTF-8 names are left out.
pub(super) fn follow(root: &Path, paths: &[String]) -> Option<Vec<String>> {
    let mut resolver = Resolver {
        root,
        found: BTreeSet::new(),
        looked_at: BTreeSet::new(),
    };
    for path in paths {
        resolver.add(&inside(path), 0);
    }
    if resolver.found.contains("") {
        return None;
    }
    // What lies in a wanted folder needs no pattern of its own.
    let mut kept: Vec<String> = Vec::new();
    for path in resolver.found {
        let covered = |above: &String| {
            path.strip_prefix(above.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        };
        if !kept.last().is_some_and(covered) {
            kept.push(path);
        }
    }
    Some(kept)
}

struct Resolver<'a> {
    root: &'a Path,
    /// Relative, `/` between parts.
    found: BTreeSet<String>,
    looked_at: BTreeSet<String>,
}

/// As many symlinks one after the other as Linux follows.
const DEEPEST: usize = 40;

impl Resolver<'_> {
    fn add(&mut self, path: &str, depth: usize) {
        if depth > DEEPEST || !self.looked_at.insert(path.to_owned()) {
            return;
        }
        let mut current = String::new();
        let mut rest = path;
        loop {
            let (part, after) = rest.split_once('/').unwrap_or((rest, ""));
            current = if current.is_empty() {
                part.to_owned()
            } else {
                format!("{current}/{part}")
            };
            let targets = self.targets(&current);
            if after.is_empty() || !targets.is_empty() {
                self.found.insert(current);
                for target in targets {
                    self.add(&inside(&format!("{target}/{after}")), depth + 1);
                }
                return;
            }
            rest = after;
        }
    }

    /// Where the symlinks lead that `path` names; its last part may have wildcards.
    fn targets(&self, path: &str) -> Vec<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.contains(['*', '?', '[']) {
            let Ok(pattern) = Patterns::new([name]) else {
                return Vec::new();
            };
            let names = std::fs::read_dir(self.root.join(folder))
                .into_iter()
                .flatten()
                .flatten();
            let mut names: Vec<OsString> = names.map(|entry| entry.file_name()).collect();
            names.sort();
            let names = names
                .iter()
                .filter(|name| pattern.matches(name.as_encoded_bytes()));
            return names
                .filter_map(|name| self.target(folder, Path::new(name)))
                .collect();
        }
        self.target(folder, Path::new(&unquote(name)))
            .into_iter()
            .collect()
    }

    fn target(&self, folder: &str, name: &Path) -> Option<String> {
        let target: PathBuf = std::fs::read_link(self.root.join(folder).join(name)).ok()?;
        let target = target.to_str()?;
        Some(if target.starts_with('/') {
            inside(target)
        } else {
            inside(&format!("{folder}/{target}"))
        })
    }
}

/// The path as seen from the root, from which `..` leads nowhere: no leading `/`, and empty for the root itself.
fn inside(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `a\*b` → `a*b`
fn unquote(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

#[cfg(test)]
mod tests;
