//! What a process says, on its way into the ring: by lines, masked, bounded. A flood waits in the pipe.

use std::io::Read;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use secrecy::SecretString;

use super::launch::Launch;
use crate::runtime::ring::Ring;
use crate::runtime::world::LogLine;
use crate::secret::Redactor;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;
/// Longer lines are cut into pieces of this size.
const LONGEST_LINE: usize = 64 * 1024;
/// What was begun and not ended is kept as a line after so much silence: a question, or a last word before long work.
const QUIET: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
/// Chunks that may wait for the disk.
const WAITING: usize = 4;

/// The readers of one life's output.
pub struct Output {
    done: Receiver<()>,
}

impl Output {
    pub fn read(
        launch: &Launch,
        out: Option<impl Read + AsFd + Send + 'static>,
        err: Option<impl Read + AsFd + Send + 'static>,
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

fn pump(mut from: impl Read + AsFd, error: bool, redactor: &Redactor, to: &SyncSender<Vec<Said>>) {
    let mut chunk = vec![0; CHUNK];
    let mut begun: Vec<u8> = Vec::new();
    // Whether what is read next goes on with a line of which a part was kept.
    let mut goes_on = false;
    loop {
        if !begun.is_empty() && is_quiet(&from) {
            let rest = begun.split_off(begun.len() - redactor.may_begin(&begun));
            let part = std::mem::replace(&mut begun, rest);
            if !part.is_empty() {
                goes_on = true;
                if to.send(vec![(error, text(&part, redactor))]).is_err() {
                    return;
                }
            }
        }
        let size = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(size) => size,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut lines = split(&mut begun, &chunk[..size]);
        if !lines.is_empty() && std::mem::take(&mut goes_on) && is_end(&lines[0]) {
            lines.remove(0);
        }
        let said = lines.iter().map(|line| (error, text(line, redactor)));
        if !lines.is_empty() && to.send(said.collect()).is_err() {
            return;
        }
    }
    if !is_end(&begun) || (!begun.is_empty() && !goes_on) {
        let _nobody_keeps_it = to.send(vec![(error, text(&begun, redactor))]);
    }
}

/// Nothing comes for a while.
fn is_quiet(from: &impl AsFd) -> bool {
    let mut asked = [PollFd::new(from, PollFlags::IN)];
    matches!(poll(&mut asked, Some(&QUIET)), Ok(0))
}

/// All that is left of a line is its end.
fn is_end(line: &[u8]) -> bool {
    matches!(line, b"" | b"\r")
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

    /// What is said, piece by piece; the next when the one before has come to something.
    fn heard(secrets: &[&str], pieces: &[(&str, &[&str])]) {
        use std::io::Write;
        let (out, mut into) = std::io::pipe().unwrap();
        let (sender, lines) = sync_channel(WAITING);
        let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
        let reader = thread::spawn(move || pump(out, false, &masking(&secrets), &sender));
        for (piece, wanted) in pieces {
            into.write_all(piece.as_bytes()).unwrap();
            let mut came = Vec::new();
            while came.len() < wanted.len() {
                let said = lines.recv_timeout(Duration::from_secs(20)).expect("a line");
                came.extend(said.into_iter().map(|(_, line)| line));
            }
            assert_eq!(came, *wanted, "after {piece:?}");
        }
        drop(into);
        assert!(lines.recv_timeout(Duration::from_secs(20)).is_err());
        reader.join().unwrap();
    }

    #[test]
    fn a_line_without_an_end_comes_when_it_is_quiet() {
        heard(
            &[],
            &[
                ("one\nready?", &["one", "ready?"]),
                ("\ntwo\n\n", &["two", ""]),
                ("at ", &["at "]),
                ("8080\r\n", &["8080"]),
            ],
        );
    }

    #[test]
    fn a_secret_is_masked_wherever_silence_falls() {
        heard(
            &["hunter22"],
            &[("with hun", &["with "]), ("ter22 in\n", &["*** in"])],
        );
        heard(&["hunter22"], &[("hunter22", &["***"])]);
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
