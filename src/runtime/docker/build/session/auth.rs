//! Credentials of registries, for base images that not everyone may pull; BuildKit asks for one registry at a time.

use bollard_buildkit_proto::moby::filesync::v1 as proto;
use tonic::{Request, Response, Status};

use crate::runtime::Environment;
use crate::runtime::docker::credentials;

pub(super) struct Auth {
    pub environment: Environment,
}

#[tonic::async_trait]
impl proto::auth_server::Auth for Auth {
    async fn credentials(
        &self,
        request: Request<proto::CredentialsRequest>,
    ) -> Result<Response<proto::CredentialsResponse>, Status> {
        let reference = format!("{}/any", request.get_ref().host);
        let found = credentials::of(&self.environment, &reference).await;
        // Without any, BuildKit tries it as nobody.
        let (username, secret) = found
            .map_err(Status::unavailable)?
            .map(credentials::Credentials::into_login)
            .unwrap_or_default();
        Ok(Response::new(proto::CredentialsResponse {
            username,
            secret,
        }))
    }

    async fn fetch_token(
        &self,
        _: Request<proto::FetchTokenRequest>,
    ) -> Result<Response<proto::FetchTokenResponse>, Status> {
        Err(Status::unimplemented("credentials are offered"))
    }

    async fn get_token_authority(
        &self,
        _: Request<proto::GetTokenAuthorityRequest>,
    ) -> Result<Response<proto::GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("credentials are offered"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<proto::VerifyTokenAuthorityRequest>,
    ) -> Result<Response<proto::VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("credentials are offered"))
    }
}

#[cfg(test)]
mod tests {
    use proto::auth_server::Auth as _;

    use super::*;

    #[tokio::test]
    async fn a_registry_is_logged_in_to_as_the_configuration_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = r#"{"auths":{"ghcr.io":{"username":"me","password":"mine"},"quay.io":{"identitytoken":"token"}}}"#;
        std::fs::write(folder.path().join("config.json"), config).expect("a file");
        let path = folder.path().to_string_lossy().into_owned();
        let environment = Environment {
            variables: [("DOCKER_CONFIG".to_owned(), path)].into(),
            home: None,
        };
        let auth = Auth { environment };
        for (host, username, secret) in [
            ("ghcr.io", "me", "mine"),
            ("quay.io", "", "token"),
            ("other.io", "", ""),
        ] {
            let request = proto::CredentialsRequest {
                host: host.to_owned(),
            };
            let answer = auth
                .credentials(Request::new(request))
                .await
                .expect("an answer")
                .into_inner();
            assert_eq!(
                (answer.username.as_str(), answer.secret.as_str()),
                (username, secret),
                "{host}"
            );
        }
    }
}
