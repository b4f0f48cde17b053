//! File events → settled batches; what is ignored; hashes of build contexts and job inputs.

pub mod context;

/// Temporary.
#[derive(Debug)]
pub struct Batch;
