//! The stream to the helper in one container.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::helper::protocol::{
    Expected, Nonsense, Owner, Problem, Reply, Request, VERSION, length_of,
};
use crate::runtime::world::Held;
use crate::watch::sync::{Piece, Sent, send};

/// Nothing is taken in nor said for so long: given up. However long a batch is, its helper says every now and then that it
/// goes on.
const STALL: Duration = if cfg!(test) {
    Duration::from_secs(1)
} else {
    Duration::from_secs(10)
};
/// What a disk takes in, or hashes, in a second at least.
const BYTES_A_SECOND: u64 = 20 * 1024 * 1024;
/// Pieces of 256 KiB between who reads files and who writes the stream.
const AHEAD: usize = 4;
/// Requests that are gathered before they are written.
const GATHERED: usize = 64 * 1024;

/// Broken for good after the first error.
pub(super) struct Line {
    held: Held,
    /// What was heard and not read yet.
    heard: BytesMut,
    next: u64,
    /// As whom the helper runs.
    pub uid: u32,
}

impl Line {
    /// # Errors
    /// No helper of this version answers in time.
    pub async fn begin(held: Held) -> io::Result<Self> {
        let mut line = Self {
            held,
            heard: BytesMut::new(),
            next: 0,
            uid: 0,
        };
        match line.read(STALL).await? {
            Reply::Hello { version, uid, .. } if version == VERSION => {
                line.uid = uid;
                Ok(line)
            }
            _ => Err(io::Error::other("a helper of another version answers")),
        }
    }

    /// Below which folders everything has to lie. What is put aside is not finished.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn set_roots(&mut self, roots: &[String]) -> io::Result<()> {
        let roots = roots.iter().map(|root| root.as_bytes().to_vec());
        let mut frame = Vec::new();
        Request::Cancel.encode(&mut frame);
        Request::Roots(roots.collect()).encode(&mut frame);
        self.write(&frame).await
    }

    /// Brings the pieces as they are now, and says what could not be done there.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn send(
        &mut self,
        pieces: Vec<Piece>,
        owner: Owner,
    ) -> io::Result<(Sent, Vec<Problem>)> {
        let (sender, mut chunks) = mpsc::channel::<Vec<u8>>(AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            send(pieces, owner, &mut |chunk| {
                sender.blocking_send(chunk).map_err(gone)
            })
        });
        while let Some(chunk) = chunks.recv().await {
            self.write(&chunk).await?;
        }
        let sent = reading.await.map_err(io::Error::other)??;
        let problems = self.commit(sent.bytes).await?;
        Ok((sent, problems))
    }

    /// Whole requests; no answer is waited for.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn put(&mut self, requests: &[u8]) -> io::Result<()> {
        self.write(requests).await
    }

    /// Waits until what was sent before, of so many bytes, is done, and says what could not be done there.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn commit(&mut self, bytes: u64) -> io::Result<Vec<Problem>> {
        Ok(self.ask(Request::Commit, bytes).await?.1)
    }

    /// Which of these are otherwise, by their place.
    ///
    /// # Errors
    /// The stream is broken.
    pub async fn compare(&mut self, expected: &[(Piece, Expected)]) -> io::Result<Vec<usize>> {
        let mut frames = Vec::new();
        let mut largest = 0;
        for (piece, expected) in expected {
            if let Expected::File { size, .. } = expected {
                largest = largest.max(*size);
            }
            Request::Expect(piece.target.clone(), *expected).encode(&mut frames);
            if frames.len() >= GATHERED {
                self.write_within(&frames, limit(largest)).await?;
                frames.clear();
            }
        }
        self.write_within(&frames, limit(largest)).await?;
        let (numbers, _) = self.ask(Request::Compare, largest).await?;
        Ok(numbers.into_iter().map(|number| number as usize).collect())
    }

    async fn ask(
        &mut self,
        request: impl FnOnce(u64) -> Request,
        bytes: u64,
    ) -> io::Result<(Vec<u32>, Vec<Problem>)> {
        let id = self.next;
        self.next += 1;
        let mut frame = Vec::new();
        request(id).encode(&mut frame);
        self.write(&frame).await?;
        let mut differs = Vec::new();
        loop {
            match self.read(limit(bytes)).await? {
                Reply::Differs(numbers) => differs.extend(numbers),
                Reply::Done { id: of, problems } if of == id => return Ok((differs, problems)),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_within(bytes, STALL).await
    }

    /// Whatever goes on, in either direction, begins the `limit` anew.
    async fn write_within(&mut self, bytes: &[u8], limit: Duration) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Held { input, output } = &mut self.held;
            let step = async {
                tokio::select! {
                    taken = input.write(rest) => match taken? {
                        0 => Err(io::ErrorKind::WriteZero.into()),
                        taken => Ok(taken),
                    },
                    heard = output.read_buf(&mut self.heard) => match heard? {
                        0 => Err(io::ErrorKind::UnexpectedEof.into()),
                        _ => Ok(0),
                    },
                }
            };
            let taken: io::Result<usize> = tokio::time::timeout(limit, step)
                .await
                .map_err(|_| stalled())?;
            rest = &rest[taken?..];
        }
        tokio::time::timeout(limit, self.held.input.flush())
            .await
            .map_err(|_| stalled())?
    }

    async fn read(&mut self, limit: Duration) -> io::Result<Reply> {
        loop {
            match self.next_reply()? {
                Some(Reply::Alive) => {}
                Some(reply) => return Ok(reply),
                None => {
                    let hearing = self.held.output.read_buf(&mut self.heard);
                    let heard = tokio::time::timeout(limit, hearing).await;
                    if heard.map_err(|_| stalled())?? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// The next whole reply of what was heard.
    fn next_reply(&mut self) -> io::Result<Option<Reply>> {
        let Some(length) = self.heard.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = length_of(*length)?;
        if self.heard.len() < 4 + length {
            return Ok(None);
        }
        self.heard.advance(4);
        let frame = self.heard.split_to(length);
        let reply = Reply::decode(&frame);
        reply
            .map(Some)
            .map_err(|Nonsense| io::Error::from(io::ErrorKind::InvalidData))
    }
}

fn stalled() -> io::Error {
    io::Error::new(
        io::ErrorKind::TimedOut,
        "the container takes nothing in; is it paused?",
    )
}

fn limit(bytes: u64) -> Duration {
    STALL + Duration::from_secs(bytes / BYTES_A_SECOND)
}
