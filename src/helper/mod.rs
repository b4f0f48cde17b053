//! The small static program that runs inside a container, and what is said to it. `main.rs` is built by `build.rs`; the same
//! modules are part of `dev`, which speaks the protocol.

pub mod change;
pub mod place;
pub mod protocol;
pub mod serve;
mod sum;

#[cfg(test)]
mod tests;

/// The program; empty where it could not be built.
pub const BINARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dev-helper"));

/// Its folder in a container.
pub const FOLDER: &str = ".dev-helper";

/// Its name in a container: each version has its own.
pub fn name() -> String {
    let hash = blake3::hash(BINARY).to_hex();
    hash[..16].to_owned()
}
