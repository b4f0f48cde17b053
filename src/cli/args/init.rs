use camino::Utf8PathBuf;
use clap::Args;

/// Write a dev.toml that means what a Compose file means
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "It stands on the Compose file for what only that can say, and for what variables give. Nothing is written \
    unless both mean the same."
)]
pub struct InitArgs {
    /// The Compose file; repeat for more, each laid over the one before
    #[arg(long, value_name = "FILE", required = true)]
    pub from: Vec<Utf8PathBuf>,

    /// Write over a dev.toml that is there
    #[arg(long)]
    pub force: bool,
}
