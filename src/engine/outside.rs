//! What people do to containers beside `dev`. A stop by the container engine's own means (`docker stop`, `docker compose
//! down`) is their word, as it is for that engine's restart policies; a kill, a crash and a removal without a stop are none.

use std::collections::{BTreeMap, BTreeSet};

use super::core::{Engine, now};
use super::event::Level;
use super::goal::{Goal, Until};
use crate::plan::Action;
use crate::plan::observed::{ObservedContainer, Status};

/// How long after the end of a container that was sent a signal its stop may be told, in milliseconds.
const WORD: u64 = 500;
/// A stop is one once nothing has begun again for this long, in milliseconds: a restart tells a stop, too.
const STAYS: u64 = 500;
/// Where all is stopped, the engine ends after this time, in milliseconds: a container engine that is about to end stops
/// everything as well, and nobody's word that is.
const LINGERS: u64 = 2_000;
/// Stops that are younger than this when the container engine goes away may have been its own, in milliseconds.
const ITS_OWN: u64 = 15_000;
/// So many containers are remembered whether they are still there or not.
const REMEMBERED: usize = 1_000;

/// What is known of that.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// Containers that this engine has told to begin, to stop or to go, with the start of the life that it was about.
    own: BTreeMap<String, String>,
    /// Containers that it has seen running.
    ran: BTreeSet<String>,
    /// Containers that were sent a signal.
    signalled: BTreeSet<String>,
    /// Ends of which is not known yet whether somebody asked for them.
    open: Vec<OpenEnd>,
    /// By service and replica.
    stops: BTreeMap<(String, u32), Stop>,
    /// Services of which every replica is stopped.
    services: BTreeSet<String>,
    /// Ids of containers that ran and were paused.
    held: BTreeSet<String>,
}

#[derive(Debug)]
struct OpenEnd {
    container: ObservedContainer,
    /// The exit code, and whether it was killed for memory.
    how: (i64, bool),
    /// Milliseconds since 1970.
    until: u64,
}

#[derive(Debug)]
struct Stop {
    id: String,
    /// Nanoseconds since 1970, by the container engine's clock.
    at: i64,
    /// When that was heard, milliseconds since 1970.
    since: u64,
    /// Looks begun by then.
    looks: u64,
    /// A look that began after it has found nothing that runs instead.
    is_seen: bool,
    is_told: bool,
}

impl Outside {
    /// Replicas that are not to be started.
    pub fn left(&self) -> BTreeSet<(String, u32)> {
        let open = self.open.iter().map(|end| &end.container);
        let open = open.map(|container| (container.service.clone(), container.index));
        self.stops.keys().cloned().chain(open).collect()
    }

    /// Whether its service goes on without this replica.
    pub fn is_missing(&self, service: &str, index: u32) -> bool {
        let stop = self.stops.get(&(service.to_owned(), index));
        stop.is_some_and(|stop| stop.is_told) && !self.services.contains(service)
    }

    /// How many replicas a service goes on without.
    pub fn missing(&self, service: &str) -> u32 {
        let told = self.stops.iter().filter(|(_, stop)| stop.is_told);
        let missing = told.filter(|((name, _), _)| name == service).count();
        match self.services.contains(service) {
            true => 0,
            false => u32::try_from(missing).unwrap_or(u32::MAX),
        }
    }

    /// Containers that stay paused.
    pub fn held(&self) -> &BTreeSet<String> {
        &self.held
    }

    /// Somebody said through `dev` what is to be with a service, which has these containers.
    pub fn forget<'a>(&mut self, service: &str, ids: impl Iterator<Item = &'a str>) {
        self.stops.retain(|(name, _), _| name != service);
        self.services.remove(service);
        for id in ids {
            self.held.remove(id);
            self.ran.remove(id);
        }
    }

    /// A life was seen.
    pub fn runs(&mut self, container: &ObservedContainer) {
        self.ran.insert(container.id.clone());
        if self.own.get(&container.id) != Some(&container.started_at) {
            self.own.remove(&container.id);
        }
    }

    pub fn signalled(&mut self, id: &str) {
        self.signalled.insert(id.to_owned());
    }

    /// Milliseconds since 1970.
    pub fn next_deadline(&self, now: u64) -> Option<u64> {
        let open = self.open.iter().map(|end| end.until);
        let told = self.stops.values().filter(|stop| stop.is_seen);
        let told = told.map(|stop| match stop.is_told {
            false => stop.since + STAYS,
            true => stop.since + LINGERS,
        });
        open.chain(told).filter(|at| *at > now).min()
    }
}

