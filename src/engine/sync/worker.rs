//! Who brings files to one life of a container.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Synced;
use super::compare::compare;
use super::copy::{copy, owner};
use super::job::{Job, Taken, Work};
use super::line::Line;
use super::open::{Opened, open};
use super::then::follow;
use crate::engine::event::FailureClass;
use crate::engine::input::Input;
use crate::helper::protocol::{self, Expected, Problem, ProblemKind};
use crate::plan::observed::{Generation, ObservedContainer};
use crate::plan::react::{SyncItem, SyncRules};
use crate::runtime::RuntimeError;
use crate::runtime::world::World;
use crate::stack::{AfterSync, Stack};
use crate::watch::sync::{self, Bounds, Piece, Record};

/// The first pause after something failed; doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Problems that one message names.
const NAMED: usize = 5;

/// What reaches a worker and what it tells: jobs, whether some were lost, and where to.
pub(super) type Ways = (mpsc::Receiver<Job>, Arc<AtomicBool>, mpsc::Sender<Input>);

pub(super) struct Worker {
    world: Arc<dyn World>,
    stack: Arc<Stack>,
    service: String,
    index: u32,
    life: Generation,
    ways: Ways,
    record: Record,
    bounds: Bounds,
    way: Way,
    /// Root may not write there: the container's user does.
    as_user: bool,
    /// What the container has is not what it should have, as far as is known.
    doubt: bool,
    failures: u32,
}

enum Way {
    Unknown,
    Helper {
        line: Box<Line>,
        owner: protocol::Owner,
        targets: Vec<String>,
    },
    /// There is no helper for this image, whatever is tried.
    Archive(sync::Owner),
}

/// What one pass has done.
#[derive(Default)]
struct Done {
    sent: Vec<(Piece, Expected)>,
    then: Vec<AfterSync>,
    problems: Vec<String>,
    class: Option<FailureClass>,
    read_only: bool,
}

