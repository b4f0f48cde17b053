//! `dev down`, `dev stop`, `dev start`.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::Duration;

use camino::Utf8Path;
use tokio::time::Instant;

use super::args::{DownArgs, GlobalArgs, RmiWhich, StartArgs, StopArgs, UpArgs};
use super::error::CliError;
use super::exit::ExitCode;
use super::meet::{Met, meet};
use super::output::Output;
use super::session::Session;
use super::show::{Ended, Follow, Interrupts};
use super::up::outcome_error;
use crate::engine::core::Engine;
use crate::engine::feed::{Feed, request};
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;
use crate::engine::store::Lock;
use crate::engine::wire::Request;
use crate::plan::observed::Generation;
use crate::plan::reconcile::{Images, Removal};
use crate::runtime::world::{Look, World};

/// A restart that is not through after this long is reported as late.
const RESTART: Duration = Duration::from_secs(180);

/// # Errors
/// Nothing tells which stack it is, no container engine answers, or the person did not agree.
pub async fn down(global: &GlobalArgs, arguments: &DownArgs) -> Result<ExitCode, CliError> {
    if !arguments.services.is_empty() {
        return Err(CliError::Usage {
            message: "`dev down` removes the whole stack, and takes no services".to_owned(),
            help: Some(format!(
                "`dev stop {}` stops what it names",
                arguments.services.join(" ")
            )),
        });
    }
    if arguments.place.on.is_some() {
        return super::cluster::down(global, arguments).await;
    }
    let session = Session::open_anyway(global).await?;
    if arguments.volumes && !arguments.yes {
        agree(&session).await?;
    }
    let removal = Removal {
        volumes: arguments.volumes,
        images: match arguments.rmi {
            None => Images::None,
            Some(RmiWhich::Local) => Images::Own,
            Some(RmiWhich::All) => Images::All,
        },
        side_by_side: false,
    };
    let end = End {
        goal: Goal::Down(removal),
        ask: Request::Down { removal },
        timeout: arguments.timeout,
    };
    let code = end.reach(&session, global).await?;
    if code == ExitCode::Done {
        session.store.remember(None).map_err(CliError::state)?;
    }
    Ok(code)
}

/// # Errors
/// Nothing tells which stack it is, or no container engine answers.
pub async fn stop(global: &GlobalArgs, arguments: &StopArgs) -> Result<ExitCode, CliError> {
    let session = Session::open_anyway(global).await?;
    session.check_names(&arguments.services)?;
    let all: BTreeSet<String> = session.stack.services.keys().cloned().collect();
    let named: BTreeSet<String> = arguments.services.iter().cloned().collect();
    let timeout = arguments.timeout;
    if named.is_empty() {
        let end = End {
            goal: Goal::Stop(all),
            ask: Request::StopAndLeave,
            timeout,
        };
        return end.reach(&session, global).await;
    }
    let ask = Request::Stop {
        services: arguments.services.clone(),
    };
    match meet(&session).await? {
        Met::Nobody(lock) => {
            let end = End {
                goal: Goal::Stop(named),
                ask,
                timeout,
            };
            end.alone(&session, global, lock).await
        }
        Met::Running(feed) => {
            let stopped = |state: &State, _: &[Generation]| {
                let running = named
                    .iter()
                    .filter_map(|name| state.service(name))
                    .any(|service| service.has_started() || service.work.is_some());
                (!running).then_some(Outcome::Done)
            };
            through_engine(&session, global, *feed, &ask, timeout, stopped).await
        }
    }
}

/// # Errors
/// The stack cannot be read, or no container engine answers.
pub async fn start(global: &GlobalArgs, arguments: &StartArgs) -> Result<ExitCode, CliError> {
    let mut session = Session::open_as_up(global)?;
    session.keeps_reading = true;
    let up = UpArgs {
        services: arguments.services.clone(),
        wait: true,
        changes: session.as_asked(),
        ..UpArgs::default()
    };
    super::up::run_with(session, global, &up).await
}

/// Asks the running engine, and shows what follows until `enough`.
///
/// # Errors
/// It refuses.
pub(super) async fn through_engine(
    session: &Session,
    global: &GlobalArgs,
    mut feed: Feed,
    ask: &Request,
    timeout: Option<Duration>,
    enough: impl Fn(&State, &[Generation]) -> Option<Outcome>,
) -> Result<ExitCode, CliError> {
    let ends = ask_engine(&session.socket()?, ask, timeout).await?;
    let mut screen = Output::open(global.json, "", false);
    let mut interrupts = Interrupts::listen()?;
    let deadline = Some(Instant::now() + RESTART);
    let ended = Follow {
        feed: &mut feed,
        screen: &mut screen,
        interrupts: &mut interrupts,
        deadline,
    }
    .until(|state| enough(state, &ends))
    .await;
    screen.close(&feed.state);
    Ok(match ended {
        Ended::Bye(Some(failure)) => return Err(CliError::Runtime(failure)),
        Ended::Verdict(Outcome::Failed(_)) => ExitCode::ServiceFailed,
        Ended::Verdict(_) | Ended::Bye(None) => ExitCode::Done,
        Ended::Interrupted => ExitCode::Interrupted,
        Ended::Deadline => {
            if !feed.state.runtime_up {
                super::output::to_stderr(
                    "the container engine does not answer: start it (`docker version` tells whether it runs)",
                );
            }
            ExitCode::NotReady
        }
    })
}

