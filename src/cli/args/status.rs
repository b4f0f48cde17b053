use clap::Args;

/// Show each service: its state, since when, why, and its address
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// Services to show; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
}
