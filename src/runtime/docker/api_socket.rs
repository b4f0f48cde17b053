//! The engine in the hands of a container: its socket, and the credentials of registries.

use std::collections::BTreeMap;

use bollard::models::{ContainerCreateBody, Mount, MountType};
use serde::Serialize;

use super::credentials;
use super::{Address, Docker};
use crate::engine::event::FailureClass;
use crate::plan::desired::{ContainerSpec, FileSpec};
use crate::runtime::RuntimeError;
use crate::stack::resolve::Value;

/// Where programs look for it, and where engines that live in a machine of their own have it.
const SOCKET: &str = "/var/run/docker.sock";
/// The folder that `DOCKER_CONFIG` names inside.
const CONFIG_DIR: &str = "/run/secrets/docker";

/// Docker's configuration file, as far as it holds credentials.
#[derive(Serialize)]
struct ConfigFile {
    auths: BTreeMap<String, credentials::Kept>,
}

impl Docker {
    /// Mounts the socket where the stack file asks for that; returns the file that goes with it.
    ///
    /// # Errors
    /// A broken configuration file of Docker's, or a helper that fails.
    pub(super) async fn hand_over_socket(
        &self,
        spec: &ContainerSpec,
        body: &mut ContainerCreateBody,
    ) -> Result<Vec<FileSpec>, RuntimeError> {
        if !spec.options.given.api_socket {
            return Ok(Vec::new());
        }
        let host = body.host_config.get_or_insert_default();
        host.mounts.get_or_insert_default().push(Mount {
            target: Some(SOCKET.to_owned()),
            source: Some(source(self.address())),
            typ: Some(MountType::BIND),
            ..Mount::default()
        });
        if !spec.env.iter().any(|(name, _)| name == "DOCKER_CONFIG") {
            let variable = format!("DOCKER_CONFIG={CONFIG_DIR}");
            body.env.get_or_insert_default().push(variable);
        }
        let failed = |why: String| {
            let message = format!("cannot hand credentials to {}: {why}", spec.service);
            RuntimeError::new(FailureClass::Other, message).help(
                "`use_api_socket` takes them from Docker's configuration file and its helpers",
            )
        };
        let auths = credentials::all(&self.inner.environment)
            .await
            .map_err(failed)?;
        let text = serde_json::to_string(&ConfigFile { auths })
            .map_err(|error| failed(error.to_string()))?;
        Ok(vec![FileSpec {
            target: format!("{CONFIG_DIR}/config.json"),
            content: Value { text, secret: true },
            mode: 0o444,
            uid: 0,
            gid: 0,
        }])
    }
}

/// Where the socket is for the engine itself: those in a person's hidden folders are the near end of a machine's own.
fn source(address: &Address) -> String {
    match address {
        Address::Unix(path) if !path.as_str().contains("/.") => path.to_string(),
        _ => SOCKET.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_that_of_the_engine_as_the_engine_sees_it() {
        let of = |path: &str| source(&Address::Unix(path.into()));
        assert_eq!(
            of("/run/user/1000/docker.sock"),
            "/run/user/1000/docker.sock"
        );
        assert_eq!(of("/home/me/.docker/run/docker.sock"), SOCKET);
    }
}
