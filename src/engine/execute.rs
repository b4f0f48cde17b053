//! Walks a plan: says which operations may run now, and takes in how they ended. Decides nothing else: a failure goes
//! back as an event with its class, and planning goes on from there.

mod ending;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::hold::Gate;
use crate::plan::{Action, Cause, Input, OpId, Operation, Plan, Subject};
use crate::runtime::world::Output;

/// A plan, and how far it is.
#[derive(Debug, Default)]
pub struct Walk {
    plan: Plan,
    progress: Vec<Progress>,
    /// Operations in flight by ticket, with their place in this plan if they have one.
    flying: BTreeMap<Ticket, Flight>,
    next_ticket: Ticket,
    /// Nothing begins but what is about host processes.
    on_host_only: bool,
}

/// Names one run of one operation.
pub type Ticket = u64;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Waiting,
    Flying,
    Done(Output),
    Skipped,
    /// Failed itself, or waits for one that failed.
    Lost,
}

#[derive(Debug)]
struct Flight {
    operation: Operation,
    input: Option<String>,
    place: Option<OpId>,
}

/// When what runs of a service is to make way for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    Now,
    /// Something that takes its time comes before: a build, a pull, another that has to get ready.
    Later,
}

/// An operation that may run now.
#[derive(Debug, Clone)]
pub struct Launch {
    pub ticket: Ticket,
    pub operation: Operation,
    /// What its input stands for, where it has one.
    pub input: Option<String>,
}

/// How many operations of one kind may be in flight at once.
const PULLS: usize = 4;
const BUILDS: usize = 2;
const CALLS: usize = 10;
/// Engines take about as long to remove a hundred containers at once as to remove ten.
const ENDS: usize = 100;

impl Walk {
    /// Goes on with a newer plan. What flies and is wanted by it just so is adopted; returns the tickets of pulls and
    /// builds that it does not want, for the caller to cancel. Other calls are short: they end, and the next look sees.
    pub fn replace(&mut self, plan: Plan) -> Vec<Ticket> {
        self.progress = vec![Progress::Waiting; plan.operations.len()];
        self.plan = plan;
        let mut overtaken = Vec::new();
        for (ticket, flight) in &mut self.flying {
            let place = self.plan.operations.iter().position(|operation| {
                operation.subject == flight.operation.subject
                    && operation.action.same_call(&flight.operation.action)
                    && takes_the_same(&operation.action, flight.input.as_deref())
            });
            flight.place = place;
            match place {
                Some(id) => self.progress[id] = Progress::Flying,
                None if flight.operation.action.is_long() => overtaken.push(*ticket),
                None => {}
            }
        }
        self.skip_what_was_done();
        overtaken
    }

    /// A start that is under way has been prepared: whoever looked before that was seen plans the steps before it again.
    fn skip_what_was_done(&mut self) {
        let adopted = self.flying.values().filter_map(|flight| flight.place);
        let mut begun: BTreeSet<OpId> = adopted.collect();
        // Operations stand in an order in which they could run, so one pass from the end reaches everything before.
        for operation in self.plan.operations.iter().rev() {
            let id = operation.id;
            if !begun.contains(&id) {
                continue;
            }
            begun.extend(&operation.after);
            let is_step = matches!(
                operation.action,
                Action::Prepare { .. } | Action::Seed { .. }
            );
            if is_step && self.progress[id] == Progress::Waiting {
                self.progress[id] = Progress::Skipped;
            }
        }
    }

    /// Whether only what is about host processes begins from now on.
    pub fn keep_to_host(&mut self, only: bool) {
        self.on_host_only = only;
    }

