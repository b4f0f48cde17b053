//! Follows the log of a container: into the ring on disk, to the views, and to a probe that waits for a line.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::bus::{Bus, LogEntry};
use super::core::Engine;
use super::goal::Until;
use super::input::Input;
use super::instances::instance_name;
use super::turn::Turn;
use crate::plan::observed::{Generation, ObservedContainer};
use crate::runtime::ring::{DEFAULT_LIMIT, Ring};
use crate::runtime::world::{LogLine, LogRange};
use crate::secret::Redactor;

/// The engine notes down when a container started after its process has: nanoseconds of what that printed at once.
pub const HEAD_START: i128 = 100_000_000;
/// A line of a log is shown in the table this often at most.
const LAST_LINE: Duration = Duration::from_millis(250);
/// Until the log of what ran before is followed.
const AFTERTHOUGHT: Duration = Duration::from_millis(500);

impl Engine {
    /// Reads a container's log into the ring on disk, to the views, and to a probe that waits for a line.
    pub(super) fn follow_log(
        &mut self,
        container: &ObservedContainer,
        probe: Option<mpsc::Sender<String>>,
    ) -> JoinHandle<()> {
        let (service, index) = (container.service.clone(), container.index);
        let limit = self
            .stack
            .services
            .get(&service)
            .and_then(|service| service.limits.log);
        let name = instance_name(&service, index);
        let limit = limit.map_or(DEFAULT_LIMIT, |limit| limit / 2);
        let started = began(container);
        let pause = self.before_following(started, probe.is_some());
        let (folder, world, id) = (
            self.store.logs(),
            Arc::clone(&self.world),
            container.id.clone(),
        );
        let (redactor, bus, inputs) = (
            self.redactor.subscribe(),
            self.bus.clone(),
            self.inputs.clone(),
        );
        let stop = self.stop.clone();
        // A process's supervisor keeps its log itself; what it had said before this engine began was shown before.
        let kept = !container.is_process();
        let begun = i128::from(self.begun) * 1_000_000;
        // Whoever waits for a line waits for all that is read before it; and much may have been said by now.
        let seek = probe.is_some() || started < begun;
        let turn = container.is_process().then(Arc::<Turn>::default);
        let last = turn.as_ref().and_then(|turn| {
            let key = (service.clone(), index);
            self.instances.turns.insert(key, Arc::clone(turn))
        });
        let before = last.as_ref().map_or(0, |last| last.ends(started));
        let last = last.filter(|_| probe.is_none());
        let shown = before.max(if started < begun { begun } else { 0 });
        // What it stands beside writes to the same log: that has later lines than the first of this one.
        let life = container.generation();
        let is_first =
            container.is_successor() && started >= begun && !self.instances.was_followed(&life);
        let follow = async move {
            tokio::time::sleep(pause).await;
            let _over = turn.as_ref().map(|turn| turn.begin());
            if let Some(last) = last {
                last.is_over().await;
            }
            // Without a file, as on a full disk, the log is only shown.
            let ring = kept
                .then(|| Ring::open(&folder, &name, limit).ok())
                .flatten();
            let newest = match is_first {
                true => 0,
                false => ring.as_ref().map_or(shown, Ring::newest),
            };
            // A probe has to see this life's lines from the first one on; the ring takes only what is new to it.
            let since = if probe.is_some() {
                started
            } else {
                newest.max(started)
            };
            let mut lines = world.logs(
                &id,
                LogRange {
                    seek,
                    ..LogRange::following(since)
                },
            );
            let mut follower = Follower {
                service,
                index,
                life,
                ring,
                newest,
                turn,
                probe,
                redactor,
                bus,
                inputs,
                last: None,
            };
            let mut samples = tokio::time::interval(LAST_LINE);
            samples.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    line = lines.next() => match line {
                        Some(line) => follower.take(line).await,
                        None => break,
                    },
                    _ = samples.tick(), if follower.last.is_some() => follower.sample(),
                }
            }
            follower.sample();
        };
        self.tasks.spawn(async move {
            tokio::select! { () = follow => {}, () = stop.cancelled() => {} }
        })
    }

    /// Reads a log that is followed already once more from this life's beginning, for a probe.
    pub(super) fn read_log(
        &self,
        container: &ObservedContainer,
        probe: mpsc::Sender<String>,
        cancel: CancellationToken,
    ) {
        let range = LogRange {
            seek: true,
            ..LogRange::following(began(container))
        };
        let mut lines = self.world.logs(&container.id, range);
        let redactor = self.redactor.subscribe();
        let read = async move {
            while let Some(line) = lines.next().await {
                let line = redactor.borrow().redact(&line.line).into_owned();
                // Nobody else reads from here, so that it goes as fast as the probe does, and ends with it.
                if probe.send(line).await.is_err() {
                    break;
                }
            }
        };
        self.tasks.spawn(async move {
            tokio::select! { () = read => {}, () = cancel.cancelled() => {} }
        });
    }

    /// What runs already has said what it had to say: where `dev` leaves once all is ready, it mostly leaves before there
    /// is anything to follow, and the log of one that does not get ready is read from where it was left.
    fn before_following(&self, started: i128, probe: bool) -> Duration {
        let begun = i128::from(self.begun) * 1_000_000;
        if self.until == Until::Ready && !probe && started < begun {
            AFTERTHOUGHT
        } else {
            Duration::ZERO
        }
    }
}

/// When its process began, in nanoseconds since 1970; at the latest. The supervisor of a process on the host notes that before
/// it starts it.
fn began(container: &ObservedContainer) -> i128 {
    let started = chrono::DateTime::parse_from_rfc3339(&container.started_at);
    let nanos = started.ok().and_then(|at| at.timestamp_nanos_opt());
    let early = if container.is_process() {
        0
    } else {
        HEAD_START
    };
    nanos.map_or(0, |at| i128::from(at) - early)
}

/// Where the lines of one container go.
struct Follower {
    service: String,
    index: u32,
    life: Generation,
    ring: Option<Ring>,
    /// Lines up to this time are in the ring already.
    newest: i128,
    turn: Option<Arc<Turn>>,
    probe: Option<mpsc::Sender<String>>,
    redactor: watch::Receiver<Redactor>,
    bus: Bus,
    inputs: mpsc::Sender<Input>,
    /// The last line that the state does not have yet.
    last: Option<String>,
}

impl Follower {
    async fn take(&mut self, mut line: LogLine) {
        line.line = self.redactor.borrow().redact(&line.line).into_owned();
        // It must not miss the line that it waits for, and only compares; once it has that, it is gone.
        if let Some(probe) = &self.probe
            && probe.send(line.line.clone()).await.is_err()
        {
            self.probe = None;
        }
        let is_others = |turn: &Arc<Turn>| !turn.has(line.at);
        if line.at <= self.newest || self.turn.as_ref().is_some_and(is_others) {
            return;
        }
        if self
            .ring
            .as_mut()
            .is_some_and(|ring| ring.append(self.index, &line).is_err())
        {
            self.ring = None;
        }
        if !line.line.trim().is_empty() {
            self.last = Some(line.line.clone());
        }
        let at = u64::try_from(line.at / 1_000_000).unwrap_or(0);
        let (service, index, error) = (self.service.clone(), self.index, line.error);
        self.bus.log(LogEntry {
            service,
            index,
            at,
            error,
            line: line.line,
        });
    }

    fn sample(&mut self) {
        if let Some(line) = self.last.take() {
            // A full queue has more important things in it; the next line comes.
            let _later = self.inputs.try_send(Input::LastLine {
                service: self.service.clone(),
                generation: self.life.clone(),
                line,
            });
        }
    }
}
