//! Credentials of registries, from Docker's configuration file and its helpers.

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
    let registry = registry(reference);
    if let Some(helper) = config.helpers.get(registry).or(config.store.as_ref()) {
        return ask_helper(environment, helper, registry).await;
    }
    Ok(in_file(&config, registry))
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
    let program = format!("docker-credential-{helper}");
    let asking = async {
        let mut child = Command::new(&program)
            .arg("get")
            .env_clear()
            .envs(&environment.variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(registry.as_bytes()).await?;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(HELPER_DEADLINE, asking)
        .await
        .map_err(|_| format!("{program} does not answer"))?
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        // That is how a helper says that it has none.
        return Ok(None);
    }
    let answer: HelperAnswer = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("{program}: its answer makes no sense"))?;
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

#[cfg(test)]
mod tests;
