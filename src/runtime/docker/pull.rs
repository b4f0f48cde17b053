//! Pulling an image.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use serde::Deserialize;

use super::Docker;
use super::call::{CHANGE, QUICK, encode, lines, within};
use super::classify::failure;
use super::credentials;
use super::fault::Fault;
use crate::engine::event::FailureClass;
use crate::runtime::{Progress, ProgressSender, RuntimeError};

/// Without any news for this long, a pull is given up.
const SILENCE: Duration = Duration::from_secs(300);

/// One line of the engine's report (source: Docker Engine API, "Create an image").
#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    status: String,
    #[serde(default)]
    id: String,
    #[serde(default, rename = "progressDetail")]
    progress: Option<Detail>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    current: u64,
    #[serde(default)]
    total: u64,
}

impl Docker {
    /// Pulls an image, for the engine's own platform where none is named, with the credentials that Docker's configuration file or its
    /// helpers have. Returns the image's id. `progress` gets bytes.
    ///
    /// # Errors
    /// `ImageMissing` whenever it could not be got, whatever the reason; `DiskFull`; `Engine` after five minutes
    /// without news.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        progress: Option<&ProgressSender>,
    ) -> Result<String, RuntimeError> {
        let what = format!("pull image {reference}");
        let (name, tag) = split(reference);
        let platform = platform.map(|platform| format!("&platform={}", encode(platform)));
        let path = format!(
            "/images/create?fromImage={}&tag={}{}",
            encode(name),
            encode(tag),
            platform.unwrap_or_default()
        );
        // A broken configuration must not keep a public image away; where it mattered, the registry says so.
        let (credentials, trouble) = match credentials::of(&self.inner.environment, reference).await
        {
            Ok(found) => (found, None),
            Err(trouble) => (None, Some(trouble)),
        };
        let header = credentials.and_then(|credentials| credentials.header());
        let headers: Vec<(&str, &str)> = header
            .iter()
            .map(|value| ("X-Registry-Auth", value.as_str()))
            .collect();
        let pulled = async {
            let body = Bytes::new();
            let response = self
                .raw(Method::POST, &path, &headers, body, SILENCE)
                .await?;
            follow(lines(response), progress).await?;
            within(QUICK, self.client().inspect_image(reference)).await
        };
        match pulled.await {
            Ok(image) => Ok(image.id.unwrap_or_default()),
            Err(fault) => Err(explain(&what, &fault, trouble)),
        }
    }

    /// Removes an image's name, and the image where it was the last one; one that is not there is removed already.
    ///
    /// # Errors
    /// `Other` when a container uses it.
    pub async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        let removed = self.client().remove_image(
            reference,
            None::<bollard::query_parameters::RemoveImageOptions>,
            None,
        );
        match within(CHANGE, removed).await {
            // What others use stays with them.
            Err(fault) if !fault.is_gone() && !fault.is_in_use() => {
                Err(failure(&format!("remove image {reference}"), &fault))
            }
            _ => Ok(()),
        }
    }
}

async fn follow(
    mut reports: impl StreamExt<Item = Result<String, Fault>> + Unpin,
    progress: Option<&ProgressSender>,
) -> Result<(), Fault> {
    let mut layers = Layers::default();
    loop {
        let line = match tokio::time::timeout(SILENCE, reports.next()).await {
            Err(_) => return Err(Fault::Late),
            Ok(None) => return Ok(()),
            Ok(Some(line)) => line?,
        };
        let Ok(report) = serde_json::from_str::<Report>(&line) else {
            continue;
        };
        if let Some(words) = report.error {
            return Err(Fault::Answer { status: 0, words });
        }
        if let Some(now) = layers.apply(&report)
            && let Some(sender) = progress
        {
            // Nobody waits for a view.
            let _ = sender.try_send(now);
        }
    }
}

/// A name and its tag or digest.
fn split(reference: &str) -> (&str, &str) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name, digest);
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

fn explain(what: &str, fault: &Fault, trouble: Option<String>) -> RuntimeError {
    let mut error = failure(what, fault);
    if error.0.class == FailureClass::Other {
        error.0.class = FailureClass::ImageMissing;
    }
    if error.0.class != FailureClass::ImageMissing {
        return error;
    }
    let words = error.0.message.to_lowercase();
    let unreachable = [
        "dial tcp",
        "no such host",
        "i/o timeout",
        "tls",
        "deadline exceeded",
        "eof",
    ];
    let help = if unreachable.iter().any(|part| words.contains(part)) {
        "the registry cannot be reached: look at the network, or use an image that is on this machine (an overlay file with `--env`)"
    } else if words.contains("denied")
        || words.contains("unauthorized")
        || words.contains("no basic auth")
    {
        "look at the name; where it is private, `docker login` to its registry"
    } else if words.contains("no matching manifest") {
        "the image does not exist for this machine's processor: choose another tag, or build it"
    } else {
        "look at the name and the tag"
    };
    if let Some(trouble) = trouble {
        error
            .0
            .detail
            .push(format!("credentials were not read: {trouble}"));
    }
    error.help(help)
}

