//! One task for each instance that is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use regex::Regex;
use secrecy::SecretString;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::report::Picker;
use super::{
    Answer, Exec, Pace, Phase, ProbeReport, Target, exec, http, log, mysql, next, postgres, redis,
    tcp,
};
use crate::plan::observed::Generation;
use crate::stack::{Probe, ProbeKind};

/// Whom the answers are about: one life of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub service: String,
    pub index: u32,
    pub generation: Generation,
}

/// How long reading what a log holds already may take, before it is said that nothing in it matches.
const WHAT_IS_THERE: Duration = Duration::from_millis(200);

/// Asks one instance until it is told to stop.
pub struct Prober {
    pub probe: Probe,
    pub target: Target,
    pub subject: Subject,
    /// Lines of this life's log, from its first one; only a log probe reads them.
    pub lines: Option<mpsc::Receiver<String>>,
    pub exec: Exec,
    /// How many commands may run at once, over all probers.
    pub execs: Arc<Semaphore>,
    /// A user and its password, for a server that wants to know who asks.
    pub login: Option<(String, SecretString)>,
    /// Asked about the address that answered well.
    pub objection: Option<Objection>,
    /// It is known to be ready, and is asked again only after so long.
    pub answered: Option<Duration>,
}

const BY_THE_ENGINE: &str = "exit 0, asked by the container engine";

/// Why what answers at an address does not count: nobody who is meant, or nobody whom all can reach.
pub type Objection = Arc<dyn Fn(SocketAddr) -> BoxFuture<'static, Option<String>> + Send + Sync>;

impl Prober {
    /// Asks whether it is ready. Tells the first answer, every change, and samples of other words; a ready one is told
    /// as failed after `retries` failures in a row. Ends when cancelled, or when nobody listens.
    pub async fn run(self, reports: mpsc::Sender<ProbeReport>, cancel: CancellationToken) {
        let picker = Picker::readiness(self.probe.retries);
        self.until(reports, cancel, picker, Phase::Starting).await;
    }

    /// Asks whether it is still alive, always at `every`: a failure is told only after `retries` in a row.
    pub async fn run_alive(self, reports: mpsc::Sender<ProbeReport>, cancel: CancellationToken) {
        let picker = Picker::liveness(self.probe.retries);
        self.until(reports, cancel, picker, Phase::Ready).await;
    }

    async fn until(
        mut self,
        reports: mpsc::Sender<ProbeReport>,
        cancel: CancellationToken,
        picker: Picker,
        phase: Phase,
    ) {
        let asking = async {
            match &self.probe.kind {
                ProbeKind::Log { pattern } => {
                    let pattern = pattern.clone();
                    self.listen(&pattern, &reports).await;
                    // The answer stays as it is for the rest of this life.
                    std::future::pending().await
                }
                _ => self.ask(&reports, picker, phase).await,
            }
        };
        tokio::select! {
            () = asking => {}
            () = cancel.cancelled() => {}
            () = reports.closed() => {}
        }
    }

    async fn ask(&self, reports: &mpsc::Sender<ProbeReport>, mut picker: Picker, patient: Phase) {
        let pace = Pace::from(&self.probe.kind);
        let mut attempt = 0;
        if let Some(left) = self.answered {
            let answer = Answer::Passed(BY_THE_ENGINE.to_owned());
            if let Some(passed) = picker.pick(&answer, Instant::now())
                && reports.send(self.report(passed, answer, 0)).await.is_err()
            {
                return;
            }
            tokio::time::sleep(left).await;
        }
        loop {
            let was_passing = picker.is_passing();
            let answer = self.attempt().await;
            if let Some(passed) = picker.pick(&answer, Instant::now())
                && reports
                    .send(self.report(passed, answer, picker.failures()))
                    .await
                    .is_err()
            {
                return;
            }
            let passing = picker.is_passing();
            attempt = if passing == was_passing {
                attempt + 1
            } else {
                0
            };
            let phase = if passing { Phase::Ready } else { patient };
            tokio::time::sleep(next(pace, attempt, phase, self.probe.every)).await;
        }
    }

