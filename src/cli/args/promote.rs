use std::time::Duration;

use clap::Args;

use super::value::duration;

/// Make a Kubernetes cluster match the stack
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "A cluster of this machine is used without asking; any other needs --context and --yes."
)]
pub struct PromoteArgs {
    /// Services to promote, with what they need; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace, instead of the stack's own
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Show what would change, field by field, and do nothing
    #[arg(long)]
    pub plan: bool,
    /// Return to the promotion before
    #[arg(long, conflicts_with_all = ["plan", "services"])]
    pub undo: bool,
    /// Also where the cluster is not this machine's
    #[arg(short, long)]
    pub yes: bool,
    /// How long each wave may take until it is ready, instead of the services' own time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub timeout: Option<Duration>,
}
