//! The command line: one file per command. Gathers, calls, prints through a view; decides nothing.

pub mod args;
pub mod exit;

mod asked;
mod attached;
mod ci;
mod cluster;
mod completions;
mod compose;
mod config;
mod detach;
mod doctor;
mod down;
mod ends;
mod env;
mod error;
mod exec;
mod export;
mod git;
mod going;
mod init;
mod instance;
mod log_end;
mod log_printer;
mod logs;
mod meet;
mod observe;
mod open;
mod output;
mod passing;
mod plan;
mod promote;
mod restart;
mod run;
mod runtime;
mod salvage;
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
