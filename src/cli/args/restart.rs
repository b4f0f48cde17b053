use std::time::Duration;

use clap::Args;

/// Restart services
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "A job runs again, and what has failed is tried again.")]
pub struct RestartArgs {
    /// Services to restart; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// How long a service may take to stop before it is killed (10s), instead of its own `stop.grace`
    #[arg(long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,
}
