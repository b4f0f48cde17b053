//! The shapes of the command line. Only shapes: nothing here opens a file or calls anything.

mod changes;
mod ci;
mod completions;
mod compose;
mod config;
mod doctor;
mod down;
mod env;
mod exec;
mod export;
mod global;
mod help;
mod init;
mod logs;
mod on;
mod open;
mod plan;
mod promote;
mod restart;
mod schema;
mod start;
mod status;
mod stop;
mod up;
mod value;
mod wait;
mod why;

#[cfg(test)]
mod tests;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use changes::{ChangeArgs, PullWhen};
pub use ci::CiArgs;
pub use completions::CompletionsArgs;
pub use config::{ConfigArgs, ConfigFormat};
pub use doctor::DoctorArgs;
pub use down::{DownArgs, RmiWhich};
pub use env::{EnvArgs, EnvFormat};
pub use exec::ExecArgs;
pub use export::{ExportArgs, ExportFormat};
pub use global::GlobalArgs;
pub use init::InitArgs;
pub use logs::LogsArgs;
pub use on::{On, OnArgs};
pub use open::OpenArgs;
pub use plan::PlanArgs;
pub use promote::PromoteArgs;
pub use restart::RestartArgs;
pub use schema::{SchemaArgs, SchemaKind};
pub use start::StartArgs;
pub use status::{StatusArgs, StatusFormat};
pub use stop::StopArgs;
pub use up::{EndArgs, StyleArgs, UpArgs};
pub use value::{Scale, Since, Tail, Variable};
pub use wait::WaitArgs;
pub use why::WhyArgs;

/// Local development stacks, in order, gated on real readiness.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "dev",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    styles = help::STYLES,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArgs,

    /// `-f` before the command; after `logs` it means `--follow`.
    #[arg(short = 'f', id = "stack_file", value_name = "FILE", hide = true, action = clap::ArgAction::Append)]
    short_files: Vec<camino::Utf8PathBuf>,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    Up(UpArgs),
    Down(DownArgs),
    Stop(StopArgs),
    Start(StartArgs),
    Restart(RestartArgs),
    #[command(visible_alias = "ps")]
    Status(StatusArgs),
    Logs(LogsArgs),
    Why(WhyArgs),
    Wait(WaitArgs),
    Plan(PlanArgs),
    Exec(ExecArgs),
    Ci(CiArgs),
    Env(EnvArgs),
    Open(OpenArgs),
    Config(ConfigArgs),
    Promote(PromoteArgs),
    Export(ExportArgs),
    Init(InitArgs),
    Doctor(DoctorArgs),
    Schema(SchemaArgs),
    Completions(CompletionsArgs),
}

impl Cli {
    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// Wrong usage, and also `--help` and `--version`: `clap::Error::exit_code` tells them apart (2 and 0), and
    /// `clap::Error::print` prints each where it belongs.
    pub fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let mut matches = command()
            .try_get_matches_from(arguments)
            .map_err(compose::with_near_command)?;
        let mut cli = Self::from_arg_matches_mut(&mut matches)?;
        if !cli.short_files.is_empty() {
            if !cli.global.files.is_empty() {
                let message = "`-f` and `--file` name the stack file twice; give one of them";
                return Err(command().error(clap::error::ErrorKind::ArgumentConflict, message));
            }
            cli.global.files = std::mem::take(&mut cli.short_files);
        }
        Ok(cli)
    }
}

/// The whole command line as clap's builder: for parsing, help and completions.
pub fn command() -> clap::Command {
    help::with_groups(Cli::command())
}