    /// The operations that may run now, marked as flying.
    ///
    /// `is_ready`: whether a container, by its id, is ready.
    pub fn launch(
        &mut self,
        is_open: impl Fn(&Operation, &Gate) -> bool,
        is_ready: impl Fn(&str) -> bool,
    ) -> Vec<Launch> {
        let mut launches = Vec::new();
        loop {
            let skipped = self.skip();
            let Some(id) =
                (0..self.plan.operations.len()).find(|id| self.may_run(*id, &is_open, &is_ready))
            else {
                if skipped { continue } else { break }
            };
            let operation = self.plan.operations[id].clone();
            let input = operation.action.input().and_then(|input| self.value(input));
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            self.progress[id] = Progress::Flying;
            let flight = Flight {
                operation: operation.clone(),
                input: input.clone(),
                place: Some(id),
            };
            self.flying.insert(ticket, flight);
            launches.push(Launch {
                ticket,
                operation,
                input,
            });
        }
        launches
    }

    /// An operation ended well. Says whether the plan knows what that means: if it was made without it, it is out of date
    /// for this subject, and nothing more of it is begun there.
    pub fn done(&mut self, ticket: Ticket, output: Output) -> bool {
        let Some(flight) = self.flying.remove(&ticket) else {
            return true;
        };
        match flight.place {
            Some(id) => self.progress[id] = Progress::Done(output),
            None => {
                self.hold_back(|operation| operation.subject.is_one_with(&flight.operation.subject))
            }
        }
        flight.place.is_some()
    }

    /// Operations that are not to be tried with this plan, and what comes after them.
    pub fn hold_back(&mut self, is_held: impl Fn(&Operation) -> bool) {
        for id in 0..self.plan.operations.len() {
            if self.progress[id] == Progress::Waiting && is_held(&self.plan.operations[id]) {
                self.lose(id);
            }
        }
    }

    /// An operation is lost with what comes after it, and nothing else; returns the services of what comes after.
    fn lose(&mut self, place: OpId) -> BTreeSet<String> {
        let mut hit = BTreeSet::new();
        let mut lost = BTreeSet::from([place]);
        // Operations stand in an order in which they could run, so one pass reaches everything after.
        for operation in &self.plan.operations[place + 1..] {
            if operation.after.iter().any(|before| lost.contains(before)) {
                lost.insert(operation.id);
                hit.extend(operation.subject.service().map(str::to_owned));
            }
        }
        for id in lost {
            self.progress[id] = Progress::Lost;
        }
        hit
    }

    /// An operation failed or was cancelled: what comes after it is lost with it. Returns the services that are hit.
    pub fn failed(&mut self, ticket: Ticket) -> BTreeSet<String> {
        let Some(flight) = self.flying.remove(&ticket) else {
            return BTreeSet::new();
        };
        let mut hit: BTreeSet<String> = flight
            .operation
            .subject
            .service()
            .map(str::to_owned)
            .into_iter()
            .collect();
        let Some(place) = flight.place else {
            self.hold_back(|operation| operation.subject.is_one_with(&flight.operation.subject));
            return hit;
        };
        hit.extend(self.lose(place));
        hit
    }

    /// The operation that flies under a ticket, if the plan at hand still has it; else as it was begun.
    pub fn operation(&self, ticket: Ticket) -> Option<Operation> {
        self.flying
            .get(&ticket)
            .map(|flight| flight.operation.clone())
    }

    /// What an operation's input stands for, as far as it is known.
    pub fn input_of(&self, operation: &Operation, input: &Input<String>) -> Option<String> {
        match input {
            Input::Known(value) => Some(value.clone()),
            Input::From(_) => {
                let flight = self
                    .flying
                    .values()
                    .find(|flight| flight.operation.subject == operation.subject)?;
                flight.input.clone()
            }
        }
    }

    /// Nothing flies.
    pub fn is_idle(&self) -> bool {
        self.flying.is_empty()
    }

    /// Operations that wait for a gate only, by service.
    pub fn gated(&self) -> BTreeMap<&str, &[Gate]> {
        let waiting = self.plan.operations.iter().filter(|operation| {
            self.progress[operation.id] == Progress::Waiting
                && !operation.gates.is_empty()
                && self.is_next(operation)
        });
        waiting
            .filter_map(|operation| {
                Some((operation.subject.service()?, operation.gates.as_slice()))
            })
            .collect()
    }

