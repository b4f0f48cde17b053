//! What is mounted, as far as the system does not tell of every change in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems that others change, too, by where they are mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mounts(BTreeMap<PathBuf, &'static str>);

impl Mounts {
    /// Those of this process. None where the system does not say.
    pub fn read() -> Self {
        std::fs::read("/proc/self/mountinfo")
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    /// From lines such as `36 35 98:0 / /mnt/a\040b rw - nfs host:/x rw`. A later mount hides an earlier one at its place or
    /// above it. Source: `proc_pid_mountinfo(5)`.
    fn parse(text: &[u8]) -> Self {
        let mut found: BTreeMap<PathBuf, Option<&'static str>> = BTreeMap::new();
        for line in text.split(|byte| *byte == b'\n') {
            let mut words = line.split(|byte| *byte == b' ');
            let (Some(place), Some(_)) = (words.nth(4), words.find(|word| *word == b"-")) else {
                continue;
            };
            let kind = words.next().and_then(|kind| name(kind));
            let place = PathBuf::from(OsString::from_vec(unescaped(place)));
            found.retain(|other, _| !other.starts_with(&place));
            found.insert(place, kind);
        }
        let remote = found
            .into_iter()
            .filter_map(|(place, kind)| Some((place, kind?)));
        Self(remote.collect())
    }

    /// Those in a folder, by their paths beneath it as it is called here: it may be reached through a link.
    pub fn within(&self, folder: &Path) -> impl Iterator<Item = (PathBuf, &'static str)> {
        let real = folder.canonicalize();
        let real = real.unwrap_or_else(|_| folder.to_owned());
        let beneath = move |place: &Path| {
            let rest = place.strip_prefix(&real).ok()?;
            (!rest.as_os_str().is_empty()).then(|| folder.join(rest))
        };
        self.0
            .iter()
            .filter_map(move |(place, kind)| Some((beneath(place)?, *kind)))
    }
}

/// What people call a file system of which the system does not tell every change. A disk in user space (`fuseblk`) is changed
/// here alone.
fn name(kind: &[u8]) -> Option<&'static str> {
    Some(match kind {
        b"nfs" | b"nfs4" => "nfs",
        b"9p" => "9p",
        b"cifs" | b"smb3" | b"smbfs" => "smb",
        b"fuse" | b"virtiofs" => "fuse",
        kind if kind.starts_with(b"fuse.") => "fuse",
        b"vboxsf" => "vboxsf",
        b"prl_fs" => "prl_fs",
        b"ceph" => "ceph",
        b"afs" => "afs",
        b"vmhgfs" => "vmhgfs",
        b"ocfs2" => "ocfs2",
        b"gfs2" => "gfs2",
        b"lustre" => "lustre",
        _ => return None,
    })
}

/// Spaces, tabs, newlines and backslashes are written as three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        let digits = more.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                plain.push(byte);
                rest = &more[3..];
            }
            None => {
                plain.push(*first);
                rest = more;
            }
        }
    }
    plain
}

#[cfg(test)]
impl Mounts {
    /// One that others change, at this place.
    pub fn of(place: &Path) -> Self {
        Self([(place.to_owned(), "nfs")].into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
22 27 0:20 / /proc rw,nosuid shared:12 - proc proc rw
27 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 rw
40 27 0:50 / /src/a\\040b rw,relatime shared:2 master:7 - nfs4 host:/a rw,vers=4.2
41 27 0:51 / /src/app/conf rw - 9p drvfs rw,trans=fd
42 27 0:52 / /src/app/keys rw - fuse.sshfs me@host: rw
43 27 0:53 / /src/app/disk rw - fuseblk /dev/sdb1 rw
44 27 0:54 / /src/app/gone rw - nfs host:/old rw
45 27 0:55 / /src/app/gone rw - tmpfs tmpfs rw
46 27 0:56 / /src/under/deep rw - nfs host:/deep rw
47 27 0:57 / /src/under rw - overlay overlay rw
48 27 0:58 / /src/appendix rw - cifs //host/x rw
not a line
";

    fn within(folder: &str) -> Vec<(String, &'static str)> {
        let mounts = Mounts::parse(TEXT);
        let found = mounts.within(Path::new(folder));
        found
            .map(|(place, kind)| (place.to_str().unwrap().to_owned(), kind))
            .collect()
    }

    #[test]
    fn those_that_others_change_are_found_beneath_a_folder() {
        let app = [("/src/app/conf", "9p"), ("/src/app/keys", "fuse")];
        assert_eq!(within("/src/app"), app.map(|(p, k)| (p.to_owned(), k)));
        assert_eq!(
            within("/src/app/conf"),
            [],
            "the folder itself is no mount in it"
        );
        assert_eq!(within("/src/under"), [], "another one lies over it");
        let all = within("/src");
        assert!(all.contains(&("/src/a b".to_owned(), "nfs")), "{all:?}");
        assert_eq!(all.len(), 4, "{all:?}");
    }

    #[test]
    fn a_folder_behind_a_link_has_its_mounts_under_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mounts = Mounts::of(&real.join("conf"));
        let found: Vec<PathBuf> = mounts.within(&link).map(|(place, _)| place).collect();
        assert_eq!(found, [link.join("conf")]);
    }

    #[test]
    fn places_are_written_with_octal_digits() {
        assert_eq!(unescaped(b"\\134\\011x\\9"), b"\\\tx\\9");
    }
}
