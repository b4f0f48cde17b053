//! Files of the stack: their hashes, and what their changes lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use camino::Utf8Path;

use super::core::Engine;
use super::cover::{Coverage, Covers, Hashed};
use super::event::{Event, Level, WatchOutcome};
use super::goal::Until;
use super::input::Input;
use super::store::Store;
use crate::plan::desired::image_tags;
use crate::plan::observed::{Generation, Status};
use crate::plan::react::{Facts, Mounted, Reaction, react};
use crate::stack::{Build, Role, Service, Source, Stack};
use crate::watch::context::{
    ContextHash, IgnoreRules, Index, Weight, hash_context_by, hash_globs, read_ignore_rules,
};
use crate::watch::{Batch, Exclude, WatchSet, Watcher, is_scratch_file};

/// What watches the files of a stack.
#[derive(Debug, Default)]
pub(super) struct Files {
    watcher: Option<Watcher>,
    /// What `.dockerignore` leaves out, by image tag.
    ignored: BTreeMap<String, IgnoreRules>,
    /// What sync rules cover, as of the last look that read it.
    covers: Covers,
    /// Services whose last build failed.
    pub(super) broken: BTreeSet<String>,
    /// Counts batches of saves that are synced: what was read before one of them is stale.
    saves: u64,
    /// The next look reads everything.
    forgotten: bool,
    /// Services that are made from files of which the stack is read, too, and why they are to be rebuilt once it could be.
    pub(super) unread: BTreeMap<String, String>,
}

/// What has to be hashed for a look.
#[derive(Debug, Default)]
struct Hashing {
    /// Tag and build.
    contexts: Vec<(String, Build)>,
    inputs: BTreeMap<String, Vec<String>>,
    /// Services of whose containers it is to be known what they have.
    synced: Vec<String>,
}

