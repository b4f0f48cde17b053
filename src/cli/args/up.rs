use std::time::Duration;

use clap::Args;

use super::changes::ChangeArgs;
use crate::engine::wishes::Abort;

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

    /// How long a service may take to stop before it is killed, instead of its own `stop.grace`
    #[arg(short, long, value_name = "TIME", value_parser = super::value::duration)]
    pub timeout: Option<Duration>,

    #[command(flatten)]
    pub changes: ChangeArgs,

    #[command(flatten)]
    pub ends: EndArgs,

    #[command(flatten)]
    pub style: StyleArgs,

    /// The engine that `-d` leaves behind
    #[arg(long, hide = true)]
    pub background: bool,
}

/// When an end of a container is the end of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "In front")]
pub struct EndArgs {
    /// Stop everything as soon as a container ends, and return its exit code
    #[arg(long, conflicts_with_all = ["detach", "wait", "no_start"])]
    pub abort_on_container_exit: bool,

    /// The same, where it ends with another code than 0
    #[arg(long, conflicts_with_all = ["detach", "wait", "no_start", "abort_on_container_exit", "exit_code_from"])]
    pub abort_on_container_failure: bool,

    /// The same for the end of this service, with its exit code; it runs again if it is done
    #[arg(long, value_name = "SERVICE", conflicts_with_all = ["detach", "wait", "no_start"])]
    pub exit_code_from: Option<String>,
}

impl EndArgs {
    pub fn abort(&self) -> Option<Abort> {
        let is_asked = self.abort_on_container_exit
            || self.abort_on_container_failure
            || self.exit_code_from.is_some();
        is_asked.then(|| Abort {
            failures_only: self.abort_on_container_failure,
            waits_for: self.exit_code_from.clone(),
        })
    }
}

/// How it looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "In front")]
pub struct StyleArgs {
    /// What services print as it is, without their names
    #[arg(long)]
    pub no_log_prefix: bool,

    /// Plain lines without colours
    #[arg(long)]
    pub no_color: bool,

    /// A pull is told in few lines anyway.
    #[arg(long, hide = true)]
    pub quiet_pull: bool,

    /// It always watches.
    #[arg(short, long, hide = true)]
    pub watch: bool,

    /// Taken only to say that there is none.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub menu: Option<bool>,
}
