//! How what happens reaches the views: a state to begin with, then every event once, with log lines beside them.

use std::sync::Arc;

use tokio::sync::{broadcast, mpsc, oneshot};

use super::event::{Event, Stamped, VERSION};
use super::input::{Command, Input};
use super::state::State;

/// Messages that a slow view may be behind before it has to start over from the state.
const BACKLOG: usize = 8192;

/// What views are sent.
#[derive(Debug, Clone)]
pub enum Message {
    Event(Arc<Stamped>),
    Log(Arc<LogEntry>),
}

/// One redacted log line of one instance.
#[derive(
    Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
pub struct LogEntry {
    pub service: String,
    pub index: u32,
    /// Milliseconds since 1970.
    pub at: u64,
    /// Written to standard error.
    pub error: bool,
    pub line: String,
}

/// The sending end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    messages: broadcast::Sender<Message>,
}

/// The receiving end of one view: a state, and every message after it.
#[derive(Debug)]
pub struct Subscription {
    pub state: State,
    pub messages: broadcast::Receiver<Message>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            messages: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Bus {
    /// For the state's owner alone: `state` has to hold exactly what was sent so far.
    pub fn subscribe(&self, state: &State) -> Subscription {
        Subscription {
            state: state.clone(),
            messages: self.messages.subscribe(),
        }
    }

    /// Nobody listening is no error: the state is kept for whoever comes.
    pub fn event(&self, at: u64, event: Event) -> Arc<Stamped> {
        let stamped = Arc::new(Stamped {
            v: VERSION,
            at,
            event,
        });
        let _nobody = self.messages.send(Message::Event(Arc::clone(&stamped)));
        stamped
    }

    pub fn log(&self, entry: LogEntry) {
        let _nobody = self.messages.send(Message::Log(Arc::new(entry)));
    }
}

/// Asks a running engine for a subscription; `None`: it has ended.
pub async fn subscribe(inputs: &mpsc::Sender<Input>) -> Option<Subscription> {
    let (reply, answer) = oneshot::channel();
    inputs
        .send(Input::Command(Command::Subscribe { reply }))
        .await
        .ok()?;
    answer.await.ok()
}
