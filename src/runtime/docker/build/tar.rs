//! The context of a build as a tar stream, for the classic builder.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use http_body_util::StreamBody;
use tokio::sync::mpsc::{Sender, channel};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::runtime::docker::transport::Body;
use crate::watch::context::{Entry, Filter, Kind, read_ignore_rules, walk};

const CHUNK: usize = 64 << 10;
/// Chunks that wait to be sent.
const QUEUE: usize = 16;
const IGNORE_FILE: &str = ".dockerignore";

/// How the Dockerfile reaches the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Its name in the stream.
    pub dockerfile: String,
    /// It is not among the files of the context, and comes beside them.
    beside: bool,
}

/// Everything that a stream needs.
pub(super) struct Context {
    folder: Utf8PathBuf,
    dockerfile: Utf8PathBuf,
    filter: Filter,
    pub layout: Layout,
}

impl Context {
    /// # Errors
    /// An ignore file that cannot be read or means nothing.
    pub(super) fn new(folder: &Utf8Path, dockerfile: &Utf8Path) -> io::Result<Self> {
        let rules = read_ignore_rules(folder, dockerfile)?;
        let inside = dockerfile
            .strip_prefix(folder)
            .ok()
            .filter(|name| !rules.patterns.matches(name.as_str().as_bytes()));
        let layout = match inside {
            Some(name) => Layout {
                dockerfile: name.to_string(),
                beside: false,
            },
            None => {
                let hash = blake3::hash(dockerfile.as_str().as_bytes()).to_hex();
                Layout {
                    dockerfile: format!(".dockerfile.{}", &hash[..20]),
                    beside: true,
                }
            }
        };
        let filter = Filter {
            include: None,
            exclude: rules.patterns,
        };
        Ok(Self {
            folder: folder.to_owned(),
            dockerfile: dockerfile.to_owned(),
            filter,
            layout,
        })
    }

    /// The stream; read file by file as the engine takes it. A file that cannot be read breaks it off.
    pub(super) fn into_body(self) -> Body {
        let (chunks, queue) = channel::<io::Result<Bytes>>(QUEUE);
        // Ends with the stream: nobody takes its chunks then.
        tokio::task::spawn_blocking(move || {
            let mut output = io::BufWriter::with_capacity(CHUNK, Chunks(chunks.clone()));
            if let Err(error) = self.write(&mut output).and_then(|()| output.flush()) {
                let _ = chunks.blocking_send(Err(error));
            }
        });
        let frames = ReceiverStream::new(queue).map(|chunk| chunk.map(hyper::body::Frame::data));
        Body::Right(StreamBody::new(Box::pin(frames)))
    }

    fn write(&self, output: impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(output);
        let mut ignore_file = Vec::new();
        walk(self.folder.as_std_path(), &self.filter, &mut |entry| {
            if self.layout.beside && entry.name == IGNORE_FILE.as_bytes() {
                ignore_file = fs_err::read(entry.path)?;
                return Ok(());
            }
            append(&mut archive, entry)
        })?;
        if self.layout.beside {
            // The builder takes out of the context, again, what this file names: the Dockerfile that came beside it.
            let own = if ignore_file.is_empty() {
                format!("{IGNORE_FILE}\n")
            } else {
                "\n".to_owned()
            };
            ignore_file.extend_from_slice(format!("{own}{}\n", self.layout.dockerfile).as_bytes());
            append_bytes(&mut archive, IGNORE_FILE, &ignore_file)?;
            append_bytes(
                &mut archive,
                &self.layout.dockerfile,
                &fs_err::read(&self.dockerfile)?,
            )?;
        }
        archive.finish()
    }
}

struct Chunks(Sender<io::Result<Bytes>>);

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn append(archive: &mut tar::Builder<impl Write>, entry: &Entry<'_>) -> io::Result<()> {
    let metadata = fs_err::symlink_metadata(entry.path)?;
    let name = Path::new(OsStr::from_bytes(entry.name));
    let mut header = header(&metadata);
    match entry.kind {
        Kind::Folder => {
            header.set_entry_type(tar::EntryType::Directory);
            archive.append_data(&mut header, name, io::empty())
        }
        Kind::Fifo => {
            header.set_entry_type(tar::EntryType::Fifo);
            archive.append_data(&mut header, name, io::empty())
        }
        Kind::Symlink => {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, name, fs_err::read_link(entry.path)?)
        }
        Kind::File => {
            let file = fs_err::File::open(entry.path)?;
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(metadata.len());
            // A file that shrinks or grows while it is read must not break the archive.
            let exactly = file.chain(io::repeat(0)).take(metadata.len());
            archive.append_data(&mut header, name, exactly)
        }
    }
}

fn append_bytes(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes)
}

/// Owned by root, with the file's own permissions and time.
fn header(metadata: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests;
