//! The protocol of the engine's socket: one JSON value a line, requests one way, messages the other.

use serde::{Deserialize, Serialize};

use super::bus::LogEntry;
use super::event::Stamped;
use super::inquire::Origin;
use super::state::State;
use crate::plan::demands::Wishes;
use crate::plan::observed::Generation;
use crate::plan::reconcile::Removal;

/// Why an engine takes nothing up any more.
pub const ENDING: &str = "the engine is ending";

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// The state, then everything that happens, until the connection ends.
    Attach,
    Up {
        services: Vec<String>,
        // Under this name since there is a reading in it: an engine from before would pass over that without a word, and
        // so it refuses.
        #[serde(rename = "read_as", alias = "origin")]
        origin: Box<Origin>,
        wishes: Wishes,
    },
    /// Look at everything again.
    Compare,
    Restart {
        services: Vec<String>,
    },
    Stop {
        services: Vec<String>,
    },
    /// What is asked next stops within so many milliseconds, whatever the stack file says.
    Grace {
        millis: u64,
    },
    /// Stop everything that was asked for, then end.
    StopAndLeave,
    Down {
        removal: Removal,
    },
}

/// What a client is told.
// With its content apart: inside the tagged object serde would read the state's numbered instances as text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", content = "what", rename_all = "snake_case")]
pub enum Tell {
    /// Replaces what the client knows: at first, and after it was too slow.
    State(Box<State>),
    Event(Box<Stamped>),
    Log(Box<LogEntry>),
    /// The request was taken; what follows from it is seen by attaching.
    Taken,
    /// The same for what counts once the state has compared up to this number.
    Asked {
        number: u64,
    },
    /// The same for a restart, once a look has seen the lives that end.
    Ends {
        lives: Vec<Generation>,
    },
    /// The request was refused.
    Refused {
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::samples;

    #[test]
    fn an_up_says_how_the_stack_is_read_to_engines_that_know_of_it_alone() {
        let before = r#"{"do":"up","services":["api"],
            "origin":{"envs":["off"],"variables":{"X":"1"},"adjust":{"scale":{},"alone":[]}},
            "wishes":{"build":"changed","pull":"as_written","recreate":"changed","renew_volumes":false,"create_only":false}}"#;
        let request: Request = serde_json::from_str(before).unwrap();
        let Request::Up { origin, .. } = &request else {
            panic!("{request:?}");
        };
        assert_eq!(
            (origin.envs.join(" "), &origin.reading),
            ("off".to_owned(), &None)
        );
        let line = serde_json::to_string(&request).unwrap();
        assert!(!line.contains("\"origin\""), "{line}");
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        assert!(
            !format!("{request:?}").contains("\"1\""),
            "values may be secrets"
        );
    }

    #[test]
    fn a_state_with_instances_comes_back_as_it_was() {
        for state in [samples::ready(), samples::degraded(), samples::failed()] {
            let tell = Tell::State(Box::new(state));
            let line = serde_json::to_string(&tell).unwrap();
            assert_eq!(serde_json::from_str::<Tell>(&line).unwrap(), tell);
        }
    }
}
