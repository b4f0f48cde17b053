//! What is installed on the host.

use std::process::Stdio;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::volumes::owner;
use crate::stack::presets::Host;

/// Whom servers run as where nobody else is known.
const NOBODY: (u32, u32) = (65534, 65534);

/// For a program to say its version.
const SAYS_SO: Duration = Duration::from_secs(2);

/// The programs of this machine.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The `PATH` of `dev`.
    pub path: String,
    /// The stack's folder.
    pub dir: Utf8PathBuf,
}

impl Host for Installed {
    fn path(
        &self,
        programs: &[String],
        folders: &[String],
        version: Option<&str>,
    ) -> Option<String> {
        let mut more: Vec<Utf8PathBuf> =
            folders.iter().flat_map(|folder| matching(folder)).collect();
        let major = version.and_then(|version| version.split(['.', '-']).next());
        let is_wanted = |folder: &Utf8PathBuf| {
            major.is_some_and(|major| folder.components().any(|part| part.as_str() == major))
        };
        more.sort_by_key(|folder| std::cmp::Reverse((is_wanted(folder), number_in(folder))));
        let paths = more
            .into_iter()
            .map(|folder| format!("{folder}:{}", self.path))
            .chain([self.path.clone()]);
        let has_all = |path: &String| {
            let is_there = |name: &str| which::which_in(name, Some(path), "/").is_ok();
            programs.iter().all(|names| names.split('|').any(is_there))
        };
        let mut paths = paths;
        paths.find(has_all)
    }

    fn servant(&self) -> Option<(u32, u32)> {
        servant(&self.dir)
    }
}

/// The version that the first program there is says of itself; `names` has `|` between. What does not say it soon says nothing.
pub async fn version(names: &str, path: &str) -> Option<String> {
    let mut found = names
        .split('|')
        .filter_map(|name| which::which_in(name, Some(path), "/").ok());
    let mut command = tokio::process::Command::new(found.next()?);
    command
        .arg("--version")
        .env("PATH", path)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let said = tokio::time::timeout(SAYS_SO, command.output())
        .await
        .ok()?
        .ok()?;
    number(&String::from_utf8_lossy(&said.stdout))
}

/// `15.8` of `postgres (PostgreSQL) 15.8 (Debian 15.8-0)`, and of `Redis server v=15.8 sha=0`.
fn number(said: &str) -> Option<String> {
    let mut words = said
        .split_whitespace()
        .map(|word| word.trim_start_matches(['v', '=']));
    let word = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    Some(word[..end].to_owned())
}

/// As root: the owner of the stack's folder, else nobody.
pub(super) fn servant(dir: &Utf8Path) -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    Some(owner(dir).filter(|(user, _)| *user != 0).unwrap_or(NOBODY))
}

/// The folders of this name, in which one part may be `*`.
fn matching(pattern: &str) -> Vec<Utf8PathBuf> {
    let Some((before, after)) = pattern.split_once("/*/") else {
        return vec![Utf8PathBuf::from(pattern)];
    };
    let Ok(entries) = fs::read_dir(before) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .map(|name| Utf8PathBuf::from(before).join(name).join(after))
        .collect()
}

/// The first part of a path that is a number.
fn number_in(folder: &Utf8Path) -> u32 {
    let mut numbers = folder
        .components()
        .filter_map(|part| part.as_str().parse().ok());
    numbers.next().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn servers_say_their_versions_in_several_ways() {
        for (said, version) in [
            (
                "postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n",
                Some("15.8"),
            ),
            (
                "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
                Some("7.0.15"),
            ),
            (
                "mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64",
                Some("10.11.6"),
            ),
            ("a server", None),
        ] {
            assert_eq!(number(said).as_deref(), version);
        }
    }

    #[test]
    fn the_wanted_version_leads_then_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap();
        for version in ["9", "14", "16"] {
            let bin = dir.join(version).join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::write(bin.join("serve"), "").unwrap();
            let mode = std::fs::Permissions::from_mode(0o755);
            fs::set_permissions(bin.join("serve"), mode).unwrap();
        }
        let host = Installed {
            path: "/nowhere".to_owned(),
            dir: dir.to_owned(),
        };
        let folders = [format!("{dir}/*/bin")];
        let find = |names: &str, version| host.path(&[names.to_owned()], &folders, version);
        let newest = format!("{dir}/16/bin:/nowhere");
        assert_eq!(find("serve", None), Some(newest.clone()));
        assert_eq!(find("other|serve", Some("15.2")), Some(newest));
        assert_eq!(
            find("serve", Some("14.1-alpine")),
            Some(format!("{dir}/14/bin:/nowhere"))
        );
        assert_eq!(find("other", None), None);
    }
}
