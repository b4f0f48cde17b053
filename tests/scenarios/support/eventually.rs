use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// For every state that has to come by itself. Generous: a loaded machine must not fail a scenario.
pub const SOON: Duration = Duration::from_secs(60);

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` finds what it wants; an error says what is there instead.
///
/// # Panics
/// The deadline passed: with `what` was awaited and what the last look found.
pub fn eventually<T, E: Display>(
    within: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let begun = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if begun.elapsed() >= within => {
                panic!("not within {within:?}: {what}; last seen: {seen}")
            }
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Looks again and again for as long as `period`: for what must not happen.
///
/// # Panics
/// `look` returned an error.
pub fn holds_for<E: Display>(
    period: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<(), E>,
) {
    let begun = Instant::now();
    while begun.elapsed() < period {
        if let Err(seen) = look() {
            panic!("did not hold: {what}; after {:?}: {seen}", begun.elapsed());
        }
        thread::sleep(PAUSE);
    }
}