    /// Whether an operation on this service flies.
    #[cfg(test)]
    pub fn is_flying(&self, service: &str) -> bool {
        self.flying
            .values()
            .any(|flight| flight.operation.subject.service() == Some(service))
    }

    /// Whether something of this service is to get files still, or is getting them.
    pub fn is_syncing(&self, service: &str) -> bool {
        self.plan.operations.iter().any(|operation| {
            matches!(operation.action, Action::Sync { .. })
                && operation.subject.service() == Some(service)
                && matches!(
                    self.progress[operation.id],
                    Progress::Waiting | Progress::Flying
                )
        })
    }

    /// Whether an operation on one of these flies, or is the next.
    pub fn is_at_work(&self, concerns: impl Fn(&Subject) -> bool) -> bool {
        let flies = self
            .flying
            .values()
            .any(|flight| concerns(&flight.operation.subject));
        let is_next = |operation: &Operation| {
            self.progress[operation.id] == Progress::Waiting
                && operation.gates.is_empty()
                && operation.once_ready.is_none()
                && self.is_next(operation)
                && concerns(&operation.subject)
        };
        flies || self.plan.operations.iter().any(is_next)
    }

    /// Whether one flies that detaches this container from its networks and attaches it again.
    pub fn is_attaching(&self, container: &str) -> bool {
        self.flying.values().any(|flight| {
            matches!(flight.operation.action, Action::SetAliases { .. })
                && flight.input.as_deref() == Some(container)
        })
    }

    /// The services of which this plan has yet to end what runs, to put another in its place.
    pub fn ends(&self) -> BTreeMap<String, Ending> {
        let is_open = |id: OpId| {
            let progress = &self.progress[id];
            matches!(progress, Progress::Waiting | Progress::Flying)
        };
        let mut ends = BTreeMap::new();
        let mut takes_time = vec![false; self.plan.operations.len()];
        for operation in &self.plan.operations {
            let id = operation.id;
            if !is_open(id) {
                continue;
            }
            let is_behind = operation.after.iter().any(|id| takes_time[*id]);
            takes_time[id] =
                is_behind || operation.once_ready.is_some() || operation.action.is_long();
            let Some(service) = operation.subject.service().filter(|_| operation.is_end()) else {
                continue;
            };
            let waits = takes_time[id] && self.progress[id] == Progress::Waiting;
            // Who asks for it is sent to the next one by then.
            let ending = match waits || operation.cause == Cause::Replaces {
                true => Ending::Later,
                false => Ending::Now,
            };
            let known = ends.entry(service.to_owned()).or_insert(ending);
            *known = ending.min(*known);
        }
        ends
    }

    /// Operations that have not ended.
    pub fn open_operations(&self) -> usize {
        self.progress
            .iter()
            .filter(|progress| matches!(progress, Progress::Waiting | Progress::Flying))
            .count()
    }

    /// The services of operations that have not come about; what is lost is for the next plan to judge.
    pub fn open_services(&self) -> BTreeSet<String> {
        let open = self.plan.operations.iter().filter(|operation| {
            matches!(
                self.progress[operation.id],
                Progress::Waiting | Progress::Flying | Progress::Lost
            )
        });
        open.filter_map(|operation| operation.subject.service().map(str::to_owned))
            .collect()
    }

    fn is_next(&self, operation: &Operation) -> bool {
        operation
            .after
            .iter()
            .all(|id| matches!(self.progress[*id], Progress::Done(_) | Progress::Skipped))
    }

    fn may_run(
        &self,
        id: OpId,
        is_open: &impl Fn(&Operation, &Gate) -> bool,
        is_ready: &impl Fn(&str) -> bool,
    ) -> bool {
        let operation = &self.plan.operations[id];
        self.progress[id] == Progress::Waiting
            && (operation.action.is_on_host() || !self.on_host_only)
            && self.is_next(operation)
            && operation.gates.iter().all(|gate| is_open(operation, gate))
            && operation.once_ready.as_ref().is_none_or(|once| {
                self.value(&once.container)
                    .is_some_and(|container| is_ready(&container))
            })
            && !self
                .flying
                .values()
                .any(|flight| flight.operation.subject.is_one_with(&operation.subject))
            && self.has_room(&operation.action)
    }

