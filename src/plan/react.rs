//! Changed paths -> sync | restart | rebuild | rerun | re-read the stack.

mod context;
mod globs;
mod layers;
mod mounted;
mod outcome;
mod sync_target;
mod writers;

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::desired::image_tag;
use crate::stack::compose::is_stdin;
use crate::stack::path::clean;
use crate::stack::{
    AfterSync, Build, Job, Role, SecretSource, Service, Source, Stack, WatchAction, WatchRule,
};

use context::{in_context, makes};
pub use globs::{Globs, RuleIgnore, literal_part};
pub use layers::Way;
pub use mounted::Mounted;
use outcome::Outcome;
pub use sync_target::sync_target;
pub use writers::may_write;

/// What a changed path is, or was before it vanished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathKind {
    /// Also a symlink, which is never followed.
    File,
    Folder,
}

/// Changed paths, absolute and without `.` and `..`.
pub type Changed = BTreeMap<Utf8PathBuf, PathKind>;

/// One path that has to look in the container as it does here: its content if it exists, else gone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SyncItem {
    /// Absolute.
    pub source: Utf8PathBuf,
    /// Absolute, in the container.
    pub target: String,
    /// A folder stands for itself alone: what is in it has items of its own.
    pub kind: PathKind,
    /// How far it lies below what a person named: 0 is that itself. No symlink leads from there to here.
    pub depth: usize,
}

/// What changed paths lead to. `because` names the first of them, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Copy into every container of the service, then do `then` in each.
    Sync {
        service: String,
        files: Vec<SyncItem>,
        then: AfterSync,
    },
    Restart {
        service: String,
        because: String,
    },
    Signal {
        service: String,
        signal: String,
        because: String,
    },
    /// Build, replace, gate again; nothing if the context's hash turns out to be the same.
    Rebuild {
        service: String,
        because: String,
        /// All of them, absolute.
        files: BTreeSet<Utf8PathBuf>,
    },
    Rerun {
        job: String,
        because: String,
    },
    RereadStack {
        because: String,
    },
}

/// What reacting needs to know beside the stack.
pub struct Facts<'a> {
    /// Further files that the stack was read from (`env_file`), or would be if they were there. Absolute.
    pub layers: &'a BTreeSet<Utf8PathBuf>,
    /// Whether `.dockerignore` keeps a path, which lies in the context, out of a build.
    pub excluded: &'a dyn Fn(&Build, &Utf8Path) -> bool,
    /// Services whose last build failed: whatever it would read is a reason to try again.
    pub broken: &'a BTreeSet<String>,
}

/// What `changed` leads to, in an order in which it can be done. Of a service's rules the first that covers a path
/// decides, but for a rebuild that names it more closely than a sync, and for what makes the image; all its paths become one reaction, or those few that have to follow each other.
pub fn react(
    stack: &Stack,
    scope: &BTreeSet<String>,
    changed: &Changed,
    facts: &Facts<'_>,
) -> Vec<Reaction> {
    let mut reactions = Vec::new();
    reactions.extend(reread(stack, changed, facts));
    let in_scope = || {
        stack
            .services
            .iter()
            .filter(|(name, _)| scope.contains(*name))
            .map(|(_, service)| service)
    };
    for service in in_scope() {
        react_one(stack, service, changed, facts).into_reactions(
            service,
            &stack.dir,
            &mut reactions,
        );
    }
    // Jobs last: what they run in may have to be rebuilt first.
    for job in in_scope() {
        let inputs = inputs(stack, job);
        let first = changed.iter().find(|(path, kind)| {
            **kind == PathKind::File && inputs.as_ref().is_some_and(|inputs| inputs.cover(path))
        });
        if let Some((path, _)) = first {
            reactions.push(Reaction::Rerun {
                job: job.name.clone(),
                because: shown(&stack.dir, path),
            });
        }
    }
    reactions
}

/// The files that make the stack, whether they are there or not. Absolute.
pub fn layer_files(stack: &Stack) -> BTreeSet<Utf8PathBuf> {
    let layers = stack.layers.iter().filter(|path| !is_stdin(path));
    let mut files: BTreeSet<Utf8PathBuf> = layers.cloned().collect();
    files.extend(["dev.toml", "dev.local.toml", ".env"].map(|name| stack.dir.join(name)));
    for source in stack.secrets.values() {
        if let SecretSource::File(file) | SecretSource::Sops { file, .. } = source {
            files.insert(clean(&stack.dir.join(file)));
        }
    }
    for service in stack.services.values() {
        if let Source::Build(build) = &service.source {
            // What they leave out decides what is watched.
            files.extend(build.folder().map(|folder| folder.join(".dockerignore")));
            let own = build.dockerfile_path();
            files.extend(own.map(|path| Utf8PathBuf::from(format!("{path}.dockerignore"))));
        }
    }
    files
}

