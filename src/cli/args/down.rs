use std::time::Duration;

use clap::{Args, ValueEnum};

use super::on::OnArgs;

/// Stop and remove the containers and networks; volumes stay
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DownArgs {
    /// Taken only to say what to write instead.
    #[arg(hide = true)]
    pub services: Vec<String>,

    /// Remove the volumes and the data in them, too
    #[arg(short = 'v', long)]
    pub volumes: bool,

    /// Do not ask before removing volumes; with --on, also where the cluster is not this machine's
    #[arg(short, long)]
    pub yes: bool,

    /// How long a service may take to stop before it is killed (10s), instead of its own `stop.grace`
    #[arg(short, long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,

    /// Remove images, too: those that were built for it, or all that its services are made from
    #[arg(long, value_name = "WHICH")]
    pub rmi: Option<RmiWhich>,

    /// Remove containers whose service is gone from the stack file, as always
    #[arg(long)]
    pub remove_orphans: bool,

    #[command(flatten)]
    pub place: OnArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RmiWhich {
    Local,
    All,
}
