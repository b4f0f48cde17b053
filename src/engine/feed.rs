//! What happens in an engine, as a view takes it in: the same from inside the process and over the socket.

use std::time::Duration;

use camino::Utf8Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

use super::bus::{LogEntry, Message, Subscription, subscribe};
use super::event::{Event, Stamped};
use super::input::Input;
use super::state::State;
use super::wire::{Request, Tell};
use crate::plan::observed::Generation;

/// An engine that does not answer a request within this time hangs.
const ANSWER: Duration = Duration::from_secs(10);

/// One thing to show.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Event(Box<Stamped>),
    Log(Box<LogEntry>),
    /// Some news were lost; the state is right again.
    Refreshed,
}

/// A state that follows an engine's, and the news that change it.
#[derive(Debug)]
pub struct Feed {
    pub state: State,
    source: Source,
    ended: bool,
}

#[derive(Debug)]
enum Source {
    Inside {
        messages: broadcast::Receiver<Message>,
        inputs: mpsc::Sender<Input>,
    },
    Socket {
        lines: Lines<BufReader<OwnedReadHalf>>,
        _writer: OwnedWriteHalf,
    },
}

impl Feed {
    /// Of an engine in this process; `inputs` is where to ask again after falling behind.
    pub fn inside(subscription: Subscription, inputs: mpsc::Sender<Input>) -> Self {
        let Subscription { state, messages } = subscription;
        Self {
            state,
            source: Source::Inside { messages, inputs },
            ended: false,
        }
    }

    /// Attaches to the engine behind a socket.
    ///
    /// # Errors
    /// No engine listens there.
    pub async fn attach(socket: &Utf8Path) -> std::io::Result<Self> {
        let (reader, mut writer) = UnixStream::connect(socket).await?.into_split();
        writer.write_all(&line_of(&Request::Attach)?).await?;
        let mut lines = BufReader::new(reader).lines();
        let first = tokio::time::timeout(ANSWER, lines.next_line()).await;
        let first = first.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        let Some(Tell::State(state)) = first.and_then(|line| serde_json::from_str(&line).ok())
        else {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "the engine speaks another version",
            ));
        };
        Ok(Self {
            state: *state,
            source: Source::Socket {
                lines,
                _writer: writer,
            },
            ended: false,
        })
    }

    /// The next news, taken into the state already; `None`: the engine has ended. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<News> {
        if self.ended {
            return None;
        }
        let news = match &mut self.source {
            Source::Inside { messages, inputs } => match messages.recv().await {
                Ok(Message::Event(event)) => News::Event(Box::new(event.as_ref().clone())),
                Ok(Message::Log(entry)) => News::Log(Box::new(entry.as_ref().clone())),
                Err(RecvError::Lagged(_)) => {
                    let again = subscribe(inputs).await?;
                    *messages = again.messages;
                    self.state = again.state;
                    News::Refreshed
                }
                Err(RecvError::Closed) => return None,
            },
            Source::Socket { lines, .. } => {
                let line = lines.next_line().await.ok().flatten()?;
                match serde_json::from_str(&line).ok()? {
                    Tell::Event(event) => News::Event(event),
                    Tell::Log(entry) => News::Log(entry),
                    Tell::State(state) => {
                        self.state = *state;
                        News::Refreshed
                    }
                    Tell::Taken | Tell::Asked { .. } | Tell::Ends { .. } | Tell::Refused { .. } => {
                        return None;
                    }
                }
            }
        };
        if let News::Event(stamped) = &news {
            self.state.apply(stamped);
            self.ended = matches!(stamped.event, Event::Bye { .. });
        }
        Some(news)
    }
}

/// Sends one request to the engine behind a socket and waits until it is taken.
///
/// # Errors
/// No engine listens there, it hangs, or it refuses: then in its own words.
pub async fn request(socket: &Utf8Path, request: &Request) -> std::io::Result<Vec<Generation>> {
    match ask(socket, request).await? {
        // Ending the engine may end the connection first.
        Some(Tell::Taken) | None => Ok(Vec::new()),
        Some(Tell::Ends { lives }) => Ok(lives),
        Some(_) => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

/// The same for what counts once [`State::compared`] has reached the number that this gives.
///
/// # Errors
/// No engine listens there, it hangs, or it refuses: then in its own words.
pub async fn inquire(socket: &Utf8Path, request: &Request) -> std::io::Result<u64> {
    match ask(socket, request).await? {
        Some(Tell::Asked { number }) => Ok(number),
        _ => Err(std::io::ErrorKind::InvalidData.into()),
    }
}

async fn ask(socket: &Utf8Path, request: &Request) -> std::io::Result<Option<Tell>> {
    let (reader, mut writer) = UnixStream::connect(socket).await?.into_split();
    writer.write_all(&line_of(request)?).await?;
    let mut lines = BufReader::new(reader).lines();
    let answer = tokio::time::timeout(ANSWER, lines.next_line()).await;
    let answer = answer.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    match answer.and_then(|line| serde_json::from_str(&line).ok()) {
        Some(Tell::Refused { why }) => Err(std::io::Error::other(why)),
        told => Ok(told),
    }
}

fn line_of(request: &Request) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    Ok(line)
}
