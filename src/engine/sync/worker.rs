//! Who brings files to one life of a container.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Synced;
use super::compare::{bases, compare};
use super::copy::{copy, owner, was_read};
use super::done::{Broken, Done, looks};
use super::job::{Job, Taken, Work};
use super::large::{Larges, cancel};
use super::line::Line;
use super::open::{Opened, open};
use super::then::{Followed, NOTHING_FOLLOWED, follow};
use crate::engine::event::FailureClass;
use crate::engine::input::Input;
use crate::helper::protocol::{self, Expected, Problem, ProblemKind};
use crate::plan::observed::{Generation, ObservedContainer};
use crate::plan::react::{SyncItem, SyncRules};
use crate::runtime::RuntimeError;
use crate::runtime::world::World;
use crate::stack::Stack;
use crate::watch::sync::{self, Bounds, Layers, Piece, Record};

/// The first pause after something failed; doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What reaches a worker and what it tells: jobs, whether some were lost, and where to.
pub(super) type Ways = (mpsc::Receiver<Job>, Arc<AtomicBool>, mpsc::Sender<Input>);

pub(super) struct Worker {
    pub(super) world: Arc<dyn World>,
    stack: Arc<Stack>,
    service: String,
    index: u32,
    pub(super) life: Generation,
    ways: Ways,
    pub(super) record: Record,
    bounds: Bounds,
    pub(super) way: Way,
    pub(super) larges: Larges,
    /// Root may not write there: the container's user does.
    pub(super) as_user: bool,
    /// What the container has is not what it should have, as far as is known.
    pub(super) doubt: bool,
    failures: u32,
    /// The last that was told is that something went wrong: maybe of an earlier life.
    pub(super) told_failure: bool,
    /// Several sources may lead to one target.
    overlap: bool,
}

pub(super) enum Way {
    Unknown,
    Helper {
        line: Box<Line>,
        owner: protocol::Owner,
        targets: Vec<String>,
    },
    /// There is no helper for this image, whatever is tried.
    Archive(sync::Owner),
}

impl Worker {
    pub fn new(
        world: Arc<dyn World>,
        stack: Arc<Stack>,
        container: &ObservedContainer,
        ways: Ways,
        record: Record,
        bounds: Bounds,
    ) -> Self {
        Self {
            world,
            stack,
            service: container.service.clone(),
            index: container.index,
            life: container.generation(),
            ways,
            record,
            bounds,
            way: Way::Unknown,
            larges: Larges::default(),
            as_user: false,
            doubt: true,
            failures: 0,
            told_failure: false,
            overlap: false,
        }
    }

