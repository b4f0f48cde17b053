//! Who asks a running engine for something is answered from what it finds afterwards: it reads the stack file, hashes files
//! and looks at the world, each begun after the question, and numbers the questions so that a view can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::core::{Engine, Loaded};
use super::event::{Event, Level};
use super::input::Input;
use super::wire::ENDING;
use crate::plan::demands::Wishes;
use crate::stack::Adjustments;
use crate::stack::file::Reading;

/// How long reading the stack may take, secrets and all.
const READING: Duration = Duration::from_secs(60);

/// What the stack is read with, as it is meant where somebody brings it up.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Which files, and how; `None`: as before.
    #[serde(default)]
    pub reading: Option<Reading>,
    /// The text of the standard input, where that is among the files.
    #[serde(default)]
    pub stdin: Option<String>,
    /// `--env`, in order.
    pub envs: Vec<String>,
    /// Variables that the stack refers to as they are there; `None`: not set. For others the engine's own count.
    pub variables: BTreeMap<String, Option<String>>,
    /// What is changed of it once it is read.
    pub adjust: Adjustments,
}

/// Without values: any of them may be a secret.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("reading", &self.reading)
            .field("envs", &self.envs)
            .field("variables", &self.variables.keys())
            .field("adjust", &self.adjust)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// The variables `own`, as they are at this origin.
    pub fn over(&self, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = own.clone();
        for (name, value) in &self.variables {
            match value {
                Some(value) => all.insert(name.clone(), value.clone()),
                None => all.remove(name),
            };
        }
        all
    }
}

/// Told the number under which a question counts as compared, or why it is refused.
pub type Numbered = oneshot::Sender<Result<u64, String>>;

/// Questions, and how far each is.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    /// The newest number.
    given: u64,
    /// The stack is being read.
    reading: bool,
    /// It is to be read again after that.
    again: bool,
    /// Asked while it was read, or before.
    unread: Vec<Inquiry>,
    /// Asked before the reading under way.
    read: Vec<Inquiry>,
    /// The newest for which the stack is read, and no look has begun and ended since.
    unseen: Option<u64>,
    /// The newest that a look has seen, and a plan is made for.
    planned: Option<u64>,
}

#[derive(Debug)]
struct Inquiry {
    number: u64,
    /// Services to bring up.
    up: Option<Up>,
}

/// Services to bring up, as they are meant there, and what is asked for beside that.
type Up = (Vec<String>, Origin, Wishes);

/// The number under which an engine's own first comparison counts.
pub const FIRST: u64 = 1;

impl Inquiries {
    /// Whoever starts an engine asks it, too.
    pub fn begun() -> Self {
        Self {
            given: FIRST,
            unseen: Some(FIRST),
            ..Self::default()
        }
    }

    /// Somebody waits for what a look will find.
    pub fn are_open(&self) -> bool {
        !self.unread.is_empty() || !self.read.is_empty() || self.unseen.is_some()
    }

    /// A look that began after everything that was read has been planned for.
    pub fn planned(&mut self) {
        self.planned = self.unseen.take().or(self.planned);
    }
}

impl Engine {
    /// Looks at everything, for somebody who asks; first for `up`, if that is what they want.
    pub(super) fn inquire(&mut self, up: Option<Up>, reply: Numbered) {
        if self.is_ending() {
            // The asker may be gone.
            drop(reply.send(Err(ENDING.to_owned())));
            return;
        }
        self.inquiries.given += 1;
        let number = self.inquiries.given;
        self.inquiries.unread.push(Inquiry { number, up });
        let _gone = reply.send(Ok(number));
        self.reload();
    }

    /// Reads the stack again beside the loop, one reading after the other.
    pub(super) fn reload(&mut self) {
        if self.inquiries.reading {
            self.inquiries.again = true;
            return;
        }
        self.inquiries.reading = true;
        self.inquiries.read = std::mem::take(&mut self.inquiries.unread);
        let reading = tokio::time::timeout(READING, (self.reload)(self.next_origin()));
        self.spawn(async move {
            let late = |_| Err("reading the stack takes too long".to_owned());
            Input::Reloaded(reading.await.unwrap_or_else(late).map(Box::new))
        });
    }

