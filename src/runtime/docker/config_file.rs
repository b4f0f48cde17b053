//! Docker's own configuration file, `config.json`, as far as it says which engine and which credentials to use.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;

use crate::runtime::Environment;

/// Source: the `docker` command's documentation, "Configuration files".
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default, rename = "currentContext")]
    pub current_context: Option<String>,
    #[serde(default)]
    pub auths: BTreeMap<String, Auth>,
    /// Name of the helper that keeps the credentials of every registry.
    #[serde(default, rename = "credsStore")]
    pub store: Option<String>,
    /// Helpers of single registries.
    #[serde(default, rename = "credHelpers")]
    pub helpers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Auth {
    /// base64 of `user:password`
    #[serde(default)]
    pub auth: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default, rename = "identitytoken")]
    pub identity_token: Option<String>,
    #[serde(default, rename = "registrytoken")]
    pub registry_token: Option<String>,
}

/// The folder of `config.json` and of the contexts: `$DOCKER_CONFIG`, else `~/.docker`.
pub(super) fn config_dir(environment: &Environment) -> Option<Utf8PathBuf> {
    match environment.get("DOCKER_CONFIG") {
        Some(dir) => Some(dir.into()),
        None => environment.home.as_ref().map(|home| home.join(".docker")),
    }
}

/// Reads it. A missing file is an empty one; the error of a broken one names the file.
pub(super) fn read(environment: &Environment) -> Result<ConfigFile, String> {
    let Some(path) = config_dir(environment).map(|dir| dir.join("config.json")) else {
        return Ok(ConfigFile::default());
    };
    match fs_err::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
        Err(error) => Err(error.to_string()),
    }
}