impl Engine {
    /// The hashes of everything in scope: known ones as they are, the others from the files. And what containers have.
    pub(super) fn hashing(&self) -> impl Future<Output = (u64, Hashed)> + Send + 'static {
        let mut hashed = Hashed::default();
        if !self.files.forgotten {
            hashed.sources.clone_from(&self.sources);
            hashed.covers.clone_from(&self.files.covers);
        }
        let known = &hashed.sources;
        let mut wanted = Hashing::default();
        let scope = self.scope();
        for (tag, build) in image_tags(&self.stack, &scope) {
            if !known.contexts.contains_key(&tag) {
                wanted.contexts.push((tag, build.clone()));
            }
        }
        for service in scope
            .iter()
            .filter_map(|name| self.stack.services.get(name))
        {
            if let Role::Job(job) = &service.role
                && let Some(inputs) = &job.inputs
                && !known.inputs.contains_key(&service.name)
            {
                wanted.inputs.insert(service.name.clone(), inputs.clone());
            }
            if service.syncs() && !service.is_job() && !self.all_level(service) {
                wanted.synced.push(service.name.clone());
            }
        }
        let (store, stack) = (self.store.clone(), Arc::clone(&self.stack));
        let saves = self.files.saves;
        async move {
            if wanted.is_empty() {
                return (saves, hashed);
            }
            let before = hashed.clone();
            // Reading files blocks; a panic in it leaves the hashes unknown, and the next look tries again.
            let read = tokio::task::spawn_blocking(move || {
                wanted.read(&store, &stack, &mut hashed);
                hashed
            });
            (saves, read.await.unwrap_or(before))
        }
    }

    /// Takes in what a look read; `current`: nothing changed meanwhile that it should have seen.
    pub(super) fn take_hashes(&mut self, (saves, hashed): (u64, Hashed), current: bool) {
        if current {
            self.sources = hashed.sources;
            self.files.forgotten = false;
        }
        if current && saves == self.files.saves {
            self.files.covers = hashed.covers;
        }
        self.observed.synced = hashed.synced;
        self.trust_workers();
        // Who is seen to is not asked for again, and there may be many files.
        let mut covers = std::mem::take(&mut self.files.covers);
        covers.retain(|name, _| {
            let service = self.stack.services.get(name);
            service.is_some_and(|service| !self.all_level(service))
        });
        self.files.covers = covers;
    }

    /// Whether anything in scope is made from files.
    fn depends_on_files(&self) -> bool {
        let scope = self.scope();
        let has_inputs =
            |service: &Service| matches!(&service.role, Role::Job(job) if job.inputs.is_some());
        !image_tags(&self.stack, &scope).is_empty()
            || scope
                .iter()
                .filter_map(|name| self.stack.services.get(name))
                .any(has_inputs)
    }

    /// The next look reads what changed, whatever watches it: who asks gets what `dev plan` says.
    pub(super) fn rehash_everything(&mut self) {
        self.files.forgotten = true;
        self.look_again();
    }

    /// Forgets the hashes of everything that no rule of its own watches: the next look reads what changed.
    pub(super) fn rehash(&mut self) {
        let watched: BTreeSet<String> = self
            .stack
            .services
            .values()
            .filter(|service| !service.watch.is_empty())
            .filter(|service| !self.files.broken.contains(&service.name))
            .filter_map(|service| crate::plan::desired::image_tag(&self.stack, &service.name))
            .collect();
        self.sources.contexts.retain(|tag, _| watched.contains(tag));
        self.sources.files.retain(|tag, _| watched.contains(tag));
        self.sources.inputs.clear();
        self.forget_covers(None);
        self.look_again();
    }

    /// What is under way began before something that it should see.
    pub(super) fn look_again(&mut self) {
        self.look.epoch += 1;
        self.look.files_epoch += 1;
        self.look.wanted = true;
    }

    /// Watches what the stack reacts to, from now on. Who leaves once all is ready has nothing to react to: the next `up`
    /// compares, and an end of watching takes the system 10 ms.
    pub(super) fn watch_files(&mut self) {
        if !self.watching || self.until == Until::Ready {
            return;
        }
        let everything: BTreeSet<String> = self.stack.services.keys().cloned().collect();
        self.files.ignored = image_tags(&self.stack, &everything)
            .into_iter()
            // Rules that cannot be read leave nothing out; the build says what is wrong with them.
            .map(|(tag, build)| {
                (
                    tag,
                    read_ignore_rules(&build.context, &build.dockerfile).unwrap_or_default(),
                )
            })
            .collect();
        let set = WatchSet::of(&self.stack, &everything, &self.files.broken, |build| {
            Some(exclude(build))
        });
        if let Some(watcher) = &mut self.files.watcher {
            watcher.set(set);
            return;
        }
        match crate::watch::start(set) {
            Ok((watcher, mut batches)) => {
                self.files.watcher = Some(watcher);
                let (inputs, stop) = (self.inputs.clone(), self.stop.clone());
                self.tasks.spawn(async move {
                    let pass_on = async {
                        while let Some(batch) = batches.recv().await {
                            if inputs.send(Input::Files(batch)).await.is_err() {
                                break;
                            }
                        }
                    };
                    tokio::select! { () = pass_on => {}, () = stop.cancelled() => {} }
                });
            }
            Err(error) => self.notice(Level::Error, format!("files are not watched: {error}")),
        }
    }

    pub(super) fn files(&mut self, batch: Batch) {
        for notice in &batch.notices {
            self.notice(Level::Warning, notice.to_string());
        }
        if (batch.begun && self.depends_on_files()) || batch.overflow {
            // What changed before, or was lost, is found by comparing.
            self.rehash();
        }
        if batch.begun || batch.overflow {
            self.sync_everything();
        }
        self.sync_passed(&batch.passed);
        let scope = self.scope();
        let ignored = &self.files.ignored;
        let stack = &self.stack;
        let excluded = |build: &Build, path: &Utf8Path| {
            let tags = image_tags(stack, &scope);
            let rules = tags
                .iter()
                .find(|(_, other)| *other == build)
                .and_then(|(tag, _)| ignored.get(tag));
            let inside = path.strip_prefix(&build.context).ok();
            rules
                .zip(inside)
                .is_some_and(|(rules, inside)| rules.patterns.matches(inside.as_str().as_bytes()))
        };
        let facts = Facts {
            layers: &self.env_files,
            excluded: &excluded,
            broken: &self.files.broken,
        };
        let reactions = react(stack, &scope, &batch.paths, &facts);
        let reactions = self.set_apart_unread(reactions);
        let held = self.brake_rebuilds(&reactions);
        for reaction in reactions {
            match reaction {
                Reaction::Rebuild { service, .. } if held.contains(&service) => {}
                reaction => self.follow_up(reaction),
            }
        }
    }

    fn follow_up(&mut self, reaction: Reaction) {
        let told = |service: &str, action, first: &str, files| Event::Watched {
            service: service.to_owned(),
            action,
            files,
            first: first.to_owned(),
            millis: 0,
            failure: None,
        };
        match reaction {
            Reaction::RereadStack { .. } => self.reload(),
            Reaction::Rebuild {
                service, because, ..
            } => self.rebuild(&service, &because),
            Reaction::Restart { service, because } => {
                self.emit(told(&service, WatchOutcome::Restarted, &because, 1));
                self.retry(&service);
                self.bounce_lives(&service, None);
            }
            Reaction::Signal {
                service,
                signal,
                because,
            } => {
                self.signal_lives(service, signal, because);
                return;
            }
            Reaction::Rerun { job, because } => {
                self.emit(told(&job, WatchOutcome::Rerun, &because, 1));
                self.sources.inputs.remove(&job);
                self.forget_context(&job);
                self.retry(&job);
            }
            Reaction::Sync {
                service,
                files,
                then,
            } => {
                self.forget_covers(Some(&service));
                self.sync(&service, files, then);
                let mut lives = self.observed.containers.iter();
                if lives.any(|c| c.service == service && c.status == Status::Running) {
                    // The world is the same as before, and has better to do now than to be looked at.
                    return;
                }
                // What it ended for may be mended by this: it begins again, with what it lacks.
                self.retry(&service);
            }
        }
        self.look_again();
    }

    /// The next look hashes what the service is built from.
    pub(super) fn forget_context(&mut self, service: &str) {
        let own = BTreeSet::from([service.to_owned()]);
        for (tag, _) in image_tags(&self.stack, &own) {
            self.sources.contexts.remove(&tag);
            self.sources.files.remove(&tag);
        }
    }

    /// Of one service, else of all.
    fn forget_covers(&mut self, service: Option<&str>) {
        self.files.saves += 1;
        let covers = &mut self.files.covers;
        covers.retain(|name, _| service.is_some_and(|service| service != name));
    }

    /// Ends the present lives of a service; planning begins new ones.
    pub(super) fn bounce_lives(&mut self, service: &str, index: Option<u32>) -> Vec<Generation> {
        let lives: Vec<Generation> = self
            .observed
            .containers
            .iter()
            .filter(|c| c.service == service && index.is_none_or(|index| c.index == index))
            .filter(|c| c.is_running())
            .map(|c| c.generation())
            .collect();
        let asked = |life: &Generation| (life.clone(), crate::plan::Cause::Asked);
        self.bounce.extend(lives.iter().map(asked));
        lives
    }
}

