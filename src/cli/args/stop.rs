use std::time::Duration;

use clap::Args;

/// Stop services and keep their containers
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StopArgs {
    /// Services to stop; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// How long a service may take to stop before it is killed (10s), instead of its own `stop.grace`
    #[arg(short, long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,
}
