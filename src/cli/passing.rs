//! What is said of a stack that goes with its command: nobody can ask for its logs later.

use std::borrow::Cow;

use crate::engine::event::{Event, Failure, Stamped};
use crate::engine::state::{ServiceState, State};

/// Advice that would lead to another stack.
const LOGS: &str = "`dev logs ";

fn asks(failure: &Failure) -> bool {
    failure
        .help
        .as_ref()
        .is_some_and(|help| help.starts_with(LOGS))
}

/// Without such advice.
pub(super) fn state(state: &State) -> Cow<'_, State> {
    let has_advice = |service: &ServiceState| service.failure.as_ref().is_some_and(asks);
    if !state.services.iter().any(has_advice) {
        return Cow::Borrowed(state);
    }
    let mut state = state.clone();
    for failure in state.services.iter_mut().filter_map(|s| s.failure.as_mut()) {
        failure.help.take_if(|help| help.starts_with(LOGS));
    }
    Cow::Owned(state)
}

/// The same.
pub(super) fn event(stamped: &Stamped) -> Cow<'_, Stamped> {
    let failure = match &stamped.event {
        Event::GaveUp { why, .. } => why,
        Event::Restarting { failure, .. } => failure,
        _ => return Cow::Borrowed(stamped),
    };
    if !asks(failure) {
        return Cow::Borrowed(stamped);
    }
    let mut stamped = stamped.clone();
    match &mut stamped.event {
        Event::GaveUp { why: failure, .. } | Event::Restarting { failure, .. } => {
            failure.help = None
        }
        _ => {}
    }
    Cow::Owned(stamped)
}
