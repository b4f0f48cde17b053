//! The one writer of live state.

mod apply;
pub mod event;
pub mod state;
pub mod supervise;
