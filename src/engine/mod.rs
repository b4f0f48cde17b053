//! The one writer of live state.

mod appended;
mod apply;
mod brake;
mod broken;
mod built;
pub mod bus;
mod candidate;
pub mod cluster;
mod commands;
pub mod core;
pub(crate) mod cover;
pub mod event;
pub mod execute;
mod failures;
pub mod feed;
mod files;
pub mod follow;
pub mod goal;
pub mod input;
pub mod inquire;
mod instances;
mod jobs;
mod look;
mod on_host;
mod perform;
mod probing;
mod provision;
mod rebuild;
mod refused;
mod replace;
mod round;
mod run;
pub mod serve;
mod signalled;
#[cfg(test)]
mod sim;
pub mod state;
pub mod store;
pub mod supervise;
pub mod sync;
mod turn;
mod unread;
pub mod wire;
pub mod wishes;

pub use instances::instance_name;
pub use round::default_services;
