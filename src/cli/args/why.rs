use clap::Args;

use super::on::OnArgs;

/// Say why a service waits, down to the failing probe's last answer
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct WhyArgs {
    /// Services to explain; without, all that are not ready
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    #[command(flatten)]
    pub place: OnArgs,
}