    /// That of whoever asked last.
    fn next_origin(&self) -> Origin {
        let mut origin = self.origin.clone();
        let asked = self.inquiries.read.iter();
        let ups: Vec<&Up> = asked.filter_map(|inquiry| inquiry.up.as_ref()).collect();
        for (names, next, _) in &ups {
            origin.adjust.replace(names, &next.adjust);
        }
        if let Some((_, next, _)) = ups.last() {
            origin.envs.clone_from(&next.envs);
            if next.reading.is_some() {
                origin.reading.clone_from(&next.reading);
                origin.stdin.clone_from(&next.stdin);
            }
            origin.variables.extend(next.variables.clone());
        }
        origin
    }

    pub(super) fn reloaded(&mut self, result: Result<Box<Loaded>, String>) {
        let origin = self.next_origin();
        let asked = std::mem::take(&mut self.inquiries.read);
        match self.take_in(result, self.means_more(&asked, &origin)) {
            Ok(()) => {
                self.set_origin(origin);
                self.rebuild_unread();
                for (services, _, wishes) in asked.iter().filter_map(|inquiry| inquiry.up.clone()) {
                    self.up(services.clone());
                    self.wish(services, wishes);
                }
            }
            Err(error) => {
                self.emit(Event::StackRejected { error });
                if !asked.is_empty() {
                    self.rehash();
                }
            }
        }
        let newest = asked.iter().map(|inquiry| inquiry.number).max();
        self.inquiries.unseen = newest.or(self.inquiries.unseen);
        self.inquiries.reading = false;
        if std::mem::take(&mut self.inquiries.again) {
            self.reload();
        }
    }

    /// Whether services that the file has from now on come up with the others. Not those of files that are read anew for
    /// somebody who names what is to come up of them.
    fn means_more(&self, asked: &[Inquiry], origin: &Origin) -> bool {
        let mut ups = asked.iter().filter_map(|inquiry| inquiry.up.as_ref());
        origin.reading == self.origin.reading || ups.any(|(names, ..)| names.is_empty())
    }

    /// The next `dev` without `--env` means the same.
    fn set_origin(&mut self, origin: Origin) {
        let is_new = self.origin.envs != origin.envs
            || self.origin.reading != origin.reading
            || self.origin.adjust != origin.adjust;
        self.origin = origin;
        if !is_new || !self.acts {
            return;
        }
        let mut remembered = self.store.remembered().unwrap_or_default();
        remembered.envs.clone_from(&self.origin.envs);
        remembered.reading.clone_from(&self.origin.reading);
        remembered.scale.clone_from(&self.origin.adjust.scale);
        remembered.loopback = self.origin.adjust.loopback;
        if let Err(error) = self.store.remember(Some(&remembered)) {
            let text = format!("cannot remember the layers: {error}");
            self.notice(Level::Warning, text);
        }
    }

    /// Tells for which services something is left to do, where that changed.
    pub(super) fn tell_planned(&mut self) {
        let services = self.walk.open_services();
        let known = self.state.services.iter();
        let differs = |service: &super::state::ServiceState| {
            service.pending != services.contains(&service.info.name)
        };
        if known.clone().any(differs) {
            let known: BTreeSet<&String> = known.map(|service| &service.info.name).collect();
            let services = services.iter().filter(|name| known.contains(name));
            let services = services.cloned().collect();
            self.emit(Event::Planned { services });
        }
    }

    /// Tells up to which question everything is compared. What could begin has begun by now, and shows.
    pub(super) fn tell_compared(&mut self) {
        if let Some(asked) = self.inquiries.planned.take() {
            self.emit(Event::Compared { asked });
        }
    }
}