/// Why a pass has to be done again.
enum Broken {
    Stream(io::Error),
    /// Root is refused.
    Denied,
    Other(RuntimeError),
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
            as_user: false,
            doubt: true,
            failures: 0,
        }
    }

    /// Compares, then brings what comes, until nobody sends any more.
    pub async fn run(mut self) {
        let mut taken = Taken::default();
        loop {
            while let Ok(job) = self.ways.0.try_recv() {
                self.take(job, &mut taken);
            }
            self.doubt |= self.ways.1.swap(false, Ordering::Relaxed);
            let Taken { pieces, asked } = std::mem::take(&mut taken);
            let result = self.pass(pieces).await;
            for asked in asked {
                // When nobody waits any more, there is nothing to tell.
                let _gone = asked.send(result.clone());
            }
            let pause =
                (PAUSE * 2u32.saturating_pow(self.failures.saturating_sub(1))).min(LONGEST_PAUSE);
            let again = async {
                if self.failures == 0 {
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
                let is_gone = |piece: &&Piece| std::fs::symlink_metadata(&piece.source).is_err();
                let sent = more.iter().filter(|piece| self.record.may_be_there(piece));
                let sent = sent.filter(is_gone);
                taken.pieces.extend(sent.cloned());
            }
        }
    }

    /// Brings these, or what differs, and tells of it. Says whether all of it is there.
    async fn pass(&mut self, pieces: Vec<Piece>) -> Result<(), RuntimeError> {
        let begun = Instant::now();
        let mut tried = self.attempt(pieces).await;
        if !matches!(tried, Ok(_) | Err(Broken::Other(_))) {
            // A stream that broke is opened anew, once at once; what it had brought, comparing tells.
            self.as_user |= matches!(tried, Err(Broken::Denied));
            self.way = Way::Unknown;
            self.doubt = true;
            tried = self.attempt(Vec::new()).await;
        }
        let done = match tried {
            Ok(done) => {
                self.failures = 0;
                done
            }
            Err(broken) => {
                self.way = Way::Unknown;
                self.doubt = true;
                self.failures += 1;
                let error = RuntimeError::from(broken);
                if self.failures == 1 {
                    let told = Err(error.clone());
                    self.tell(begun, &Done::default(), false, told).await;
                }
                return Err(error);
            }
        };
        let (restart, followed) = follow(&self.world, &self.life.id, &done.then).await;
        let there = done.result();
        let result = there.clone().and(followed);
        if restart || result.is_err() || !done.sent.is_empty() {
            self.tell(begun, &done, restart, result).await;
        }
        there
    }

    async fn attempt(&mut self, pieces: Vec<Piece>) -> Result<Done, Broken> {
        self.open().await?;
        let (pieces, whole, problems) = if self.doubt {
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
            (self.with_gone_within(pieces), None, Vec::new())
        };
        // Without it no more is lost than what is deleted while nobody watches.
        let _unsaved = self.record.announce(&pieces);
        let mut done = Done {
            then: pieces.iter().map(|piece| piece.then.clone()).collect(),
            problems,
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
                done.problems.extend(sent.problems);
                done.sent = sent.pieces;
                done.take_in(&problems);
            }
            Way::Archive(owner) => {
                let items: Vec<SyncItem> = pieces.iter().filter_map(Piece::item).collect();
                let (world, bounds) = (&self.world, self.bounds.clone());
                // As they are before: what changes meanwhile is told of again.
                let looks = tokio::task::spawn_blocking(move || looks(pieces)).await;
                let copied = copy(world, (&self.life.id, true), items, *owner, bounds).await;
                copied.map_err(Broken::Other)?;
                done.sent = looks.unwrap_or_default();
            }
            Way::Unknown => {}
        }
        self.doubt = !done.problems.is_empty();
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
        Ok(done)
    }

    /// With what was sent into folders among these, and is gone: a folder tells of itself what it holds when it is found, and
    /// comparing may have been sooner.
    fn with_gone_within(&self, mut pieces: Vec<Piece>) -> Vec<Piece> {
        let is_folder = |piece: &&Piece| {
            let found = std::fs::symlink_metadata(&piece.source);
            found.is_ok_and(|found| found.is_dir())
        };
        let folders = pieces.iter().filter(is_folder);
        let folders: HashSet<PathBuf> = folders.map(|piece| piece.source.clone()).collect();
        if !folders.is_empty() {
            pieces.extend(self.record.gone_within(&folders));
        }
        pieces
    }

    async fn open(&mut self) -> Result<(), Broken> {
        let Some(service) = self.stack.services.get(&self.service) else {
            return Ok(());
        };
        let targets: Vec<String> = SyncRules::new(&self.stack, service)
            .targets()
            .into_iter()
            .collect();
        if let Way::Helper {
            line, targets: set, ..
        } = &mut self.way
        {
            if *set != targets {
                line.set_roots(&targets).await.map_err(Broken::Stream)?;
                *set = targets;
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

    async fn tell(
        &mut self,
        begun: Instant,
        done: &Done,
        restart: bool,
        result: Result<(), RuntimeError>,
    ) {
        let first = done.sent.first().map(|(piece, _)| {
            let dir = self.stack.dir.as_std_path();
            let shown = piece.source.strip_prefix(dir).unwrap_or(&piece.source);
            shown.to_string_lossy().into_owned()
        });
        let synced = Synced {
            service: self.service.clone(),
            index: self.index,
            generation: self.life.clone(),
            files: done.sent.len(),
            first: first.unwrap_or_default(),
            millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            restart,
            result,
        };
        // When nobody listens any more, there is nothing to tell.
        let _ended = self.ways.2.send(Input::Synced(synced)).await;
    }
}

fn looks(pieces: Vec<Piece>) -> Vec<(Piece, Expected)> {
    let looks = pieces.into_iter().filter_map(|piece| {
        let expected = piece.looks().ok()??;
        Some((piece, expected))
    });
    looks.collect()
}

impl Done {
    fn take_in(&mut self, problems: &[Problem]) {
        for problem in problems {
            let path = String::from_utf8_lossy(&problem.path);
            self.problems.push(format!("{path}: {}", problem.text));
            if problem.kind == ProblemKind::Full {
                self.class = Some(FailureClass::DiskFull);
            }
            self.read_only |= problem.kind == ProblemKind::ReadOnly;
            self.sent.retain(|(piece, _)| piece.target != problem.path);
        }
    }

    fn result(&self) -> Result<(), RuntimeError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        let count = self.problems.len();
        let class = self.class.unwrap_or(FailureClass::Other);
        let message = match count {
            1 => "a file could not be synced".to_owned(),
            _ => format!("{count} files could not be synced"),
        };
        let named = self.problems.iter().take(NAMED).cloned().collect();
        let error = RuntimeError::new(class, message).detail(named);
        Err(if self.read_only {
            error.help("mount a volume that can be written there, or sync to another path")
        } else {
            error
        })
    }
}

impl From<Broken> for RuntimeError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Other(error) => error,
            Broken::Denied => Self::new(FailureClass::Other, "the container refuses the files"),
            Broken::Stream(error) => Self::new(
                FailureClass::Other,
                format!("files do not reach the container: {error}"),
            )
            .help("what it lacks is sent as soon as it takes something in again"),
        }
    }
}
