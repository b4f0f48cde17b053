//! Files of the stack: their hashes, what their changes lead to, and how they get into containers.

use std::collections::BTreeMap;
use std::future::Future;

use camino::Utf8PathBuf;

use super::core::Engine;
use crate::plan::desired::SourceHashes;
use crate::stack::{Role, Source};
use crate::watch::context::{Index, hash_context, hash_globs};

/// What has to be hashed for a look.
#[derive(Debug, Default)]
struct Hashing {
    contexts: Vec<(Utf8PathBuf, Utf8PathBuf)>,
    inputs: BTreeMap<String, Vec<String>>,
}

impl Engine {
    /// The hashes of everything in scope: known ones as they are, the others from the files.
    pub(super) fn hashing(&self) -> impl Future<Output = SourceHashes> + Send + 'static {
        let mut known = self.sources.clone();
        let mut wanted = Hashing::default();
        let scope = self.scope();
        for service in scope.iter().filter_map(|name| self.stack.services.get(name)) {
            if let Source::Build(build) = &service.source {
                let key = (build.context.clone(), build.dockerfile.clone());
                if !known.contexts.contains_key(&key) && !wanted.contexts.contains(&key) {
                    wanted.contexts.push(key);
                }
            }
            if let Role::Job(job) = &service.role
                && let Some(inputs) = &job.inputs
                && !known.inputs.contains_key(&service.name)
            {
                wanted.inputs.insert(service.name.clone(), inputs.clone());
            }
        }
        let (state, dir) = (self.store.index(), self.stack.dir.clone());
        async move {
            if wanted.contexts.is_empty() && wanted.inputs.is_empty() {
                return known;
            }
            // Reading files blocks; a panic in it leaves the hashes unknown, and the next look tries again.
            tokio::task::spawn_blocking(move || {
                for (context, dockerfile) in wanted.contexts {
                    let mut index = Index::for_context(&state, &context, &dockerfile);
                    if let Ok(hash) = hash_context(&context, &dockerfile, &mut index) {
                        // Without its index the next look only reads more.
                        let _unsaved = index.save();
                        known.contexts.insert((context, dockerfile), hash.hash);
                    }
                }
                for (service, globs) in wanted.inputs {
                    let mut index = Index::for_globs(&state, &dir, &globs);
                    if let Ok(hash) = hash_globs(&dir, &globs, &mut index) {
                        let _unsaved = index.save();
                        known.inputs.insert(service, hash);
                    }
                }
                known
            })
            .await
            .unwrap_or_default()
        }
    }

    /// Forgets every hash: the next look reads what changed.
    pub(super) fn rehash_everything(&mut self) {
        self.sources = SourceHashes::default();
        self.look.epoch += 1;
        self.look.wanted = true;
    }

    pub(super) fn watch_files(&mut self) {}
    pub(super) fn files(&mut self, _batch: crate::watch::Batch) {}
    pub(super) fn synced(
        &mut self,
        _service: String,
        _files: usize,
        _first: String,
        _millis: u64,
        _result: Result<(), crate::runtime::RuntimeError>,
    ) {
    }
    pub(super) fn begin_seed(&mut self, _ticket: super::execute::Ticket, _service: String, _container: String) {}
}