impl Hashing {
    fn is_empty(&self) -> bool {
        self.contexts.is_empty() && self.inputs.is_empty() && self.synced.is_empty()
    }

    /// What cannot be read stays unknown, and counts as changed: the build then says what is wrong.
    fn read(self, store: &Store, stack: &Stack, hashed: &mut Hashed) {
        let state = &store.index();
        let mut coverage = Coverage {
            store,
            stack,
            known: std::mem::take(&mut hashed.covers),
        };
        let known = &mut hashed.sources;
        // Those of which nothing is set apart, by context and Dockerfile, and by tag where something is mounted.
        let mut plain: BTreeMap<(&Utf8Path, &Utf8Path, Option<&str>), Option<ContextHash>> =
            BTreeMap::new();
        for (tag, build) in &self.contexts {
            let mounted = Mounted::of(stack, tag);
            let is_mounted = |path: &Path| {
                let mounted = mounted.as_ref();
                mounted.is_some_and(|mounted| mounted.leaves_out_path(path))
            };
            let (context, dockerfile) = (build.context.as_path(), build.dockerfile.as_path());
            let has_further = build.options.folders().next().is_some();
            let is_fetched = build.options.remote.is_some();
            let own = mounted.is_some() || has_further || is_fetched;
            let key = (context, dockerfile, own.then_some(tag.as_str()));
            let read = |apart: &dyn Fn(&Path) -> bool| {
                let weight = |path: &Path| match path {
                    path if is_mounted(path) || is_scratch_file(path) => Weight::Ignored,
                    path if apart(path) => Weight::Apart,
                    _ => Weight::Counts,
                };
                let hash = match &build.options.remote {
                    // What is there, only a build can tell: the address has to say it.
                    Some(remote) => ContextHash::of_text(remote),
                    None => {
                        let mut index = Index::for_context(state, context, dockerfile);
                        let hash = hash_context_by(context, dockerfile, &mut index, &weight);
                        // Without its index the next look only reads more.
                        let _unsaved = index.save();
                        hash.ok()?
                    }
                };
                build.further().try_fold(hash, |hash, further| {
                    let (context, dockerfile) = (&further.context, &further.dockerfile);
                    let mut index = Index::for_context(state, context, dockerfile);
                    let more = hash_context_by(context, dockerfile, &mut index, &weight).ok()?;
                    let _unsaved = index.save();
                    Some(hash.with(&more))
                })
            };
            if let Some(apart) = coverage.apart(tag) {
                if let Some(hash) = read(&apart) {
                    known.contexts.insert(tag.clone(), hash.rest);
                    known.files.insert(tag.clone(), hash.hash);
                }
                continue;
            }
            let hash = plain.entry(key).or_insert_with(|| read(&|_| false));
            if let Some(hash) = hash {
                known.contexts.insert(tag.clone(), hash.hash.clone());
                known.files.remove(tag);
            }
        }
        for (service, globs) in self.inputs {
            let mut index = Index::for_globs(state, &stack.dir, &globs);
            if let Ok(hash) = hash_globs(&stack.dir, &globs, &mut index) {
                let _unsaved = index.save();
                known.inputs.insert(service, hash);
            }
        }
        let synced = self.synced.iter();
        for service in synced.filter_map(|name| stack.services.get(name)) {
            hashed.synced.extend(coverage.has(service));
        }
        hashed.covers = coverage.known;
    }
}

/// What of a context is no reason to look: all that its `.dockerignore` leaves out, where no exception could be beneath.
fn exclude(build: &Build) -> Exclude {
    let rules = read_ignore_rules(&build.context, &build.dockerfile).unwrap_or_default();
    let context = build.context.clone();
    Box::new(move |path: &Path, is_folder: bool| {
        let Ok(inside) = path.strip_prefix(context.as_std_path()) else {
            return false;
        };
        let name = std::os::unix::ffi::OsStrExt::as_bytes(inside.as_os_str());
        !name.is_empty()
            && rules.patterns.matches(name)
            && !(is_folder && rules.patterns.has_exceptions())
    })
}

/// Whether a service is made from an image that a build of the stack makes.
pub(super) fn is_built(service: &crate::stack::Service) -> bool {
    matches!(service.source, Source::Build(_))
}
