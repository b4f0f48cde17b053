use clap::{Args, ValueEnum};

/// Which of the places where a stack may be is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct OnArgs {
    /// Where the stack was promoted to, instead of this machine
    #[arg(long, value_name = "WHERE")]
    pub on: Option<On>,

    /// With --on, context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "on")]
    pub context: Option<String>,

    /// With --on, namespace, instead of the stack's own
    #[arg(long, value_name = "NAME", requires = "on")]
    pub namespace: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum On {
    Kubernetes,
}