    /// Compares, then brings what comes, until nobody sends any more.
    pub async fn run(mut self) {
        let mut taken = Taken::default();
        let mut due = true;
        loop {
            while let Ok(job) = self.ways.0.try_recv() {
                self.take(job, &mut taken);
                due = true;
            }
            if std::mem::take(&mut due) {
                self.doubt |= self.ways.1.swap(false, Ordering::Relaxed);
                let Taken { pieces, asked } = std::mem::take(&mut taken);
                let result = self.pass(pieces).await;
                self.larges.answer(asked, &result);
            }
            if !self.larges.is_empty() {
                // What is saved meanwhile comes between.
                due = self.carry().await;
                continue;
            }
            let failures = self.failures.max(self.larges.failures());
            let pause =
                (PAUSE * 2u32.saturating_pow(failures.saturating_sub(1))).min(LONGEST_PAUSE);
            let again = async {
                if failures == 0 {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(pause).await;
            };
            tokio::select! {
                job = self.ways.0.recv() => match job {
                    Some(job) => self.take(job, &mut taken),
                    None => return,
                },
                () = again => {}
            }
            due = true;
        }
    }

    fn take(&mut self, job: Job, taken: &mut Taken) {
        self.stack = job.stack;
        taken.asked.extend(job.asked);
        match job.work {
            Work::Assure => {}
            Work::Everything => self.doubt = true,
            Work::Changed(more) => taken.pieces.extend(more.iter().cloned()),
            Work::Passed(more) => {
                // What has come again is told of by itself.
                let sent = more.iter().filter(|piece| self.record.may_be_there(piece));
                let sent = sent.filter(|piece| piece.is_gone());
                taken.pieces.extend(sent.cloned());
            }
        }
    }

    /// Brings these, or what differs, and tells of it. Says whether all of it is there that can be read here.
    async fn pass(&mut self, pieces: Vec<Piece>) -> Result<(), RuntimeError> {
        let begun = Instant::now();
        let mut tried = self.attempt(pieces).await;
        if !matches!(tried, Ok(_) | Err(Broken::Other(_))) {
            // A stream that broke is opened anew, once at once; what it had brought, comparing tells.
            self.as_user |= matches!(tried, Err(Broken::Denied));
            self.stream_broke();
            tried = self.attempt(Vec::new()).await;
        }
        let mut done = match tried {
            Ok(done) => {
                self.failures = 0;
                done
            }
            Err(broken) => {
                self.stream_broke();
                self.failures += 1;
                let error = RuntimeError::from(broken);
                if self.failures == 1 {
                    let told = Err(error.clone());
                    self.tell(begun, &Done::default(), NOTHING_FOLLOWED, told)
                        .await;
                }
                return Err(error);
            }
        };
        self.larges.hold_back(&mut done, begun);
        let followed = follow(&self.world, &self.life.id, &done.then).await;
        let something = !done.sent.is_empty() || !done.then.is_empty() || done.result().is_err();
        if something || self.told_failure {
            self.tell(begun, &done, followed, done.result()).await;
        }
        done.there()
    }

    pub(super) fn stream_broke(&mut self) {
        self.way = Way::Unknown;
        self.doubt = true;
        self.larges.forget();
    }

    async fn attempt(&mut self, pieces: Vec<Piece>) -> Result<Done, Broken> {
        self.open().await?;
        let (pieces, whole, unread) = if self.doubt {
            let line = match &mut self.way {
                Way::Helper { line, .. } => Some(&mut **line),
                _ => None,
            };
            let of = (Arc::clone(&self.stack), self.service.clone());
            let compared = compare(of, &self.record, line).await;
            let compared = compared.map_err(Broken::Stream)?;
            let whole = (compared.wanted, compared.gone);
            (compared.differs, Some(whole), compared.problems)
        } else {
            let mut pieces = self.with_gone_within(pieces);
            if self.overlap {
                let mut found = upmost(Arc::clone(&self.stack), &self.service, pieces).await;
                // What is saved beneath another file changes nothing.
                found.retain(|(piece, other)| {
                    other.is_none_or(|expected| self.record.is_news(piece, expected))
                });
                pieces = found.into_iter().map(|(piece, _)| piece).collect();
            }
            (pieces, None, Vec::new())
        };
        // Without it no more is lost than what is deleted while nobody watches.
        let _unsaved = self.record.announce(&pieces);
        let mut done = Done {
            unread,
            ..Done::default()
        };
        match &mut self.way {
            _ if pieces.is_empty() => {}
            Way::Helper { line, owner, .. } => {
                let (sent, problems) = line.send(pieces, *owner).await.map_err(Broken::Stream)?;
                let denied = |problem: &Problem| problem.kind == ProblemKind::Denied;
                if line.uid == 0 && !self.as_user && problems.iter().any(denied) {
                    return Err(Broken::Denied);
                }
                done.unread.extend(sent.problems);
                done.sent = sent.pieces;
                done.take_in(&problems);
                done.large = !sent.large.is_empty();
                if self.larges.take_over(&done.sent, sent.large) {
                    line.put(&cancel()).await.map_err(Broken::Stream)?;
                }
            }
            Way::Archive(owner) => {
                let items: Vec<SyncItem> = pieces.iter().filter_map(Piece::item).collect();
                let (world, bounds) = (&self.world, self.bounds.clone());
                // As they are before: what changes meanwhile is told of again.
                let looks = tokio::task::spawn_blocking(move || looks(pieces)).await;
                let copied = copy(world, (&self.life.id, true), items, *owner, bounds).await;
                let unread = copied.map_err(refused)?;
                done.sent = looks.unwrap_or_default();
                done.sent.retain(|(piece, _)| was_read(piece, &unread));
                done.unread.extend(unread.into_values());
            }
            Way::Unknown => {}
        }
        // What the container refused has changed nothing there.
        let sent = done.sent.iter();
        done.then = sent.map(|(piece, _)| piece.then.clone()).collect();
        self.doubt = done.result().is_err();
        let _unsaved = match whole {
            Some((wanted, mut gone)) if !self.doubt => {
                // One that has come back meanwhile was sent as it is.
                let back = done
                    .sent
                    .iter()
                    .filter(|(_, as_it_is)| *as_it_is != Expected::Absent);
                for (piece, _) in back {
                    gone.remove(&piece.target);
                }
                self.record.set(wanted, &gone)
            }
            _ => self.record.add(&done.sent),
        };
        let _unsaved = self.record.doubt(self.larges.waiting());
        Ok(done)
    }

    /// With what was sent into folders among these, and is gone: a folder tells of itself what it holds when it is found, and
    /// comparing may have been sooner; where a symlink is now, a folder may have been.
    fn with_gone_within(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        let may_have_held = |piece: &&Piece| {
            let found = std::fs::symlink_metadata(&piece.source);
            found.is_ok_and(|found| found.is_dir() || found.is_symlink())
        };
        let folders = pieces.iter().filter(may_have_held);
        let folders: HashSet<PathBuf> = folders.map(|piece| piece.source.clone()).collect();
        if !folders.is_empty() {
            let bases = bases(&self.stack, &self.service);
            pieces.extend(self.record.gone_within(&bases, &folders));
        }
        pieces
    }

    async fn open(&mut self) -> Result<(), Broken> {
        let Some(service) = self.stack.services.get(&self.service) else {
            return Ok(());
        };
        let rules = SyncRules::new(&self.stack, service);
        let targets: Vec<String> = rules.targets().into_iter().collect();
        self.overlap = rules.overlap();
        if let Way::Helper {
            line, targets: set, ..
        } = &mut self.way
        {
            if *set != targets {
                line.set_roots(&targets).await.map_err(Broken::Stream)?;
                *set = targets;
                self.doubt |= !self.larges.is_empty();
                self.larges.forget();
            }
            return Ok(());
        }
        if matches!(self.way, Way::Archive(_)) {
            return Ok(());
        }
        self.doubt = true;
        let container = &self.life.id;
        match open(&self.world, container, (service, &targets), !self.as_user).await {
            Ok(Opened { mut line, owner }) => {
                line.set_roots(&targets).await.map_err(Broken::Stream)?;
                self.way = Way::Helper {
                    line: Box::new(line),
                    owner,
                    targets,
                };
            }
            // It worked before: this passes.
            Err(error) if self.failures > 0 || error.0.class == FailureClass::Engine => {
                return Err(Broken::Other(error));
            }
            Err(_) => {
                let owner = owner(&self.world, container, Some(service)).await;
                self.way = Way::Archive(owner);
            }
        }
        Ok(())
    }

    pub(super) async fn tell(
        &mut self,
        begun: Instant,
        done: &Done,
        (restart, followed): Followed,
        result: Result<(), RuntimeError>,
    ) {
        let first = done.sent.first().map(|(piece, _)| {
            let dir = self.stack.dir.as_std_path();
            let shown = piece.source.strip_prefix(dir).unwrap_or(&piece.source);
            shown.to_string_lossy().into_owned()
        });
        self.told_failure = result.is_err();
        let synced = Synced {
            service: self.service.clone(),
            index: self.index,
            generation: self.life.clone(),
            files: done.sent.len(),
            first: first.unwrap_or_default(),
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            restart,
            result,
            followed,
        };
        // When nobody listens any more, there is nothing to tell.
        let _ended = self.ways.2.send(Input::Synced(synced)).await;
    }
}

/// Where several sources lead to one target, the one that counts; how it looks, where that is another than was told of.
async fn upmost(
    stack: Arc<Stack>,
    service: &str,
    pieces: Vec<Piece>,
) -> Vec<(Piece, Option<Expected>)> {
    let service = service.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let service = stack.services.get(&service)?;
        let rules = SyncRules::new(&stack, service);
        let layers = Layers::new(&rules);
        let found = pieces.into_iter().map(|piece| match layers.above(&piece) {
            Some(other) => {
                let looks = other.looks().ok().flatten();
                (other, looks)
            }
            None => (piece, None),
        });
        Some(found.collect())
    });
    reading.await.ok().flatten().unwrap_or_default()
}

/// A container that does not take an archive will not take the next one either, unless the engine itself is away.
fn refused(mut error: RuntimeError) -> Broken {
    if error.0.class == FailureClass::Other {
        error.0.class = FailureClass::Sync;
    }
    Broken::Other(error)
}
