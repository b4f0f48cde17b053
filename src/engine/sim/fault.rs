//! Faults that a test puts into the world.

use crate::engine::event::FailureClass;
use crate::plan::Action;

/// What happens to the next calls that match.
pub struct Fault {
    pub on: Box<dyn Fn(&Action) -> bool + Send>,
    /// How many calls it hits.
    pub times: u32,
    pub how: How,
}

#[derive(Debug, Clone)]
pub enum How {
    /// It is not done.
    Refuse(FailureClass, String),
    /// It is done, but the answer is lost.
    Lose,
    /// It is not done, and nobody answers.
    Hang,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} × {}", self.how, self.times)
    }
}

/// Any call that makes a container of this service.
pub fn create_of(service: &str) -> Box<dyn Fn(&Action) -> bool + Send> {
    let service = service.to_owned();
    Box::new(
        move |action| matches!(action, Action::CreateContainer { spec, .. } if spec.service == service),
    )
}

pub fn verb(verb: &'static str) -> Box<dyn Fn(&Action) -> bool + Send> {
    Box::new(move |action| action.verb_text() == verb)
}

pub fn pull_of(reference: &str) -> Box<dyn Fn(&Action) -> bool + Send> {
    let wanted = reference.to_owned();
    Box::new(
        move |action| matches!(action, Action::PullImage { reference, .. } if *reference == wanted),
    )
}
