use clap::{Args, ValueEnum};

use super::on::OnArgs;

/// Show each service: its state, since when, why, and its address
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Services to show; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Only the ids of containers that run
    #[arg(short, long, conflicts_with = "names")]
    pub quiet: bool,

    /// Only the names of services that run
    #[arg(long = "services", id = "names")]
    pub names: bool,

    /// With `-q` and `--services`, those that do not run, too
    #[arg(short, long)]
    pub all: bool,

    /// How to write it [default: table, or json with --json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<StatusFormat>,

    #[command(flatten)]
    pub place: OnArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatusFormat {
    Table,
    /// The same as --json
    Json,
}
