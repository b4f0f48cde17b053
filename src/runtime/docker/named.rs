//! What the names of images mean, asked once for all that are made at about the same time: on an engine that keeps its
//! images in containerd the question takes longer than most others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Docker;
use super::call::{QUICK, within};

/// How long an answer counts. Whoever gives a name to another image within it has a container made from that one, which the
/// next look replaces.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Named {
    by_name: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Meaning>>>>>,
}

struct Meaning {
    id: String,
    asked: Instant,
}

impl Docker {
    /// Whether a name of an image is that one's now: by its name people know what a container is made from, by its id the
    /// plan does. Only a yes is believed of what was asked before.
    pub(super) async fn means(&self, reference: &str, id: &str) -> bool {
        let mut meaning = self.meaning_of(reference).lock_owned().await;
        let fresh = |meaning: &&Meaning| meaning.id == id && meaning.asked.elapsed() < FRESH;
        if meaning.as_ref().filter(fresh).is_some() {
            return true;
        }
        let asked = Instant::now();
        let found = within(QUICK, self.client().inspect_image(reference)).await;
        *meaning = found
            .ok()
            .and_then(|found| found.id)
            .map(|id| Meaning { id, asked });
        meaning.as_ref().is_some_and(|meaning| meaning.id == id)
    }

    fn meaning_of(&self, reference: &str) -> Arc<tokio::sync::Mutex<Option<Meaning>>> {
        let by_name = self.inner.named.by_name.lock();
        let mut by_name = by_name.unwrap_or_else(PoisonError::into_inner);
        by_name.entry(reference.to_owned()).or_default().clone()
    }
}
