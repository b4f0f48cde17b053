//! What the programs in a simulated world do.

use std::collections::VecDeque;
use std::time::Duration;

/// How one run of a container goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Stays,
    Ends {
        after: Duration,
        code: i64,
        out_of_memory: bool,
    },
}

/// How the containers of a service behave.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// From its start until its probe passes.
    pub ready_after: Duration,
    /// The same from when it was attached to its networks anew.
    pub settles: Duration,
    /// It gets another address with that.
    pub moves: bool,
    /// Its probe fails whatever else.
    pub sick: bool,
    /// So it does in containers that run as this user.
    pub sick_as: Option<String>,
    /// Its liveness probe fails.
    pub dead_inside: bool,
    /// How the next runs go, in order; then as `then` says.
    pub lives: VecDeque<Life>,
    pub then: Life,
    /// Lines it writes as it starts.
    pub says: Vec<String>,
    /// What its probe says when it fails.
    pub complaint: String,
    /// How often a command of its set-up fails before it succeeds.
    pub provision_failures: u32,
    /// Its exit code when it is told to stop.
    pub stop_code: i64,
    /// How long it takes to stop.
    pub stops_after: Duration,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            ready_after: Duration::from_millis(200),
            settles: Duration::ZERO,
            moves: false,
            sick: false,
            sick_as: None,
            dead_inside: false,
            lives: VecDeque::new(),
            then: Life::Stays,
            says: Vec::new(),
            complaint: "not yet".to_owned(),
            provision_failures: 0,
            stop_code: 143,
            stops_after: Duration::from_millis(20),
        }
    }
}

impl Life {
    pub fn ends(after: u64, code: i64) -> Self {
        Self::Ends {
            after: Duration::from_millis(after),
            code,
            out_of_memory: false,
        }
    }
}
