//! Hands SSH agents of this machine to a build, for `RUN --mount=type=ssh`: what goes into the socket there comes out of the
//! agent's here. Keys stay in the agent.

use std::pin::Pin;

use bollard_buildkit_proto::moby::sshforward::v1 as proto;
use camino::Utf8PathBuf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::Work;

/// Header that names the agent; `default` where there is none.
const ID: &str = "buildkit.ssh.id";
/// Messages of an agent that wait to be sent, each of [`CHUNK`] bytes at most.
const QUEUE: usize = 16;
const CHUNK: usize = 16 << 10;

pub(super) struct Agents {
    /// Sockets by id.
    pub sockets: Vec<(String, Utf8PathBuf)>,
    pub work: Work,
}

impl Agents {
    fn socket(&self, id: &str) -> Result<&Utf8PathBuf, Status> {
        let id = if id.is_empty() { "default" } else { id };
        let found = self.sockets.iter().find(|(known, _)| known == id);
        found
            .map(|(_, socket)| socket)
            .ok_or_else(|| Status::not_found(format!("this build is given no SSH agent `{id}`")))
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<proto::BytesMessage, Status>> + Send>>;

#[tonic::async_trait]
impl proto::ssh_server::Ssh for Agents {
    async fn check_agent(
        &self,
        request: Request<proto::CheckAgentRequest>,
    ) -> Result<Response<proto::CheckAgentResponse>, Status> {
        self.socket(&request.get_ref().id)?;
        Ok(Response::new(proto::CheckAgentResponse {}))
    }

    type ForwardAgentStream = Messages;

    async fn forward_agent(
        &self,
        request: Request<Streaming<proto::BytesMessage>>,
    ) -> Result<Response<Messages>, Status> {
        let id = request.metadata().get(ID).and_then(|id| id.to_str().ok());
        let socket = self.socket(id.unwrap_or_default())?;
        let agent = UnixStream::connect(socket).await;
        let agent = agent
            .map_err(|error| Status::unavailable(format!("the SSH agent at {socket}: {error}")))?;
        let (output, messages) = channel(QUEUE);
        self.work.run(relay(agent, request.into_inner(), output));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

/// Until either side ends.
async fn relay(
    mut agent: UnixStream,
    mut asked: Streaming<proto::BytesMessage>,
    output: Sender<Result<proto::BytesMessage, Status>>,
) {
    let (mut answers, mut questions) = agent.split();
    let there = async {
        while let Ok(Some(message)) = asked.message().await {
            if questions.write_all(&message.data).await.is_err() {
                return;
            }
        }
    };
    let back = async {
        let mut buffer = vec![0; CHUNK];
        while let Ok(length @ 1..) = answers.read(&mut buffer).await {
            let data = buffer[..length].to_vec();
            if output.send(Ok(proto::BytesMessage { data })).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}
