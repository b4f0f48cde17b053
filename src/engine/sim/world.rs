//! A container engine in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::sync::{broadcast, watch};

use super::clock;
use super::fault::{Fault, How};
use super::life::{Behaviour, Life};
use super::model::{Entry, Model};
use crate::engine::event::FailureClass;
use crate::plan::Action;
use crate::plan::desired::PROCESS_ID;
use crate::plan::observed::{Observed, ObservedContainer, Status};
use crate::runtime::world::{
    Call, Change, ExecOutput, ExecSpec, FileChange, Held, LogLine, LogRange, Look, Output, World,
};
use crate::runtime::{Progress, ProgressSender, RuntimeError};

/// How long calls take.
#[derive(Debug, Clone, Copy)]
pub struct Latency {
    pub look: Duration,
    pub call: Duration,
    pub pull: Duration,
    pub build: Duration,
    /// Of an archive of files.
    pub files: Duration,
    /// Until a change is told.
    pub news: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(2),
            call: Duration::from_millis(10),
            pull: Duration::from_millis(200),
            build: Duration::from_millis(500),
            files: Duration::from_millis(10),
            news: Duration::ZERO,
        }
    }
}

/// A handle; `engine` tells the engines of one test apart.
#[derive(Clone)]
pub struct SimWorld {
    shared: Arc<Shared>,
    engine: u32,
}

struct Shared {
    model: Mutex<Model>,
    latency: Mutex<Latency>,
    changes: broadcast::Sender<Change>,
    /// Counts what may matter to who reads logs.
    news: watch::Sender<u64>,
}

impl SimWorld {
    pub fn new() -> Self {
        clock::restart();
        let shared = Shared {
            model: Mutex::default(),
            latency: Mutex::default(),
            changes: broadcast::channel(4096).0,
            news: watch::channel(0).0,
        };
        Self {
            shared: Arc::new(shared),
            engine: 0,
        }
    }

