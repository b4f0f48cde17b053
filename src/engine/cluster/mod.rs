//! A stack on a cluster, seen as an engine's: its looks become the same events, and so the same state.

mod down;
mod teller;
mod told;
mod watch;

#[cfg(test)]
mod tests;

use crate::runtime::kube::Kube;
use crate::stack::{Stack, cluster_name};

pub use down::Down;
pub use teller::LOOKED;
pub use told::address;
pub use watch::{Watching, look, watch};

/// A stack where it was promoted to.
#[derive(Clone)]
pub struct Place {
    pub kube: Kube,
    /// As it goes there: without what stays at home.
    pub stack: Stack,
    pub namespace: String,
}

impl Place {
    /// The stack's name on the cluster.
    pub fn name(&self) -> String {
        cluster_name(&self.stack.name)
    }
}
