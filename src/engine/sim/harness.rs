//! Engines that run in a simulated world, and what a test sees of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8PathBuf;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::stacks::place;
use super::world::SimWorld;
use crate::engine::bus::LogEntry;
use crate::engine::core::{Engine, Loaded, Setup};
use crate::engine::event::{Event, Stamped};
use crate::engine::feed::{Feed, News};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::input::{Command, Input};
use crate::engine::inquire::Origin;
use crate::engine::state::{Phase, State};
use crate::engine::store::Store;
use crate::plan::demands::Wishes;
use crate::plan::observed::Generation;
use crate::stack::resolve::Facts;
use crate::stack::resolve::fixture::stack;
use crate::stack::{Service, Stack};

/// A folder with a stack, and the world that it runs in.
pub struct Bench {
    pub world: SimWorld,
    pub stack: Stack,
    pub facts: Facts,
    /// What reading the stack again yields.
    pub reloads: Arc<Mutex<Option<Result<Loaded, String>>>>,
    /// What each reading was made with.
    pub origins: Arc<Mutex<Vec<Origin>>>,
    engines: std::cell::Cell<u32>,
    pub dir: Utf8PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub fn new(services: impl IntoIterator<Item = Service>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Utf8PathBuf::from_path_buf(folder.path().to_owned()).expect("UTF-8");
        let stack = place(stack(services), &dir);
        let world = SimWorld::new();
        world.model().learn(&stack);
        for job in stack.services.values().filter(|service| service.is_job()) {
            world.behave(&job.name, |job| job.then = super::Life::ends(300, 0));
        }
        Self {
            world,
            stack,
            facts: Facts::default(),
            reloads: Arc::new(Mutex::new(None)),
            origins: Arc::default(),
            engines: std::cell::Cell::new(0),
            dir,
            _folder: folder,
        }
    }

    /// Changes the stack that the next engine, or the next reload, reads.
    pub fn edit(&mut self, change: impl FnOnce(&mut Stack)) {
        change(&mut self.stack);
        self.stack = place(self.stack.clone(), &self.dir);
        self.world.model().learn(&self.stack);
        *self.reloads.lock().expect("no test fails here") = Some(Ok(self.loaded()));
    }

    pub fn loaded(&self) -> Loaded {
        Loaded {
            warnings: Vec::new(),
            stack: self.stack.clone(),
            facts: self.facts.clone(),
            env_files: BTreeSet::new(),
        }
    }

    pub fn store(&self) -> Store {
        Store::open(&self.dir, &self.stack.name).expect("a state folder")
    }

