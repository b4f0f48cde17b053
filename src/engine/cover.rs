//! What sync rules cover: what of it each container has, and which files are therefore no reason to build.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use camino::Utf8Path;

use super::store::Store;
use crate::plan::desired::{SourceHashes, image_tag};
use crate::plan::observed::Has;
use crate::plan::react::{Globs, SyncRules};
use crate::stack::{Role, Service, Stack};
use crate::watch::context::Index;
use crate::watch::sync::{Cover, Record};

/// By service; kept until a file changes.
pub(super) type Covers = BTreeMap<String, Arc<Cover>>;

/// What one look found in files.
#[derive(Debug, Clone, Default)]
pub struct Hashed {
    pub sources: SourceHashes,
    pub(super) covers: Covers,
    /// What containers have, by id.
    pub(super) synced: BTreeMap<String, Has>,
}

/// How one of those who use an image gets at a file of its context.
enum User {
    /// By a sync of these.
    Synced(Arc<Cover>),
    /// A job that does not run for anything else; when it runs, its image is made with everything.
    Job(Globs),
    /// In the image only.
    Built,
}

/// Reads what rules cover, once for each service.
pub(super) struct Coverage<'a> {
    pub store: &'a Store,
    pub stack: &'a Stack,
    pub known: Covers,
}

impl Coverage<'_> {
    fn of(&mut self, service: &Service) -> Arc<Cover> {
        let known = self.known.entry(service.name.clone());
        let cover = known.or_insert_with(|| {
            let mut index = Index::for_synced(&self.store.index(), &service.name);
            let cover = Cover::read(&SyncRules::new(self.stack, service), &mut index);
            // Without its index the next look only reads more.
            let _unsaved = index.save();
            Arc::new(cover)
        });
        Arc::clone(cover)
    }

    /// What the containers of a service have that something is written down of.
    pub fn has(&mut self, service: &Service) -> BTreeMap<String, Has> {
        let cover = self.of(service);
        let instances = 1..=service.replicas;
        let records =
            instances.filter_map(|index| Record::last(self.store.synced(&service.name, index)));
        let known =
            records.filter_map(|record| Some((record.container().to_owned(), record.has(&cover)?)));
        known.collect()
    }

    /// Says of a file whether it reaches everyone who uses an image otherwise, whether they are in scope or not; `None` where
    /// nothing does.
    pub fn apart(&mut self, tag: &str) -> Option<impl Fn(&Path) -> bool + use<>> {
        let stack = self.stack;
        let uses = |service: &&Service| image_tag(stack, &service.name).as_deref() == Some(tag);
        let users: Vec<&Service> = stack.services.values().filter(uses).collect();
        let users: Vec<User> = users.into_iter().map(|user| self.user(user)).collect();
        let is_synced = |user: &User| matches!(user, User::Synced(_));
        let is_built = |user: &User| matches!(user, User::Built);
        let some = users.iter().any(is_synced) && !users.iter().any(is_built);
        some.then_some(move |path: &Path| users.iter().all(|user| user.has_otherwise(path)))
    }

    fn user(&mut self, service: &Service) -> User {
        match &service.role {
            Role::Job(job) if service.watch.is_empty() => match &job.inputs {
                Some(inputs) => User::Job(Globs::new(&self.stack.dir, inputs)),
                None => User::Built,
            },
            Role::Service if service.syncs() => User::Synced(self.of(service)),
            _ => User::Built,
        }
    }
}

impl User {
    fn has_otherwise(&self, path: &Path) -> bool {
        match self {
            Self::Synced(cover) => cover.has_source(path),
            Self::Job(inputs) => Utf8Path::from_path(path).is_some_and(|path| !inputs.cover(path)),
            Self::Built => false,
        }
    }
}

#[cfg(test)]
mod tests;