impl Engine {
    /// An operation begins: what the container engine tells because of it is nobody's word.
    pub(super) fn note_own(&mut self, action: &Action, input: Option<&str>) {
        let id = match action {
            Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. } => id,
            // It is stopped again where what comes after its start fails.
            Action::StartContainer { .. } => match input {
                Some(id) => id,
                None => return,
            },
            _ => return,
        };
        let id = id.to_owned();
        let life = self.observed.containers.iter().find(|c| c.id == id);
        let started = life.map_or_else(String::new, |life| life.started_at.clone());
        self.outside.own.insert(id, started);
    }

    /// Who waits until all is ready, or ends with what ends, goes by what is there.
    fn heeds_outside(&self) -> bool {
        let goes_on = matches!(self.until, Until::Told | Until::Ended) && self.abort.is_none();
        goes_on && matches!(self.goal, Goal::Up { .. })
    }

    /// Somebody said through `dev` what is to be with a service.
    pub(super) fn forget_outside(&mut self, service: &str) {
        let containers = self.observed.containers.iter();
        let its = containers.filter(|container| container.service == service);
        self.outside.forget(service, its.map(|c| c.id.as_str()));
    }

    /// Somebody stopped a container that ran.
    pub(super) fn stopped_outside(&mut self, id: String, service: String, index: u32, at: i64) {
        let is_ours = self.outside.own.contains_key(&id) || !self.outside.ran.contains(&id);
        let is_wanted = self.scope().contains(&service);
        if is_ours || !is_wanted || !self.heeds_outside() {
            return;
        }
        let known = self.observed.containers.iter().find(|c| c.id == id);
        // One of an earlier life that is told late says nothing of this one.
        if known.is_some_and(|known| known.is_successor() || began(known) >= Some(at)) {
            return;
        }
        let is_open = |end: &OpenEnd| end.container.id == id;
        let was_judged = known.is_some_and(|known| !known.is_running())
            && !self.outside.open.iter().any(is_open);
        self.outside.open.retain(|end| !is_open(end));
        let stop = Stop {
            id,
            at,
            since: now(),
            looks: self.look.begun,
            is_seen: false,
            is_told: false,
        };
        self.outside.stops.insert((service.clone(), index), stop);
        self.life_is_over(&service, index);
        if was_judged {
            self.retry(&service);
        }
        self.look.wanted = true;
    }

    /// A container began a life: whoever had stopped it has taken that back, also where no look sees that life.
    pub(super) fn started_outside(&mut self, id: &str) {
        let mut again = BTreeSet::new();
        self.outside.stops.retain(|(service, _), stop| {
            if stop.id == id {
                again.insert(service.clone());
            }
            stop.id != id
        });
        for service in again {
            self.look.wanted = true;
            self.is_up_again(&service);
        }
    }

    /// A container was removed. Where others were stopped from outside, that is of one piece (`docker compose down`), also
    /// where this one had ended before and was not stopped for that.
    pub(super) fn removed_outside(&mut self, service: &str, index: u32) {
        let key = (service.to_owned(), index);
        if self.outside.stops.is_empty() || self.outside.stops.contains_key(&key) {
            return;
        }
        let known = self.state.service(service);
        let known = known.and_then(|known| known.instances.get(&index)?.found.clone());
        let Some(known) = known.filter(|known| known.status != Status::Running) else {
            return;
        };
        let id = known.generation.id;
        let is_wanted = self.scope().contains(service) && self.heeds_outside();
        if !is_wanted || self.outside.own.contains_key(&id) {
            return;
        }
        let stop = Stop {
            id,
            at: i64::MAX,
            since: now(),
            looks: self.look.begun,
            is_seen: true,
            is_told: false,
        };
        self.outside.stops.insert(key, stop);
    }

    /// A life ended that this engine has not ended; `how`: its exit code, and whether it was killed for memory.
    pub(super) fn judge_end(&mut self, container: &ObservedContainer, how: (i64, bool)) {
        if !self.ends_outside(container, how) {
            self.ended(container, how.0, how.1);
        }
    }

    /// Whether somebody has stopped it, or may be about to be heard to have.
    fn ends_outside(&mut self, container: &ObservedContainer, how: (i64, bool)) -> bool {
        let id = &container.id;
        let key = (container.service.clone(), container.index);
        if self
            .outside
            .stops
            .get(&key)
            .is_some_and(|stop| stop.id == *id)
        {
            self.life_is_over(&key.0, key.1);
            return true;
        }
        let may_be_stopped = self.outside.signalled.contains(id)
            && !self.outside.own.contains_key(id)
            && !container.is_successor()
            && !how.1;
        if !may_be_stopped || !self.heeds_outside() {
            return false;
        }
        self.outside.open.push(OpenEnd {
            container: container.clone(),
            how,
            until: now() + WORD,
        });
        true
    }

    /// A look is taken in: what runs again is not stopped.
    pub(super) fn see_outside(&mut self) {
        let number = self.look.number;
        let running = self.observed.current().filter(|c| c.is_running());
        let running: Vec<ObservedContainer> = running.cloned().collect();
        let heeds = self.heeds_outside();
        let outside = &mut self.outside;
        let are_running = running.iter().filter(|c| c.status == Status::Running);
        are_running.for_each(|container| outside.runs(container));
        let paused = self.observed.current();
        let paused = paused.filter(|c| c.status == Status::Paused && heeds);
        let held = paused.filter(|c| outside.ran.contains(&c.id));
        outside.held = held.map(|c| c.id.clone()).collect();
        let mut again = BTreeSet::new();
        outside.stops.retain(|(service, index), stop| {
            let runs = running.iter().any(|container| {
                let is_same = container.service == *service && container.index == *index;
                is_same && (container.id != stop.id || began(container) > Some(stop.at))
            });
            if runs {
                again.insert(service.clone());
            }
            stop.is_seen |= number > stop.looks;
            !runs
        });
        outside.open.retain(|end| {
            let life = end.container.generation();
            !running
                .iter()
                .any(|c| c.id == life.id && c.generation() != life)
        });
        let there: BTreeSet<&str> = self
            .observed
            .containers
            .iter()
            .map(|c| c.id.as_str())
            .collect();
        if outside.own.len() + outside.ran.len() > REMEMBERED {
            outside.own.retain(|id, _| there.contains(id.as_str()));
            outside.ran.retain(|id| there.contains(id.as_str()));
        }
        outside.signalled.retain(|id| there.contains(id.as_str()));
        for service in again {
            self.is_up_again(&service);
        }
    }

    /// The container engine goes away: what it stopped on its way was stopped by nobody.
    pub(super) fn doubt_outside(&mut self) {
        let time = now();
        self.outside.open.clear();
        self.outside.signalled.clear();
        let is_recent = |stop: &Stop| stop.since + ITS_OWN > time;
        let stops = self.outside.stops.iter();
        let recent = stops.filter(|(_, stop)| is_recent(stop));
        let recent: BTreeSet<String> = recent.map(|((service, _), _)| service.clone()).collect();
        self.outside.stops.retain(|_, stop| !is_recent(stop));
        for service in recent {
            self.is_up_again(&service);
        }
    }

    fn is_up_again(&mut self, service: &str) {
        if !self.outside.services.remove(service) {
            return;
        }
        if let Goal::Up { stopped, .. } = &mut self.goal {
            stopped.remove(service);
        }
        self.state.settled = false;
        self.announce();
    }

    /// Time passed: what was sent a signal and was not stopped ended in another way, and what was stopped stays so.
    pub(super) fn judge_outside(&mut self) {
        let time = now();
        let open = std::mem::take(&mut self.outside.open);
        let (due, open) = open.into_iter().partition(|end| end.until <= time);
        self.outside.open = open;
        for OpenEnd { container, how, .. } in due {
            self.look.wanted = true;
            self.ended(&container, how.0, how.1);
        }
        if !self.heeds_outside() {
            return;
        }
        let mut told = Vec::new();
        for ((service, index), stop) in &mut self.outside.stops {
            if stop.is_seen && !stop.is_told && stop.since + STAYS <= time {
                stop.is_told = true;
                told.push((service.clone(), *index));
            }
        }
        for (service, index) in told {
            self.stays_stopped(&service, index);
        }
    }

    fn stays_stopped(&mut self, service: &str, index: u32) {
        let Some(replicas) = self.stack.services.get(service).map(|spec| spec.replicas) else {
            return;
        };
        let whole = self.outside.missing(service) >= replicas;
        if let Goal::Up { stopped, .. } = &mut self.goal
            && whole
        {
            stopped.insert(service.to_owned());
            self.outside.services.insert(service.to_owned());
        }
        if whole || replicas > 1 {
            let name = match replicas {
                1 => service.to_owned(),
                _ => format!("{service}-{index}"),
            };
            self.notice(
                Level::Info,
                format!("{name} was stopped from outside; `dev start {service}` starts it"),
            );
        }
        self.state.settled = false;
        self.announce();
        self.look.wanted = true;
    }

    /// Whether nothing is left to run, because of stops from outside.
    pub(super) fn is_all_stopped_outside(&self) -> bool {
        let time = now();
        let stops = &self.outside.stops;
        let is_over = |stop: &Stop| stop.is_told && stop.since + LINGERS <= time;
        let is_at_rest = |name: &String| {
            let service = self.state.service(name);
            service.is_some_and(|service| service.done || service.gave_up)
        };
        !stops.is_empty()
            && self.outside.open.is_empty()
            && stops.values().all(is_over)
            && self.heeds_outside()
            && self.scope().iter().all(is_at_rest)
            && !self.observed.containers.iter().any(|c| c.status.is_up())
    }

    /// As after `dev stop`, but that nothing is stopped for it: what somebody starts at this moment goes on.
    pub(super) fn end_stopped_outside(&mut self) {
        self.notice(
            Level::Info,
            "everything was stopped from outside, and nothing is left to run; `dev up` starts it",
        );
        self.pursue(Goal::Stop(BTreeSet::new()));
    }
}

/// Nanoseconds since 1970.
fn began(container: &ObservedContainer) -> Option<i64> {
    let started = chrono::DateTime::parse_from_rfc3339(&container.started_at).ok();
    started.and_then(|started| started.timestamp_nanos_opt())
}
