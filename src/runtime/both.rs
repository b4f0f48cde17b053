//! Containers and host processes behind one [`World`]: a call goes where its subject is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt, select};
use tokio::sync::OnceCell;

use super::docker::{Docker, DockerWorld};
use super::process::ProcessWorld;
use super::world::{
    Call, Change, ExecOutput, ExecSpec, FileChange, Ground, Held, Listening, LogLine, LogRange,
    Look, Output, World,
};
use super::{Environment, ProgressSender, RuntimeError};
use crate::plan::Action;
use crate::plan::desired::PROCESS_ID;
use crate::plan::observed::{Observed, ObservedContainer};

/// Until the events of an engine that nothing needs are asked for again.
const AGAIN: Duration = Duration::from_secs(5);

/// What a stack runs on. The container engine is asked for once something needs it.
pub struct Both {
    environment: Environment,
    docker: Arc<OnceCell<Arc<DockerWorld>>>,
    processes: ProcessWorld,
    /// Volumes are the host's, too.
    hosted: bool,
    /// Containers matter whatever a look asks for: all of them are to go, for one.
    required: bool,
    /// The last look asked for containers.
    needed: Arc<AtomicBool>,
    /// No engine has anything of it: none is looked at.
    without: bool,
}

impl Both {
    /// Without `docker`, the engine of `environment` is connected to once something needs it. With `hosted` all of the stack
    /// is on the host, its volumes too; with `required` an engine that fails is a failure even where no image is asked for.
    pub fn new(
        environment: &Environment,
        docker: Option<Docker>,
        processes: ProcessWorld,
        hosted: bool,
        required: bool,
    ) -> Self {
        let docker = docker.map(|docker| Arc::new(DockerWorld::new(docker)));
        Self {
            environment: environment.clone(),
            needed: Arc::new(AtomicBool::new(required)),
            docker: Arc::new(OnceCell::new_with(docker)),
            processes,
            hosted,
            required,
            without: false,
        }
    }

    /// The same where no container engine has anything of the stack.
    pub fn without_engine(self) -> Self {
        Self {
            without: true,
            ..self
        }
    }

    async fn engine(&self) -> Result<&Arc<DockerWorld>, RuntimeError> {
        let connect = || async {
            let docker = Docker::connect(&self.environment).await?;
            Ok(Arc::new(DockerWorld::new(docker)))
        };
        self.docker.get_or_try_init(connect).await
    }

    async fn look_at_engine(&self, ask: &Look) -> Result<Observed, RuntimeError> {
        // Of what is to run on the host nothing is an image; some of it may not be able to.
        let images = !self.hosted && !ask.images.is_empty();
        let needed = !self.without && (self.required || images);
        self.needed.store(needed, Ordering::Relaxed);
        if needed {
            return self.engine().await?.look(ask).await;
        }
        match self.docker.get() {
            // What it may hold is not worth stopping for.
            Some(docker) => Ok(docker.look(ask).await.unwrap_or_default()),
            None => Ok(Observed::default()),
        }
    }
}

fn is_process(id: &str) -> bool {
    id.starts_with(PROCESS_ID)
}

impl World for Both {
    fn look<'a>(&'a self, ask: &'a Look) -> BoxFuture<'a, Result<Observed, RuntimeError>> {
        Box::pin(async move {
            let mut observed = self.look_at_engine(ask).await?;
            observed.containers.extend(self.processes.look());
            if self.hosted {
                observed.volumes = self.processes.volumes();
            }
            Ok(observed)
        })
    }

    fn processes(&self) -> BoxFuture<'static, Vec<ObservedContainer>> {
        let processes = self.processes.clone();
        let looked = tokio::task::spawn_blocking(move || processes.look());
        Box::pin(async move { looked.await.unwrap_or_default() })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        progress: ProgressSender,
    ) -> BoxFuture<'a, Result<Output, RuntimeError>> {
        Box::pin(async move {
            let volume = matches!(
                call.action,
                Action::CreateVolume { .. } | Action::RemoveVolume { .. }
            );
            if call.action.is_on_host() || (self.hosted && volume) {
                self.processes.perform(call).await
            } else {
                self.engine().await?.perform(call, progress).await
            }
        })
    }

    fn changes(&self, project: &str) -> BoxStream<'static, Change> {
        let (docker, needed) = (Arc::clone(&self.docker), Arc::clone(&self.needed));
        let project = project.to_owned();
        let of_engine = events_of_engine(docker, needed, project);
        select(of_engine, self.processes.changes()).boxed()
    }

    fn exec<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<ExecOutput, RuntimeError>> {
        Box::pin(async move {
            if is_process(container) {
                self.processes.run_inside(container, spec).await
            } else {
                self.engine().await?.exec(container, spec).await
            }
        })
    }

    fn hold<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<Held, RuntimeError>> {
        Box::pin(async move { self.engine().await?.hold(container, spec).await })
    }

    fn signal<'a>(
        &'a self,
        container: &'a str,
        signal: &'a str,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            if is_process(container) {
                self.processes.signal(container, signal)
            } else {
                self.engine().await?.signal(container, signal).await
            }
        })
    }

    fn put_files<'a>(
        &'a self,
        container: &'a str,
        change: FileChange,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async move { self.engine().await?.put_files(container, change).await })
    }

    fn ground<'a>(
        &'a self,
        container: &'a str,
        folders: &'a [String],
    ) -> BoxFuture<'a, Result<Ground, RuntimeError>> {
        Box::pin(async move { self.engine().await?.ground(container, folders).await })
    }

    fn logs(&self, container: &str, range: LogRange) -> BoxStream<'static, LogLine> {
        match self.docker.get() {
            _ if is_process(container) => self.processes.logs(container, range.since, range.follow),
            Some(docker) => docker.logs(container, range),
            None => futures_util::stream::empty().boxed(),
        }
    }

    fn listening<'a>(&'a self, id: &'a str, at: SocketAddr) -> BoxFuture<'a, Listening> {
        let (processes, id) = (self.processes.clone(), id.to_owned());
        let asked = tokio::task::spawn_blocking(move || processes.listening(&id, at));
        Box::pin(async move { asked.await.unwrap_or_default() })
    }

    fn bridge_is_routable(&self) -> bool {
        self.docker
            .get()
            .is_some_and(|docker| docker.bridge_is_routable())
    }

    fn describe(&self) -> String {
        match self.docker.get() {
            Some(docker) => docker.describe(),
            None => "host processes, without a container engine".to_owned(),
        }
    }
}

/// The engine's events. That it went away is told only where something needs it.
fn events_of_engine(
    docker: Arc<OnceCell<Arc<DockerWorld>>>,
    needed: Arc<AtomicBool>,
    project: String,
) -> BoxStream<'static, Change> {
    type Events = BoxStream<'static, Change>;
    let first: Option<Events> = None;
    futures_util::stream::unfold(first, move |mut events| {
        let (docker, needed, project) = (Arc::clone(&docker), Arc::clone(&needed), project.clone());
        async move {
            loop {
                let Some(stream) = &mut events else {
                    match docker.get() {
                        Some(docker) => events = Some(docker.changes(&project)),
                        None => tokio::time::sleep(AGAIN / 10).await,
                    }
                    continue;
                };
                match stream.next().await {
                    Some(Change::Lost(_)) | None if !needed.load(Ordering::Relaxed) => {
                        events = None;
                        tokio::time::sleep(AGAIN).await;
                    }
                    Some(change) => return Some((change, events)),
                    None => return None,
                }
            }
        }
    })
    .boxed()
}
