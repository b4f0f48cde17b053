//! What scenarios are written with.

mod background;
mod docker;
mod events;
mod eventually;
mod http;
mod outcome;
mod processes;
mod registry;
mod services;
mod stack;
mod status;
pub mod tree;

pub use background::Background;
pub use docker::{docker, networks_of, volumes_of};
pub use events::Events;
pub use eventually::{SOON, eventually, holds_for};
pub use http::{Answer, get};
pub use outcome::Outcome;
pub use processes::of as processes_of;
pub use registry::Registry;
pub use services::{BUSYBOX, POSTGRES, REDIS, serves, sleeps};
pub use stack::{Stack, free_port};
pub use status::Status;
