//! Compose files run by `dev` and by the real `docker compose`, on one engine: what comes of it is the same, and each takes
//! over what the other has started.
//!
//! Needs an engine with the images of `tests/engines`, and the plugin that `tests/engines/peers` builds.

mod before;
mod beside;
mod builds;
mod changed;
mod converted;
mod doctor;
mod ended;
mod engine;
mod given;
mod handed;
mod handover;
mod healthy;
mod made;
mod mounted;
mod needs;
mod open_ports;
mod options;
mod production;
mod pulled;
mod refused;
mod registry;
mod remote;
mod resources;
mod runs;
mod tool;
mod unhealthy;
mod watched;
