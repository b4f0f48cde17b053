//! What a process says, on its way into the ring: by lines, masked, bounded. A flood waits in the pipe.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;

use super::launch::Launch;
use crate::runtime::ring::Ring;
use crate::runtime::world::LogLine;
use crate::secret::Redactor;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Longer lines are cut into pieces of this size.
const LONGEST_LINE: usize = 64 * 1024;
/// Chunks that may wait for the disk.
const WAITING: usize = 4;

/// The readers of one life's output.
pub struct Output {
    done: Receiver<()>,
}

impl Output {
    pub fn read(
        launch: &Launch,
        out: Option<impl Read + Send + 'static>,
        err: Option<impl Read + Send + 'static>,
    ) -> Self {
        let (sender, lines) = sync_channel(WAITING);
        let redactor = Arc::new(masking(&launch.secrets));
        if let Some(out) = out {
            let (sender, redactor) = (sender.clone(), Arc::clone(&redactor));
            thread::spawn(move || pump(out, false, &redactor, &sender));
        }
        if let Some(err) = err {
            thread::spawn(move || pump(err, true, &redactor, &sender));
        }
        let (finished, done) = sync_channel(1);
        let launch = launch.clone();
        thread::spawn(move || {
            keep(&launch, &lines);
            let _nobody_waits = finished.send(());
        });
        Self { done }
    }

    /// Waits until all that was said is kept; not for ever, as something may hold the pipe that is not ours to end.
    pub fn finish(self, limit: Duration) {
        match self.done.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

fn masking(secrets: &[String]) -> Redactor {
    let secrets: Vec<SecretString> = secrets.iter().cloned().map(SecretString::from).collect();
    Redactor::new(&secrets)
}

/// A line, and whether it came from stderr.
type Said = (bool, String);

fn pump(mut from: impl Read, error: bool, redactor: &Redactor, to: &SyncSender<Vec<Said>>) {
    let mut chunk = vec![0; CHUNK];
    let mut begun: Vec<u8> = Vec::new();
    loop {
        let size = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let lines = split(&mut begun, &chunk[..size]);
        let said = lines.iter().map(|line| (error, text(line, redactor)));
        if !lines.is_empty() && to.send(said.collect()).is_err() {
            return;
        }
    }
    if !begun.is_empty() {
        let _nobody_keeps_it = to.send(vec![(error, text(&begun, redactor))]);
    }
}

/// Takes whole lines, and pieces of endless ones; the rest stays in `begun`.
fn split(begun: &mut Vec<u8>, chunk: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for part in chunk.split_inclusive(|byte| *byte == b'\n') {
        match part.strip_suffix(b"\n") {
            Some(end) => {
                begun.extend_from_slice(end);
                lines.push(std::mem::take(begun));
            }
            None => begun.extend_from_slice(part),
        }
        while begun.len() > LONGEST_LINE {
            let rest = begun.split_off(LONGEST_LINE);
            lines.push(std::mem::replace(begun, rest));
        }
    }
    lines
}

fn text(line: &[u8], redactor: &Redactor) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    redactor.redact(&String::from_utf8_lossy(line)).into_owned()
}

/// Puts lines into the ring, each with a time of its own, so that a reader knows what it has. What cannot be kept, as on a full
/// disk, is lost, and the process goes on.
fn keep(launch: &Launch, lines: &Receiver<Vec<Said>>) {
    let open = || Ring::open(&launch.logs, &launch.name, launch.log_limit).ok();
    let mut ring = open();
    let mut last = ring.as_ref().map_or(0, Ring::newest);
    while let Ok(said) = lines.recv() {
        if ring.is_none() {
            ring = open();
        }
        let now = now();
        let stamped = said.into_iter().map(|(error, line)| {
            last = now.max(last + 1);
            LogLine {
                at: last,
                error,
                line,
            }
        });
        let stamped: Vec<LogLine> = stamped.collect();
        if let Some(open) = &mut ring
            && open.append_all(launch.record.index, &stamped).is_err()
        {
            ring = None;
        }
    }
}

/// Nanoseconds since 1970.
pub fn now() -> i128 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_were_cut() {
        let mut begun = Vec::new();
        assert_eq!(split(&mut begun, b"one\ntw"), [b"one".to_vec()]);
        assert_eq!(split(&mut begun, b"o\n\n"), [b"two".to_vec(), Vec::new()]);
        assert!(begun.is_empty());
    }

    #[test]
    fn an_endless_line_comes_in_pieces() {
        let mut begun = Vec::new();
        let mut pieces = 0;
        for _ in 0..100 {
            pieces += split(&mut begun, &[b'x'; CHUNK]).len();
            assert!(begun.len() <= LONGEST_LINE);
        }
        assert_eq!(pieces, 99);
    }

    #[test]
    fn what_is_no_text_is_kept_as_far_as_it_is() {
        let line = text(b"a\xff\x1b[2Jb\r", &masking(&[]));
        assert_eq!(line, "a\u{fffd}\u{1b}[2Jb");
    }
}
