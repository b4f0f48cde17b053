use clap::Args;
use regex::Regex;

use super::on::OnArgs;
use super::value::{Since, Tail};

/// Show what services have printed
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Services to show; all without
    #[arg(value_name = "SERVICE")]
    pub services: Vec<String>,

    /// Only replica N of the service; the same as SERVICE-N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub index: Option<u32>,

    /// Keep printing new lines
    #[arg(short, long)]
    pub follow: bool,

    /// Only lines since then: 10m ago, or 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = super::value::since)]
    pub since: Option<Since>,

    /// Only lines until then: 10m ago, or 2026-01-31T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = super::value::since, conflicts_with = "follow")]
    pub until: Option<Since>,

    /// Only lines that match this regular expression
    #[arg(long, value_name = "REGEX", value_parser = super::value::regex)]
    pub grep: Option<Regex>,

    /// Only the last N lines of each service, or all
    #[arg(short = 'n', long, value_name = "N", default_value = "all", value_parser = super::value::tail)]
    pub tail: Tail,

    /// Each line with its time
    #[arg(short, long)]
    pub timestamps: bool,

    /// Lines as they are, without the services' names
    #[arg(long)]
    pub no_log_prefix: bool,

    /// Without colours
    #[arg(long)]
    pub no_color: bool,

    #[command(flatten)]
    pub place: OnArgs,
}
