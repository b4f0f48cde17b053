//! Docker Engine through its API.

pub mod build;
