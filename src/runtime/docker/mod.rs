//! Docker Engine through its API (Podman's too, as far as it speaks the same).

mod address;
mod aliases;
mod api_socket;
mod archive;
mod bind_source;
pub mod build;
mod call;
mod classify;
mod config_file;
mod connect;
mod container;
mod context;
mod create;
mod credentials;
mod demultiplex;
mod events;
mod exec;
mod exec_interactive;
mod fault;
mod given;
mod ground;
mod hold;
mod hooks;
mod image_mount;
mod info;
mod inherit;
mod log_lines;
mod log_seek;
mod logs;
mod named;
mod network;
mod observe;
mod options;
mod owner;
mod port_owner;
mod pre_start;
mod pull;
mod put_files;
mod translate;
mod transport;
mod version;
mod volume;
mod world;

pub use address::{Address, TlsFiles};
pub use demultiplex::Stream;
pub use events::{Change, ChangeKind, ContainerAction};
pub use exec::{Attached, ExecInput, ExecOutput, ExecReader, ExecSpec};
pub use info::Info;
pub use logs::{LogChunk, LogOptions, LogStream};
pub use observe::Look;
pub use version::ApiVersion;
pub use world::DockerWorld;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bollard::models::ContainerInspectResponse;
use tokio_util::task::TaskTracker;

use crate::runtime::Environment;
use named::Named;
use transport::Transport;

/// A connection to one engine. Cloning is cheap, and clones share their connections.
#[derive(Clone)]
pub struct Docker {
    inner: Arc<Inner>,
    /// Goes on everything that is made: see [`Docker::owned_by`].
    owner: Option<Arc<str>>,
}

struct Inner {
    address: Address,
    version: ApiVersion,
    podman: bool,
    client: bollard::Docker,
    transport: Transport,
    /// For the credentials of registries.
    environment: Environment,
    /// Whether a container that was looked at has a terminal, by its id: that never changes.
    terminals: Mutex<HashMap<String, bool>>,
    named: Named,
    /// What goes on after a call has answered, and fails nothing.
    tidying: TaskTracker,
}

impl Docker {
    /// Where the engine is.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// The version that every call speaks.
    pub fn version(&self) -> ApiVersion {
        self.inner.version
    }

    /// It is Podman, which differs in places.
    pub fn is_podman(&self) -> bool {
        self.inner.podman
    }

    /// Takes note of a container that was looked at.
    fn note_terminal(&self, inspected: &ContainerInspectResponse) {
        if let (Some(id), Some(config)) = (&inspected.id, &inspected.config) {
            let terminals = self.inner.terminals.lock();
            let mut terminals = terminals.unwrap_or_else(PoisonError::into_inner);
            terminals.insert(id.clone(), config.tty.unwrap_or(false));
        }
    }

    /// Whether a container has a terminal, as far as that is known.
    fn known_terminal(&self, id: &str) -> Option<bool> {
        let terminals = self.inner.terminals.lock();
        let terminals = terminals.unwrap_or_else(PoisonError::into_inner);
        terminals.get(id).copied()
    }

    /// The client library on the same connections and with the same version. It has no deadline of its own to speak
    /// of: give each call one.
    pub fn client(&self) -> &bollard::Docker {
        &self.inner.client
    }
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker")
            .field("address", &self.inner.address)
            .field("version", &self.inner.version)
            .finish_non_exhaustive()
    }
}
