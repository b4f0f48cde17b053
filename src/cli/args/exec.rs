use std::ffi::OsString;

use clap::Args;

use super::on::OnArgs;
use super::value::Variable;

/// Run a command inside a running service
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Everything after the service goes through as it is. Returns the command's own exit code, and 125 \
    when `dev` could not run it."
)]
pub struct ExecArgs {
    /// Replica N of the service; the same as SERVICE-N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub index: Option<u32>,

    /// Without a terminal, also where there is one
    #[arg(short = 'T', long = "no-tty", visible_alias = "no-TTY")]
    pub no_tty: bool,

    /// A variable for the command: NAME=value, or NAME as it is here; repeat for more
    #[arg(short = 'e', id = "variables", value_name = "NAME=VALUE", value_parser = super::value::variable)]
    pub variables: Vec<Variable>,

    /// As this user
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,

    /// In this folder
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,

    #[command(flatten)]
    pub place: OnArgs,

    /// With --on, also where the cluster is not this machine's
    #[arg(short, long, requires = "on")]
    pub yes: bool,

    /// It always passes the input on, and has a terminal where there is one.
    #[arg(short, long, hide = true)]
    pub interactive: bool,
    #[arg(short, long, hide = true)]
    pub tty: bool,

    /// The service to run it in
    #[arg(value_name = "SERVICE")]
    pub service: String,

    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<OsString>,
}
