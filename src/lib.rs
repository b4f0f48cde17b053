//! `dev`: local development stacks, in order, gated on real readiness.

pub mod cli;
pub mod engine;
pub mod helper;
pub mod plan;
pub mod probe;
pub mod promote;
pub mod runtime;
pub mod secret;
pub mod stack;
pub mod view;
pub mod watch;
