//! Which lines of a process's log are shown by whom: its lives follow each other in one log, and each is followed for itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::{CancellationToken, DropGuard};

/// How long the lines of one life wait for the last ones of the life before.
const BEHIND: Duration = Duration::from_millis(300);

/// What one life has of the log, in nanoseconds since 1970.
#[derive(Debug)]
pub struct Turn {
    lines: Mutex<Lines>,
    over: CancellationToken,
}

#[derive(Debug)]
struct Lines {
    /// Up to here they were shown.
    shown: i128,
    /// From here on they are the next life's.
    until: i128,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            lines: Mutex::new(Lines {
                shown: 0,
                until: i128::MAX,
            }),
            over: CancellationToken::new(),
        }
    }
}

impl Turn {
    /// For who follows it, as long as that lasts.
    pub fn begin(&self) -> DropGuard {
        self.over.clone().drop_guard()
    }

    /// Until everything is shown that was said before the next life, where that is not far behind.
    pub async fn is_over(self: Arc<Self>) {
        let _late = tokio::time::timeout(BEHIND, self.over.cancelled()).await;
    }

    /// Whether a line of this time is this life's; then it is shown.
    pub fn has(&self, at: i128) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let has = at < lines.until;
        if has {
            lines.shown = lines.shown.max(at);
        }
        has
    }

    /// The next life began then. Says up to where lines were shown: whoever reads a log may see that sooner.
    pub fn ends(&self, next: i128) -> i128 {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.until = lines.until.min(next);
        lines.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_one_lifes() {
        let first = Turn::default();
        assert!(first.has(1));
        // It goes on reading what is the next one's already.
        assert!(first.has(10));
        assert_eq!(first.ends(10), 10);
        assert!(!first.has(11));
        // What it is behind with is its own.
        assert!(first.has(9));
    }
}