    /// As a further engine sees it.
    pub fn for_engine(&self, engine: u32) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            engine,
        }
    }

    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.shared
            .model
            .lock()
            .expect("no test fails while it holds the world")
    }

    pub fn set_latency(&self, change: impl FnOnce(&mut Latency)) {
        change(&mut self.shared.latency.lock().expect("as above"));
    }

    fn latency(&self) -> Latency {
        *self.shared.latency.lock().expect("as above")
    }

    pub fn behave(&self, service: &str, change: impl FnOnce(&mut Behaviour)) {
        change(
            self.model()
                .behaviours
                .entry(service.to_owned())
                .or_default(),
        );
    }

    pub fn fault(&self, times: u32, on: Box<dyn Fn(&Action) -> bool + Send>, how: How) {
        self.model().faults.push(Fault { on, times, how });
    }

    /// What must never happen, and did.
    pub fn violations(&self) -> Vec<String> {
        self.model().violations.clone()
    }

    /// Every call so far, as `start gold-api-1`.
    pub fn journal(&self) -> Vec<Entry> {
        self.model().journal.clone()
    }

    /// How often a call succeeded.
    pub fn count(&self, what: &str) -> usize {
        self.model()
            .journal
            .iter()
            .filter(|entry| entry.ok && entry.what == what)
            .count()
    }

    /// Containers by name, with their state.
    pub fn containers(&self) -> BTreeMap<String, Status> {
        let model = self.model();
        model
            .containers
            .values()
            .map(|container| (container.seen.name.clone(), container.seen.status))
            .collect()
    }

    pub fn id(&self, name: &str) -> String {
        let model = self.model();
        model
            .by_name(name)
            .unwrap_or_else(|| panic!("no container {name}"))
            .seen
            .id
            .clone()
    }

    fn tell(&self, change: Change) {
        let late = self.latency().news;
        if late.is_zero() {
            self.tell_now(change);
            return;
        }
        let world = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            world.tell_now(change);
        });
    }

    fn tell_now(&self, change: Change) {
        let _nobody = self.shared.changes.send(change);
        self.shared.news.send_modify(|news| *news += 1);
    }

    fn tell_of(&self, id: &str, service: &str, began: bool) {
        self.tell(Change::Container {
            id: id.to_owned(),
            service: Some(service.to_owned()),
            began,
        });
    }

    fn tell_end(&self, id: String, code: i64) {
        let millis = i64::try_from(clock::now()).unwrap_or(i64::MAX);
        // Later than anything stamped within the same millisecond.
        self.tell(Change::Ended {
            id,
            code,
            at: millis.saturating_mul(1_000_000) + 999_999,
        });
    }

    /// A container ends by itself, or by someone's hand.
    pub fn end(&self, name: &str, code: i64, out_of_memory: bool) {
        let id = self.id(name);
        if self.model().end(&id, code, out_of_memory) {
            self.tell_end(id, code);
        }
    }

    /// The word that comes after the end of what was told to stop.
    fn tell_stop(&self, id: String, service: String, index: u32) {
        let millis = i64::try_from(clock::now()).unwrap_or(i64::MAX);
        self.tell(Change::Stopped {
            id,
            service,
            index,
            at: millis.saturating_mul(1_000_000) + 999_999,
        });
    }

    /// By hand: `docker stop`.
    pub fn stop(&self, name: &str) {
        let seen = self.kill(name);
        self.tell_stop(seen.id, seen.service, seen.index);
    }

    /// The same, where the engine tells the stop before the end: it does not keep the two in order.
    pub fn stop_told_first(&self, name: &str) {
        let seen = self.signal(name);
        self.tell_stop(seen.id, seen.service, seen.index);
        self.end(name, 143, false);
    }

    /// By hand: `docker kill --signal TERM`.
    pub fn kill(&self, name: &str) -> ObservedContainer {
        let seen = self.signal(name);
        self.end(name, 143, false);
        seen
    }

    fn signal(&self, name: &str) -> ObservedContainer {
        let seen = self.model().by_name(name).map(|found| found.seen.clone());
        let seen = seen.expect("it was there");
        self.tell(Change::Signalled {
            id: seen.id.clone(),
            service: seen.service.clone(),
            may_stop: true,
        });
        seen
    }

    /// By hand: `docker start`.
    pub fn start(&self, name: &str) {
        let id = self.id(name);
        let started = self.model().start(&id).expect("it starts");
        if let Output::Started(container) = started {
            self.tell_of(&id, &container.service, true);
        }
    }

    /// By hand: `docker rm -f`.
    pub fn remove(&self, name: &str) {
        let id = self.id(name);
        let gone = self.model().containers.remove(&id);
        if let Some(gone) = gone {
            self.tell_of(&id, &gone.seen.service, false);
        }
    }

    /// By hand: `docker pause`.
    pub fn pause(&self, name: &str) {
        self.hold(name, Status::Paused);
    }

    /// By hand: `docker unpause`.
    pub fn unpause(&self, name: &str) {
        self.hold(name, Status::Running);
    }

    fn hold(&self, name: &str, status: Status) {
        let id = self.id(name);
        let mut model = self.model();
        let container = model.containers.get_mut(&id).expect("it was there");
        container.seen.status = status;
        let service = container.seen.service.clone();
        drop(model);
        self.tell_of(&id, &service, false);
    }

    /// A container writes a line.
    pub fn say(&self, name: &str, line: &str) {
        let id = self.id(name);
        let at = i128::from(clock::now()) * 1_000_000;
        let line = LogLine {
            at,
            error: false,
            line: line.to_owned(),
        };
        self.model()
            .containers
            .get_mut(&id)
            .expect("it was there")
            .log
            .push(line);
        self.shared.news.send_modify(|news| *news += 1);
    }

    /// The engine goes away, and every container ends with it. Host processes go on.
    pub fn go_away(&self) {
        let mut model = self.model();
        model.down = true;
        let containers = model.containers.values();
        let ids: Vec<String> = containers
            .filter(|container| !container.seen.is_process())
            .map(|container| container.seen.id.clone())
            .collect();
        for id in ids {
            model.end(&id, 137, false);
        }
        drop(model);
        self.tell(Change::Lost("the engine ended the stream".to_owned()));
    }

    pub fn come_back(&self) {
        self.model().down = false;
    }

    async fn carry_out(self, call: Call, progress: ProgressSender) -> Result<Output, RuntimeError> {
        let verb = call.action.verb_text();
        let subject = self.model().subject(&call);
        let _busy = Busy::begin(&self, subject.clone());
        match &call.action {
            Action::Prepare { .. } | Action::StartContainer { .. } => self
                .model()
                .check_start(call.input.as_deref().unwrap_or_default(), self.engine),
            Action::StartProcess { spec } => self.model().check_process(spec, self.engine),
            _ => {}
        }
        let how = self.model().strike(&call.action);
        if matches!(how, Some(How::Hang)) {
            std::future::pending::<()>().await;
        }
        let _full = progress.try_send(Progress {
            text: format!("{verb} {subject}"),
            done: 1,
            total: 2,
        });
        tokio::time::sleep(self.time_of(&call.action)).await;
        let result = match &how {
            Some(How::Refuse(class, message)) => Err(RuntimeError::new(*class, message)),
            _ if self.model().down && !call.action.is_on_host() => Err(gone()),
            _ => self.effect(&call),
        };
        if let Action::SetAliases { drain, .. } = &call.action {
            tokio::time::sleep(*drain).await;
        }
        let entry = Entry {
            at: clock::now(),
            what: format!("{verb} {subject}"),
            ok: result.is_ok(),
        };
        self.model().journal.push(entry);
        match how {
            Some(How::Lose) => Err(gone()),
            _ => result,
        }
    }

    fn time_of(&self, action: &Action) -> Duration {
        let latency = self.latency();
        match action {
            Action::PullImage { .. } => latency.pull,
            Action::BuildImage(_) => latency.build,
            Action::StopContainer { id, grace, .. } => {
                let model = self.model();
                let container = model.containers.get(id);
                let wanted = container
                    .map(|container| model.behaviours[&container.seen.service].stops_after);
                wanted.unwrap_or(latency.call).min(*grace)
            }
            _ => latency.call,
        }
    }

    fn effect(&self, call: &Call) -> Result<Output, RuntimeError> {
        let stopped = match &call.action {
            Action::StopContainer { id, .. } | Action::RemoveContainer { id, .. } => {
                self.model().containers.get(id).map(|container| {
                    let seen = &container.seen;
                    (id.clone(), seen.service.clone(), seen.index)
                })
            }
            _ => None,
        };
        let output = self.model().perform(call)?;
        match (&call.action, &output) {
            (Action::CreateContainer { spec, .. }, Output::Container(id)) => {
                self.tell_of(id, &spec.service, true)
            }
            (
                Action::StartContainer { .. } | Action::StartProcess { .. },
                Output::Started(container),
            ) => {
                self.tell_of(&container.id, &container.service, true);
                if let Some(started) = self.model().containers.get_mut(&container.id) {
                    started.begun_by = self.engine;
                }
                self.live(&container.id);
            }
            (Action::StopContainer { .. } | Action::RemoveContainer { .. }, _) => {
                if let Some((id, service, index)) = stopped {
                    self.tell_of(&id, &service, false);
                    if let Action::StopContainer { .. } = call.action
                        && !id.starts_with(PROCESS_ID)
                    {
                        self.tell_stop(id, service, index);
                    }
                }
            }
            _ => self.tell(Change::Other),
        }
        Ok(output)
    }

    /// Lets a run that has begun go as it is meant to.
    fn live(&self, id: &str) {
        let Some((
            run,
            Life::Ends {
                after,
                code,
                out_of_memory,
            },
        )) = self.model().next_life(id)
        else {
            return;
        };
        let (world, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let mut model = world.model();
            let Some(container) = model.containers.get(&id) else {
                return;
            };
            let ended = container.run == run && model.end(&id, code, out_of_memory);
            drop(model);
            if ended {
                world.tell_end(id, code);
            }
        });
    }

    fn answer(&self, container: &str, spec: &ExecSpec) -> Result<ExecOutput, RuntimeError> {
        let mut model = self.model();
        if model.down && !container.starts_with(PROCESS_ID) {
            return Err(gone());
        }
        let Some(found) = model.containers.get(container) else {
            return Err(RuntimeError::new(FailureClass::Other, "no such container"));
        };
        if found.seen.status != Status::Running {
            return Err(RuntimeError::new(
                FailureClass::Other,
                "container is not running",
            ));
        }
        let (service, ready) = (found.seen.service.clone(), model.is_ready(found));
        let Some(behaviour) = model.behaviours.get_mut(&service) else {
            return Err(RuntimeError::new(FailureClass::Other, "nothing runs in it"));
        };
        let failed = |text: &str| {
            Ok(ExecOutput {
                code: 1,
                output: text.to_owned(),
            })
        };
        match spec.command.first().map(String::as_str) {
            Some("ready") if ready => Ok(ExecOutput {
                code: 0,
                output: "ok".to_owned(),
            }),
            Some("ready") => failed(&behaviour.complaint),
            Some("alive") if behaviour.dead_inside => failed("hung"),
            Some("provision") if behaviour.provision_failures > 0 => {
                behaviour.provision_failures -= 1;
                failed("not now")
            }
            _ => Ok(ExecOutput {
                code: 0,
                output: "0\n0\n".to_owned(),
            }),
        }
    }
}

