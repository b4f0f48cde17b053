//! Follows an engine through a view, until something ends it.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::error::CliError;
use super::output::{Output, reader_gone};
use crate::engine::event::{Event, Failure};
use crate::engine::feed::{Feed, News};
use crate::engine::goal::Outcome;
use crate::engine::state::State;
use crate::view::Pace;

/// The live view is drawn anew this often at most.
const FRAME: Duration = Duration::from_millis(100);
/// So often where nothing moves.
const SECOND: Duration = Duration::from_secs(1);

/// Why following ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The engine said good-bye, or could not do what it was told.
    Bye(Option<Failure>),
    /// What was waited for has come to an end, good or bad.
    Verdict(Outcome),
    /// A person interrupted; how often so far.
    Interrupted,
    Deadline,
}

/// Ctrl-C, SIGTERM and SIGHUP: what a person, a system and a closing terminal send.
#[derive(Debug)]
pub struct Interrupts {
    int: Signal,
    term: Signal,
    hup: Signal,
    /// Ends when nobody reads standard output any more.
    unread: Option<JoinHandle<()>>,
}

impl Interrupts {
    /// # Errors
    /// The signals cannot be listened to.
    pub fn listen() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(CliError::state);
        Ok(Self {
            int: listen(SignalKind::interrupt())?,
            term: listen(SignalKind::terminate())?,
            hup: listen(SignalKind::hangup())?,
            unread: None,
        })
    }

    /// For what stays in front to be read: that nobody reads it any more (`dev up | head`) counts as an interrupt, once.
    pub fn or_unread(mut self) -> Self {
        self.unread = Some(tokio::spawn(reader_gone()));
        self
    }

    pub async fn next(&mut self) {
        let unread = async {
            match &mut self.unread {
                // It has no way to fail.
                Some(gone) => drop(gone.await),
                None => std::future::pending().await,
            }
        };
        let is_unread = tokio::select! {
            _ = self.int.recv() => false,
            _ = self.term.recv() => false,
            _ = self.hup.recv() => false,
            () = unread => true,
        };
        if is_unread {
            self.unread = None;
        }
    }
}

/// What following waits for beside interrupts.
pub struct Follow<'a> {
    pub feed: &'a mut Feed,
    pub screen: &'a mut Output,
    pub interrupts: &'a mut Interrupts,
    pub deadline: Option<Instant>,
}

impl Follow<'_> {
    /// Shows what happens until `verdict` says that it is enough.
    pub async fn until(&mut self, verdict: impl Fn(&State) -> Option<Outcome>) -> Ended {
        self.screen.begin(&self.feed.state);
        let mut frames = Frames::begin();
        let far = Instant::now() + Duration::from_secs(365 * 24 * 3600);
        loop {
            if let Some(outcome) = verdict(&self.feed.state) {
                self.screen.frame(&self.feed.state);
                return Ended::Verdict(outcome);
            }
            tokio::select! {
                news = self.feed.next() => match news {
                    Some(News::Event(stamped)) => {
                        frames.hasten();
                        self.screen.event(&self.feed.state, &stamped);
                        if let Event::Bye { failure, .. } = stamped.event {
                            return Ended::Bye(failure);
                        }
                    }
                    Some(News::Log(entry)) => {
                        frames.hasten();
                        self.screen.log(&entry);
                    }
                    Some(News::Refreshed) => frames.hasten(),
                    None => return Ended::Bye(None),
                },
                () = tokio::time::sleep_until(frames.next.unwrap_or(far)) => {
                    self.screen.frame(&self.feed.state);
                    frames.drawn(self.screen.pace(&self.feed.state));
                }
                () = self.interrupts.next() => return Ended::Interrupted,
                () = tokio::time::sleep_until(self.deadline.unwrap_or(far)) => return Ended::Deadline,
            }
        }
    }
}

/// When to draw.
struct Frames {
    last: Instant,
    next: Option<Instant>,
    pace: Pace,
}

impl Frames {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            last: now,
            next: Some(now),
            pace: Pace::Frames,
        }
    }

    /// Something is to be seen.
    fn hasten(&mut self) {
        if self.pace != Pace::Never {
            let soon = self.last + FRAME;
            self.next = Some(self.next.map_or(soon, |next| next.min(soon)));
        }
    }

    fn drawn(&mut self, pace: Pace) {
        self.last = Instant::now();
        self.pace = pace;
        self.next = match pace {
            Pace::Frames => Some(self.last + FRAME),
            Pace::Seconds => Some(self.last + SECOND),
            Pace::Never => None,
        };
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
