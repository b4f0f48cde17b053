//! The command line: one file per command. Gathers, calls, prints through a view; decides nothing.

pub mod args;
pub mod exit;

mod ci;
mod completions;
mod config;
mod down;
mod env;
mod error;
mod exec;
mod git;
mod logs;
mod observe;
mod open;
mod output;
mod plan;
mod run;
mod schema;
mod session;
mod show;
mod status;
mod up;
mod wait;
mod why;

pub use error::CliError;
pub use exit::ExitCode;
pub use run::main;
