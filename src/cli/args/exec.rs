use std::ffi::OsString;

use clap::Args;

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
