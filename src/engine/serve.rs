//! The engine's end of its socket.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::bus::{Message, subscribe};
use super::input::{Command, Input};
use super::wire::{ENDING, Request, Tell};

/// Clients at once; more wait for their turn.
const CLIENTS: usize = 64;
/// Longest requests of one client, in bytes: a stack file from standard input may be in them.
const REQUEST: u64 = 4 * 1024 * 1024;
/// A client that does not read for this long is let go.
const PATIENCE: Duration = Duration::from_secs(10);

/// Listens on the socket, with mode 0600.
///
/// # Errors
/// Whatever the file system says.
pub fn listen(path: &Utf8Path) -> std::io::Result<UnixListener> {
    // The lock is ours, so a socket that is there was left behind.
    match fs_err::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves clients until cancelled, or the engine has ended.
pub async fn serve(listener: UnixListener, inputs: mpsc::Sender<Input>, cancel: CancellationToken) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { break };
                let inputs = inputs.clone();
                clients.spawn(async move {
                    // A client that went away is no failure of ours.
                    let _gone = client(stream, &inputs).await;
                    drop(permit);
                });
            }
            Some(_) = clients.join_next() => {}
            () = cancel.cancelled() => break,
        }
    }
    // Those who are attached see the engine's last event before the connection ends.
    let last = async { while clients.join_next().await.is_some() {} };
    let _late = tokio::time::timeout(Duration::from_millis(300), last).await;
}

async fn client(stream: UnixStream, inputs: &mpsc::Sender<Input>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(tokio::io::AsyncReadExt::take(reader, REQUEST)).lines();
    while let Some(line) = lines.next_line().await? {
        let request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                tell(
                    &mut writer,
                    &Tell::Refused {
                        why: format!("no request: {error}"),
                    },
                )
                .await?;
                continue;
            }
        };
        if request == Request::Attach {
            return attach(&mut lines, &mut writer, inputs).await;
        }
        let answer = pass_on(request, inputs).await;
        tell(&mut writer, &answer).await?;
    }
    Ok(())
}

async fn pass_on(request: Request, inputs: &mpsc::Sender<Input>) -> Tell {
    let (reply, answer) = oneshot::channel();
    let (numbered, number) = oneshot::channel();
    let command = match request {
        Request::Up {
            services,
            origin,
            wishes,
        } => Command::Up {
            services,
            origin,
            wishes,
            reply: numbered,
        },
        Request::Compare => Command::Compare { reply: numbered },
        Request::Restart { services } => Command::Restart { services, reply },
        Request::Stop { services } => Command::Stop { services },
        Request::Grace { millis } => Command::Grace(Duration::from_millis(millis)),
        Request::StopAndLeave => Command::StopAndLeave,
        Request::Down { removal } => Command::Down { removal },
        Request::Attach => {
            return Tell::Refused {
                why: "already attached".to_owned(),
            };
        }
    };
    let is_numbered = matches!(command, Command::Up { .. } | Command::Compare { .. });
    let answers = matches!(command, Command::Restart { .. });
    if inputs.send(Input::Command(command)).await.is_err() {
        return Tell::Refused {
            why: ENDING.to_owned(),
        };
    }
    if is_numbered {
        return match number.await {
            Ok(Ok(number)) => Tell::Asked { number },
            Ok(Err(why)) => Tell::Refused { why },
            Err(_) => Tell::Refused {
                why: ENDING.to_owned(),
            },
        };
    }
    if !answers {
        return Tell::Taken;
    }
    match answer.await {
        Ok(Ok(lives)) => Tell::Ends { lives },
        Ok(Err(why)) => Tell::Refused { why },
        Err(_) => Tell::Taken,
    }
}

async fn attach(
    lines: &mut tokio::io::Lines<BufReader<tokio::io::Take<tokio::net::unix::OwnedReadHalf>>>,
    writer: &mut OwnedWriteHalf,
    inputs: &mpsc::Sender<Input>,
) -> std::io::Result<()> {
    let Some(mut subscription) = subscribe(inputs).await else {
        return Ok(());
    };
    tell(writer, &Tell::State(Box::new(subscription.state))).await?;
    loop {
        let message = tokio::select! {
            message = subscription.messages.recv() => message,
            // The client says nothing more: an end of its stream means that it went away.
            line = lines.next_line() => if line?.is_none() { return Ok(()) } else { continue },
        };
        match message {
            Ok(Message::Event(event)) => {
                let bye = matches!(event.event, super::event::Event::Bye { .. });
                tell(writer, &Tell::Event(Box::new(event.as_ref().clone()))).await?;
                if bye {
                    return Ok(());
                }
            }
            Ok(Message::Log(entry)) => {
                tell(writer, &Tell::Log(Box::new(entry.as_ref().clone()))).await?
            }
            Err(RecvError::Lagged(_)) => {
                let Some(again) = subscribe(inputs).await else {
                    return Ok(());
                };
                subscription.messages = again.messages;
                tell(writer, &Tell::State(Box::new(again.state))).await?;
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

async fn tell(writer: &mut OwnedWriteHalf, message: &Tell) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    match tokio::time::timeout(PATIENCE, writer.write_all(&line)).await {
        Ok(result) => result,
        Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
    }
}
