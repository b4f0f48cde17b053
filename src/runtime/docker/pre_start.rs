//! Containers that run to their end before another one starts.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, ListContainersOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::call::{CHANGE, QUICK, call, encode};
use super::classify::failure;
use super::container::short;
use super::create::{self, Engine};
use super::fault::Fault;
use super::{Docker, LogOptions};
use crate::engine::event::FailureClass;
use crate::plan::PreparedBy;
use crate::plan::desired::{
    ContainerSpec, LABEL_BEFORE, LABEL_PROJECT, LABEL_SERVICE, NetworkAttachment,
};
use crate::runtime::{Progress, ProgressSender, RuntimeError};

/// For one of them: whoever fills a database takes its time.
const LIMIT: Duration = Duration::from_secs(3600);
/// Lines of what one said that are shown when it fails.
const LINES: u64 = 15;

/// How a container ended, in the engine's words.
#[derive(Deserialize)]
struct Ended {
    #[serde(rename = "StatusCode")]
    code: i64,
}

impl Docker {
    /// One after the other; each has the volumes of the container `id`, and is gone when it has ended.
    ///
    /// # Errors
    /// The first that does not end with 0, and what it said.
    pub(super) async fn before_start(
        &self,
        id: &str,
        steps: &[PreparedBy],
        progress: &ProgressSender,
    ) -> Result<(), RuntimeError> {
        if let Some(first) = steps.first() {
            self.end_earlier(&first.spec).await?;
        }
        for PreparedBy { index, spec: step } in steps {
            let key = format!("pre_start[{index}]");
            let name = format!("`{key}` of {}", step.service);
            let said = |line: Option<&str>| {
                let text = line.map_or_else(|| key.clone(), |line| format!("{key}: {line}"));
                let report = Progress {
                    text,
                    done: 0,
                    total: 0,
                };
                let _full = progress.try_send(report);
            };
            said(None);
            let body = self.step_body(id, step).await?;
            let limited = tokio::time::timeout(LIMIT, self.run_step(&name, step, body, &said));
            limited.await.map_err(|_| {
                let hours = LIMIT.as_secs() / 3600;
                let message = format!("{name} did not end within {hours} h");
                RuntimeError::new(FailureClass::Other, message)
            })??;
        }
        Ok(())
    }

    /// What an earlier `dev` began and did not live to see the end of.
    async fn end_earlier(&self, step: &ContainerSpec) -> Result<(), RuntimeError> {
        let labels = step.labels.iter().filter(|(name, _)| {
            [LABEL_PROJECT, LABEL_SERVICE, LABEL_BEFORE].contains(&name.as_str())
        });
        let labels: Vec<String> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&HashMap::from([("label", labels)]))
            .build();
        let what = format!("look for what runs before {}", step.service);
        let list = call(&what, QUICK, self.client().list_containers(Some(options))).await?;
        for id in list.into_iter().filter_map(|container| container.id) {
            self.remove(&id, true, true).await?;
        }
        Ok(())
    }

    async fn step_body(
        &self,
        id: &str,
        step: &ContainerSpec,
    ) -> Result<(ContainerCreateBody, Vec<NetworkAttachment>), RuntimeError> {
        let image = if step.image.is_empty() {
            let what = format!("look at container {}", short(id));
            let found = call(&what, QUICK, self.client().inspect_container(id, None)).await?;
            found.image.unwrap_or_default()
        } else {
            step.image.clone()
        };
        let engine = Engine {
            version: self.version(),
            podman: self.is_podman(),
        };
        let (mut body, later) = create::body(step, &image, engine);
        body.labels
            .get_or_insert_default()
            .extend(self.owner_label());
        let host = body.host_config.get_or_insert_default();
        host.volumes_from = Some(vec![id.to_owned()]);
        Ok((body, later.to_vec()))
    }

    async fn run_step(
        &self,
        name: &str,
        step: &ContainerSpec,
        (body, later): (ContainerCreateBody, Vec<NetworkAttachment>),
        said: &impl Fn(Option<&str>),
    ) -> Result<(), RuntimeError> {
        let what = format!("run {name}");
        let mut options = CreateContainerOptionsBuilder::new();
        if let Some(platform) = &step.options.given.platform {
            options = options.platform(platform);
        }
        let create = self.client().create_container(Some(options.build()), body);
        let id = call(&what, CHANGE, create).await?.id;
        let mut left = Left(Some((self.clone(), id.clone())));
        self.attach_later(&what, &id, &later).await?;
        // Asked before it starts: it may end at once.
        let path = format!("/containers/{}/wait?condition=next-exit", encode(&id));
        let waiting = self
            .raw(Method::POST, &path, &[], Bytes::new(), QUICK)
            .await;
        let waiting = waiting.map_err(|fault| failure(&what, &fault))?;
        let options = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut lines = self.logs(&id, &options).await?;
        self.start(&id).await?;
        let reading = async {
            while let Some(Ok(chunk)) = lines.next().await {
                said(Some(String::from_utf8_lossy(&chunk.line).as_ref()));
            }
        };
        let ((), ended) = tokio::join!(reading, waiting.into_body().collect());
        let ended = ended.map_err(|error| failure(&what, &Fault::from(error)))?;
        let ended: Ended = serde_json::from_slice(&ended.to_bytes())
            .map_err(|error| failure(&what, &Fault::Nonsense(error.to_string())))?;
        // Who follows a log from before a start may miss what is said within moments of it.
        let last = match ended.code {
            0 => Vec::new(),
            _ => self.last_words(&id).await,
        };
        self.remove(&id, true, true).await?;
        left.0 = None;
        if ended.code == 0 {
            return Ok(());
        }
        let message = format!("{name} ended with exit code {}", ended.code);
        Err(RuntimeError::new(FailureClass::Other, message).detail(last))
    }

    async fn last_words(&self, id: &str) -> Vec<String> {
        let options = LogOptions {
            tail: Some(LINES),
            ..LogOptions::default()
        };
        let Ok(mut lines) = self.logs(id, &options).await else {
            return Vec::new();
        };
        let mut last = Vec::new();
        while let Some(Ok(chunk)) = lines.next().await {
            last.push(String::from_utf8_lossy(&chunk.line).into_owned());
        }
        last
    }
}

/// A container that nobody waits for any more goes, whatever it does.
struct Left(Option<(Docker, String)>);

impl Drop for Left {
    fn drop(&mut self) {
        if let Some((docker, id)) = self.0.take() {
            tokio::spawn(async move {
                let _gone = docker.remove(&id, true, true).await;
            });
        }
    }
}
