//! What runs of `dev ci` that were killed left behind.

use std::collections::BTreeSet;
use std::time::Duration;

use super::remove;
use crate::cli::output::to_stderr;
use crate::cli::session::Session;
use crate::cli::show::Interrupts;
use crate::runtime::process::owner;

pub(super) fn prefix(base: &str) -> String {
    format!("{base}-ci-")
}

/// Removes it, each stack in its turn.
pub(super) async fn remove_leftovers(plain: &Session, base: &str, grace: Duration) {
    let names = plain.store.names().into_iter();
    for name in names.filter(|name| is_ours(name, base)) {
        // Nobody holds its lock.
        let Some(_lock) = plain.store.left(&name) else {
            continue;
        };
        let Ok(session) = plain.apart(name) else {
            continue;
        };
        remove_leftover(&session, grace).await;
    }
    for name in forgotten(plain, base).await {
        let Ok(session) = plain.apart(name) else {
            continue;
        };
        // Else another one is at it.
        if let Ok(Some(_lock)) = session.store.lock() {
            remove_leftover(&session, grace).await;
        }
    }
}

/// Stacks of runs that were killed of which only the container engine knows: what was remembered here is gone, as after
/// `git clean`. The lock of one that still runs is gone, too, so that it counts whether its process is.
async fn forgotten(plain: &Session, base: &str) -> BTreeSet<String> {
    let Some(docker) = plain.docker_at_hand().await else {
        return BTreeSet::new();
    };
    let kept = plain.store.names();
    let owned = docker.owned(plain.stack.dir.as_str()).await;
    let left = owned.unwrap_or_default().into_iter().filter(|owned| {
        is_ours(&owned.project, base)
            && !kept.contains(&owned.project)
            && owner::has_ended(&owned.owner)
    });
    left.map(|owned| owned.project).collect()
}

async fn remove_leftover(session: &Session, grace: Duration) {
    let Ok(mut interrupts) = Interrupts::listen() else {
        return;
    };
    let name = &session.stack.name;
    match remove(session, &mut interrupts, grace).await {
        Ok(()) => to_stderr(&format!(
            "removed what a `dev ci` that was killed left: {name}"
        )),
        Err(error) => to_stderr(&format!(
            "{name}, which was left, cannot be removed: {error}"
        )),
    }
}

fn is_ours(name: &str, base: &str) -> bool {
    name.strip_prefix(&prefix(base))
        .is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
