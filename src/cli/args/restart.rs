use std::time::Duration;

use clap::Args;

/// Restart services
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "A job runs again, and what has failed is tried again.")]
pub struct RestartArgs {
    /// Services to restart; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Only replica N of the service; the same as SERVICE-N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub index: Option<u32>,

    /// How long a service may take to stop before it is killed (10s), instead of its own `stop.grace`
    #[arg(short, long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,
}
