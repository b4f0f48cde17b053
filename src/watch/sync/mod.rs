//! What a sync sends: an archive and a list of deletions for some paths, or for all that differ from what a container
//! got before. Everything here reads files, and blocks.

mod manifest;
mod pack;
mod spool;

pub use manifest::{Entry, Manifest, difference, manifest};
pub use pack::{Owner, Packed, pack};
pub use spool::{Archive, Bounds};

#[cfg(test)]
mod tests;
