use clap::Args;
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "For bash: source <(dev completions bash)")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}
