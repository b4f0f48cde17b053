//! Docker contexts: engine addresses that a person keeps under a name.
//!
//! Layout: `contexts/meta/<sha256 of the name>/meta.json` and `contexts/tls/<sha256>/docker/{ca,cert,key}.pem` in the
//! configuration folder (source: the `docker` command's context store).

use serde::Deserialize;

use super::address::{TlsFiles, no_engine, tls_in};
use super::config_file;
use crate::runtime::{Environment, RuntimeError};

/// What a context says of its engine.
pub(super) struct Context {
    pub host: String,
    pub tls: Option<TlsFiles>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name")]
    name: String,
    #[serde(default, rename = "Endpoints")]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(default, rename = "Host")]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_verify: bool,
}

/// The context that is in use; `None` for the default one, which means the usual sockets.
pub(super) fn current(environment: &Environment) -> Result<Option<String>, RuntimeError> {
    let name = match environment.get("DOCKER_CONTEXT") {
        Some(name) => Some(name.to_owned()),
        None => {
            config_file::read(environment)
                .map_err(|error| {
                    no_engine(format!("Docker's configuration cannot be read: {error}"))
                        .help("repair or remove that file, or set DOCKER_HOST")
                })?
                .current_context
        }
    };
    Ok(name.filter(|name| !name.is_empty() && name != "default"))
}

/// Looks a context up by its name.
pub(super) fn read(environment: &Environment, name: &str) -> Result<Context, RuntimeError> {
    let missing = || {
        no_engine(format!("there is no Docker context `{name}`")).help(
            "`docker context ls` shows those that exist; DOCKER_CONTEXT or `docker context use` chooses one",
        )
    };
    let dir = config_file::config_dir(environment)
        .ok_or_else(missing)?
        .join("contexts");
    // The folder is named by a hash of the name; looking into each saves computing it, and there are few.
    let metas = fs_err::read_dir(dir.join("meta")).map_err(|_| missing())?;
    for entry in metas.flatten() {
        let Ok(text) = fs_err::read(entry.path().join("meta.json")) else {
            continue;
        };
        let Ok(meta) = serde_json::from_slice::<Meta>(&text) else {
            continue;
        };
        if meta.name != name {
            continue;
        }
        let endpoint = meta
            .endpoints
            .docker
            .filter(|endpoint| !endpoint.host.is_empty())
            .ok_or_else(|| no_engine(format!("Docker context `{name}` names no engine")))?;
        if endpoint.skip_verify {
            return Err(no_engine(format!(
                "Docker context `{name}` asks not to verify the engine's certificate, which dev does not do"
            ))
            .help("give the context the certificate authority: `docker context update --docker ca=…`"));
        }
        let tls = dir
            .join("tls")
            .join(entry.file_name().to_string_lossy().as_ref())
            .join("docker");
        return Ok(Context {
            host: endpoint.host,
            tls: tls.join("ca.pem").exists().then(|| tls_in(&tls)),
        });
    }
    Err(missing())
}
