use camino::{Utf8Path, Utf8PathBuf};

use super::SyncRules;
use crate::stack::WatchAction;
use crate::stack::path::clean;

/// What a sync rule names, and where that goes.
pub struct Way<'a> {
    pub base: &'a Utf8Path,
    /// Absolute and clean.
    pub target: Utf8PathBuf,
    /// A single file goes into the target, instead of becoming it.
    pub into: bool,
}

impl SyncRules<'_> {
    /// In the order of the stack file: what a later one brings lies over what an earlier one does.
    pub fn ways(&self) -> impl DoubleEndedIterator<Item = Way<'_>> {
        let workdir = self.service.workdir.as_deref().unwrap_or("/");
        let syncs = self
            .rules
            .iter()
            .filter_map(|rule| match &rule.rule.action {
                WatchAction::Sync { target, .. } => Some((rule, target)),
                _ => None,
            });
        syncs.flat_map(move |(rule, target)| {
            let root = clean(&Utf8Path::new("/").join(workdir).join(target));
            rule.bases.iter().map(move |(_, base, _)| Way {
                base,
                target: root.clone(),
                into: target.ends_with('/') || target.is_empty(),
            })
        })
    }

    /// Whether two sources may lead to one target; may say so of some that do not.
    pub fn overlap(&self) -> bool {
        let ways: Vec<Way> = self.ways().collect();
        let mut pairs = ways
            .iter()
            .enumerate()
            .flat_map(|(at, one)| ways[..at].iter().map(move |other| (one, other)));
        pairs.any(|(one, other)| {
            one.base != other.base
                && (one.target.starts_with(&other.target) || other.target.starts_with(&one.target))
        })
    }
}