    pub fn everything(&self) -> Goal {
        self.goal(
            &self
                .stack
                .services
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    }

    pub fn goal(&self, services: &[&str]) -> Goal {
        let services = services.iter().map(|&name| name.to_owned()).collect();
        Goal::Up {
            services,
            stopped: BTreeSet::new(),
        }
    }

    /// An engine for everything, until it is told to end.
    pub fn up(&self) -> Run {
        self.run(self.everything(), Until::Told)
    }

    /// An engine for everything, until it is ready.
    pub fn up_until_ready(&self) -> Run {
        self.run(self.everything(), Until::Ready)
    }

    pub fn run(&self, goal: Goal, until: Until) -> Run {
        self.run_with(goal, until, |engine| engine)
    }

    /// One that is asked for more.
    pub fn run_with(&self, goal: Goal, until: Until, asked: impl FnOnce(Engine) -> Engine) -> Run {
        self.engines.set(self.engines.get() + 1);
        let reloads = Arc::clone(&self.reloads);
        let same = self.loaded();
        let origins = Arc::clone(&self.origins);
        let setup = Setup {
            world: Arc::new(self.world.for_engine(self.engines.get())),
            store: self.store(),
            loaded: self.loaded(),
            origin: Origin::default(),
            reload: Arc::new(move |origin| {
                origins.lock().expect("no test fails here").push(origin);
                let answer = reloads.lock().expect("no test fails here").clone();
                let answer = answer.unwrap_or_else(|| Ok(same.clone()));
                Box::pin(async move { answer })
            }),
            goal,
            until,
            watch: true,
        };
        Run::begin(asked(Engine::new(setup)))
    }

    /// Nothing happened that never may.
    pub fn check(&self) {
        assert_eq!(self.world.violations(), Vec::<String>::new());
    }
}

/// One engine at work.
pub struct Run {
    pub inputs: mpsc::Sender<Input>,
    state: watch::Receiver<State>,
    events: Arc<Mutex<Vec<Stamped>>>,
    logs: Arc<Mutex<Vec<LogEntry>>>,
    engine: JoinHandle<Outcome>,
    listener: JoinHandle<()>,
    stop: CancellationToken,
}

/// Longer than anything takes, in the world's time.
const PATIENCE: Duration = Duration::from_secs(600);

impl Run {
    fn begin(engine: Engine) -> Self {
        let inputs = engine.inputs();
        let stop = engine.stop.clone();
        let mut feed = Feed::inside(engine.subscribe(), inputs.clone());
        let (sender, state) = watch::channel(feed.state.clone());
        let events = Arc::new(Mutex::new(Vec::new()));
        let logs = Arc::new(Mutex::new(Vec::new()));
        let (all, lines) = (Arc::clone(&events), Arc::clone(&logs));
        let listener = tokio::spawn(async move {
            while let Some(news) = feed.next().await {
                match news {
                    News::Event(event) => all.lock().expect("it is not held").push(*event),
                    News::Log(line) => lines.lock().expect("it is not held").push(*line),
                    News::Refreshed => {}
                }
                let _nobody = sender.send(feed.state.clone());
            }
        });
        let engine = tokio::spawn(engine.run());
        Self {
            inputs,
            state,
            events,
            logs,
            engine,
            listener,
            stop,
        }
    }

    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// What its views are shown, also after it ended.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    pub fn phase(&self, service: &str) -> Phase {
        self.state
            .borrow()
            .service(service)
            .map_or(Phase::Idle, |service| service.phase)
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Stamped> {
        self.events.lock().expect("it is not held").clone()
    }

    pub fn logs(&self) -> Vec<LogEntry> {
        self.logs.lock().expect("it is not held").clone()
    }

    /// Waits until the state is as `is_so` says.
    pub async fn until(&mut self, what: &str, mut is_so: impl FnMut(&State) -> bool) -> State {
        let waited =
            tokio::time::timeout(PATIENCE, self.state.wait_for(|state| is_so(state))).await;
        let waited = waited.map(|state| state.map(|state| state.clone()));
        let how = match waited {
            Ok(Ok(state)) => return state,
            Ok(Err(_)) => "ended before",
            Err(_) => "never",
        };
        panic!("{how} {what}: {}", outline(&self.state()))
    }

    pub async fn until_phase(&mut self, service: &str, phase: Phase) -> State {
        let is_so = |state: &State| {
            state
                .service(service)
                .is_some_and(|service| service.phase == phase)
        };
        self.until(&format!("{service} {phase}"), is_so).await
    }

    /// Everything wanted is ready, and nothing is left to do.
    pub async fn until_settled(&mut self) -> State {
        let settled = |state: &State| {
            let wanted = state.services.iter().filter(|service| service.info.wanted);
            state.settled
                && wanted
                    .clone()
                    .all(crate::engine::state::ServiceState::is_ready)
        };
        self.until("settled", settled).await
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    pub async fn tell(&self, command: Command) {
        self.inputs
            .send(Input::Command(command))
            .await
            .expect("the engine runs");
    }

    /// As the watcher tells it.
    pub async fn saved(&self, bench: &Bench, path: &str) {
        let paths = [(bench.dir.join(path), crate::plan::react::PathKind::File)].into();
        let batch = crate::watch::Batch {
            paths,
            ..crate::watch::Batch::default()
        };
        self.inputs
            .send(Input::Files(batch))
            .await
            .expect("the engine runs");
        self.pass(Duration::from_millis(10)).await;
    }

    /// As `dev up` beside it; gives the number that it counts under.
    pub async fn ask_up(&self, services: &[&str]) -> u64 {
        self.ask_up_with(services, Wishes::default()).await
    }

    pub async fn ask_up_with(&self, services: &[&str], wishes: Wishes) -> u64 {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.tell(Command::Up {
            services: services.iter().map(|&name| name.to_owned()).collect(),
            origin: Box::new(Origin::default()),
            wishes,
            reply,
        })
        .await;
        answer.await.expect("an answer").expect("it is taken")
    }

    /// As `dev wait` beside it.
    pub async fn ask_compare(&self) -> u64 {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.tell(Command::Compare { reply }).await;
        answer.await.expect("an answer").expect("it is taken")
    }

    /// Gives the lives that end.
    pub async fn restart(&self, services: &[&str]) -> Result<Vec<Generation>, String> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let services = services.iter().map(|&name| name.to_owned()).collect();
        self.tell(Command::Restart { services, reply }).await;
        answer.await.expect("an answer")
    }

