//! Changes of files: written beside, then renamed.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::place::give;
use super::protocol::{BESIDE, HOLDS, Owner};

/// The end of the name of a file that others are written before.
const ASIDE: &str = "-aside";

/// A file that is being written. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub struct Writing {
    file: File,
    beside: PathBuf,
    target: PathBuf,
    mode: u32,
    owner: Owner,
    mtime: (i64, u32),
    done: bool,
}

impl Writing {
    /// `target`: as it really is; its folder is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn begin(target: PathBuf, mode: u32, owner: Owner, mtime: (i64, u32)) -> io::Result<Self> {
        let beside = beside(&target)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&beside)?;
        Ok(Self {
            file,
            beside,
            target,
            mode,
            owner,
            mtime,
            done: false,
        })
    }

    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Others are written meanwhile: it gets a name that they do not take. One at a time is aside.
    ///
    /// # Errors
    /// What the file system says.
    pub fn put_aside(&mut self) -> io::Result<()> {
        let aside = self.target.with_file_name(beside_name(ASIDE));
        if aside != self.beside {
            fs::rename(&self.beside, &aside)?;
            self.beside = aside;
        }
        Ok(())
    }

    /// Where it is written.
    pub fn beside(&self) -> &Path {
        &self.beside
    }

    /// # Errors
    /// What the file system says.
    pub fn end(mut self) -> io::Result<()> {
        give(&self.beside, self.owner);
        self.file
            .set_permissions(Permissions::from_mode(self.mode & 0o7777))?;
        if let Some(time) = time(self.mtime) {
            // A file system without times is no reason to fail.
            let _best_effort = self.file.set_times(FileTimes::new().set_modified(time));
        }
        replace(&self.beside, &self.target)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.done {
            let _gone = fs::remove_file(&self.beside);
        }
    }
}

/// # Errors
/// What the file system says.
pub fn make_symlink(target: &Path, text: Vec<u8>, owner: Owner) -> io::Result<()> {
    let beside = beside(target)?;
    symlink(OsString::from_vec(text), &beside)?;
    give(&beside, owner);
    replace(&beside, target).inspect_err(|_| {
        let _gone = fs::remove_file(&beside);
    })
}

/// Its mode comes when all that is in it is there.
///
/// # Errors
/// What the file system says.
pub fn make_folder(target: &Path, owner: Owner) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => fs::remove_file(target)?,
        Err(_) => {}
    }
    fs::create_dir(target)?;
    give(target, owner);
    Ok(())
}

/// A folder goes only when nothing is in it: what was brought there is removed by its own name before, and the rest is the
/// container's own, or another file system that is mounted there. Says whether something may lead elsewhere now: it was no
/// plain file.
///
/// # Errors
/// What the file system says; that it is gone already, or holds something, is none.
pub fn remove(target: &Path) -> io::Result<bool> {
    let removed = match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => match remove_folder(target) {
            Err(error) if is_held(&error) => return Ok(false),
            other => other.map(|()| true),
        },
        Ok(found) => fs::remove_file(target).map(|()| found.is_symlink()),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if is_gone(&error) => Ok(false),
        other => other,
    }
}

/// What a helper that was killed has left in it holds no folder.
fn remove_folder(target: &Path) -> io::Result<()> {
    match fs::remove_dir(target) {
        Err(error) if is_held(&error) => {
            sweep(target, Some(&target.join(beside_name(ASIDE))));
            fs::remove_dir(target)
        }
        other => other,
    }
}

/// It is not there, or what leads there is no folder.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A folder that cannot go: something is in it, or mounted there.
fn is_held(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy
    )
}

/// Removes what a helper that was killed has left in a folder, but for `own`.
pub fn sweep(folder: &Path, own: Option<&Path>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let is_left = name.to_str().is_some_and(|name| name.starts_with(BESIDE));
        let is_own = own.is_some_and(|own| own.file_name() == Some(&name));
        if is_left && !is_own {
            let _gone = fs::remove_file(entry.path());
        }
    }
}

fn replace(beside: &Path, target: &Path) -> io::Result<()> {
    let renamed = fs::rename(beside, target);
    match &renamed {
        // A folder stands there.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            match remove_folder(target) {
                Err(error) if is_held(&error) => {
                    return Err(io::Error::other(HOLDS));
                }
                other => other?,
            }
            fs::rename(beside, target)
        }
        _ => renamed,
    }
}

fn beside_name(end: &str) -> OsString {
    format!("{BESIDE}{}{end}", std::process::id()).into()
}

/// One at a time is written, so that one name in a folder is enough.
fn beside(target: &Path) -> io::Result<PathBuf> {
    let beside = target.with_file_name(beside_name(""));
    if fs::symlink_metadata(&beside).is_ok() {
        // Left by one with the same number.
        fs::remove_file(&beside)?;
    }
    Ok(beside)
}

fn time((seconds, nanos): (i64, u32)) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let from = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    from?.checked_add(Duration::from_nanos(u64::from(nanos)))
}
