//! The command line: one file per command. Gathers, calls, prints through a view; decides nothing.

pub mod args;
pub mod exit;

pub use exit::ExitCode;
