use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Reaction, SyncItem, shown};
use crate::stack::{AfterSync, Service};

/// What the changes of one batch mean for one service.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    syncs: Vec<Sync>,
    restart: Paths,
    /// By signal.
    signals: BTreeMap<String, Paths>,
    rebuild: Paths,
    /// The same, where what a rule says is done nevertheless, and not left to the new image.
    beside: Paths,
}

#[derive(Debug)]
struct Sync {
    then: AfterSync,
    /// With: a rebuild carries it, too.
    files: Vec<(SyncItem, bool)>,
}

/// Some paths, in the order in which they came.
#[derive(Debug, Default)]
struct Paths(Vec<Utf8PathBuf>);

impl Paths {
    fn add(&mut self, path: &Utf8Path) {
        self.0.push(path.to_owned());
    }

    fn because(&self, dir: &Utf8Path) -> Option<String> {
        let first = shown(dir, self.0.first()?);
        Some(if self.0.len() > 1 {
            format!("{first} and {} more", self.0.len() - 1)
        } else {
            first
        })
    }
}

impl Outcome {
    pub fn rebuild(&mut self, path: &Utf8Path) {
        self.rebuild.add(path);
    }

    /// The image is made anew, and what else the path leads to is done now: whether the build works is open.
    pub fn rebuild_beside(&mut self, path: &Utf8Path) {
        self.beside.add(path);
    }

    pub fn restart(&mut self, path: &Utf8Path) {
        self.restart.add(path);
    }

    pub fn signal(&mut self, signal: &str, path: &Utf8Path) {
        self.signals.entry(signal.to_owned()).or_default().add(path);
    }

    pub fn sync(&mut self, item: SyncItem, then: &AfterSync, builds: bool) {
        match self.syncs.iter_mut().find(|sync| sync.then == *then) {
            Some(sync) => sync.files.push((item, builds)),
            None => self.syncs.push(Sync {
                then: then.clone(),
                files: vec![(item, builds)],
            }),
        }
    }

    pub fn into_reactions(mut self, service: &Service, dir: &Utf8Path, out: &mut Vec<Reaction>) {
        let name = || service.name.clone();
        if !self.rebuild.0.is_empty() {
            self.rebuild.0.append(&mut self.beside.0);
        }
        if let Some(because) = self.rebuild.because(dir) {
            // What the new image holds anyway needs no copy; the rest is copied first, in case the build fails.
            for sync in &mut self.syncs {
                sync.files.retain(|(_, builds)| !builds);
                if sync.then == AfterSync::Restart {
                    sync.then = AfterSync::Nothing;
                }
            }
            self.emit_syncs(&name, out);
            out.push(Reaction::Rebuild {
                service: name(),
                because,
                files: self.rebuild.0.into_iter().collect(),
            });
            return;
        }
        let restarts = self.restart.because(dir);
        if restarts.is_some()
            || self
                .syncs
                .iter()
                .any(|sync| sync.then == AfterSync::Restart)
        {
            self.gather_for_restart();
        }
        self.emit_syncs(&name, out);
        // Who begins anew reads everything.
        let signals = std::mem::take(&mut self.signals).into_iter();
        for (signal, paths) in signals.filter(|_| restarts.is_none()) {
            out.extend(paths.because(dir).map(|because| Reaction::Signal {
                service: name(),
                signal,
                because,
            }));
        }
        // A restart that no copy carries.
        if let Some(because) = restarts
            && !matches!(out.last(), Some(Reaction::Sync { service: of, then: AfterSync::Restart, .. }) if *of == service.name)
        {
            out.push(Reaction::Restart {
                service: name(),
                because,
            });
        }
        if let Some(because) = self.beside.because(dir) {
            out.push(Reaction::Rebuild {
                service: name(),
                because,
                files: self.beside.0.into_iter().collect(),
            });
        }
    }

    /// One restart, after everything is in place; it makes signals unnecessary, but not commands, which may leave
    /// something behind.
    fn gather_for_restart(&mut self) {
        let (commands, others): (Vec<Sync>, Vec<Sync>) = self
            .syncs
            .drain(..)
            .partition(|sync| matches!(sync.then, AfterSync::Exec(_) | AfterSync::Hook(_)));
        self.syncs = commands;
        let mut files: Vec<_> = others.into_iter().flat_map(|sync| sync.files).collect();
        files.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.syncs.push(Sync {
            then: AfterSync::Restart,
            files,
        });
    }

    fn emit_syncs(&mut self, name: &dyn Fn() -> String, out: &mut Vec<Reaction>) {
        for Sync { then, files } in self.syncs.drain(..) {
            let files: Vec<SyncItem> = files.into_iter().map(|(item, _)| item).collect();
            if !files.is_empty() {
                out.push(Reaction::Sync {
                    service: name(),
                    files,
                    then,
                });
            }
        }
    }
}
