use clap::{Args, ValueEnum};

use super::on::OnArgs;

/// Print the settings that reach services from this machine
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Secrets are printed, too: this is the one command that does.\n\n\
    In a shell:  eval \"$(dev env)\"\nInto a file: dev env --format dotenv > .env"
)]
pub struct EnvArgs {
    /// Services whose settings to print; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// How to write them [default: shell, or json with --json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<EnvFormat>,

    #[command(flatten)]
    pub place: OnArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EnvFormat {
    // export NAME='value'
    Shell,
    // NAME="value"
    Dotenv,
    // One object
    Json,
}

impl EnvArgs {
    /// `--format`, else what `--json` implies.
    pub fn format(&self, json: bool) -> EnvFormat {
        self.format.unwrap_or(if json {
            EnvFormat::Json
        } else {
            EnvFormat::Shell
        })
    }
}
