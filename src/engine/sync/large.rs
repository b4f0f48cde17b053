//! Large files: they go in portions, and what is saved meanwhile comes between.

use std::collections::VecDeque;
use std::io;

use tokio::time::Instant;

use super::done::{Broken, Done};
use super::job::Asked;
use super::then::{NOTHING_FOLLOWED, follow};
use super::worker::{Way, Worker};
use crate::helper::protocol::{Expected, Owner, Problem, ProblemKind, Request};
use crate::runtime::RuntimeError;
use crate::stack::AfterSync;
use crate::watch::sync::{Large, Piece, Portion};

/// Large files on their way, and what waits until they are through.
#[derive(Default)]
pub(super) struct Larges {
    at: Option<Large>,
    waiting: VecDeque<Piece>,
    done: Done,
    begun: Option<Instant>,
    asked: Vec<Asked>,
    /// Streams that broke in a row over them.
    broken: u32,
}

impl Larges {
    pub fn is_empty(&self) -> bool {
        self.at.is_none() && self.waiting.is_empty()
    }

    /// They are not sent any more; what waits for them goes on waiting.
    pub fn forget(&mut self) {
        self.at = None;
        self.waiting.clear();
    }

    /// A stream that broke for the first time is opened anew at once.
    pub fn failures(&self) -> u32 {
        self.broken.saturating_sub(1)
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Piece> {
        self.waiting.iter()
    }

    /// These follow. True: the one at hand is to be cancelled, because something else was `sent` in its place.
    pub fn take_over(&mut self, sent: &[(Piece, Expected)], large: Vec<Piece>) -> bool {
        let now = |target: &[u8]| sent.iter().any(|(piece, _)| piece.target == target);
        self.waiting.retain(|piece| {
            !now(&piece.target) && !large.iter().any(|new| new.target == piece.target)
        });
        self.waiting.extend(large);
        let is_other = |large: &mut Large| now(&large.piece().target);
        self.at.take_if(is_other).is_some()
    }

    /// What follows a batch with large files follows once these are there; and no restart cuts them off.
    pub fn hold_back(&mut self, done: &mut Done, begun: Instant) {
        if self.is_empty() {
            let before = std::mem::take(&mut self.done);
            done.then.extend(before.then);
            done.sent.extend(before.sent);
            done.problems.extend(before.problems);
            done.unread.extend(before.unread);
        } else if done.large || done.then.contains(&AfterSync::Restart) {
            self.begun.get_or_insert(begun);
            self.done.then.append(&mut done.then);
        }
    }

    /// Who asked for everything is told once that is there.
    pub fn answer(&mut self, asked: Vec<Asked>, result: &Result<(), RuntimeError>) {
        self.asked.extend(asked);
        if self.is_empty() || result.is_err() {
            for asked in self.asked.drain(..) {
                // When nobody waits any more, there is nothing to tell.
                let _gone = asked.send(result.clone());
            }
        }
    }

    fn next(&mut self, owner: Owner) -> Option<Large> {
        let begin = |piece| Large::new(piece, owner);
        self.at
            .take()
            .or_else(|| self.waiting.pop_front().map(begin))
    }
}

/// The request by which the one at hand is not finished.
pub(super) fn cancel() -> Vec<u8> {
    let mut frame = Vec::new();
    Request::Cancel.encode(&mut frame);
    frame
}

impl Worker {
    /// Sends the next portion; after the last one does what follows, and tells of it. True: everything is to be compared at
    /// once.
    pub(super) async fn carry(&mut self) -> bool {
        match self.portion().await {
            Ok(()) if self.larges.is_empty() => {
                self.larges.broken = 0;
                self.conclude_larges().await;
                false
            }
            Ok(()) => false,
            Err(broken) => {
                self.as_user |= matches!(broken, Broken::Denied);
                self.stream_broke();
                self.larges.broken += 1;
                if self.larges.broken == 2 {
                    let error = RuntimeError::from(broken);
                    self.larges.answer(Vec::new(), &Err(error.clone()));
                    let begun = Instant::now();
                    self.tell(begun, &Done::default(), NOTHING_FOLLOWED, Err(error))
                        .await;
                }
                self.larges.broken == 1
            }
        }
    }

    async fn portion(&mut self) -> Result<(), Broken> {
        let Way::Helper { line, owner, .. } = &mut self.way else {
            self.larges.forget();
            return Ok(());
        };
        let Some(mut large) = self.larges.next(*owner) else {
            return Ok(());
        };
        let reading = tokio::task::spawn_blocking(move || {
            let portion = large.portion();
            (large, portion)
        });
        let (large, portion) = reading
            .await
            .map_err(|error| Broken::Stream(io::Error::other(error)))?;
        match portion {
            Ok(Portion::More(requests)) => {
                line.put(&requests).await.map_err(Broken::Stream)?;
                self.larges.at = Some(large);
            }
            Ok(Portion::Last(requests, expected, bytes)) => {
                line.put(&requests).await.map_err(Broken::Stream)?;
                let problems = line.commit(bytes).await.map_err(Broken::Stream)?;
                let denied = |problem: &Problem| problem.kind == ProblemKind::Denied;
                if line.uid == 0 && !self.as_user && problems.iter().any(denied) {
                    return Err(Broken::Denied);
                }
                self.doubt |= !problems.is_empty();
                let sent = [(large.piece().clone(), expected)];
                if problems.is_empty() {
                    let _unsaved = self.record.add(&sent);
                    self.larges.done.then.push(large.piece().then.clone());
                }
                self.larges.done.sent.extend(sent);
                self.larges.done.take_in(&problems);
            }
            Ok(Portion::Overtaken) => line.put(&cancel()).await.map_err(Broken::Stream)?,
            Err(error) => {
                line.put(&cancel()).await.map_err(Broken::Stream)?;
                self.doubt = true;
                let problem = format!("{}: {error}", large.piece().source.display());
                self.larges.done.unread.push(problem);
            }
        }
        Ok(())
    }

    async fn conclude_larges(&mut self) {
        let done = std::mem::take(&mut self.larges.done);
        let begun = self.larges.begun.take().unwrap_or_else(Instant::now);
        let followed = follow(&self.world, &self.life.id, &done.then).await;
        self.larges.answer(Vec::new(), &done.there());
        if !done.then.is_empty() || done.result().is_err() || !done.sent.is_empty() {
            self.tell(begun, &done, followed, done.result()).await;
        }
    }
}
