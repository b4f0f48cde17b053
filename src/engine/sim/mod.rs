//! The real loop in a simulated world, on tokio's paused clock: hours pass in milliseconds, and faults come when a test
//! says so. The world checks by itself what must never happen; see [`world::SimWorld::violations`].

mod away;
mod brake;
mod broken;
pub mod clock;
mod commands;
mod converge;
mod crash;
mod fault;
mod faults;
mod gates;
mod harness;
mod inquire;
mod jobs;
mod leave;
mod life;
mod model;
mod mounted;
mod observe;
mod outside;
mod overlap;
mod overtaken;
mod processes;
mod reload;
mod replace;
mod same_image;
mod secrets;
mod seeds;
mod stacks;
mod wishes;
mod world;

pub use harness::{Bench, Run};
pub use life::Life;