fn reread(stack: &Stack, changed: &Changed, facts: &Facts<'_>) -> Option<Reaction> {
    let files = layer_files(stack);
    let path = changed
        .keys()
        .find(|path| files.contains(*path) || facts.layers.contains(*path))?;
    Some(Reaction::RereadStack {
        because: shown(&stack.dir, path),
    })
}

fn react_one(stack: &Stack, service: &Service, changed: &Changed, facts: &Facts<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let rules: Vec<Rule> = service
        .watch
        .iter()
        .map(|rule| Rule::new(&stack.dir, rule))
        .collect();
    let inputs = inputs(stack, service);
    let mounted = image_tag(stack, &service.name).and_then(|tag| Mounted::of(stack, &tag));
    for (path, kind) in changed {
        let builds = in_context(stack, service, path, facts);
        let breaks = builds && facts.broken.contains(&service.name);
        if let Some(rule) = deciding(&rules, path) {
            let makes = makes(stack, service, path);
            act(
                rule,
                (path, *kind),
                (builds, breaks, makes),
                service,
                &mut outcome,
            );
        } else if !service.watch.is_empty() {
            if breaks || makes(stack, service, path) {
                outcome.rebuild(path);
            }
        } else if builds
            // With inputs the image does not count: it changes with every edit of what shares it.
            && inputs.as_ref().is_none_or(|inputs| inputs.cover(path))
            && !mounted
                .as_ref()
                .is_some_and(|mounted| mounted.leaves_out(path))
            || breaks
        {
            outcome.rebuild(path);
        }
    }
    outcome
}

/// What a rule says, and what no rule takes away: the image is made anew with what makes it, and tried again after a
/// failure.
fn act(
    rule: &Rule<'_>,
    (path, kind): (&Utf8Path, PathKind),
    (builds, breaks, makes): (bool, bool, bool),
    service: &Service,
    outcome: &mut Outcome,
) {
    if makes && rule.rule.action == WatchAction::Restart {
        // The new one starts anyway.
        outcome.rebuild(path);
        return;
    }
    rule.act(path, kind, builds, service, outcome);
    if (makes || breaks) && rule.rule.action != WatchAction::Rebuild {
        outcome.rebuild_beside(path);
    }
}

/// The inputs of a job that names some.
fn inputs(stack: &Stack, service: &Service) -> Option<Globs> {
    match &service.role {
        Role::Job(Job {
            inputs: Some(inputs),
            ..
        }) => Some(Globs::new(&stack.dir, inputs)),
        _ => None,
    }
}

/// The rule that says what a path leads to: the first one that covers it. Where that one syncs and another rebuilds, the one
/// that names the path more closely: `.` is synced, `requirements.txt` in it is built from. Named alike, it rebuilds: a copy
/// beside what was built from it would be half of a change.
fn deciding<'r, 'a>(rules: &'r [Rule<'a>], path: &Utf8Path) -> Option<&'r Rule<'a>> {
    let mut covering = rules.iter().filter(|rule| rule.covers(path));
    let first = covering.next()?;
    if !matches!(first.rule.action, WatchAction::Sync { .. }) {
        return Some(first);
    }
    let closeness = first.closeness(path);
    let rebuilds = covering
        .find(|rule| rule.rule.action == WatchAction::Rebuild && rule.closeness(path) >= closeness);
    Some(rebuilds.unwrap_or(first))
}

/// A rule made ready to be asked.
struct Rule<'a> {
    rule: &'a WatchRule,
    paths: Globs,
    ignore: Vec<RuleIgnore>,
    /// What counts alone. Empty: all.
    include: Vec<Globs>,
    /// Each of `paths` alone with the folder or file that its content is relative to, and how many parts it has.
    bases: Vec<(Globs, Utf8PathBuf, usize)>,
}

impl<'a> Rule<'a> {
    fn new(dir: &Utf8Path, rule: &'a WatchRule) -> Self {
        let positive = rule.paths.iter().filter(|path| !path.starts_with('!'));
        let bases: Vec<_> = positive
            .map(|path| {
                let whole = dir.join(path);
                (
                    Globs::new(dir, [path]),
                    globs::literal_part(&whole),
                    clean(&whole).components().count(),
                )
            })
            .collect();
        let ignore = bases
            .iter()
            .map(|(_, base, _)| RuleIgnore::new(dir, base, rule))
            .collect();
        let include = match rule.include.as_slice() {
            [] => Vec::new(),
            only => bases
                .iter()
                .map(|(_, base, _)| globs::as_dockerignore(base, only))
                .collect(),
        };
        Self {
            rule,
            paths: Globs::new(dir, &rule.paths),
            ignore,
            include,
            bases,
        }
    }

