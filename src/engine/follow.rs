//! Follows the log of a container: into the ring on disk, to the views, and to a probe that waits for a line.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::bus::LogEntry;
use super::core::Engine;
use super::input::Input;
use super::instances::instance_name;
use super::logs::{DEFAULT_LIMIT, Ring};
use crate::plan::observed::ObservedContainer;

/// The engine notes down when a container started after its process has: nanoseconds of what that printed at once.
const HEAD_START: i128 = 100_000_000;
/// A line of a log is shown in the table this often at most.
const LAST_LINE: Duration = Duration::from_millis(250);

impl Engine {
    /// Reads a container's log into the ring on disk, to the views, and to a probe that waits for a line.
    pub(super) fn follow_log(&self, container: &ObservedContainer, probe: Option<mpsc::Sender<String>>) {
        let (service, index) = (container.service.clone(), container.index);
        let limit = self.stack.services.get(&service).and_then(|service| service.limits.log);
        let name = instance_name(&service, index);
        let mut ring = match Ring::open(
            &self.store.logs(),
            &name,
            limit.map_or(DEFAULT_LIMIT, |l| l / 2),
        ) {
            Ok(ring) => Some(ring),
            Err(_) => None,
        };
        let newest = ring.as_ref().map_or(0, Ring::newest);
        let started = chrono::DateTime::parse_from_rfc3339(&container.started_at);
        let started = started
            .ok()
            .and_then(|at| at.timestamp_nanos_opt())
            .map_or(0, |at| i128::from(at) - HEAD_START);
        // A probe has to see this life's lines from the first one on; the ring takes only what is new to it.
        let since = if probe.is_some() { started } else { newest.max(started) };
        let mut lines = self.world.logs(&container.id, since, true);
        let bus = self.bus.clone();
        let redactor = Arc::clone(&self.redactor);
        let inputs = self.inputs.clone();
        let stop = self.stop.clone();
        let follow = async move {
            let mut shown: Option<tokio::time::Instant> = None;
            while let Some(mut line) = lines.next().await {
                line.line = redactor.redact(&line.line).into_owned();
                if let Some(probe) = &probe {
                    // A full queue loses a line for the probe only.
                    let _full = probe.try_send(line.line.clone());
                }
                if line.at <= newest {
                    continue;
                }
                if ring.as_mut().is_some_and(|ring| ring.append(index, &line).is_err()) {
                    ring = None;
                }
                if shown.is_none_or(|at| at.elapsed() >= LAST_LINE) && !line.line.trim().is_empty() {
                    shown = Some(tokio::time::Instant::now());
                    let last = Input::LastLine {
                        service: service.clone(),
                        line: line.line.clone(),
                    };
                    let _later = inputs.try_send(last);
                }
                let at = u64::try_from(line.at / 1_000_000).unwrap_or(0);
                bus.log(LogEntry {
                    service: service.clone(),
                    index,
                    at,
                    error: line.error,
                    line: line.line,
                });
            }
        };
        self.tasks.spawn(async move {
            tokio::select! { () = follow => {}, () = stop.cancelled() => {} }
        });
    }
}
