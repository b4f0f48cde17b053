//! The look of `--help`: commands in groups, by what a person wants.

use std::fmt::Write as _;

use clap::Command;
use clap::builder::styling::{AnsiColor, Styles};

pub(super) const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default())
    .valid(AnsiColor::Green.on_default())
    .invalid(AnsiColor::Yellow.on_default());

/// Every command stands in exactly one group; a test holds that.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    ("Run the stack", &["up", "down", "start", "stop", "restart"]),
    ("See what it does", &["status", "logs", "why", "wait"]),
    ("Work with it", &["exec", "env", "open", "ci"]),
    ("Look before", &["plan", "config"]),
    ("Take it to a cluster", &["promote", "export"]),
    ("Set up", &["init", "doctor", "schema", "completions"]),
];

/// clap lists all subcommands under one heading; this writes them in [`GROUPS`].
pub(super) fn with_groups(command: Command) -> Command {
    let header = STYLES.get_header();
    let literal = STYLES.get_literal();
    let mut template = String::from("{about}\n\n{usage-heading} {usage}\n");
    for (title, names) in GROUPS {
        let _ = write!(template, "\n{header}{title}:{header:#}\n");
        for name in *names {
            let Some(found) = command.find_subcommand(name) else {
                continue;
            };
            let about = found
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let shown = found
                .get_visible_aliases()
                .fold((*name).to_owned(), |shown, alias| {
                    format!("{shown}, {alias}")
                });
            let _ = writeln!(template, "  {literal}{shown:<12}{literal:#} {about}");
        }
    }
    let _ = write!(template, "\n{header}Options:{header:#}\n{{options}}");
    command.help_template(template)
}
