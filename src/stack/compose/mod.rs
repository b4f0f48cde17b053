//! Compose files: bytes to a tree with places, filled in from the environment, every file in its canonical form, with what
//! it includes and extends, one laid over the other, checked as a whole.
//!
//! Pure: how files are read is an argument ([`Files`]); [`Disk`] reads those of the disk. What each attribute may hold is
//! said once, in [`attributes`], from which reading, merging, printing and the reference follow.

mod attributes;
mod canonical;
mod complete;
mod consistent;
mod defaults;
mod dict;
mod dotenv;
mod emit;
mod env_file;
mod extend;
mod find;
mod form;
mod include;
mod interpolate;
mod load;
mod merge;
mod model;
mod name;
mod node;
mod paths;
mod print;
mod project;
mod scalar;
mod short;
mod slip;
mod stdin;
mod substitute;
mod surroundings;
mod typed;
mod units;
mod variables;
mod whole;
mod words;
mod yaml;

#[cfg(test)]
mod generate;
#[cfg(test)]
mod roundtrip;
#[cfg(test)]
mod tests;

pub use attributes::{Row, rows};
pub use emit::yaml;
pub use find::Disk;
pub use form::Support;
pub use load::Files;
pub use project::{Project, Request, Run, load, load_stack};
pub use stdin::{given, hand_on, is_stdin};
