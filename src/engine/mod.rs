//! The one writer of live state.

mod apply;
pub mod event;
pub mod execute;
pub mod logs;
pub mod state;
pub mod store;
pub mod supervise;
