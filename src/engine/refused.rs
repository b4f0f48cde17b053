//! Operations that failed and belong to no service that is supervised: an orphan that cannot be removed, a network that
//! a `down` cannot take away. Each is tried again, after pauses that grow.

use std::collections::BTreeMap;

use super::event::Failure;
use crate::plan::Subject;

/// Pause after the first failure, in milliseconds; doubled for each further one.
const FIRST_PAUSE: u64 = 200;
/// Longest pause, in milliseconds.
const LONGEST_PAUSE: u64 = 60_000;
/// After so many tries nobody waits for it any more.
const TRIES: u32 = 5;

/// What could not be done, by what it is about.
#[derive(Debug, Default)]
pub(super) struct Refused {
    troubles: BTreeMap<Subject, Trouble>,
}

#[derive(Debug)]
struct Trouble {
    tries: u32,
    /// The next try is not before this time; `None` once that has come.
    until: Option<u64>,
    failure: Failure,
}

impl Refused {
    /// Says whether it is the first time.
    pub fn note(&mut self, subject: &Subject, failure: &Failure, now: u64) -> bool {
        let trouble = self
            .troubles
            .entry(subject.clone())
            .or_insert_with(|| Trouble {
                tries: 0,
                until: None,
                failure: failure.clone(),
            });
        let pause = FIRST_PAUSE << trouble.tries.min(16);
        trouble.tries += 1;
        trouble.until = Some(now.saturating_add(pause.min(LONGEST_PAUSE)));
        trouble.failure = failure.clone();
        trouble.tries == 1
    }

    /// What is to be done no more needs no further try.
    pub fn keep(&mut self, is_wanted: impl Fn(&Subject) -> bool) {
        self.troubles.retain(|subject, _| is_wanted(subject));
    }

    /// It worked after all.
    pub fn forget(&mut self, subject: &Subject) {
        self.troubles.remove(subject);
    }

    pub fn clear(&mut self) {
        self.troubles.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.troubles.is_empty()
    }

    /// Whether its next try is still to come.
    pub fn holds(&self, subject: &Subject) -> bool {
        self.troubles
            .get(subject)
            .is_some_and(|trouble| trouble.until.is_some())
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.troubles
            .values()
            .filter_map(|trouble| trouble.until)
            .min()
    }

    /// Ends the pauses that are over; says whether there were any.
    pub fn come_due(&mut self, now: u64) -> bool {
        let mut any = false;
        for trouble in self.troubles.values_mut() {
            if trouble.until.is_some_and(|until| until <= now) {
                trouble.until = None;
                any = true;
            }
        }
        any
    }

    /// Everything that is left was tried often enough.
    pub fn is_spent(&self) -> bool {
        self.troubles.values().all(|trouble| trouble.tries >= TRIES)
    }

    /// What is left, with why.
    pub fn failures(&self) -> Vec<(String, Failure)> {
        let named = |(subject, trouble): (&Subject, &Trouble)| {
            let name = subject
                .service()
                .map_or_else(|| subject.to_string(), str::to_owned);
            (name, trouble.failure.clone())
        };
        self.troubles.iter().map(named).collect()
    }
}