/// Asks the running engine, after telling it how long stops may take where a person said so.
async fn ask_engine(
    socket: &Utf8Path,
    ask: &Request,
    timeout: Option<Duration>,
) -> Result<Vec<Generation>, CliError> {
    let refused = |error: std::io::Error| CliError::Own {
        message: error.to_string(),
        help: None,
    };
    if let Some(timeout) = timeout {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        request(socket, &Request::Grace { millis })
            .await
            .map_err(refused)?;
    }
    request(socket, ask).await.map_err(refused)
}

/// A goal that ends the engine which reaches it.
struct End {
    goal: Goal,
    /// The same, for an engine that runs.
    ask: Request,
    timeout: Option<Duration>,
}

impl End {
    /// Through the running engine, which ends with it; else with one of our own.
    async fn reach(self, session: &Session, global: &GlobalArgs) -> Result<ExitCode, CliError> {
        loop {
            let mut feed = match meet(session).await? {
                Met::Nobody(lock) => return self.alone(session, global, lock).await,
                Met::Running(feed) => feed,
            };
            // One that has ended meanwhile leaves the rest to the next look.
            if ask_engine(&session.socket()?, &self.ask, self.timeout)
                .await
                .is_err()
            {
                while feed.next().await.is_some() {}
                continue;
            }
            let mut screen = Output::open(global.json, "", false);
            let mut interrupts = Interrupts::listen()?;
            let ended = Follow {
                feed: &mut feed,
                screen: &mut screen,
                interrupts: &mut interrupts,
                deadline: None,
            }
            .until(|_| None)
            .await;
            screen.close(&feed.state);
            match ended {
                Ended::Interrupted => return Ok(ExitCode::Interrupted),
                Ended::Bye(Some(failure)) => return Err(CliError::Runtime(failure)),
                _ => {}
            }
            let reached = match self.goal {
                Goal::Down(_) => feed.state.removing,
                _ => feed.state.ending,
            };
            if reached {
                return Ok(ExitCode::Done);
            }
        }
    }

    async fn alone(
        self,
        session: &Session,
        global: &GlobalArgs,
        lock: Lock,
    ) -> Result<ExitCode, CliError> {
        let mut screen = Output::open(global.json, "", false);
        let mut interrupts = Interrupts::listen()?;
        let setup = session.setup(self.goal, Until::Told, false).await?;
        let engine = Engine::new(setup).within(self.timeout);
        let mut feed = Feed::inside(engine.subscribe(), engine.inputs());
        let running = tokio::spawn(engine.run());
        let ended = Follow {
            feed: &mut feed,
            screen: &mut screen,
            interrupts: &mut interrupts,
            deadline: None,
        }
        .until(|_| None)
        .await;
        if ended == Ended::Interrupted {
            running.abort();
            screen.close(&feed.state);
            return Ok(ExitCode::Interrupted);
        }
        let outcome = running.await.unwrap_or(Outcome::Left);
        drop(lock);
        screen.close(&feed.state);
        if let Some(error) = outcome_error(session, &outcome) {
            return Err(error);
        }
        match outcome {
            Outcome::Failed(failures) => match failures.into_iter().next() {
                Some((_, failure)) => Err(CliError::Runtime(failure)),
                None => Ok(ExitCode::ServiceFailed),
            },
            _ => Ok(ExitCode::Done),
        }
    }
}

/// Volumes hold people's data: on a terminal, where a slip is easy, they go only when a person says so twice. In a script
/// `--volumes` is the word.
async fn agree(session: &Session) -> Result<(), CliError> {
    let volumes: Vec<String> = match session.broken {
        None => {
            let own = session.stack.volumes.iter();
            let own = own.filter(|(_, volume)| volume.external.is_none());
            own.map(|(key, _)| session.stack.volume_name(key)).collect()
        }
        Some(_) => {
            let ask = Look {
                project: session.stack.name.clone(),
                ..Look::default()
            };
            let required = session.needs_containers(&Goal::Observe);
            let there = session.world(required).await?.look(&ask).await?.volumes;
            let ours = there.into_iter().filter(|(_, volume)| volume.ours);
            ours.map(|(name, _)| name).collect()
        }
    };
    if !std::io::stdin().is_terminal() {
        return Ok(());
    }
    confirm(&volumes)
}

/// # Errors
/// The person did not agree.
pub(super) fn confirm(volumes: &[String]) -> Result<(), CliError> {
    if volumes.is_empty() {
        return Ok(());
    }
    let list = volumes.join(", ");
    if super::output::ask(&format!("Remove {list} with all data in them?")) {
        Ok(())
    } else {
        Err(CliError::Usage {
            message: "nothing was removed".to_owned(),
            help: None,
        })
    }
}
