//! Docker as the engine's outside world.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use tokio::sync::OnceCell;

use super::{ChangeKind, ContainerAction, Docker, LogChunk, LogOptions, Stream};
use crate::engine::event::FailureClass;
use crate::plan::Action;
use crate::plan::desired::{LABEL_CONFIG, LABEL_NETWORK, LABEL_VOLUME};
use crate::plan::observed::Observed;
use crate::runtime::world::{
    Call, Change, ExecOutput, ExecSpec, FileChange, Ground, Held, LogLine, LogRange, Look, Output,
    World,
};
use crate::runtime::{ProgressSender, RuntimeError};

/// For commands inside a container that name no limit.
const EXEC: Duration = Duration::from_secs(60);
/// How long a container has to stop whose hooks failed.
const UNBEGUN: Duration = Duration::from_secs(10);
/// Events from this long before the subscription are sent too, so that none falls between it and the first look.
const OVERLAP: i64 = 1_000_000_000;

/// An engine, and what is worth asking it only once.
pub struct DockerWorld {
    docker: Docker,
    routable: Arc<AtomicBool>,
    asked: OnceCell<()>,
}

impl DockerWorld {
    pub fn new(docker: Docker) -> Self {
        Self {
            docker,
            routable: Arc::new(AtomicBool::new(false)),
            asked: OnceCell::new(),
        }
    }

    /// Beside the first look.
    async fn ask_once(&self) {
        self.asked
            .get_or_init(|| async {
                if let Ok(routable) = self.docker.routable().await {
                    self.routable.store(routable, Ordering::Relaxed);
                }
            })
            .await;
    }

    async fn act(&self, call: &Call, progress: ProgressSender) -> Result<Output, RuntimeError> {
        let docker = &self.docker;
        let input = || call.input.clone().unwrap_or_default();
        let with = |label: &str, key: &str, hash: &str| {
            let mut labels = call.labels.clone();
            labels.push((label.to_owned(), key.to_owned()));
            labels.push((LABEL_CONFIG.to_owned(), hash.to_owned()));
            labels
        };
        match &call.action {
            Action::PullImage {
                reference,
                allowed: false,
                ..
            } => {
                let message = format!("there is no image {reference}, and it is not to be pulled");
                Err(RuntimeError::new(FailureClass::ImageMissing, message)
                    .help("`pull_policy: never` in the stack file says so, or `--pull never`"))
            }
            Action::PullImage {
                reference,
                platform,
                ..
            } => {
                let pulled = docker.pull(reference, platform.as_deref(), Some(&progress));
                Ok(Output::Image(pulled.await?))
            }
            Action::BuildImage(spec) => {
                Ok(Output::Image(docker.build(spec, Some(&progress)).await?.id))
            }
            Action::CreateNetwork {
                name,
                key,
                internal,
                options,
                hash,
            } => {
                let labels = with(LABEL_NETWORK, key, hash);
                docker
                    .create_network(name, *internal, options, &labels)
                    .await?;
                Ok(Output::Nothing)
            }
            Action::RemoveNetwork { name } => nothing(docker.remove_network(name).await),
            Action::CreateVolume {
                name,
                key,
                options,
                hash,
            } => {
                let labels = with(LABEL_VOLUME, key, hash);
                let created = random()?;
                let made = docker.create_volume(name, &created, options, &labels);
                nothing(made.await)
            }
            Action::RemoveVolume { name } => nothing(docker.remove_volume(name).await),
            Action::RemoveImage { reference } => {
                let removed = docker.remove_image_and_superseded(reference, &call.labels);
                nothing(removed.await)
            }
            Action::CreateContainer { spec, .. } => Ok(Output::Container(
                docker.create_container(spec, &input()).await?,
            )),
            Action::Prepare { steps, .. } => {
                nothing(docker.before_start(&input(), steps, &progress).await)
            }
            Action::StartContainer { hooks, .. } => {
                let id = input();
                docker.start(&id).await?;
                if let Err(error) = docker.after_start(&id, hooks).await {
                    // It has not begun as its file says: what goes on from it is a new start, with all of them.
                    docker.stop(&id, None, UNBEGUN).await?;
                    return Err(error);
                }
                let observed = docker.look_at_container(&id).await?;
                Ok(observed.map_or(Output::Nothing, |container| {
                    Output::Started(Box::new(container))
                }))
            }
            Action::StopContainer {
                id,
                signal,
                grace,
                hooks,
            } => {
                docker.before_stop(id, hooks).await;
                nothing(docker.stop(id, signal.as_deref(), *grace).await)
            }
            Action::RemoveContainer {
                id,
                anonymous_volumes,
            } => nothing(docker.remove(id, true, *anonymous_volumes).await),
            Action::RenameContainer { name, .. } => nothing(docker.rename(&input(), name).await),
            Action::UnpauseContainer { id } => nothing(docker.unpause(id).await),
            Action::SetAliases {
                networks, drain, ..
            } => {
                let id = input();
                docker.set_aliases(&id, networks).await?;
                tokio::time::sleep(*drain).await;
                let observed = docker.look_at_container(&id).await?;
                Ok(observed.map_or(Output::Nothing, |container| {
                    Output::Started(Box::new(container))
                }))
            }
            Action::SetRestartPolicy { id, policy } => {
                nothing(docker.set_restart_policy(id, *policy).await)
            }
            Action::StartProcess { spec } => {
                let message = format!("{} is a process on the host, and no container", spec.name);
                Err(RuntimeError::new(FailureClass::Other, message))
            }
            Action::Seed { service, .. } | Action::Sync { service, .. } => {
                let message = format!("the files of {service} are not the engine's to copy");
                Err(RuntimeError::new(FailureClass::Other, message))
            }
        }
    }
}

