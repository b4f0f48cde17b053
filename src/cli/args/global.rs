use camino::Utf8PathBuf;
use clap::Args;

/// Options of every command, before or after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Look for the stack file in DIR and above, instead of here
    #[arg(short = 'C', global = true, id = "directory", value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,

    /// The stack file, or Compose files, each laid over the one before, `-` is standard input; before the command also -f
    #[arg(long = "file", global = true, id = "file", value_name = "FILE", action = clap::ArgAction::Append)]
    pub files: Vec<Utf8PathBuf>,

    /// For Compose files: the folder of the project, instead of the first file's
    #[arg(
        long = "project-directory",
        global = true,
        id = "project_directory",
        value_name = "DIR"
    )]
    pub project_dir: Option<Utf8PathBuf>,

    /// Lay dev.NAME.toml over the stack file; repeat for more
    #[arg(long = "env", global = true, id = "environments", value_name = "NAME", action = clap::ArgAction::Append, value_parser = super::value::layer)]
    pub environments: Vec<String>,

    /// Name of the stack, instead of the stack file's
    #[arg(
        long,
        short = 'p',
        alias = "project-name",
        global = true,
        id = "name",
        value_name = "STACK"
    )]
    pub name: Option<String>,

    /// Take services with this profile, too; repeat for more [of a Compose file, default: COMPOSE_PROFILES]
    #[arg(long = "profile", global = true, id = "profile", value_name = "PROFILE", action = clap::ArgAction::Append)]
    pub profiles: Vec<String>,

    /// For a Compose file, read variables from FILE instead of .env; repeat for more [default: COMPOSE_ENV_FILES]
    #[arg(long = "env-file", global = true, id = "env_file", value_name = "FILE", action = clap::ArgAction::Append)]
    pub env_files: Vec<Utf8PathBuf>,

    /// Print JSON
    #[arg(long, global = true, id = "json")]
    pub json: bool,
}
