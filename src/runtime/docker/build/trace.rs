//! BuildKit's stream of states, as steps and lines of log.

use std::collections::{HashMap, VecDeque};

use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexStatus};

/// Lines that are kept of each step, for the case that it fails.
const TAIL: usize = 20;
/// Number of a step's second stream.
const STDERR: i64 = 2;
/// A longer line is cut.
const LONGEST: usize = 4 << 10;

/// What is known of the steps of one build.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Step>,
    by_digest: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Step {
    name: String,
    started: bool,
    completed: bool,
    error: String,
    log: Log,
}

/// One line to show, and how many of how many steps are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub text: String,
    pub done: u64,
    pub total: u64,
}

/// A step that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FailedStep {
    /// `[dev 3/5] RUN pip install -r requirements.txt`
    pub name: String,
    pub error: String,
    /// The end of its log.
    pub log: Vec<String>,
}

impl Trace {
    /// Takes in one message; returns what is new to show.
    pub(super) fn apply(&mut self, message: &StatusResponse) -> Vec<Line> {
        let mut texts = Vec::new();
        for vertex in &message.vertexes {
            texts.extend(self.vertex(vertex));
        }
        for status in &message.statuses {
            texts.extend(transfer(status));
        }
        for log in &message.logs {
            let step = self.step(&log.vertex);
            texts.extend(step.log.push(log.stream == STDERR, &log.msg));
        }
        let (done, total) = self.counts();
        texts
            .into_iter()
            .map(|text| Line { text, done, total })
            .collect()
    }

    fn vertex(&mut self, vertex: &Vertex) -> Option<String> {
        let step = self.step(&vertex.digest);
        step.name.clone_from(&vertex.name);
        let begins = vertex.started.is_some() && !step.started;
        step.started |= vertex.started.is_some();
        let ends = vertex.completed.is_some() && !step.completed;
        step.completed = vertex.completed.is_some();
        if !vertex.error.is_empty() {
            step.error.clone_from(&vertex.error);
        }
        if ends && vertex.cached {
            return Some(format!("{} (cached)", vertex.name));
        }
        (begins || ends).then(|| vertex.name.clone())
    }

    fn step(&mut self, digest: &str) -> &mut Step {
        let at = *self.by_digest.entry(digest.to_owned()).or_insert_with(|| {
            self.steps.push(Step::default());
            self.steps.len() - 1
        });
        &mut self.steps[at]
    }

    /// Steps that are done, of all that are known; what BuildKit does for itself is not counted.
    pub(super) fn counts(&self) -> (u64, u64) {
        let counted = self
            .steps
            .iter()
            .filter(|s| !s.name.is_empty() && !s.name.starts_with("[internal]"));
        counted.fold((0, 0), |(done, total), step| {
            (done + u64::from(step.completed), total + 1)
        })
    }

    /// The step that made the build fail. Steps beside it end with it, as cancelled.
    pub(super) fn failed(&mut self) -> Option<FailedStep> {
        let cancelled =
            |error: &str| error.contains("context canceled") || error.contains("Canceled");
        let failed = self.steps.iter_mut().filter(|step| !step.error.is_empty());
        let step = failed.min_by_key(|step| (cancelled(&step.error), step.log.is_empty()))?;
        Some(FailedStep {
            name: step.name.clone(),
            error: step.error.clone(),
            log: step.log.finish(),
        })
    }
}

/// What is being sent or pulled: `transferring context 12.3 MB`.
fn transfer(status: &VertexStatus) -> Option<String> {
    if status.current == 0 || status.completed.is_some() {
        return None;
    }
    let name = if status.id.is_empty() {
        &status.name
    } else {
        &status.id
    };
    let megabytes =
        |bytes: i64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
    let name = name.trim_end_matches(':');
    Some(if status.total > 0 {
        format!(
            "{name} {} of {}",
            megabytes(status.current),
            megabytes(status.total)
        )
    } else {
        format!("{name} {}", megabytes(status.current))
    })
}

/// Bytes in, lines out; remembers the last ones.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Unfinished lines of both streams, which come in pieces of their own.
    partial: [Vec<u8>; 2],
    tail: VecDeque<String>,
}

impl Log {
    pub(super) fn push(&mut self, error: bool, bytes: &[u8]) -> Vec<String> {
        let stream = usize::from(error);
        let mut lines = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial[stream].extend_from_slice(part);
            if part.ends_with(b"\n") || self.partial[stream].len() > LONGEST {
                lines.extend(self.line(stream));
            }
        }
        lines
    }

    fn line(&mut self, stream: usize) -> Option<String> {
        let bytes = std::mem::take(&mut self.partial[stream]);
        let text = String::from_utf8_lossy(&bytes);
        // A progress bar draws over itself: what it drew last counts.
        let text = text.trim_end().rsplit('\r').next().unwrap_or_default();
        let text = console::strip_ansi_codes(text);
        let text: String = text
            .chars()
            .filter(|c| !c.is_control() || *c == '\t')
            .collect();
        if text.trim().is_empty() {
            return None;
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text.clone());
        Some(text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.partial.iter().all(Vec::is_empty)
    }

    /// Forgets what was before: another step begins.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }

    /// The last lines, unfinished ones among them.
    pub(super) fn finish(&mut self) -> Vec<String> {
        self.line(0);
        self.line(1);
        self.tail.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests;
