use std::time::Duration;

use clap::Args;

/// Make the machine match the stack file, show it, and watch
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(
    after_help = "Starts what is asked for and everything that it needs, each as soon as what it waits for is ready. \
    Stays in front and watches; Ctrl-C stops the services, a second one at once. Beside a running `dev \
    up`, attaches to it."
)]
pub struct UpArgs {
    /// Services to bring up, with what they need; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Return when ready, and keep watching in the background
    #[arg(short, long)]
    pub detach: bool,

    /// Return when ready, and leave nothing watching
    #[arg(long)]
    pub wait: bool,

    /// Give up waiting after this long (30s, 5m)
    #[arg(long, value_name = "TIME", value_parser = super::value::duration)]
    pub wait_timeout: Option<Duration>,

    /// Tell where the time went, once all is ready
    #[arg(long)]
    pub timings: bool,

    /// The engine that `-d` leaves behind
    #[arg(long, hide = true)]
    pub background: bool,
}
