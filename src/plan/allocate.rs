//! Host ports: (wanted, remembered, taken) -> chosen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names one published port of one instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortKey {
    pub service: String,
    /// Name of the port in the stack file.
    pub port: String,
    /// Instance, from 1.
    pub index: u32,
}

/// Host ports by what they are for.
pub type Allocations = BTreeMap<PortKey, u16>;
