//! Whoever takes the API server away does it while no other test is at work. Nobody waits for one that only waits itself, so
//! that a test with several stacks never stands in its own way.

use std::sync::{Condvar, Mutex, PoisonError};

static STACKS: Mutex<Turns> = Mutex::new(Turns {
    together: 0,
    alone: false,
});
static CHANGED: Condvar = Condvar::new();

struct Turns {
    together: u32,
    alone: bool,
}

/// Held by a stack for as long as it is there.
pub enum Turn {
    Together,
    Alone,
}

impl Turn {
    pub fn together() -> Self {
        let turns = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = CHANGED.wait_while(turns, |turns| turns.alone);
        turns.unwrap_or_else(PoisonError::into_inner).together += 1;
        Self::Together
    }

    pub fn alone() -> Self {
        let turns = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = CHANGED.wait_while(turns, |turns| turns.alone || turns.together > 0);
        turns.unwrap_or_else(PoisonError::into_inner).alone = true;
        Self::Alone
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
        match self {
            Self::Together => turns.together -= 1,
            Self::Alone => turns.alone = false,
        }
        CHANGED.notify_all();
    }
}
