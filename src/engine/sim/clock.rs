//! The time of a simulated world: milliseconds since 1970 that pass as tokio's clock does.

use std::cell::Cell;

use tokio::time::Instant;

thread_local! {
    static START: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// When every simulated world begins.
const BEGINNING: u64 = 1_700_000_000_000;

/// Begins anew: each test has a runtime, and so a clock, of its own.
pub fn restart() {
    START.set(Some(Instant::now()));
}

pub fn now() -> u64 {
    let start = START.get().unwrap_or_else(|| {
        restart();
        Instant::now()
    });
    BEGINNING + u64::try_from(start.elapsed().as_millis()).unwrap_or(0)
}

/// As an engine writes it; `tie` tells two things of one moment apart.
pub fn stamp(tie: u64) -> String {
    let nanos = i64::try_from(now() * 1_000_000 + tie % 1_000_000).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp_nanos(nanos)
        .to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
