//! Builds on a real engine: the one that `dev` itself would use.

mod bench;
mod buildkit;
mod cache;
mod cancel;
mod classic;
mod errors;
