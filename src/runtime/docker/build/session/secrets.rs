//! Serves the secrets of a build, each by its id, to nobody but the engine on this session.

use bollard_buildkit_proto::moby::buildkit::secrets::v1 as proto;
use tonic::{Request, Response, Status};

pub(super) struct Secrets {
    pub values: Vec<(String, Vec<u8>)>,
}

#[tonic::async_trait]
impl proto::secrets_server::Secrets for Secrets {
    async fn get_secret(
        &self,
        request: Request<proto::GetSecretRequest>,
    ) -> Result<Response<proto::GetSecretResponse>, Status> {
        let id = &request.get_ref().id;
        match self.values.iter().find(|(known, _)| known == id) {
            Some((_, value)) => Ok(Response::new(proto::GetSecretResponse {
                data: value.clone(),
            })),
            // BuildKit goes on without it, or fails if the mount says `required`.
            None => Err(Status::not_found(format!("no secret `{id}`"))),
        }
    }
}
