//! Credentials of registries, from Docker's configuration file and its helpers.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::config_file::{self, Auth, ConfigFile};
use crate::runtime::Environment;

/// A helper that takes longer waits for a person.
const HELPER_DEADLINE: Duration = Duration::from_secs(30);
/// Docker Hub's name in the configuration file.
const HUB: &str = "https://index.docker.io/v1/";

/// What goes to the engine. Never printed: it has no `Debug`.
#[derive(Default, Serialize)]
#[cfg_attr(test, derive(PartialEq))]
pub(super) struct Credentials {
    username: String,
    password: String,
    serveraddress: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrytoken: Option<String>,
}

impl Credentials {
    /// User and password, as BuildKit wants them: a token has no user.
    pub fn into_login(self) -> (String, String) {
        match self.identitytoken {
            Some(token) => (String::new(), token),
            None => (self.username, self.password),
        }
    }

    /// The value of `X-Registry-Auth`. The alphabet is the one for addresses; with the other one, engines reject
    /// some passwords.
    pub fn header(&self) -> Option<String> {
        Some(URL_SAFE.encode(serde_json::to_vec(self).ok()?))
    }
}

/// The registry of a reference, as the configuration file names it.
pub(super) fn registry(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => match first {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => HUB,
            other => other,
        },
        _ => HUB,
    }
}

/// The credentials for the registry of `reference`; `None` where there are none.
///
/// # Errors
/// A broken configuration file or a helper that fails, in words without any secret.
pub(super) async fn of(
    environment: &Environment,
    reference: &str,
) -> Result<Option<Credentials>, String> {
    let config = config_file::read(environment)?;
    of_registry(environment, &config, registry(reference)).await
}

async fn of_registry(
    environment: &Environment,
    config: &ConfigFile,
    registry: &str,
) -> Result<Option<Credentials>, String> {
    if let Some(helper) = config.helpers.get(registry).or(config.store.as_ref()) {
        return ask_helper(environment, helper, registry).await;
    }
    Ok(in_file(config, registry))
}

/// Credentials as Docker's configuration file keeps them. Never printed: it has no `Debug`.
#[derive(Serialize)]
pub(super) struct Kept {
    /// base64 of `user:password`
    auth: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrytoken: Option<String>,
}

/// Those of every registry that has some, by its name in the configuration file.
///
/// # Errors
/// As [`of`].
pub(super) async fn all(environment: &Environment) -> Result<BTreeMap<String, Kept>, String> {
    let config = config_file::read(environment)?;
    let mut registries: BTreeSet<String> = config.auths.keys().cloned().collect();
    registries.extend(config.helpers.keys().cloned());
    if let Some(store) = &config.store
        && let Some(answer) = run_helper(environment, store, "list", "").await?
    {
        let known: BTreeMap<String, String> = serde_json::from_slice(&answer)
            .map_err(|_| format!("docker-credential-{store}: its answer makes no sense"))?;
        registries.extend(known.into_keys());
    }
    let mut kept = BTreeMap::new();
    for registry in registries {
        if let Some(found) = of_registry(environment, &config, &registry).await? {
            let auth = format!("{}:{}", found.username, found.password);
            let credentials = Kept {
                auth: STANDARD.encode(auth),
                identitytoken: found.identitytoken,
                registrytoken: found.registrytoken,
            };
            kept.insert(registry, credentials);
        }
    }
    Ok(kept)
}

fn in_file(config: &ConfigFile, registry: &str) -> Option<Credentials> {
    let (_, auth) = config
        .auths
        .iter()
        .find(|(name, _)| bare(name) == bare(registry))?;
    read(auth, registry)
}

/// Some tools write `https://ghcr.io/v2/` for `ghcr.io`.
fn bare(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    name.split_once('/').map_or(name, |(host, _)| host)
}

fn read(auth: &Auth, registry: &str) -> Option<Credentials> {
    let mut found = Credentials {
        serveraddress: registry.to_owned(),
        identitytoken: auth.identity_token.clone(),
        registrytoken: auth.registry_token.clone(),
        username: auth.username.clone().unwrap_or_default(),
        password: auth.password.clone().unwrap_or_default(),
    };
    if let Some(text) = &auth.auth {
        let decoded = STANDARD.decode(text.trim()).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        user.clone_into(&mut found.username);
        password
            .trim_end_matches('\0')
            .clone_into(&mut found.password);
    }
    let empty =
        found.username.is_empty() && found.identitytoken.is_none() && found.registrytoken.is_none();
    (!empty).then_some(found)
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// `docker-credential-NAME get`, the registry on its input (source: the docker-credential-helpers project).
async fn ask_helper(
    environment: &Environment,
    helper: &str,
    registry: &str,
) -> Result<Option<Credentials>, String> {
    let Some(answer) = run_helper(environment, helper, "get", registry).await? else {
        return Ok(None);
    };
    let answer: HelperAnswer = serde_json::from_slice(&answer)
        .map_err(|_| format!("docker-credential-{helper}: its answer makes no sense"))?;
    let mut found = Credentials {
        serveraddress: registry.to_owned(),
        ..Credentials::default()
    };
    if answer.username == "<token>" {
        found.identitytoken = Some(answer.secret);
    } else {
        found.username = answer.username;
        found.password = answer.secret;
    }
    Ok(Some(found))
}

/// What a helper prints; `None` where it says that it has none.
async fn run_helper(
    environment: &Environment,
    helper: &str,
    verb: &str,
    input: &str,
) -> Result<Option<Vec<u8>>, String> {
    let program = format!("docker-credential-{helper}");
    let asking = async {
        let mut child = Command::new(&program)
            .arg(verb)
            .env_clear()
            .envs(&environment.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_DEADLINE, asking)
        .await
        .map_err(|_| format!("{program} does not answer"))?
        .map_err(|error| format!("{program}: {error}"))?;
    // That is how a helper says that it has none.
    Ok(output.status.success().then_some(output.stdout))
}

#[cfg(test)]
mod tests;
