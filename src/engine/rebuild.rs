//! Rebuilds that files lead to, and those that wait because they would cause each other.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8PathBuf;

use super::appended::FILES;
use super::brake::{Verdict, Writer};
use super::core::{Engine, now};
use super::event::{Event, Level, WatchOutcome};
use super::state::Phase;
use crate::plan::Subject;
use crate::plan::desired::{image_tag, with_bases};
use crate::plan::react::{Reaction, may_write};

/// What changes within this time after a service has started, in milliseconds, may come from its start.
const JUST_STARTED: u64 = 3_000;

impl Engine {
    /// The next look builds what a service is made from, if it differs.
    pub(super) fn rebuild(&mut self, service: &str, because: &str) {
        self.emit(Event::Watched {
            service: service.to_owned(),
            action: WatchOutcome::Rebuilding,
            files: 1,
            first: because.to_owned(),
            millis: 0,
            failure: None,
        });
        self.forget_context(service);
        self.retry(service);
    }

    /// The services whose rebuilds wait for now.
    pub(super) fn brake_rebuilds(&mut self, reactions: &[Reaction]) -> BTreeSet<String> {
        let mut images: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
        let mut changed: BTreeMap<String, BTreeSet<Utf8PathBuf>> = BTreeMap::new();
        for reaction in reactions {
            if let Reaction::Rebuild {
                service,
                because,
                files,
            } = reaction
                && let Some(tag) = image_tag(&self.stack, service)
            {
                changed
                    .entry(tag.clone())
                    .or_default()
                    .extend(files.iter().cloned());
                images.entry(tag).or_default().insert(service, because);
            }
        }
        let mut waiting = BTreeSet::new();
        for (tag, services) in images {
            let (time, is_busy) = (now(), self.is_at_work(&tag));
            let is_hot = is_busy || self.has_just_started(&tag, time);
            let files = self.with_writers(&changed[&tag]);
            let verdict = self.brake.changed(&tag, &files, (is_hot, is_busy), time);
            let Verdict::Wait { told } = verdict else {
                continue;
            };
            for (service, because) in services {
                self.brake.hold(&tag, service, because);
                waiting.insert(service.to_owned());
            }
            if let Some((file, pause)) = told {
                let names: Vec<String> = self.users(&tag);
                let file = file.strip_prefix(&self.stack.dir).unwrap_or(&file);
                self.notice(
                    Level::Warning,
                    format!(
                        "{}: `{file}` changes whenever it is rebuilt: its changes wait {} s from now on, then longer; leave it \
                         out in .dockerignore, or say in `watch` what to rebuild for",
                        names.join(", "),
                        pause / 1000
                    ),
                );
            }
        }
        waiting
    }

    fn with_writers(&mut self, files: &BTreeSet<Utf8PathBuf>) -> BTreeMap<Utf8PathBuf, Writer> {
        let mut known = BTreeMap::new();
        let are_few = files.len() <= FILES;
        for file in files {
            let is_log = are_few && self.appended.has_grown(file);
            let writer = if is_log || may_write(&self.stack, file) {
                Writer::Anyone
            } else {
                Writer::Hand
            };
            known.insert(file.clone(), writer);
        }
        known
    }

    /// Begins the rebuilds whose wait is over.
    pub(super) fn release_rebuilds(&mut self) {
        let mut brake = std::mem::take(&mut self.brake);
        let released = brake.release(now(), |tag| self.is_at_work(tag));
        self.brake = brake;
        for (service, because) in released {
            self.rebuild(&service, &because);
            self.look_again();
        }
    }

    /// The services whose images are this one, or are built from it.
    pub(super) fn users(&self, tag: &str) -> Vec<String> {
        let names = self.stack.services.keys();
        let has = |name: &&String| {
            let own = BTreeSet::from([(*name).clone()]);
            let mut images = with_bases(&self.stack, &own).into_iter();
            images.any(|name| image_tag(&self.stack, &name).as_deref() == Some(tag))
        };
        names.filter(has).cloned().collect()
    }

    /// The image is built, or something that is made from it is on its way.
    fn is_at_work(&self, tag: &str) -> bool {
        let users = self.users(tag);
        self.walk.is_at_work(|subject| match subject {
            Subject::Image(name) => name == tag,
            Subject::Instance { service, .. } => users.contains(service),
            _ => false,
        }) || users.iter().any(|user| {
            let phase = self.state.service(user).map(|service| service.phase);
            matches!(
                phase,
                Some(Phase::Building | Phase::Creating | Phase::Starting | Phase::Running)
            )
        })
    }

    fn has_just_started(&self, tag: &str, now: u64) -> bool {
        self.users(tag).iter().any(|user| {
            self.state.service(user).is_some_and(|service| {
                service.has_started() && service.since.saturating_add(JUST_STARTED) > now
            })
        })
    }
}
