//! The state of a stack: from its engine, or by one look of our own where none runs.

use camino::Utf8Path;

use super::args::GlobalArgs;
use super::error::CliError;
use super::session::{Session, socket_of, start_dir};
use crate::engine::core::Engine;
use crate::engine::feed::Feed;
use crate::engine::goal::{Goal, Outcome, Until};
use crate::engine::state::State;
use crate::engine::store::Store;
use crate::runtime::Environment;

/// What is so now.
///
/// # Errors
/// No engine of ours and no container engine answers.
pub async fn state(session: &Session) -> Result<State, CliError> {
    if session.store.lock().map_err(CliError::state)?.is_none() {
        match Feed::attach(&session.socket()?).await {
            Ok(feed) => return Ok(feed.state),
            // It may be ending just now, or run where its socket is not ours to see: a look of our own is as true.
            Err(error) => super::output::to_stderr(&format!(
                "the running `dev` does not answer ({error}); looking myself"
            )),
        }
    }
    let engine = Engine::new(session.setup(Goal::Observe, Until::Answered, false).await?);
    let mut feed = Feed::inside(engine.subscribe(), engine.inputs());
    let running = tokio::spawn(engine.run());
    while feed.next().await.is_some() {}
    match running.await.unwrap_or(Outcome::Left) {
        Outcome::OtherCheckout { dir } => Err(CliError::OtherCheckout {
            dir,
            name: session.stack.name.clone(),
        }),
        Outcome::Failed(failures) => {
            match failures.into_iter().find(|(service, _)| service.is_empty()) {
                Some((_, failure)) => Err(CliError::Runtime(failure)),
                None => Ok(feed.state),
            }
        }
        Outcome::Done | Outcome::Left => Ok(feed.state),
    }
}

/// The state of an engine that runs in this folder or above it, while its stack file cannot be read.
pub async fn beside_a_broken_file(global: &GlobalArgs) -> Option<State> {
    let start = start_dir(global).ok()?;
    let environment = Environment::of_process();
    for dir in start.ancestors() {
        for store in stores(dir) {
            let Ok(socket) = socket_of(&store, &environment) else {
                continue;
            };
            if let Ok(feed) = Feed::attach(&socket).await {
                return Some(feed.state);
            }
        }
    }
    None
}

/// The state folders of the stacks that were up in a folder.
fn stores(dir: &Utf8Path) -> Vec<Store> {
    let Ok(dir) = dir.canonicalize_utf8() else {
        return Vec::new();
    };
    let Ok(entries) = dir.join(".dev").read_dir_utf8() else {
        return Vec::new();
    };
    let names = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("lock").is_file());
    names
        .filter_map(|entry| Store::open(&dir, entry.file_name()).ok())
        .collect()
}