    async fn listen(&mut self, pattern: &str, reports: &mpsc::Sender<ProbeReport>) {
        let answer = match (Regex::new(pattern), self.lines.take()) {
            (Err(_), _) => Answer::Failed(format!("log: `{pattern}` is no regular expression")),
            (_, None) => Answer::Failed("log: it cannot be read".to_owned()),
            (Ok(regex), Some(mut lines)) => {
                let already = log::first_match(&regex, &mut lines);
                let found = match tokio::time::timeout(WHAT_IS_THERE, already).await {
                    Ok(found) => found,
                    Err(_) => {
                        let waiting =
                            Answer::Failed(format!("log: no line matches `{pattern}` yet"));
                        if reports.send(self.report(false, waiting, 0)).await.is_err() {
                            return;
                        }
                        log::first_match(&regex, &mut lines).await
                    }
                };
                found.unwrap_or_else(|| {
                    Answer::Failed(format!("log: ended, and no line matched `{pattern}`"))
                })
            }
        };
        let _gone = reports.send(self.report(answer.passed(), answer, 0)).await;
    }

    /// One question; never longer than the probe's timeout, but for the wait for a slot to run a command in.
    async fn attempt(&self) -> Answer {
        let timeout = self.probe.timeout;
        if let ProbeKind::Exec { command } = &self.probe.kind {
            return exec::probe(&self.exec, &self.execs, command, timeout).await;
        }
        match tokio::time::timeout(timeout, self.question()).await {
            Ok(answer) => answer,
            Err(_) => Answer::Failed(format!(
                "{}: no answer within {timeout:?}",
                name(&self.probe.kind)
            )),
        }
    }

    async fn question(&self) -> Answer {
        let Some(port) = port(&self.probe.kind) else {
            return Answer::Failed("it has no port to ask".to_owned());
        };
        let Some(address) = self.target.address(port) else {
            let name = name(&self.probe.kind);
            return Answer::Failed(format!(
                "{name}: port {port} is not published, and the container's network cannot be reached from here"
            ));
        };
        let answer = match &self.probe.kind {
            ProbeKind::Http { path, .. } => http::probe(address, port, path).await,
            ProbeKind::Postgres { user, database, .. } => {
                postgres::probe(address, user, database).await
            }
            ProbeKind::Redis { .. } => redis::probe(address).await,
            ProbeKind::Mysql { .. } => mysql::probe(address, self.login.as_ref()).await,
            _ => tcp::probe(address, port).await,
        };
        match &self.objection {
            Some(objection) if answer.passed() => match objection(address.socket).await {
                Some(why) => Answer::Failed(why),
                None => answer,
            },
            _ => answer,
        }
    }

    fn report(&self, passed: bool, answer: Answer, failures: u32) -> ProbeReport {
        let Subject {
            service,
            index,
            generation,
        } = self.subject.clone();
        ProbeReport {
            service,
            index,
            generation,
            passed,
            answer: answer.into_text(),
            failures,
        }
    }
}

fn port(kind: &ProbeKind) -> Option<u16> {
    match kind {
        ProbeKind::Http { port, .. }
        | ProbeKind::Tcp { port }
        | ProbeKind::Postgres { port, .. }
        | ProbeKind::Redis { port }
        | ProbeKind::Mysql { port, .. } => Some(*port),
        ProbeKind::Exec { .. } | ProbeKind::Log { .. } => None,
    }
}

fn name(kind: &ProbeKind) -> String {
    match kind {
        ProbeKind::Http { path, .. } => format!("GET {path}"),
        ProbeKind::Tcp { port } => format!("tcp {port}"),
        ProbeKind::Exec { .. } => "command".to_owned(),
        ProbeKind::Log { .. } => "log".to_owned(),
        ProbeKind::Postgres { .. } => "postgres".to_owned(),
        ProbeKind::Redis { .. } => "redis".to_owned(),
        ProbeKind::Mysql { .. } => "mysql".to_owned(),
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