    fn has_room(&self, action: &Action) -> bool {
        let class = action.class();
        let limit = match class {
            "pull" => PULLS,
            "build" => BUILDS,
            "end" => ENDS,
            _ => CALLS,
        };
        self.flying
            .values()
            .filter(|flight| flight.operation.action.class() == class)
            .count()
            < limit
    }

    /// Marks operations whose condition does not hold; says whether there were any.
    fn skip(&mut self) -> bool {
        let mut any = false;
        for id in 0..self.plan.operations.len() {
            let operation = &self.plan.operations[id];
            let Some(only_if) = &operation.only_if else {
                continue;
            };
            let same = matches!(&self.progress[only_if.image_of],
                Progress::Done(Output::Image(image)) if *image == only_if.differs_from);
            if same && self.progress[id] == Progress::Waiting {
                self.progress[id] = Progress::Skipped;
                any = true;
            }
        }
        any
    }

    fn value(&self, input: &Input<String>) -> Option<String> {
        match input {
            Input::Known(value) => Some(value.clone()),
            Input::From(id) => match &self.progress[*id] {
                Progress::Done(Output::Image(id) | Output::Container(id)) => Some(id.clone()),
                Progress::Done(Output::Started(container)) => Some(container.id.clone()),
                _ => None,
            },
        }
    }
}

/// Whether an operation of a newer plan takes just what a call in flight was given.
fn takes_the_same(action: &Action, given: Option<&str>) -> bool {
    match action.input() {
        None => true,
        Some(Input::Known(value)) => given == Some(value),
        Some(Input::From(_)) => false,
    }
}

impl Operation {
    /// Whether it ends what others count on.
    fn is_end(&self) -> bool {
        let ends = matches!(
            self.action,
            Action::StopContainer { .. } | Action::RemoveContainer { .. }
        );
        let is_counted_on = !matches!(
            self.cause,
            Cause::Surplus | Cause::Orphan | Cause::Twin | Cause::Rejected
        );
        ends && is_counted_on
    }
}

impl Action {
    /// What it takes from an earlier operation, or knows already.
    pub fn input(&self) -> Option<&Input<String>> {
        match self {
            Self::CreateContainer { image, .. } => Some(image),
            Self::StartContainer { container, .. }
            | Self::Prepare { container, .. }
            | Self::Seed { container, .. }
            | Self::Sync { container, .. }
            | Self::RenameContainer { container, .. }
            | Self::SetAliases { container, .. } => Some(container),
            _ => None,
        }
    }

    /// May take minutes, and is worth cancelling when nobody wants it any more.
    fn is_long(&self) -> bool {
        matches!(
            self,
            Self::PullImage { .. } | Self::BuildImage(_) | Self::Prepare { .. }
        )
    }

    fn class(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "pull",
            Self::BuildImage(_) => "build",
            Self::StopContainer { .. } | Self::RemoveContainer { .. } => "end",
            _ => "call",
        }
    }

    /// Whether a call in flight is the one that a newer plan wants, if it takes the same.
    fn same_call(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::CreateContainer { spec: a, .. }, Self::CreateContainer { spec: b, .. }) => {
                a.hash == b.hash
            }
            (Self::StartContainer { .. }, Self::StartContainer { .. }) => true,
            (Self::Prepare { steps: a, .. }, Self::Prepare { steps: b, .. }) => a == b,
            (Self::SetAliases { networks: a, .. }, Self::SetAliases { networks: b, .. }) => a == b,
            (Self::StartProcess { spec: a }, Self::StartProcess { spec: b }) => {
                a.hash == b.hash && a.ports == b.ports
            }
            (Self::Seed { .. }, Self::Seed { .. }) | (Self::Sync { .. }, Self::Sync { .. }) => true,
            // What only syncs bring is no reason to begin anew.
            (Self::BuildImage(a), Self::BuildImage(b)) => a.is_same_build(b),
            (a, b) => a == b,
        }
    }
}
