//! What only Compose can say of a container, with other services' containers and secrets in it.

use super::Desire;
use super::hash::Digest;
use crate::stack::resolve::Value;
use crate::stack::{ContainerOptions, Namespace, Service};

/// [`ContainerOptions`] for one engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionsSpec {
    /// What means the same everywhere.
    pub given: ContainerOptions,
    /// In the engine's words: `container:gold-db-1`.
    pub network: Option<String>,
    pub ipc: Option<String>,
    pub pid: Option<String>,
    /// `gold-db-1:ro`.
    pub volumes_from: Vec<String>,
    pub files: Vec<FileSpec>,
}

/// A file that a container gets before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    pub target: String,
    pub content: Value,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

impl Desire<'_> {
    pub(super) fn options(&mut self, service: &Service) -> OptionsSpec {
        let given = &service.container;
        let files = given.files.iter().map(|file| FileSpec {
            target: file.target.clone(),
            content: self.value(service, || format!("files.{}", file.target), &file.content),
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        });
        let files = files.collect();
        let namespace = |namespace: &Option<Namespace>| {
            let namespace = namespace.as_ref()?;
            Some(self.namespace(namespace, "container:"))
        };
        let volumes_from = given.volumes_from.iter().map(|from| {
            let mode = if from.read_only { "ro" } else { "rw" };
            format!("{}:{mode}", self.namespace(&from.from, ""))
        });
        OptionsSpec {
            network: namespace(&given.namespaces.network),
            ipc: namespace(&given.namespaces.ipc),
            pid: namespace(&given.namespaces.pid),
            volumes_from: volumes_from.collect(),
            files,
            given: given.clone(),
        }
    }

    fn namespace(&self, namespace: &Namespace, prefix: &str) -> String {
        match namespace {
            Namespace::Mode(mode) => mode.clone(),
            Namespace::Service(name) => format!("{prefix}{}", self.first_container(name)),
        }
    }

    fn first_container(&self, service: &str) -> String {
        match self.stack.services.get(service) {
            Some(service) => self.container_name(service, 1),
            None => service.to_owned(),
        }
    }

    /// Other containers by further names.
    pub(super) fn links(&self, service: &Service) -> Vec<String> {
        let options = &service.container;
        let links = options
            .links
            .iter()
            .map(|(name, alias)| format!("{}:{alias}", self.first_container(name)));
        links
            .chain(options.external_links.iter().cloned())
            .collect()
    }
}

impl OptionsSpec {
    /// What a stack file without any of it says, hashes as it did before there was any.
    pub(super) fn hash(&self, digest: &mut Digest<'_>) {
        if *self == Self::default() {
            return;
        }
        let Self {
            given,
            network,
            ipc,
            pid,
            volumes_from,
            files,
        } = self;
        // Without what does not change the container.
        let made = ContainerOptions {
            name: None,
            post_start: Vec::new(),
            pre_stop: Vec::new(),
            files: Vec::new(),
            ..given.clone()
        };
        // Its own form cannot fail: all keys are text.
        digest.text(&serde_json::to_string(&made).unwrap_or_default());
        for mode in [network, ipc, pid] {
            digest.optional_text(mode.as_deref());
        }
        digest.list(volumes_from.iter(), |digest, from| digest.text(from));
        digest.list(files.iter(), |digest, file| {
            digest.text(&file.target);
            digest.value(&file.content);
            digest.number(file.mode.into());
            digest.number(file.uid);
            digest.number(file.gid);
        });
    }
}