/// What is known of each layer.
#[derive(Default)]
struct Layers {
    layers: BTreeMap<String, Layer>,
}

#[derive(Default)]
struct Layer {
    done: u64,
    total: u64,
    ready: bool,
    extracting: bool,
}

impl Layers {
    /// Takes a report in; returns the progress over all layers, where it is about one.
    fn apply(&mut self, report: &Report) -> Option<Progress> {
        let kind = report.status.as_str();
        let known = [
            "Pulling fs layer",
            "Waiting",
            "Downloading",
            "Verifying Checksum",
            "Download complete",
            "Extracting",
            "Pull complete",
            "Already exists",
        ];
        if report.id.is_empty() || !known.contains(&kind) {
            return None;
        }
        let layer = self.layers.entry(report.id.clone()).or_default();
        let detail = report.progress.as_ref();
        match kind {
            "Downloading" => {
                let detail = detail?;
                layer.total = layer.total.max(detail.total);
                layer.done = layer.done.max(detail.current);
            }
            "Verifying Checksum" | "Download complete" => layer.done = layer.total,
            "Extracting" => {
                layer.done = layer.total;
                layer.extracting = true;
            }
            "Pull complete" | "Already exists" => {
                layer.done = layer.total;
                layer.ready = true;
            }
            _ => {}
        }
        Some(self.sum())
    }

    fn sum(&self) -> Progress {
        let layers = || self.layers.values();
        let ready = layers().filter(|layer| layer.ready).count();
        let verb = if layers().any(|layer| !layer.ready && !layer.extracting) {
            "downloading"
        } else {
            "unpacking"
        };
        Progress {
            text: format!("{verb}, {ready} of {} layers", self.layers.len()),
            done: layers().map(|layer| layer.done).sum(),
            total: layers().map(|layer| layer.total).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[test]
    fn references_are_split() {
        assert_eq!(split("postgres:14"), ("postgres", "14"));
        assert_eq!(
            split("localhost:5000/app"),
            ("localhost:5000/app", "latest")
        );
        assert_eq!(split("localhost:5000/app:1"), ("localhost:5000/app", "1"));
        assert_eq!(split("app@sha256:ab"), ("app", "sha256:ab"));
    }

    #[tokio::test]
    async fn layers_add_up() {
        let reports = [
            r#"{"status":"Pulling from library/x","id":"1"}"#,
            r#"{"status":"Pulling fs layer","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Already exists","progressDetail":{},"id":"b"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":10,"total":40},"progress":"[=> ]","id":"a"}"#,
            r#"{"status":"Downloading","progressDetail":{"current":5,"total":60},"id":"c"}"#,
            r#"{"status":"Download complete","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Extracting","progressDetail":{"current":1,"total":40},"id":"a"}"#,
            r#"{"status":"Pull complete","progressDetail":{},"id":"a"}"#,
            r#"{"status":"Extracting","progressDetail":{"current":1,"total":60},"id":"c"}"#,
            r#"{"status":"Digest: sha256:abc"}"#,
        ];
        let (sender, mut receiver) = tokio::sync::mpsc::channel(100);
        let reports = reports.map(|line| Ok(line.to_owned()));
        follow(stream::iter(reports), Some(&sender)).await.unwrap();
        drop(sender);
        let mut seen = Vec::new();
        while let Some(now) = receiver.recv().await {
            seen.push(format!("{} {}/{}", now.text, now.done, now.total));
        }
        assert_eq!(
            seen,
            [
                "downloading, 0 of 1 layers 0/0",
                "downloading, 1 of 2 layers 0/0",
                "downloading, 1 of 2 layers 10/40",
                "downloading, 1 of 3 layers 15/100",
                "downloading, 1 of 3 layers 45/100",
                "downloading, 1 of 3 layers 45/100",
                "downloading, 2 of 3 layers 45/100",
                "unpacking, 2 of 3 layers 100/100",
            ]
        );
    }

    #[tokio::test]
    async fn an_error_in_the_stream_ends_it() {
        let reports = [
            r#"{"errorDetail":{"message":"write /x: no space left on device"},"error":"write /x: no space left on device"}"#,
        ];
        let fault = follow(stream::iter(reports.map(|line| Ok(line.to_owned()))), None)
            .await
            .unwrap_err();
        assert_eq!(
            explain("pull image x", &fault, None).0.class,
            FailureClass::DiskFull
        );
    }

    #[test]
    fn an_unreachable_registry_is_a_missing_image_with_help() {
        let fault = Fault::Answer {
            status: 500,
            words: "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host".into(),
        };
        let error = explain("pull image postgres:14", &fault, None);
        assert_eq!(error.0.class, FailureClass::ImageMissing);
        assert!(error.0.help.unwrap().contains("cannot be reached"));
    }
}