    /// How it ended, and everything that it said.
    pub async fn ended(self) -> (Outcome, Vec<Stamped>) {
        let outcome = tokio::time::timeout(PATIENCE, self.engine).await;
        let outcome =
            outcome.unwrap_or_else(|_| panic!("never ended: {}", outline(&self.state.borrow())));
        self.listener.await.expect("the listener does not panic");
        let events = self.events.lock().expect("it is not held").clone();
        (outcome.expect("the engine does not panic"), events)
    }

    /// `kill -9`: nothing of it goes on, but for calls that the world has taken.
    pub async fn kill(self) {
        self.engine.abort();
        self.listener.abort();
        self.stop.cancel();
        let _ended = self.engine.await;
    }

    /// Ends it in good order while everything goes on running.
    pub async fn leave(self) -> Vec<Stamped> {
        self.tell(Command::Leave).await;
        self.ended().await.1
    }
}

/// A state in one line, for messages.
pub fn outline(state: &State) -> String {
    let one = |service: &crate::engine::state::ServiceState| {
        let why = service
            .failure
            .as_ref()
            .map(|failure| format!(" ({})", failure.message));
        format!(
            "{} {}{}",
            service.info.name,
            service.phase,
            why.unwrap_or_default()
        )
    };
    state
        .services
        .iter()
        .map(one)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The events in short, for asserting their order.
pub fn story(events: &[Stamped]) -> Vec<String> {
    events
        .iter()
        .filter_map(|stamped| tell(&stamped.event))
        .collect()
}

/// The phases that a service passes through in these events, as every view is shown them.
pub fn phases(mut state: State, events: &[Stamped], service: &str) -> Vec<Phase> {
    let phase = |state: &State| state.service(service).map(|service| service.phase);
    let mut found: Vec<Phase> = phase(&state).into_iter().collect();
    for event in events {
        state.apply(event);
        found.extend(phase(&state));
    }
    found.dedup();
    found
}

fn tell(event: &Event) -> Option<String> {
    use crate::engine::event::Step;
    use crate::plan::observed::Status;
    Some(match event {
        Event::Instance {
            service,
            found: Some(found),
            ..
        } => match found.status {
            Status::Running => format!("{service} runs"),
            Status::Exited { code, .. } => format!("{service} ended {code}"),
            _ => return None,
        },
        Event::Instance {
            service,
            found: None,
            ..
        } => format!("{service} is gone"),
        Event::Probe {
            service,
            passed: true,
            ..
        } => format!("{service} passes"),
        Event::Probe {
            service,
            passed: false,
            ..
        } => format!("{service} fails"),
        Event::Operation {
            subject,
            verb,
            step: Step::Done { .. },
            ..
        } => format!("{verb:?} {subject}").to_lowercase(),
        Event::Operation {
            subject,
            verb,
            step: Step::Failed { .. },
            ..
        } => format!("{verb:?} {subject} failed").to_lowercase(),
        Event::Operation {
            subject,
            verb,
            step: Step::Cancelled,
            ..
        } => format!("{verb:?} {subject} cancelled").to_lowercase(),
        Event::GaveUp { service, .. } => format!("{service} gave up"),
        Event::Restarting {
            service, attempt, ..
        } => format!("{service} again {attempt}"),
        Event::Retry { service } => format!("{service} retry"),
        Event::Job { service, current } => format!("{service} done {current}"),
        Event::NotAlive { service, .. } => format!("{service} is not alive"),
        Event::Runtime { up, .. } => format!("runtime {up}"),
        Event::Settled { ready, .. } => format!("settled {ready}"),
        Event::Bye { .. } => "bye".to_owned(),
        _ => return None,
    })
}
