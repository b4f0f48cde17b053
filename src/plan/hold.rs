//! Why a thing waits, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stack::Condition;

/// What a start waits for.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Gate {
    /// Whom it waits for.
    pub service: String,
    /// How far that has to be.
    pub condition: Condition,
}

/// One reason why a service does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Hold {
    /// `on` is not as far as `condition` asks; `phase` says how far it is.
    Needs {
        on: String,
        condition: Condition,
        phase: String,
    },
    /// Crashed; the next start is due at this time (milliseconds since 1970).
    Backoff { until: u64, attempt: u32 },
    /// Its probe has not passed; `answer` is the last one.
    Probe { answer: String },
    /// Its image is being built or pulled.
    Image { reference: String },
    /// Nobody has the stack up, and nothing of it is there: it waits for no one's turn.
    NotUp,
    /// What a cluster says of why a pod of it does not begin.
    Cluster { says: String },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs { on, phase, .. } => write!(f, "{on} ({phase})"),
            Self::Backoff { attempt, .. } => write!(f, "restart {attempt}"),
            Self::Probe { answer } => f.write_str(answer),
            Self::Image { reference } => write!(f, "image {reference}"),
            Self::NotUp => f.write_str("not up"),
            Self::Cluster { says } => f.write_str(says),
        }
    }
}
