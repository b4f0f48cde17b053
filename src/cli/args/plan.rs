use clap::Args;

use super::changes::ChangeArgs;

/// Print what `up` would do, and do nothing
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "One line per operation, each with its cause.")]
pub struct PlanArgs {
    /// Services to plan for, with what they need; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    #[command(flatten)]
    pub changes: ChangeArgs,
}
