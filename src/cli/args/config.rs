use clap::{Args, ValueEnum};

/// Print the stack as it is understood, secrets as ***
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ConfigArgs {
    /// How to write it [default: compose for Compose files, else toml; json with --json]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ConfigFormat>,
    /// Values as the services get them, instead of references; a Compose file has them in any case
    #[arg(long)]
    pub resolved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConfigFormat {
    /// Of Compose files, the dev.toml that `dev init` writes
    Toml,
    /// Of Compose files, their canonical form
    Json,
    /// The Compose file of this folder in its canonical form; with --json as JSON
    Compose,
}

impl ConfigArgs {
    /// `--format`, else what `--json` implies.
    pub fn format(&self, json: bool) -> ConfigFormat {
        self.format.unwrap_or(if json {
            ConfigFormat::Json
        } else {
            ConfigFormat::Toml
        })
    }
}
