//! What changed by itself. The notes of processes are renamed into their folder, so the folder's time tells.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use futures_util::stream::{BoxStream, StreamExt, unfold};
use tokio::time::Instant;

use super::Place;
use crate::plan::observed::{Generation, ObservedContainer, Status};
use crate::runtime::world::Change;

use super::ProcessWorld;

/// How soon a change is seen where something changed shortly before …
const TICK: Duration = Duration::from_millis(25);
const SHORTLY: Duration = Duration::from_secs(10);
/// … where all is quiet …
const QUIET: Duration = Duration::from_millis(100);
/// … and where there has been no process at all: most stacks have none, and should not be at work for that.
const NONE: Duration = Duration::from_millis(200);
/// So often it is looked anyway: a supervisor that was killed notes nothing.
const ANYWAY: Duration = Duration::from_secs(1);

struct Watch {
    world: ProcessWorld,
    known: BTreeMap<String, (Generation, Status)>,
    stamp: Option<SystemTime>,
    /// When something was last seen to change.
    changed: Instant,
    compared: Instant,
    pending: VecDeque<Change>,
}

impl ProcessWorld {
    /// Begins with what is there now; never ends.
    pub fn changes(&self) -> BoxStream<'static, Change> {
        let mut watch = Watch {
            world: self.clone(),
            known: BTreeMap::new(),
            stamp: None,
            changed: Instant::now(),
            compared: Instant::now(),
            pending: VecDeque::new(),
        };
        watch.compare();
        watch.pending.clear();
        let stream = unfold(watch, |mut watch| async move {
            loop {
                if let Some(change) = watch.pending.pop_front() {
                    return Some((change, watch));
                }
                tokio::time::sleep(pace(watch.stamp.is_some(), watch.changed.elapsed())).await;
                let stamp = stamp(&watch.world.place);
                if stamp != watch.stamp {
                    watch.changed = Instant::now();
                }
                if stamp != watch.stamp || watch.compared.elapsed() >= ANYWAY {
                    watch.stamp = stamp;
                    watch.compare();
                    watch.compared = Instant::now();
                }
            }
        });
        stream.boxed()
    }
}

/// How long to wait before the next look.
fn pace(some: bool, unchanged: Duration) -> Duration {
    match some {
        false => NONE,
        true if unchanged < SHORTLY => TICK,
        true => QUIET,
    }
}

fn stamp(place: &Place) -> Option<SystemTime> {
    std::fs::metadata(&place.records)
        .and_then(|data| data.modified())
        .ok()
}

impl Watch {
    fn compare(&mut self) {
        let found = self.world.look();
        for process in &found {
            let now = (process.generation(), process.status);
            if self.known.get(&process.id) != Some(&now) {
                self.pending.push_back(self.change(process));
                self.known.insert(process.id.clone(), now);
            }
        }
        let gone: Vec<String> = self
            .known
            .keys()
            .filter(|id| !found.iter().any(|process| process.id == **id))
            .cloned()
            .collect();
        for id in gone {
            self.known.remove(&id);
            self.pending.push_back(Change::Container {
                id,
                service: None,
                began: false,
            });
        }
    }

    fn change(&self, process: &ObservedContainer) -> Change {
        match process.status {
            Status::Exited { code, .. } => Change::Ended {
                id: process.id.clone(),
                code,
                at: i64::try_from(super::output::now()).unwrap_or(i64::MAX),
            },
            status => Change::Container {
                id: process.id.clone(),
                service: Some(process.service.clone()),
                began: status == Status::Running,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_processes_is_hardly_woken_and_a_quiet_one_seldom() {
        let second = Duration::from_secs(1);
        let wakes = |some, unchanged| second.as_millis() / pace(some, unchanged).as_millis();
        assert!(wakes(false, Duration::ZERO) <= 5);
        assert!(wakes(true, 60 * second) <= 10);
        assert!(wakes(true, second) >= 40, "a crash is seen at once");
    }
}
