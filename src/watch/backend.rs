//! The system's file events, as reasons to look. Folder by folder: notify's recursive mode would watch what is ignored.

mod names;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{
    Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
};

use super::run::Message;
use names::{Id, Names};

/// How often a folder is watched anew that is another one each time.
const TRIES: usize = 3;

/// Why a path is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// Someone closed it after writing: it counts as changed whatever it looks like.
    Wrote,
    /// It is new under this name; a folder brings what is in it.
    Appeared,
    /// It was made or written to, and will be closed. If it never is, a later look finds it.
    Later,
    /// It has another mode.
    Look,
    /// Its name went. A folder of this name is watched no more, also if it is another one by now.
    Gone,
}

pub(super) struct Backend {
    watcher: RecommendedWatcher,
    watched: HashSet<PathBuf>,
    names: Names,
    /// Folders whose watch may have ended, by name.
    suspects: Vec<PathBuf>,
    limit: usize,
}

impl Backend {
    /// Hints go to `messages`; when they do not fit, `lost` is set.
    pub fn new(
        messages: SyncSender<Message>,
        lost: Arc<AtomicBool>,
        limit: usize,
    ) -> Result<Self, notify::Error> {
        let handle = move |event: notify::Result<Event>| {
            let event = event.ok().filter(|event| !event.need_rescan());
            let Some(event) = event else {
                lost.store(true, Ordering::Relaxed);
                // A full queue is being read anyway.
                let _full = messages.try_send(Message::Wake);
                return;
            };
            let Some(hint) = hint(&event.kind) else {
                return;
            };
            for path in event.paths {
                // Never waits: this thread also answers the calls of the one that reads the queue.
                if let Err(TrySendError::Full(_)) = messages.try_send(Message::Hint(path, hint)) {
                    lost.store(true, Ordering::Relaxed);
                }
            }
        };
        let watcher =
            RecommendedWatcher::new(handle, Config::default().with_follow_symlinks(false))?;
        Ok(Self {
            watcher,
            watched: HashSet::new(),
            names: Names::default(),
            suspects: Vec::new(),
            limit,
        })
    }

    /// Watches one folder. Also one that is watched already: it may be another one under the same name.
    ///
    /// # Errors
    /// The limit of the system. A folder that is gone or closed is none.
    pub fn watch(&mut self, folder: &Path) -> Result<(), notify::Error> {
        if self.watched.len() >= self.limit && !self.watched.contains(folder) {
            return Err(notify::Error::new(ErrorKind::MaxFilesWatch));
        }
        let mut id = id(folder);
        for _ in 0..TRIES {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(error) if is_limit(&error) => return Err(error),
                Err(_) => return Ok(()),
            }
            self.watched.insert(folder.to_owned());
            // Another one may have taken its place meanwhile.
            let watched = self::id(folder);
            if let Some(watched) = watched {
                self.suspects.extend(self.taken_from(folder, watched));
                self.suspects.extend(self.names.insert(folder, watched));
            }
            if watched == id {
                break;
            }
            id = watched;
        }
        Ok(())
    }

    /// The system follows a symlink that took a folder's place before it was watched, and from then on tells of what the symlink
    /// leads to under this name. Returns the name that it had.
    fn taken_from(&self, name: &Path, watched: Id) -> Option<PathBuf> {
        let before = self.names.name_of(watched)?;
        let is_taken = before != name
            && name.is_symlink()
            && !before.is_symlink()
            && id(before) == Some(watched);
        is_taken.then(|| before.to_owned())
    }

    /// A name went, and notify has ended the watch of whatever it took it for.
    pub fn name_went(&mut self, folder: &Path) {
        if let Some(later) = self.names.remove(folder) {
            self.suspects.push(later);
        }
        if self.watched.contains(folder) {
            self.suspects.push(folder.to_owned());
        }
    }

    /// What notify does when it reads that a name went.
    #[cfg(test)]
    pub fn end_watch(&mut self, folder: &Path) {
        self.watcher.unwatch(folder).unwrap();
    }

    /// Folders that are to be watched anew, as far as they are still there.
    pub fn suspects(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.suspects)
    }

    /// A folder that is gone: the system has forgotten it by itself.
    pub fn forget(&mut self, folder: &Path) {
        self.watched.remove(folder);
    }

    /// Ends watching what `wanted` does not name.
    pub fn keep(&mut self, wanted: impl Fn(&Path) -> bool) {
        let (watcher, names, suspects) = (&mut self.watcher, &mut self.names, &mut self.suspects);
        self.watched.retain(|folder| {
            let keep = wanted(folder);
            if !keep {
                // It may be gone meanwhile.
                let _gone = watcher.unwatch(folder);
                suspects.extend(names.remove(folder));
            }
            keep
        });
    }
}

fn id(folder: &Path) -> Option<Id> {
    let metadata = std::fs::metadata(folder).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn hint(kind: &EventKind) -> Option<Hint> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Wrote),
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::File) => Some(Hint::Later),
        EventKind::Create(_) => Some(Hint::Appeared),
        // Told as From and To already.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => {
            Some(Hint::Gone)
        }
        EventKind::Modify(ModifyKind::Name(_)) => Some(Hint::Appeared),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(Hint::Look),
        EventKind::Modify(_) | EventKind::Any => Some(Hint::Later),
        EventKind::Other => None,
    }
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(error) => {
            let code = error
                .raw_os_error()
                .map(rustix::io::Errno::from_raw_os_error);
            matches!(
                code,
                Some(
                    rustix::io::Errno::NOSPC | rustix::io::Errno::MFILE | rustix::io::Errno::NFILE
                )
            )
        }
        _ => false,
    }
}

/// What to raise, and how, in words.
pub(super) fn limit_text(error: &notify::Error) -> String {
    let setting = match &error.kind {
        ErrorKind::MaxFilesWatch => "max_user_watches",
        _ => "max_user_instances",
    };
    let value = std::fs::read_to_string(format!("/proc/sys/fs/inotify/{setting}"));
    let wanted = if setting == "max_user_watches" {
        524_288
    } else {
        1024
    };
    match value {
        Ok(value) if is_limit(error) => format!(
            "fs.inotify.{setting} is {}, which is used up; raise it with `sudo sysctl fs.inotify.{setting}={wanted}`",
            value.trim()
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::mpsc::sync_channel;

    use super::*;

    #[test]
    fn a_symlink_in_a_folders_place_takes_nothing_from_where_it_leads_to() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, place) = (dir.path().join("folder"), dir.path().join("place"));
        fs_err::create_dir(&folder).unwrap();
        let (messages, inbox) = sync_channel(100);
        let mut backend = Backend::new(messages, Arc::default(), usize::MAX).unwrap();
        backend.watch(&folder).unwrap();
        // As if a folder had been there when it was looked at.
        symlink("folder", &place).unwrap();
        backend.watch(&place).unwrap();
        for suspect in backend.suspects() {
            backend.watch(&suspect).unwrap();
        }
        fs_err::write(folder.join("new"), "new").unwrap();
        let told = inbox.recv_timeout(std::time::Duration::from_secs(10));
        let Ok(Message::Hint(path, _)) = told else {
            panic!("{told:?}");
        };
        assert_eq!(path, folder.join("new"));
        assert_eq!(backend.suspects(), [] as [PathBuf; 0]);
    }
}
