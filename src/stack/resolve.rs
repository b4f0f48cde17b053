//! References become text: what they say depends on who asks.

mod address;
mod error;
mod evaluate;
mod outputs;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{Stack, Template};

pub use error::Unresolved;
pub use outputs::known_outputs;

/// From where an address has to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asker<'a> {
    /// A container of the stack: network names and container ports.
    Container { service: &'a str },
    /// A process on the host, of the stack or a person's shell: loopback and published ports.
    Host { service: Option<&'a str> },
    /// A pod of the stack on a cluster: names of Services and container ports.
    Cluster { service: &'a str },
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
    /// Secrets of the stack that have no value now.
    pub absent: BTreeMap<String, Absent>,
    /// `sha`, `branch`
    pub git: BTreeMap<String, String>,
}

/// Why a secret has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    pub why: String,
    /// What to do next.
    pub help: String,
}

/// A resolved value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Value {
    pub text: String,
    /// It holds a secret, and is one.
    pub secret: bool,
}

impl Value {
    pub fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            secret: false,
        }
    }
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

/// Resolves every reference of `template` for `asker`.
///
/// - `${db.NAME}`: an output that the preset or the file defines, else one that every service with a port has:
///   `host`, `port`, `url`, and `public`, the address a browser uses, whoever asks.
/// - `${db.DATABASE.NAME}`: the same for one of its databases.
/// - `${api.PORT.NAME}`: `host`, `port`, `url` and `public` of a named port.
/// - `${db.env.NAME}`: a variable of its environment, as far as the stack file or its preset sets it.
/// - `${self.…}`: the same of the asker; in an output, of the service that has the output.
///
/// # Errors
/// The first reference that has no value.
pub fn resolve(
    stack: &Stack,
    template: &Template,
    asker: Asker<'_>,
    facts: &Facts,
) -> Result<Value, Unresolved> {
    evaluate::Evaluation {
        stack,
        asker,
        facts: Some(facts),
    }
    .template(template)
}

/// Whether every reference of `template` can have a value at all: for a stack file that was just read, without ports,
/// environment, secrets or git.
///
/// # Errors
/// The first reference that never has a value.
pub fn check(stack: &Stack, template: &Template, asker: Asker<'_>) -> Result<(), Unresolved> {
    evaluate::Evaluation {
        stack,
        asker,
        facts: None,
    }
    .template(template)
    .map(|_| ())
}
