use std::time::Duration;

use clap::Args;

/// Stop and remove the containers and networks; volumes stay
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DownArgs {
    /// Taken only to say what to write instead.
    #[arg(hide = true)]
    pub services: Vec<String>,

    /// Remove the volumes and the data in them, too
    #[arg(short = 'v', long)]
    pub volumes: bool,

    /// Do not ask before removing volumes
    #[arg(short, long)]
    pub yes: bool,

    /// How long a service may take to stop before it is killed (10s), instead of its own `stop.grace`
    #[arg(long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,
}
