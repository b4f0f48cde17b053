use serde::{Deserialize, Serialize};

/// On what the services of a stack run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    /// A container engine where one answers, else the host.
    #[default]
    Auto,
    /// A container engine; what is `run` is on the host anyway.
    Docker,
    /// The host alone.
    Process,
}
