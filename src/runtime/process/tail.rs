//! Reads a ring while its process writes it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use camino::Utf8PathBuf;
use futures_util::stream::{self, BoxStream, StreamExt};

use super::{Place, ProcessWorld, name_of};
use crate::plan::observed::Status;
use crate::runtime::ring::{older, parse};
use crate::runtime::world::LogLine;

/// Bytes read at once.
const CHUNK: u64 = 256 * 1024;
/// After a whole chunk: what floods its log must not keep `dev` busy.
const BREATH: Duration = Duration::from_millis(40);
/// Who is further behind than this goes on at the end.
const BEHIND: u64 = 2 * 1024 * 1024;
/// From there.
const AGAIN: u64 = 64 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl ProcessWorld {
    /// Lines since `since`, and with `follow` those to come until this life ends.
    pub fn logs(&self, id: &str, since: i128, follow: bool) -> BoxStream<'static, LogLine> {
        let Ok(name) = name_of(id) else {
            return stream::empty().boxed();
        };
        let tail = Tail {
            place: self.place.clone(),
            name: name.to_owned(),
            path: self.place.logs.join(format!("{name}.log")),
            life: self.place.read(name).map(|record| record.started_at),
            since,
            follow,
            files: VecDeque::new(),
            open: None,
            begun: Vec::new(),
            caught_up: false,
            ended: false,
        };
        let reader = Reader {
            tail: Some(tail.opened()),
            ready: VecDeque::new(),
            pause: FIRST_PAUSE,
        };
        stream::unfold(reader, |mut reader| async move {
            let line = reader.next().await?;
            Some((line, reader))
        })
        .boxed()
    }
}

struct Reader {
    /// `None`: nothing more comes.
    tail: Option<Tail>,
    ready: VecDeque<LogLine>,
    pause: Duration,
}

impl Reader {
    async fn next(&mut self) -> Option<LogLine> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            let mut tail = self.tail.take()?;
            let read = tokio::task::spawn_blocking(move || {
                let step = tail.step();
                (tail, step)
            });
            let Ok((tail, step)) = read.await else {
                return None;
            };
            let follow = tail.follow;
            match step {
                Step::Read { lines, whole } => {
                    self.tail = Some(tail);
                    self.pause = FIRST_PAUSE;
                    if whole && follow {
                        tokio::time::sleep(BREATH).await;
                    }
                    self.ready.extend(lines);
                }
                Step::Nothing => {
                    self.tail = Some(tail);
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Step::End => {}
            }
        }
    }
}

enum Step {
    /// `whole`: there is more at once.
    Read {
        lines: Vec<LogLine>,
        whole: bool,
    },
    Nothing,
    End,
}

struct Tail {
    place: Place,
    name: String,
    path: Utf8PathBuf,
    /// The life whose end is the end of what is followed.
    life: Option<String>,
    since: i128,
    follow: bool,
    /// Files to read before the newest.
    files: VecDeque<File>,
    open: Option<File>,
    /// A line whose end is not there yet.
    begun: Vec<u8>,
    /// Has been at the end once: from then on it may leave out what it cannot keep up with.
    caught_up: bool,
    ended: bool,
}

impl Tail {
    fn opened(mut self) -> Self {
        self.files.extend(
            [older(&self.path), self.path.clone()]
                .iter()
                .filter_map(|path| File::open(path).ok()),
        );
        self.open = self.files.pop_front();
        self
    }

    fn step(&mut self) -> Step {
        let left_out = self.skip().unwrap_or(false);
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.open {
            // What cannot be read is not there.
            let _unreadable = file.take(CHUNK).read_to_end(&mut bytes);
        }
        if !bytes.is_empty() {
            let whole = bytes.len() as u64 == CHUNK;
            let mut lines = self.lines(&bytes);
            if left_out && let Some(first) = lines.first() {
                let note = LogLine {
                    at: first.at,
                    error: true,
                    line: "[dev: it says more than can be shown; some lines are left out here]"
                        .to_owned(),
                };
                lines.insert(0, note);
            }
            return Step::Read { lines, whole };
        }
        if let Some(next) = self.files.pop_front().or_else(|| self.rotated()) {
            self.open = Some(next);
            self.begun.clear();
            return Step::Read {
                lines: Vec::new(),
                whole: false,
            };
        }
        self.caught_up = true;
        if !self.follow || self.ended {
            return Step::End;
        }
        // Once more after the end is known: what was said last came before it.
        self.ended = self.is_over();
        if self.ended {
            Step::Read {
                lines: Vec::new(),
                whole: false,
            }
        } else {
            Step::Nothing
        }
    }

    /// Goes near the end where it is too far behind.
    fn skip(&mut self) -> io::Result<bool> {
        let (true, true, Some(file)) = (self.follow, self.caught_up, &mut self.open) else {
            return Ok(false);
        };
        let (size, at) = (file.metadata()?.len(), file.stream_position()?);
        if size.saturating_sub(at) <= BEHIND {
            return Ok(false);
        }
        file.seek(SeekFrom::Start(size - AGAIN))?;
        // In the middle of a line, which is then none.
        self.begun.clear();
        Ok(true)
    }

    /// The newer file, once the open one has been put aside; what came to that meanwhile is read first.
    fn rotated(&mut self) -> Option<File> {
        let newest = File::open(&self.path).ok()?;
        let Some(open) = &mut self.open else {
            return Some(newest);
        };
        let same = newest.metadata().ok()?.ino() == open.metadata().ok()?.ino();
        if same {
            return None;
        }
        let (size, at) = (open.metadata().ok()?.len(), open.stream_position().ok()?);
        (at >= size).then_some(newest)
    }

    fn lines(&mut self, bytes: &[u8]) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if self.begun.last() == Some(&b'\n') {
                self.begun.pop();
                let text = String::from_utf8_lossy(&self.begun);
                lines.extend(
                    parse(&text)
                        .filter(|kept| kept.at >= self.since)
                        .map(|kept| LogLine {
                            at: kept.at,
                            error: kept.error,
                            line: kept.line,
                        }),
                );
                self.begun.clear();
            }
        }
        lines
    }

    fn is_over(&self) -> bool {
        let Some(record) = self.place.read(&self.name) else {
            return true;
        };
        let runs = matches!(
            self.place.status(&self.name, &record),
            Status::Running | Status::Restarting
        );
        !runs || self.life.as_ref() != Some(&record.started_at)
    }
}
