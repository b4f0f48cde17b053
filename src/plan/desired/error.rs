use crate::stack::resolve::Unresolved;

/// A place of the stack that has no value now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("services.{service}.{field}: {error}")]
pub struct DesireError {
    pub service: String,
    /// Below the service: `env.DATABASE_URL`, `command`, `build.args.VERSION`.
    pub field: String,
    pub error: Unresolved,
}
