//! Pure decisions: what should be, compared with what is. No I/O, no clock.

pub mod allocate;
pub mod demands;
pub mod desired;
mod display;
pub mod hold;
pub mod observed;
pub mod operation;
pub mod react;
pub mod reconcile;
pub mod succession;

pub use operation::{
    Action, Cause, Input, OnceReady, OnlyIf, OpId, Operation, Plan, PreparedBy, Subject,
};
