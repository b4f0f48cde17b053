//! A signal to what runs because files of it changed: for a process on the host, which reads them itself.

use super::core::Engine;
use super::event::{Event, Failure, WatchOutcome};
use super::input::Input;

/// What became of it.
#[derive(Debug)]
pub struct Signalled {
    service: String,
    /// The changed files, for people.
    because: String,
    failure: Option<Failure>,
}

impl Engine {
    /// Tells every life of a service that there is something new to read. One that is to start reads it anyway.
    pub(super) fn signal_lives(&self, service: String, signal: String, because: String) {
        let lives = self.observed.containers.iter();
        let lives = lives.filter(|life| life.service == service && life.is_running());
        let lives: Vec<String> = lives.map(|life| life.id.clone()).collect();
        if lives.is_empty() {
            return;
        }
        let world = self.world.clone();
        self.spawn(async move {
            let mut result = Ok(());
            for life in &lives {
                result = result.and(world.signal(life, &signal).await);
            }
            Input::Signalled(Signalled {
                service,
                because,
                failure: result.err().map(|error| error.0),
            })
        });
    }

    pub(super) fn signalled(&mut self, signalled: Signalled) {
        let Signalled {
            service,
            because,
            failure,
        } = signalled;
        self.emit(Event::Watched {
            service,
            action: match failure {
                None => WatchOutcome::Signalled,
                Some(_) => WatchOutcome::Failed,
            },
            files: 1,
            first: because,
            millis: 0,
            failure,
        });
    }
}
