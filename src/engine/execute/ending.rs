//! What ends, or is about to: nothing is awaited of it any more.

use super::{Progress, Walk};
use crate::plan::hold::Gate;
use crate::plan::{Action, OpId, Operation};

impl Walk {
    /// Whether one flies that ends the present life of this container.
    pub fn is_ending(&self, container: &str) -> bool {
        let mut flying = self.flying.values();
        flying.any(|flight| flight.operation.ends(container))
    }

    /// Whether one flies that gives this container its names.
    pub fn is_naming(&self, container: &str) -> bool {
        let mut flying = self.flying.values();
        flying.any(|flight| match &flight.operation.action {
            Action::SetAliases { container: of, .. } => {
                let id = self.input_of(&flight.operation, of);
                id.as_deref() == Some(container)
            }
            _ => false,
        })
    }

    /// Whether one flies that ends it, or the plan has it in store, and nothing that it comes after waits for what may never be.
    pub fn is_to_end(&self, container: &str, is_open: impl Fn(&Gate) -> bool) -> bool {
        let mut planned = self.plan.operations.iter();
        self.is_ending(container)
            || planned.any(|operation| operation.ends(container) && self.comes(operation, &is_open))
    }

    fn comes(&self, operation: &Operation, is_open: &impl Fn(&Gate) -> bool) -> bool {
        let before = |id: &OpId| match self.progress[*id] {
            Progress::Waiting => self.comes(&self.plan.operations[*id], is_open),
            Progress::Lost => false,
            _ => true,
        };
        self.progress[operation.id] == Progress::Waiting
            && operation.gates.iter().all(is_open)
            && operation.after.iter().all(before)
    }
}

impl Operation {
    fn ends(&self, container: &str) -> bool {
        match &self.action {
            Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. } => {
                id == container
            }
            _ => false,
        }
    }
}
