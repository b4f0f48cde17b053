//! References become text: what they say depends on who asks.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{Stack, Template};

/// From where an address has to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A container of the stack: network names and container ports.
    Container { service: &'a str },
    /// A process on the host, of the stack or a person's shell: loopback and published ports.
    Host { service: Option<&'a str> },
}

/// Host ports by service and port name.
pub type HostPorts = BTreeMap<(String, String), u16>;

/// What resolving needs to know beside the stack.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub host_ports: HostPorts,
    /// The environment that `${env:…}` reads.
    pub environment: BTreeMap<String, String>,
    pub secrets: BTreeMap<String, SecretString>,
    /// `sha`, `branch`
    pub git: BTreeMap<String, String>,
}

/// A resolved value.
#[derive(Clone, PartialEq, Eq)]
pub struct Value {
    pub text: String,
    /// It holds a secret, and is one.
    pub secret: bool,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.secret {
            f.write_str("***")
        } else {
            write!(f, "{:?}", self.text)
        }
    }
}

/// Why a reference has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    #[error("`{reference}`: service `{service}` has no output of that name")]
    NoOutput { reference: String, service: String },
    #[error(
        "`{reference}`: port `{port}` of `{service}` is not published, so nothing on the host can reach it"
    )]
    NotPublished {
        reference: String,
        service: String,
        port: String,
    },
    #[error("`{reference}`: the environment variable `{name}` is not set")]
    NoEnv { reference: String, name: String },
    #[error("`{reference}`: no secret `{name}`")]
    NoSecret { reference: String, name: String },
    #[error("`{reference}`: this folder is no git checkout with a commit")]
    NoGit { reference: String },
}

/// Resolves every reference of `template` for `asker`.
///
/// # Errors
/// The first reference that has no value.
pub fn resolve(
    _stack: &Stack,
    _template: &Template,
    _asker: Asker<'_>,
    _facts: &Facts,
) -> Result<Value, Unresolved> {
    todo!("stack room")
}
