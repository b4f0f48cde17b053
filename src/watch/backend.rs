//! The system's file events, as reasons to look. Folder by folder: notify's recursive mode would watch what is ignored.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{
    Config, ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
};

use super::run::Message;

/// Why a path is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// Someone closed it after writing: it counts as changed whatever it looks like.
    Wrote,
    /// It is new under this name; a folder brings what is in it.
    Appeared,
    /// It was made or written to, and will be closed. If it never is, a later look finds it.
    Later,
    /// It is gone, or has another mode.
    Look,
}

pub(super) struct Backend {
    watcher: RecommendedWatcher,
    watched: HashSet<PathBuf>,
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
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(folder.to_owned());
                Ok(())
            }
            Err(error) if is_limit(&error) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// A folder that is gone: the system has forgotten it by itself.
    pub fn forget(&mut self, folder: &Path) {
        self.watched.remove(folder);
    }

    /// Ends watching what `wanted` does not name.
    pub fn keep(&mut self, wanted: impl Fn(&Path) -> bool) {
        let watcher = &mut self.watcher;
        self.watched.retain(|folder| {
            let keep = wanted(folder);
            if !keep {
                // It may be gone meanwhile.
                let _gone = watcher.unwatch(folder);
            }
            keep
        });
    }
}

fn hint(kind: &EventKind) -> Option<Hint> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Hint::Wrote),
        EventKind::Access(_) => None,
        EventKind::Create(CreateKind::File) => Some(Hint::Later),
        EventKind::Create(_) => Some(Hint::Appeared),
        // Told as From and To already.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => None,
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(Hint::Look),
        EventKind::Modify(ModifyKind::Name(_)) => Some(Hint::Appeared),
        EventKind::Modify(ModifyKind::Metadata(_)) | EventKind::Remove(_) => Some(Hint::Look),
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