/// Says that something is done to a thing, until the call ends or is dropped.
struct Busy {
    world: SimWorld,
    subject: String,
}

impl Busy {
    fn begin(world: &SimWorld, subject: String) -> Self {
        let mut model = world.model();
        if !model.busy.insert((world.engine, subject.clone())) {
            model
                .violations
                .push(format!("two operations on {subject} at once"));
        }
        drop(model);
        Self {
            world: world.clone(),
            subject,
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.world
            .model()
            .busy
            .remove(&(self.world.engine, self.subject.clone()));
    }
}

fn gone() -> RuntimeError {
    RuntimeError::new(FailureClass::Engine, "no connection to the engine")
}

impl World for SimWorld {
    fn look<'a>(&'a self, ask: &'a Look) -> BoxFuture<'a, Result<Observed, RuntimeError>> {
        Box::pin(async move {
            // What it finds is as old as it takes.
            let found = {
                let mut model = self.model();
                if model.down {
                    Err(gone())
                } else {
                    Ok(model.look(ask))
                }
            };
            let hangs = std::mem::take(&mut self.model().hang_looks);
            if hangs > 0 {
                self.model().hang_looks = hangs - 1;
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(self.latency().look).await;
            found
        })
    }

    fn processes(&self) -> BoxFuture<'static, Vec<ObservedContainer>> {
        let model = self.model();
        let all = model.containers.values().map(|container| &container.seen);
        let found: Vec<ObservedContainer> = all.filter(|c| c.is_process()).cloned().collect();
        let takes = self.latency().call;
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            found
        })
    }

    fn perform<'a>(
        &'a self,
        call: &'a Call,
        progress: ProgressSender,
    ) -> BoxFuture<'a, Result<Output, RuntimeError>> {
        let work = self.clone().carry_out(call.clone(), progress);
        if matches!(
            call.action,
            Action::PullImage { .. } | Action::BuildImage(_)
        ) {
            return Box::pin(work);
        }
        // Who drops the future does not undo the call.
        Box::pin(async move { tokio::spawn(work).await.expect("a call does not panic") })
    }

    fn changes(&self, _project: &str) -> BoxStream<'static, Change> {
        if self.model().down {
            return stream::iter([Change::Lost("no connection".to_owned())]).boxed();
        }
        let receiver = self.shared.changes.subscribe();
        stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            loop {
                match receiver.recv().await {
                    Ok(change @ Change::Lost(_)) => return Some((change, None)),
                    Ok(change) => return Some((change, Some(receiver))),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }

    fn exec<'a>(
        &'a self,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<ExecOutput, RuntimeError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.answer(container, spec)
        })
    }

    fn hold<'a>(
        &'a self,
        _container: &'a str,
        _spec: &'a ExecSpec,
    ) -> BoxFuture<'a, Result<Held, RuntimeError>> {
        // Files are the business of `engine::sync::tests`.
        Box::pin(async { Err(RuntimeError::new(FailureClass::Other, "nothing to hold")) })
    }

    fn signal<'a>(
        &'a self,
        _container: &'a str,
        _signal: &'a str,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async { Ok(()) })
    }

    fn put_files<'a>(
        &'a self,
        container: &'a str,
        _change: FileChange,
    ) -> BoxFuture<'a, Result<(), RuntimeError>> {
        Box::pin(async move {
            tokio::time::sleep(self.latency().files).await;
            let mut model = self.model();
            let ok = model.refuse_files == 0;
            model.refuse_files = model.refuse_files.saturating_sub(1);
            let name = model.containers.get(container).map(|c| c.seen.name.clone());
            model.journal.push(Entry {
                at: clock::now(),
                what: format!("put {}", name.unwrap_or_default()),
                ok,
            });
            match ok {
                true => Ok(()),
                false => Err(RuntimeError::new(
                    FailureClass::Other,
                    "container rootfs is marked read-only",
                )),
            }
        })
    }

    fn logs(&self, container: &str, range: LogRange) -> BoxStream<'static, LogLine> {
        let LogRange { since, follow, .. } = range;
        let (world, id) = (self.clone(), container.to_owned());
        let news = self.shared.news.subscribe();
        stream::unfold((0, news), move |(mut next, mut news)| {
            let (world, id) = (world.clone(), id.clone());
            async move {
                loop {
                    let (line, running) = {
                        let model = world.model();
                        let container = model.containers.get(&id)?;
                        (
                            container.log.get(next).cloned(),
                            container.seen.is_running(),
                        )
                    };
                    match line {
                        Some(line) if line.at >= since => return Some((line, (next + 1, news))),
                        Some(_) => next += 1,
                        None if !running || !follow => return None,
                        None => news.changed().await.ok()?,
                    }
                }
            }
        })
        .boxed()
    }

    fn bridge_is_routable(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "a simulated engine".to_owned()
    }
}
