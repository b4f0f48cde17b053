//! Builds on a real engine: the one that `dev` itself would use.

mod bench;
mod buildkit;
mod cancel;
mod classic;
mod errors;
