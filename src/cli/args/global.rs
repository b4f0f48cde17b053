use camino::Utf8PathBuf;
use clap::Args;

/// Options of every command, before or after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Look for the stack file in DIR and above, instead of here
    #[arg(short = 'C', global = true, id = "directory", value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,

    /// The stack file; before the command also -f
    #[arg(long, global = true, id = "file", value_name = "FILE")]
    pub file: Option<Utf8PathBuf>,

    /// Lay dev.NAME.toml over the stack file; repeat for more
    #[arg(long = "env", global = true, id = "environments", value_name = "NAME", action = clap::ArgAction::Append, value_parser = super::value::layer)]
    pub environments: Vec<String>,

    /// Name of the stack, instead of the stack file's
    #[arg(long, global = true, id = "name", value_name = "STACK")]
    pub name: Option<String>,

    /// Print JSON
    #[arg(long, global = true, id = "json")]
    pub json: bool,
}