impl World for DockerWorld {
    fn look<'a>(&'a self, ask: &'a Look) -> BoxFuture<'a, Result<Observed, RuntimeError>> {
        let ask = super::Look {
            project: ask.project.clone(),
            images: ask.images.iter().cloned().collect(),
            networks: ask.networks.iter().cloned().collect(),
            volumes: ask.volumes.iter().cloned().collect(),
        };
        Box::pin(async move {
            let (observed, ()) = tokio::join!(self.docker.look(&ask), self.ask_once());
            observed
        })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        progress: ProgressSender,
    ) -> BoxFuture<'a, Result<Output, RuntimeError>> {
        Box::pin(self.act(call, progress))
    }

    fn changes(&self, project: &str) -> BoxStream<'static, Change> {
        let docker = self.docker.clone();
        let project = project.to_owned();
        let stream = async move {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos());
            let since = i64::try_from(now).unwrap_or(i64::MAX) - OVERLAP;
            match docker.events(&project, since).await {
                Ok(events) => events
                    .map(|item| match item {
                        Ok(change) => translate(change),
                        Err(error) => Change::Lost(error.to_string()),
                    })
                    .boxed(),
                Err(error) => futures_util::stream::iter([Change::Lost(error.to_string())]).boxed(),
            }
        };
        futures_util::stream::once(stream).flatten().boxed()
    }

    fn exec<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<ExecOutput, RuntimeError>> {
        Box::pin(async move {
            let limit = spec.timeout.unwrap_or(EXEC);
            let asked = super::ExecSpec {
                command: spec.command.clone(),
                user: spec.user.clone(),
                workdir: spec.workdir.clone(),
                env: spec.env.iter().filter_map(|line| variable(line)).collect(),
                privileged: spec.privileged,
                tty: false,
            };
            let output = self.docker.exec(container, &asked, None, limit).await?;
            let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.push_str(&String::from_utf8_lossy(&output.stderr));
            Ok(ExecOutput {
                code: output.exit_code,
                output: text,
            })
        })
    }

    fn hold<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<Held, RuntimeError>> {
        Box::pin(super::hold::hold(&self.docker, container, spec))
    }

    fn signal<'a>(
        &'a self,
        container: &'a str,
        signal: &'a str,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(self.docker.kill(container, signal))
    }

    fn put_files<'a>(
        &'a self,
        container: &'a str,
        change: FileChange,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(super::put_files::put_files(&self.docker, container, change))
    }

    fn ground<'a>(
        &'a self,
        container: &'a str,
        folders: &'a [String],
    ) -> BoxFuture<'a, Result<Ground, RuntimeError>> {
        Box::pin(self.docker.ground(container, folders))
    }

    fn logs(&self, container: &str, range: LogRange) -> BoxStream<'static, LogLine> {
        let docker = self.docker.clone();
        let container = container.to_owned();
        let options = LogOptions::from(range);
        let opening = async move {
            let opened = match options.since.filter(|_| range.seek) {
                Some(since) => docker.follow_from(&container, since).await,
                None => docker.logs(&container, &options).await,
            };
            match opened {
                // A log that breaks off is read again with the container's next life, or the next look.
                Ok(stream) => stream
                    .filter_map(|chunk| async move { chunk.ok() })
                    .map(line)
                    .boxed(),
                Err(_) => futures_util::stream::empty().boxed(),
            }
        };
        futures_util::stream::once(opening).flatten().boxed()
    }

    fn bridge_is_routable(&self) -> bool {
        self.routable.load(Ordering::Relaxed)
    }

    fn describe(&self) -> String {
        format!("{} (API {})", self.docker.address(), self.docker.version())
    }
}

/// `NAME=value`.
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

fn nothing(result: Result<(), RuntimeError>) -> Result<Output, RuntimeError> {
    result.map(|()| Output::Nothing)
}

fn line(chunk: LogChunk) -> LogLine {
    LogLine {
        at: i128::from(chunk.at),
        error: chunk.stream == Stream::Stderr,
        line: String::from_utf8_lossy(&chunk.line)
            .trim_end_matches('\r')
            .to_owned(),
    }
}

fn translate(change: super::Change) -> Change {
    match change.kind {
        ChangeKind::Container {
            id,
            action: ContainerAction::Die { code },
            ..
        } => Change::Ended {
            id,
            code,
            at: change.at,
        },
        ChangeKind::Container {
            id,
            service,
            action: ContainerAction::Stop { index },
        } => Change::Stopped {
            id,
            service,
            index,
            at: change.at,
        },
        ChangeKind::Container {
            id,
            service,
            action: ContainerAction::Kill { signal },
        } => Change::Signalled {
            id,
            service,
            may_stop: !matches!(signal.as_str(), "9" | "KILL" | "SIGKILL"),
        },
        // It runs on as it did.
        ChangeKind::Container {
            action: ContainerAction::Rename,
            ..
        } => Change::Other,
        ChangeKind::Container {
            id,
            service,
            action,
        } => {
            let began = matches!(action, ContainerAction::Create | ContainerAction::Start);
            Change::Container {
                id,
                service: Some(service),
                began,
            }
        }
        ChangeKind::Network { .. } | ChangeKind::Volume { .. } | ChangeKind::Image { .. } => {
            Change::Other
        }
    }
}

/// Tells a new volume from an earlier one of its name.
fn random() -> Result<String, RuntimeError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| RuntimeError::new(FailureClass::Other, error.to_string()))?;
    Ok(blake3::hash(&bytes).to_hex()[..16].to_owned())
}
