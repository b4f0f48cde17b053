use std::time::Duration;

use clap::Args;

use super::on::OnArgs;

/// Return when services are ready; start nothing
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct WaitArgs {
    /// Services to wait for; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Give up after this long (30s, 5m)
    #[arg(long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,

    #[command(flatten)]
    pub place: OnArgs,
}
