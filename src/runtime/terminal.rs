//! The terminal of this process: raw mode, its size, and an input that can be given up.

use std::io::Stdin;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

/// Every key reaches the other side as it is, until this is dropped.
pub(in crate::runtime) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// `None` when stdin is no terminal.
    pub fn enter() -> Option<Self> {
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Drain, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// Rows and columns; `None` when stdout is no terminal.
pub(in crate::runtime) fn size() -> Option<(u16, u16)> {
    console::Term::stdout().size_checked()
}

/// Reads this process's stdin on a thread of its own, which ends when this is dropped: an ordinary blocking read would
/// keep the process alive until the next key.
pub(in crate::runtime) struct StdinReader {
    receiver: Option<mpsc::Receiver<Bytes>>,
    /// Closing it wakes the thread.
    wake: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl StdinReader {
    pub fn start() -> std::io::Result<Self> {
        let (woken, wake) = pipe_with(PipeFlags::CLOEXEC)?;
        let (sender, receiver) = mpsc::channel(16);
        let thread = std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || pump(&std::io::stdin(), &woken, &sender))?;
        Ok(Self {
            receiver: Some(receiver),
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// The next bytes; `None` at the end of the input.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.receiver.as_mut()?.recv().await
    }
}

impl Drop for StdinReader {
    fn drop(&mut self) {
        drop(self.receiver.take());
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pump(stdin: &Stdin, woken: &OwnedFd, sender: &mpsc::Sender<Bytes>) {
    let mut buffer = [0; 4096];
    loop {
        let mut waiting = [
            PollFd::new(stdin, PollFlags::IN),
            PollFd::new(woken, PollFlags::IN),
        ];
        match poll(&mut waiting, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) if !waiting[1].revents().is_empty() => return,
            Ok(_) => {}
        }
        match rustix::io::read(stdin, &mut buffer) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            Ok(0) | Err(_) => return,
            Ok(size) => {
                let bytes = Bytes::copy_from_slice(&buffer[..size]);
                if sender.blocking_send(bytes).is_err() {
                    return;
                }
            }
        }
    }
}
