//! The Docker room against a real engine: the one that the environment names or a usual socket has.

mod containers;
mod look;
mod output;
mod sandbox;
