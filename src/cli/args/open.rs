use clap::Args;

use super::on::OnArgs;

/// Open the address of a service in the browser
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct OpenArgs {
    /// The service; without, the only one that has a web address
    #[arg(value_name = "SERVICE")]
    pub service: Option<String>,

    /// Print the address instead
    #[arg(long)]
    pub print: bool,

    #[command(flatten)]
    pub place: OnArgs,
}
