//! The one writer of live state.

pub mod event;
pub mod state;