    fn covers(&self, path: &Utf8Path) -> bool {
        let is_included =
            self.include.is_empty() || self.include.iter().any(|only| only.cover(path));
        is_included
            && self.paths.cover(path)
            && !self.ignore.iter().any(|ignore| ignore.ignores(path))
    }

    /// How closely it names a path that it covers: parts without a wildcard, then all parts.
    fn closeness(&self, path: &Utf8Path) -> Option<(usize, usize)> {
        let covering = self.bases.iter().filter(|(globs, ..)| globs.cover(path));
        covering
            .map(|(_, base, parts)| (base.components().count(), *parts))
            .max()
    }

    fn act(
        &self,
        path: &Utf8Path,
        kind: PathKind,
        builds: bool,
        service: &Service,
        outcome: &mut Outcome,
    ) {
        match &self.rule.action {
            WatchAction::Rebuild => outcome.rebuild(path),
            // What is in a folder speaks for itself.
            WatchAction::Restart | WatchAction::Signal(_) if kind == PathKind::Folder => {}
            WatchAction::Restart => outcome.restart(path),
            WatchAction::Signal(signal) => outcome.signal(signal, path),
            WatchAction::Sync { then, .. } => {
                if let Some(item) = self.item(path, kind, service) {
                    outcome.sync(item, then, builds);
                }
            }
        }
    }

    fn item(&self, path: &Utf8Path, kind: PathKind, service: &Service) -> Option<SyncItem> {
        let WatchAction::Sync { target, .. } = &self.rule.action else {
            return None;
        };
        let mut bases = self.bases.iter();
        let (_, base, _) = bases.find(|(globs, ..)| globs.cover(path))?;
        // The folder that a rule names is never removed from under a running process, only what is in it.
        if path == base && kind == PathKind::Folder {
            return None;
        }
        let workdir = service.workdir.as_deref().unwrap_or("/");
        let target = sync_target(path, base, target, workdir)?;
        Some(SyncItem {
            source: path.to_owned(),
            target,
            kind,
            depth: path.components().count() - base.components().count(),
        })
    }
}

/// The sync rules of a service, ready to be asked path by path.
pub struct SyncRules<'a> {
    service: &'a Service,
    rules: Vec<Rule<'a>>,
}

impl<'a> SyncRules<'a> {
    pub fn new(stack: &Stack, service: &'a Service) -> Self {
        Self {
            service,
            rules: service
                .watch
                .iter()
                .map(|rule| Rule::new(&stack.dir, rule))
                .collect(),
        }
    }

    fn syncs(&self) -> impl Iterator<Item = &Rule<'a>> {
        let rules = self.rules.iter();
        rules.filter(|rule| matches!(rule.rule.action, WatchAction::Sync { .. }))
    }

    /// The folders and files that sync rules start from. Absolute.
    pub fn bases(&self) -> BTreeSet<&Utf8Path> {
        self.syncs()
            .flat_map(|rule| rule.bases.iter().map(|(_, base, _)| base.as_path()))
            .collect()
    }

    /// Whether what .gitignore names in one of them is left alone until it is saved.
    pub fn heeds_git(&self, base: &Utf8Path) -> bool {
        let mut from = self
            .syncs()
            .filter(|rule| rule.bases.iter().any(|(_, own, _)| own == base));
        !from.any(|rule| rule.rule.initial_sync)
    }

    /// Where sync rules lead to. Absolute, in the container.
    pub fn targets(&self) -> BTreeSet<String> {
        let workdir = self.service.workdir.as_deref().unwrap_or("/");
        let targets = self
            .rules
            .iter()
            .filter_map(|rule| match &rule.rule.action {
                WatchAction::Sync { target, .. } => Some(target),
                _ => None,
            });
        targets
            .map(|target| clean(&Utf8Path::new("/").join(workdir).join(target)).to_string())
            .collect()
    }

    /// Where a path goes and what follows, if the rule that decides is one that syncs.
    pub fn item(&self, path: &Utf8Path, kind: PathKind) -> Option<(SyncItem, &'a AfterSync)> {
        let rule = deciding(&self.rules, path)?;
        match &rule.rule.action {
            WatchAction::Sync { then, .. } => Some((rule.item(path, kind, self.service)?, then)),
            _ => None,
        }
    }
}

/// A path as a person would name it.
fn shown(dir: &Utf8Path, path: &Utf8Path) -> String {
    path.strip_prefix(dir).unwrap_or(path).to_string()
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
