//! FileSync: BuildKit says which folder and which paths of it, gets what is there, and asks for what it lacks.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSync;
use camino::Utf8PathBuf;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::{Work, follow, sender};
use crate::watch::context::{Filter, Patterns};

/// Packets that wait to be sent: at most 2 MiB of data.
const QUEUE: usize = 32;

pub(super) struct Files {
    pub context: Utf8PathBuf,
    /// Further ones by name.
    pub further: BTreeMap<String, Utf8PathBuf>,
    pub dockerfile_folder: Utf8PathBuf,
    pub sent: Arc<Sent>,
    pub work: Work,
}

/// What of the context went to the engine.
#[derive(Debug, Default)]
pub(in super::super) struct Sent {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Sent {
    pub(super) fn file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn data(&self, length: usize) {
        self.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }

    pub(in super::super) fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    pub(in super::super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// What BuildKit asks for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    folder: String,
    include: Vec<String>,
    exclude: Vec<String>,
    follow: Vec<String>,
}

type Packets = Pin<Box<dyn Stream<Item = Result<Packet, Status>> + Send>>;

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = Packets;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Packets>, Status> {
        let wanted = Wanted::read(request.metadata());
        let (folder, sent) = match wanted.folder.as_str() {
            // The ignore file is fetched first, by itself: not yet a part of what the build copies.
            "context" if wanted.follow == [".dockerignore"] => {
                (self.context.clone(), Arc::default())
            }
            "context" => (self.context.clone(), Arc::clone(&self.sent)),
            "dockerfile" => (self.dockerfile_folder.clone(), Arc::default()),
            other if self.further.contains_key(other) => {
                (self.further[other].clone(), Arc::clone(&self.sent))
            }
            other => return Err(Status::not_found(format!("no folder `{other}` here"))),
        };
        let (packets, output) = tokio::sync::mpsc::channel(QUEUE);
        let filter_of = folder.clone();
        let filter = tokio::task::spawn_blocking(move || filter(&filter_of, wanted))
            .await
            .map_err(|_| Status::internal("the walk ended early"))??;
        sender::send(
            &self.work,
            folder,
            filter,
            request.into_inner(),
            packets,
            sent,
        );
        Ok(Response::new(Box::pin(ReceiverStream::new(output))))
    }

    type TarStreamStream = Packets;

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        Err(Status::unimplemented("DiffCopy is offered"))
    }
}

/// Paths to follow are include patterns, with every symlink on the way added.
fn filter(folder: &camino::Utf8Path, wanted: Wanted) -> Result<Filter, Status> {
    let invalid = |error| Status::invalid_argument(format!("{error}"));
    let mut include = wanted.include;
    let mut restricted = !include.is_empty();
    if !wanted.follow.is_empty()
        && let Some(paths) = follow::follow(folder.as_std_path(), &wanted.follow)
    {
        include.extend(paths);
        // The root itself is wanted: nothing restricts.
        restricted = !include.iter().any(|path| path == ".");
    }
    let include = restricted
        .then(|| Patterns::new(include))
        .transpose()
        .map_err(invalid)?;
    Ok(Filter {
        include,
        exclude: Patterns::new(wanted.exclude).map_err(invalid)?,
    })
}

impl Wanted {
    fn read(metadata: &MetadataMap) -> Self {
        let all = |name: &str| -> Vec<String> {
            let encoded = metadata
                .get(format!("{name}-encoded"))
                .is_some_and(|v| matches!(v.to_str(), Ok("1" | "t" | "true" | "TRUE" | "True")));
            let values = metadata.get_all(name).iter();
            let texts = values.map(|v| String::from_utf8_lossy(v.as_encoded_bytes()).into_owned());
            texts
                .map(|text| if encoded { unescape(&text) } else { text })
                .collect()
        };
        Self {
            folder: all("dir-name").into_iter().next().unwrap_or_default(),
            include: all("include-patterns"),
            exclude: all("exclude-patterns"),
            follow: all("followpaths"),
        }
    }
}

/// `%C3%A9+x` → `é x`
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let value = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, value) {
            (_, Some(value)) => {
                bytes.push(value);
                rest = &after[2..];
                continue;
            }
            (b'+', None) => bytes.push(b' '),
            (first, None) => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
