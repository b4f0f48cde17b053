//! Where an engine may be: `DOCKER_HOST`, the current Docker context, the usual sockets.

use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{config_file, context};
use crate::engine::event::FailureClass;
use crate::runtime::{Environment, RuntimeError};

/// How an engine is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(Utf8PathBuf),
    /// `host:port`
    Tcp {
        host: String,
        tls: Option<TlsFiles>,
    },
}

/// PEM files of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may have signed the engine's certificate.
    pub ca: Utf8PathBuf,
    /// Certificate and key of this side, where the engine asks for one.
    pub client: Option<(Utf8PathBuf, Utf8PathBuf)>,
}

/// An address and who named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub address: Address,
    pub source: Source,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// `DOCKER_HOST`
    Variable,
    Context(String),
    /// A usual place; the next one is tried when nothing is there.
    Usual,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{path}"),
            Self::Tcp { host, .. } => write!(f, "tcp://{host}"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable => f.write_str("DOCKER_HOST"),
            Self::Context(name) => write!(f, "Docker context `{name}`"),
            Self::Usual => f.write_str("usual socket"),
        }
    }
}

/// The addresses to try, best first. Where a person named one, it is the only one: `DOCKER_HOST` comes before
/// `DOCKER_CONTEXT`, and that before the configuration file, as in the `docker` command.
///
/// # Errors
/// `NoEngine` when what was named cannot be used: a context that is not there, `ssh://`, a broken file.
pub(super) fn candidates(environment: &Environment) -> Result<Vec<Candidate>, RuntimeError> {
    if let Some(host) = environment.get("DOCKER_HOST") {
        let tls = tls_of_environment(environment);
        let address = parse(host, tls, &Source::Variable)?;
        return Ok(vec![Candidate {
            address,
            source: Source::Variable,
        }]);
    }
    if let Some(name) = context::current(environment)? {
        let found = context::read(environment, &name)?;
        let source = Source::Context(name);
        let address = parse(&found.host, found.tls, &source)?;
        return Ok(vec![Candidate { address, source }]);
    }
    Ok(usual_sockets(environment)
        .into_iter()
        .map(|path| Candidate {
            address: Address::Unix(path),
            source: Source::Usual,
        })
        .collect())
}

/// Reads `unix://…`, `tcp://…`.
pub(super) fn parse(
    host: &str,
    tls: Option<TlsFiles>,
    source: &Source,
) -> Result<Address, RuntimeError> {
    let (scheme, rest) = host.split_once("://").unwrap_or(("", host));
    match scheme {
        "unix" if rest.starts_with('/') => Ok(Address::Unix(rest.into())),
        "" if rest.starts_with('/') => Ok(Address::Unix(rest.into())),
        "tcp" | "http" | "https" if !rest.is_empty() => {
            let host = rest.trim_end_matches('/');
            let port = if tls.is_some() { 2376 } else { 2375 };
            let has_port = host
                .rsplit_once(':')
                .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            Ok(Address::Tcp {
                host: if has_port {
                    host.to_owned()
                } else {
                    format!("{host}:{port}")
                },
                tls,
            })
        }
        "ssh" => Err(no_engine(format!(
            "the engine address {host} ({source}) needs ssh, which dev does not speak"
        ))
        .help(format!(
            "forward the engine's socket yourself and name it: \
             `ssh -nNT -L /tmp/engine.sock:/var/run/docker.sock {rest}`, \
             then `DOCKER_HOST=unix:///tmp/engine.sock`"
        ))),
        _ => Err(no_engine(format!(
            "the engine address `{host}` ({source}) is none that dev knows"
        ))
        .help("write `unix:///path/to/docker.sock` or `tcp://host:port`")),
    }
}

/// `DOCKER_TLS_VERIFY` with the files of `DOCKER_CERT_PATH`, else of the configuration folder.
fn tls_of_environment(environment: &Environment) -> Option<TlsFiles> {
    environment.get("DOCKER_TLS_VERIFY")?;
    let dir = match environment.get("DOCKER_CERT_PATH") {
        Some(dir) => dir.into(),
        None => config_file::config_dir(environment)?,
    };
    Some(tls_in(&dir))
}

/// The files' names are the `docker` command's.
pub(super) fn tls_in(dir: &Utf8Path) -> TlsFiles {
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    TlsFiles {
        ca: dir.join("ca.pem"),
        client: (cert.exists() && key.exists()).then_some((cert, key)),
    }
}

/// Where engines put their socket: Docker, rootless Docker, Docker Desktop, Colima, OrbStack, Podman.
fn usual_sockets(environment: &Environment) -> Vec<Utf8PathBuf> {
    let mut found = vec![Utf8PathBuf::from("/var/run/docker.sock")];
    let runtime = environment.get("XDG_RUNTIME_DIR").map(Utf8PathBuf::from);
    if let Some(dir) = &runtime {
        found.push(dir.join("docker.sock"));
    }
    if let Some(home) = &environment.home {
        found.extend(
            [
                ".docker/run/docker.sock",
                ".docker/desktop/docker.sock",
                ".colima/default/docker.sock",
                ".orbstack/run/docker.sock",
            ]
            .map(|path| home.join(path)),
        );
    }
    if let Some(dir) = &runtime {
        found.push(dir.join("podman/podman.sock"));
    }
    found.push("/run/podman/podman.sock".into());
    found
}

pub(super) fn no_engine(message: impl Into<String>) -> RuntimeError {
    RuntimeError::new(FailureClass::NoEngine, message)
}

#[cfg(test)]
mod tests;
