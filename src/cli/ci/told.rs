//! What is said of a stack beside what its command says.

use std::collections::BTreeSet;

use super::LAST_WORDS;
use crate::cli::logs::last_words_aside;
use crate::cli::output::to_stderr;
use crate::cli::session::Session;
use crate::plan::observed::Status;
use crate::runtime::world::{Look, World};

/// What ended in the stack while the command ran: a test that failed may have failed for that.
pub(super) async fn tell_failed(session: &Session, begun: u64) {
    let Ok(world) = session.world(false).await else {
        return;
    };
    let look = Look {
        project: session.stack.name.clone(),
        ..Look::default()
    };
    let Ok(observed) = world.look(&look).await else {
        return;
    };
    let ended = observed
        .containers
        .iter()
        .filter(|container| match container.status {
            Status::Exited { code, .. } => code != 0,
            Status::Restarting | Status::Dead => true,
            Status::Created | Status::Running | Status::Paused => false,
        });
    let names: BTreeSet<String> = ended.map(|container| container.service.clone()).collect();
    if names.is_empty() {
        return;
    }
    let names: Vec<String> = names.into_iter().collect();
    to_stderr(&format!("ended while it ran: {}", names.join(", ")));
    last_words_aside(session, &names, LAST_WORDS, i128::from(begun) * 1_000_000).await;
}
