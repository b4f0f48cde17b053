use std::collections::BTreeSet;

use clap::{Args, ValueEnum};

use super::value::Scale;
use crate::plan::demands::{Build, Pull, Recreate, Wishes};
use crate::stack::Adjustments;

/// What is asked of one `up` beside the stack file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "For this once")]
pub struct ChangeArgs {
    /// Build images even where nothing changed
    #[arg(long, conflicts_with = "no_build")]
    pub build: bool,

    /// Build nothing; an image that is not there is an error
    #[arg(long)]
    pub no_build: bool,

    /// Pull images even where they are there, only where they are not, or never, whatever the stack file says
    #[arg(long, value_name = "WHEN")]
    pub pull: Option<PullWhen>,

    /// Make containers anew even where nothing changed
    #[arg(long, conflicts_with = "no_recreate")]
    pub force_recreate: bool,

    /// Leave containers that are there as they are
    #[arg(long)]
    pub no_recreate: bool,

    /// Volumes without a name go with a container that is replaced
    #[arg(short = 'V', long)]
    pub renew_anon_volumes: bool,

    /// Only what is named, without what it needs
    #[arg(long)]
    pub no_deps: bool,

    /// So many replicas of a service; repeat for more
    #[arg(long, value_name = "SERVICE=N", value_parser = super::value::scale)]
    pub scale: Vec<Scale>,

    /// Publish to this machine only what the stack file publishes to the network, until the next `up` of everything
    #[arg(long)]
    pub loopback: bool,

    /// Remove containers whose service is gone from the stack file, as always
    #[arg(long)]
    pub remove_orphans: bool,

    /// Make everything, and start nothing
    #[arg(long)]
    pub no_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PullWhen {
    Always,
    Missing,
    Never,
}

impl ChangeArgs {
    pub fn wishes(&self) -> Wishes {
        Wishes {
            build: match (self.build, self.no_build) {
                (true, _) => Build::Always,
                (_, true) => Build::Never,
                _ => Build::Changed,
            },
            pull: match self.pull {
                Some(PullWhen::Always) => Pull::Always,
                Some(PullWhen::Never) => Pull::Never,
                Some(PullWhen::Missing) => Pull::Missing,
                None => Pull::AsWritten,
            },
            recreate: match (self.force_recreate, self.no_recreate) {
                (true, _) => Recreate::Always,
                (_, true) => Recreate::Never,
                _ => Recreate::Changed,
            },
            renew_volumes: self.renew_anon_volumes,
            create_only: self.no_start,
        }
    }

    /// `named`: the services of the command line.
    pub fn adjustments(&self, named: &[String]) -> Adjustments {
        let scale = self
            .scale
            .iter()
            .cloned()
            .map(|Scale(name, replicas)| (name, replicas));
        Adjustments {
            scale: scale.collect(),
            alone: match self.no_deps {
                true => named.iter().cloned().collect(),
                false => BTreeSet::new(),
            },
            loopback: self.loopback,
        }
    }

    /// The same for another `dev`, as it would be typed.
    pub fn words(&self) -> Vec<String> {
        let switches = [
            (self.build, "--build"),
            (self.no_build, "--no-build"),
            (self.force_recreate, "--force-recreate"),
            (self.no_recreate, "--no-recreate"),
            (self.renew_anon_volumes, "--renew-anon-volumes"),
            (self.no_deps, "--no-deps"),
            (self.loopback, "--loopback"),
            (self.remove_orphans, "--remove-orphans"),
            (self.no_start, "--no-start"),
        ];
        let switches = switches.into_iter().filter(|(is_set, _)| *is_set);
        let mut words: Vec<String> = switches.map(|(_, word)| word.to_owned()).collect();
        let pull = self.pull.and_then(|when| when.to_possible_value());
        words.extend(pull.map(|when| format!("--pull={}", when.get_name())));
        let scale = self.scale.iter();
        words.extend(scale.map(|Scale(name, replicas)| format!("--scale={name}={replicas}")));
        words
    }
}
