use clap::Args;

/// Start services that were stopped, with what they need
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StartArgs {
    /// Services to start; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,
}
