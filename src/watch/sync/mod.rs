//! What a sync sends: requests for the helper in a container, or an archive and a list of deletions where there is none; and
//! what a container should have, for comparing. Everything here reads files, and blocks.

mod cover;
mod frames;
mod large;
mod layers;
mod manifest;
mod pack;
mod record;
mod spool;

pub use cover::Cover;
pub use frames::{Sent, send};
pub use large::{Large, Portion};
pub use layers::Layers;
pub use manifest::{Bases, Piece, samples, walk};
#[cfg(test)]
pub(crate) use manifest::{Manifest, manifest};
pub use pack::{Owner, Packed, pack};
pub use record::{Record, Renewal};
pub use spool::{Archive, Bounds};

#[cfg(test)]
mod tests;
