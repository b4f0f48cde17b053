//! What changed by itself. The notes of processes are renamed into their folder, so the folder's time tells.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use futures_util::stream::{BoxStream, StreamExt, unfold};

use super::Place;
use crate::plan::observed::{Generation, ObservedContainer, Status};
use crate::runtime::world::Change;

use super::ProcessWorld;

/// How soon a change is seen.
const TICK: Duration = Duration::from_millis(25);
/// Every so many ticks it is looked anyway: a supervisor that was killed notes nothing.
const ANYWAY: u32 = 40;

struct Watch {
    world: ProcessWorld,
    known: BTreeMap<String, (Generation, Status)>,
    stamp: Option<SystemTime>,
    ticks: u32,
    pending: VecDeque<Change>,
}

impl ProcessWorld {
    /// Begins with what is there now; never ends.
    pub fn changes(&self) -> BoxStream<'static, Change> {
        let mut watch = Watch {
            world: self.clone(),
            known: BTreeMap::new(),
            stamp: None,
            ticks: 0,
            pending: VecDeque::new(),
        };
        watch.compare();
        watch.pending.clear();
        let stream = unfold(watch, |mut watch| async move {
            loop {
                if let Some(change) = watch.pending.pop_front() {
                    return Some((change, watch));
                }
                tokio::time::sleep(TICK).await;
                watch.ticks = watch.ticks.wrapping_add(1);
                let stamp = stamp(&watch.world.place);
                if stamp != watch.stamp || watch.ticks.is_multiple_of(ANYWAY) {
                    watch.stamp = stamp;
                    watch.compare();
                }
            }
        });
        stream.boxed()
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
