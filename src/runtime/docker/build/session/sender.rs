//! The sending side of fsutil's transfer (<https://github.com/tonistiigi/fsutil>): a packet for each entry, numbered by
//! its place in that order, an empty one at the end; for each number that is asked for, its data and an empty packet.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use camino::Utf8PathBuf;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tonic::{Status, Streaming};

use super::Work;
use super::files::Sent;
use crate::watch::context::{Entry, Filter, Kind, walk};

const CHUNK: usize = 64 << 10;
/// Requests that wait for the reader of files.
const REQUESTS: usize = 128;

type Output = Sender<Result<Packet, Status>>;
/// The files by number; one that was asked for is taken out.
type Files = Arc<Mutex<HashMap<u32, PathBuf>>>;

/// Starts one transfer: one worker walks, one reads files, and a task takes the requests. All of them end when nobody
/// takes their packets any more.
pub(super) fn send(
    work: &Work,
    folder: Utf8PathBuf,
    filter: Filter,
    input: Streaming<Packet>,
    output: Output,
    sent: Arc<Sent>,
) {
    let files = Files::default();
    let (requests, queue) = channel(REQUESTS);
    work.run_blocking({
        let (files, output) = (Arc::clone(&files), output.clone());
        move || announce(&folder, &filter, &files, &output)
    });
    work.run_blocking({
        let output = output.clone();
        move || serve(queue, &output, &sent)
    });
    work.run(take(input, files, requests, output));
}

fn announce(folder: &Utf8PathBuf, filter: &Filter, files: &Files, output: &Output) {
    let mut number = 0;
    let walked = walk(folder.as_std_path(), filter, &mut |entry| {
        let stat = stat(entry)?;
        if entry.kind == Kind::File {
            files
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(number, entry.path.to_owned());
        }
        number += 1;
        push(
            output,
            packet(PacketType::PacketStat, 0, Some(stat), Vec::new()),
        )
    });
    let _ = match walked {
        Ok(_) => push(output, packet(PacketType::PacketStat, 0, None, Vec::new())),
        Err(error) => push(
            output,
            packet(
                PacketType::PacketErr,
                0,
                None,
                error.to_string().into_bytes(),
            ),
        ),
    };
}

/// Reads the requests until the engine has all it wants.
async fn take(
    mut input: Streaming<Packet>,
    files: Files,
    requests: Sender<(u32, PathBuf)>,
    output: Output,
) {
    while let Ok(Some(message)) = input.message().await {
        match message.r#type() {
            PacketType::PacketReq => {
                let file = files
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&message.id);
                let Some(file) = file else {
                    let status =
                        Status::invalid_argument(format!("no file with the number {}", message.id));
                    let _ = output.send(Err(status)).await;
                    return;
                };
                if requests.send((message.id, file)).await.is_err() {
                    return;
                }
            }
            PacketType::PacketFin => {
                let _ = output
                    .send(Ok(packet(PacketType::PacketFin, 0, None, Vec::new())))
                    .await;
                return;
            }
            PacketType::PacketErr => return,
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

fn serve(mut queue: Receiver<(u32, PathBuf)>, output: &Output, sent: &Sent) {
    let mut buffer = vec![0; CHUNK];
    while let Some((number, path)) = queue.blocking_recv() {
        sent.file();
        if let Err(error) = send_file(number, &path, &mut buffer, output, sent) {
            let _ = push(
                output,
                packet(
                    PacketType::PacketErr,
                    0,
                    None,
                    error.to_string().into_bytes(),
                ),
            );
            return;
        }
    }
}

fn send_file(
    number: u32,
    path: &PathBuf,
    buffer: &mut [u8],
    output: &Output,
    sent: &Sent,
) -> io::Result<()> {
    match fs_err::File::open(path) {
        Ok(mut file) => loop {
            let length = file.read(buffer)?;
            if length == 0 {
                break;
            }
            sent.data(length);
            push(
                output,
                packet(
                    PacketType::PacketData,
                    number,
                    None,
                    buffer[..length].to_vec(),
                ),
            )?;
        },
        // Gone since the walk: empty for now, and the next look at the folder tells.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    push(
        output,
        packet(PacketType::PacketData, number, None, Vec::new()),
    )
}

fn push(output: &Output, packet: Packet) -> io::Result<()> {
    output
        .blocking_send(Ok(packet))
        .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
}

fn packet(kind: PacketType, id: u32, stat: Option<Stat>, data: Vec<u8>) -> Packet {
    Packet {
        r#type: kind.into(),
        stat,
        id,
        data,
    }
}

/// How an entry is announced. Owned by root in the image, as with every other client; times are sent, because by them
/// BuildKit tells what it has.
fn stat(entry: &Entry<'_>) -> io::Result<Stat> {
    let metadata = fs_err::symlink_metadata(entry.path)?;
    let path = String::from_utf8(entry.name.to_vec()).map_err(|_| not_utf8(entry.name))?;
    let mut stat = Stat {
        path,
        mode: go_mode(entry.kind, metadata.mode()),
        mod_time: modified(&metadata),
        ..Stat::default()
    };
    match entry.kind {
        Kind::File => stat.size = i64::try_from(metadata.len()).unwrap_or(i64::MAX),
        Kind::Symlink => {
            let target = fs_err::read_link(entry.path)?;
            stat.linkname = target
                .to_str()
                .ok_or_else(|| not_utf8(entry.name))?
                .to_owned();
            stat.size = i64::try_from(metadata.len()).unwrap_or(i64::MAX);
        }
        Kind::Folder | Kind::Fifo => {}
    }
    Ok(stat)
}

fn modified(metadata: &Metadata) -> i64 {
    metadata
        .mtime()
        .saturating_mul(1_000_000_000)
        .saturating_add(metadata.mtime_nsec())
}

/// Mode bits as Go's `io/fs.FileMode` has them.
fn go_mode(kind: Kind, mode: u32) -> u32 {
    let kind = match kind {
        Kind::Folder => 1 << 31,
        Kind::Symlink => 1 << 27,
        Kind::Fifo => 1 << 25,
        Kind::File => 0,
    };
    let bit = |unix: u32, go: u32| if mode & unix == 0 { 0 } else { go };
    kind | bit(0o4000, 1 << 23) | bit(0o2000, 1 << 22) | bit(0o1000, 1 << 20) | (mode & 0o777)
}

fn not_utf8(name: &[u8]) -> io::Error {
    let shown = String::from_utf8_lossy(name);
    let message = format!(
        "the name `{shown}` is not UTF-8, which BuildKit cannot take: rename it or ignore it"
    );
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
