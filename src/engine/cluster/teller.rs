//! The state's one owner: says what a look found and was not said before.

use std::collections::{BTreeMap, BTreeSet};

use super::told::{infos, is_pending, of_service, seen};
use crate::engine::bus::{Bus, Subscription};
use crate::engine::event::{Event, Stamped};
use crate::engine::goal::Outcome;
use crate::engine::state::State;
use crate::runtime::kube::Sight;
use crate::stack::Stack;

/// What counts once a look has been told.
pub const LOOKED: u64 = 1;

#[derive(Debug, Default)]
pub(super) struct Teller {
    bus: Bus,
    pub state: State,
    /// What was said last, by service.
    said: BTreeMap<String, Vec<Stamped>>,
    /// What was left to do, and whether all was ready.
    left: Option<(BTreeSet<String>, bool)>,
}

impl Teller {
    pub fn subscribe(&self) -> Subscription {
        self.bus.subscribe(&self.state)
    }

    pub fn emit(&mut self, at: u64, event: Event) {
        let stamped = self.bus.event(at, event);
        self.state.apply(&stamped);
    }

    pub fn runtime(&mut self, at: u64, up: bool, text: String) {
        if self.state.runtime_up != up {
            self.emit(at, Event::Runtime { up, text });
        }
    }

    /// Which services there are to be.
    pub fn announce(&mut self, stack: &Stack, namespace: &str, sight: &Sight, at: u64) {
        let services = infos(stack, namespace, sight);
        let known = self.state.services.iter().map(|service| &service.info);
        if !known.eq(services.iter()) || self.state.name != stack.name {
            let event = Event::Stack {
                name: stack.name.clone(),
                layers: stack.layers.iter().map(ToString::to_string).collect(),
                services,
            };
            self.emit(at, event);
        }
    }

    pub fn take(&mut self, stack: &Stack, namespace: &str, sight: &Sight, at: u64) {
        self.announce(stack, namespace, sight, at);
        // What is needed first, so that nothing seems to lack it.
        let order = stack.in_order();
        for service in order.iter().filter_map(|name| stack.services.get(name)) {
            let events = of_service(service, seen(sight, service), at);
            self.tell(&service.name, events, at);
        }
        self.settle(stack, sight, at);
    }

    /// What is left to do, which its controllers do; what failed is left as it is.
    fn settle(&mut self, stack: &Stack, sight: &Sight, at: u64) {
        let said = |name: &str| self.said.get(name).map_or(&[][..], Vec::as_slice);
        let pending = stack.services.values().filter(|service| {
            seen(sight, service).is_some_and(is_pending) && !has(said(&service.name), is_end)
        });
        let services: BTreeSet<String> = pending.map(|service| service.name.clone()).collect();
        let ready = self.state.verdict() == Some(Outcome::Done);
        let now = Some((services.clone(), ready));
        if std::mem::replace(&mut self.left, now.clone()) == now {
            return;
        }
        let is_settled = services.is_empty();
        self.emit(at, Event::Planned { services });
        self.emit(at, Event::Compared { asked: LOOKED });
        if is_settled {
            let operations = 0;
            self.emit(at, Event::Settled { ready, operations });
        }
    }

    fn tell(&mut self, service: &str, events: Vec<Stamped>, at: u64) {
        let before = self.said.remove(service).unwrap_or_default();
        for index in gone(&before, &events) {
            let service = service.to_owned();
            let found = None;
            let event = Event::Instance {
                service,
                index,
                found,
            };
            self.emit(at, event);
        }
        let is_over = |failed: fn(&Event) -> bool| has(&before, failed) && !has(&events, failed);
        if is_over(is_end) || is_over(is_failure) {
            let service = service.to_owned();
            self.emit(at, Event::Retry { service });
        }
        // Answers of a probe count one after the other.
        let answers = |of: &[Stamped]| -> Vec<Event> {
            let probes = of.iter().filter(|one| is_answer(&one.event));
            probes.map(|one| one.event.clone()).collect()
        };
        let answered = answers(&before) == answers(&events);
        for one in &events {
            let known = before.iter().any(|other| other.event == one.event);
            if !known || (!answered && is_answer(&one.event)) {
                self.emit(one.at, one.event.clone());
            }
        }
        self.said.insert(service.to_owned(), events);
    }
}

fn has(events: &[Stamped], which: fn(&Event) -> bool) -> bool {
    events.iter().any(|one| which(&one.event))
}

fn is_answer(event: &Event) -> bool {
    matches!(event, Event::Probe { .. })
}

fn is_end(event: &Event) -> bool {
    matches!(event, Event::GaveUp { .. })
}

fn is_failure(event: &Event) -> bool {
    is_end(event) || matches!(event, Event::Restarting { .. })
}

fn indexes(events: &[Stamped]) -> impl Iterator<Item = u32> {
    events.iter().filter_map(|one| match one.event {
        Event::Instance { index, .. } => Some(index),
        _ => None,
    })
}

/// The replicas that are there no more.
fn gone(before: &[Stamped], events: &[Stamped]) -> Vec<u32> {
    let is_gone = |index: &u32| indexes(events).all(|other| other != *index);
    indexes(before).filter(is_gone).collect()
}
