use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

/// Run a command against a stack made only for it, and remove that
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(
    after_help = "Brings the stack up under a name of its own, with free ports instead of fixed ones, runs the command \
    with the settings that `dev env` prints, and removes containers, networks, volumes and built images whatever comes \
    of it. Any number of them run beside each other, and beside a `dev up`.\n\n\
    Returns the command's own exit code, and 125 when the stack did not come up.\n\n\
    Example:  dev ci -- npm test\n          dev ci db cache -- cargo test"
)]
pub struct CiArgs {
    /// Services to bring up, with what they need; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Give up waiting for the stack after this long
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = super::value::duration)]
    pub wait_timeout: Duration,

    /// How long what runs may take to stop in the end before it is killed, instead of its own `stop.grace`
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = super::value::duration)]
    pub timeout: Duration,

    /// The command and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    pub command: Vec<OsString>,
}
