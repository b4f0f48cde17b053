//! Looks at a cluster until it is told to end, and says what is new.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Place;
use super::down::Down;
use super::teller::Teller;
use crate::engine::core::now;
use crate::engine::event::Event;
use crate::engine::feed::Feed;
use crate::engine::input::{Command, Input};
use crate::engine::state::State;
use crate::runtime::RuntimeError;
use crate::runtime::kube::Sight;

/// Between two looks.
const PACE: Duration = Duration::from_millis(250);
/// Questions of views that have fallen behind.
const QUESTIONS: usize = 16;

/// A feed of what a cluster has of a stack, and what comes of watching it.
pub struct Watching {
    pub feed: Feed,
    pub task: JoinHandle<Result<(), RuntimeError>>,
}

/// The state at one look.
///
/// # Errors
/// The API server does not answer, or refuses to tell.
pub async fn look(place: &Place) -> Result<(State, Sight), RuntimeError> {
    let mut watcher = Watcher::new(place.clone());
    let sight = place.kube.sight(&place.name(), &place.namespace).await?;
    watcher.take(&sight);
    Ok((watcher.teller.state, sight))
}

/// Watches after a first look; with `down` takes everything away meanwhile, and ends with that.
///
/// # Errors
/// That first look fails.
pub async fn watch(place: &Place, down: Option<Down>) -> Result<Watching, RuntimeError> {
    let mut watcher = Watcher::new(place.clone());
    let sight = place.kube.sight(&place.name(), &place.namespace).await?;
    let (inputs, questions) = mpsc::channel(QUESTIONS);
    let Place {
        stack, namespace, ..
    } = place;
    watcher.teller.announce(stack, namespace, &sight, now());
    if down.is_some() {
        watcher.take(&sight);
    }
    let feed = Feed::inside(watcher.teller.subscribe(), inputs);
    // Who waits hears of what is so already, as of what happens.
    watcher.take(&sight);
    let task = tokio::spawn(async move {
        match down {
            Some(down) => down.run(&mut watcher).await,
            None => watcher.run(questions).await,
        }
    });
    Ok(Watching { feed, task })
}

/// Looks, and has what is seen told.
pub(super) struct Watcher {
    pub place: Place,
    teller: Teller,
}

impl Watcher {
    fn new(place: Place) -> Self {
        Self {
            place,
            teller: Teller::default(),
        }
    }

    pub fn emit(&mut self, event: Event) {
        self.teller.emit(now(), event);
    }

    async fn run(&mut self, mut questions: mpsc::Receiver<Input>) -> Result<(), RuntimeError> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                question = questions.recv() => match question {
                    Some(Input::Command(Command::Subscribe { reply })) => {
                        // Who asked may have gone.
                        let _gone = reply.send(self.teller.subscribe());
                        continue;
                    }
                    Some(_) => continue,
                    None => return Ok(()),
                },
            }
            self.look().await;
        }
    }

    pub async fn look(&mut self) {
        let (name, space) = (self.place.name(), &self.place.namespace);
        match self.place.kube.sight(&name, space).await {
            Ok(sight) => self.take(&sight),
            Err(error) => self.teller.runtime(now(), false, error.to_string()),
        }
    }

    fn take(&mut self, sight: &Sight) {
        let at = now();
        let kube = &self.place.kube;
        let text = format!("context {} at {}", kube.context, kube.server);
        self.teller.runtime(at, true, text);
        self.teller
            .take(&self.place.stack, &self.place.namespace, sight, at);
    }
}
