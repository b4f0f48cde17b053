//! Meeting the engine of a stack: attach to the one that runs, or take its place.

use std::time::Duration;

use camino::Utf8Path;
use tokio::time::{Instant, timeout_at};

use super::error::CliError;
use super::output::Output;
use super::session::Session;
use crate::engine::feed::Feed;
use crate::engine::store::Lock;

/// How long one that has the lock may take to answer: it begins, or is about to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one that stops its services is waited for.
const ENDING: Duration = Duration::from_secs(60);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Who has the stack.
pub enum Met {
    Running(Box<Feed>),
    /// Nobody had; now this command has.
    Nobody(Lock),
}

/// Attaches to the engine of the stack, one that ends included; else takes the lock.
///
/// # Errors
/// Somebody has the lock, and does not answer.
pub async fn meet(session: &Session) -> Result<Met, CliError> {
    let socket = session.socket()?;
    let late = Instant::now() + PATIENCE;
    loop {
        let said = match timeout_at(late, Feed::attach(&socket)).await {
            Ok(Ok(feed)) => return Ok(Met::Running(Box::new(feed))),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it is silent".to_owned(),
        };
        if let Some(lock) = session.store.lock().map_err(CliError::state)? {
            return Ok(Met::Nobody(lock));
        }
        if Instant::now() >= late {
            return Err(CliError::Own {
                message: format!("another `dev` has this stack, and does not answer: {said}"),
                help: Some(
                    "end it, or wait until it has ended; if it runs in a devcontainer or on the host, use it there"
                        .to_owned(),
                ),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same, where one that ends is of no use: then waits for its end.
///
/// # Errors
/// Also where it does not end in time.
pub async fn meet_for_more(session: &Session, screen: &mut Output) -> Result<Met, CliError> {
    let late = Instant::now() + ENDING;
    let mut told = false;
    loop {
        let mut feed = match meet(session).await? {
            Met::Running(feed) if feed.state.ending => feed,
            met => return Ok(met),
        };
        if !std::mem::replace(&mut told, true) {
            screen.remark("the running `dev` is stopping; waiting for its end");
        }
        let ended = async { while feed.next().await.is_some() {} };
        if timeout_at(late, ended).await.is_err() {
            return Err(CliError::Own {
                message: "the running `dev` is still stopping services".to_owned(),
                help: Some("`dev status` shows which; `dev stop --timeout 0` ends them".to_owned()),
            });
        }
    }
}

/// The engine that listens now, if one does; for those who only look.
pub async fn running(socket: &Utf8Path) -> Option<Feed> {
    let late = Instant::now() + PATIENCE;
    match timeout_at(late, Feed::attach(socket)).await {
        Ok(attached) => attached.ok(),
        Err(_) => {
            super::output::to_stderr("the running `dev` does not answer; looking without it");
            None
        }
    }
}

/// Waits until an engine listens.
pub async fn appears(socket: &Utf8Path) -> Feed {
    loop {
        if let Ok(Ok(feed)) = timeout_at(Instant::now() + PATIENCE, Feed::attach(socket)).await {
            return feed;
        }
        tokio::time::sleep(10 * PAUSE).await;
    }
}
